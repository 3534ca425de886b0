/**
 * Each request gets one answer: a block only for a request, never to a peer that is choked, and, with the fast extension,
 * a reject for whatever will not be served (BEP 6). None of them is left lying: while it waits, something is being read.
 */
import type { ConnId } from "../../client/Input.ts"
import { books, entry, isCorrect, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import * as Transcript from "./Transcript.ts"
import type * as Wire from "./Wire.ts"

interface Peer {
  isFast: boolean
  amChoking: boolean
  isCongested: boolean
  /** Pieces that it may have although we choke it. */
  readonly granted: Set<number>
  /** Requests that we have not answered: the block's name → its piece. */
  readonly waiting: Map<string, number>
  /** Reads for it that the disk has not answered. */
  reads: number
}

interface Book {
  /** Rate limits let requests lie, that is what they are for. */
  isLimited: boolean
  readonly peers: Map<ConnId, Peer>
}

const newcomer = (): Peer => ({
  isFast: false,
  amChoking: true,
  isCongested: false,
  granted: new Set(),
  waiting: new Map(),
  reads: 0,
})

export const service = (transcript: Transcript.Transcript): Checker =>
  make("service", (fail) => {
    const nodes = books((): Book => ({ isLimited: false, peers: new Map() }))
    return {
      nodeDown: (node) => {
        nodes.forget(node)
        Transcript.forget(transcript, node)
      },
      stepped: (node, input, commands, now) => {
        if (!isCorrect(node)) return
        const { ended, lines } = Transcript.step(transcript, node, input, commands)
        const book = nodes.of(node)
        const { peers } = book
        const touched = new Set<ConnId>()
        switch (input._tag) {
          case "Add":
            book.isLimited = input.options.maxUploadRateBytesPerSec > 0
            break
          case "Limits":
          case "TorrentLimits":
            book.isLimited ||= input.uploadRateBytesPerSec > 0
            break
          case "ConnCongested":
          case "ConnDrained":
            entry(peers, input.conn, newcomer).isCongested = input._tag === "ConnCongested"
            touched.add(input.conn)
            break
          case "BlockRead":
          case "ReadFailed": {
            const peer = peers.get(input.conn)
            if (peer !== undefined) peer.reads--
            touched.add(input.conn)
            break
          }
        }
        for (const command of commands) {
          if (command._tag === "Read") entry(peers, command.conn, newcomer).reads++
        }
        for (const { conn, isOurs, message } of lines) {
          touched.add(conn)
          const peer = entry(peers, conn, newcomer)
          if (!isOurs) hear(peer, message)
          else {
            const fault = say(peer, message)
            if (fault !== undefined) fail(node, now, `on connection ${conn} ${fault}`)
          }
        }
        for (const conn of ended) peers.delete(conn)
        for (const conn of touched) {
          const peer = peers.get(conn)
          const fault = peer === undefined ? undefined : neglect(book, peer)
          if (fault !== undefined) fail(node, now, `on connection ${conn} ${fault}`)
        }
      },
    }
  })

const nameOf = ({ begin, length, piece }: Pick<Wire.Block, "piece" | "begin" | "length">): string =>
  `${piece}:${begin}+${length}`

const hear = (peer: Peer, message: Wire.Message): void => {
  if (message._tag === "Handshake") peer.isFast = message.fast
  else if (message._tag === "Request") peer.waiting.set(nameOf(message), message.piece)
  else if (message._tag === "Cancel" && !peer.isFast) peer.waiting.delete(nameOf(message))
}

/** Takes in what we say; returns what is wrong with it. */
const say = (peer: Peer, message: Wire.Message): string | undefined => {
  switch (message._tag) {
    case "Choke":
      peer.amChoking = true
      if (!peer.isFast) peer.waiting.clear()
      return undefined
    case "Unchoke":
      peer.amChoking = false
      return undefined
    case "AllowedFast":
      peer.granted.add(message.piece)
      return undefined
    case "Reject":
      if (peer.waiting.delete(nameOf(message))) return undefined
      return `it rejects ${nameOf(message)}, which was not asked for or answered before`
    case "Payload":
      if (!message.isFirst) return undefined
      if (!peer.waiting.delete(nameOf(message))) {
        return `it sends ${nameOf(message)}, which was not asked for or answered before`
      }
      return peer.amChoking && !peer.granted.has(message.piece)
        ? `it sends ${nameOf(message)} to a peer that it chokes`
        : undefined
    default:
      return undefined
  }
}

/** What is wrong with what still waits at the end of a step. */
const neglect = ({ isLimited }: Book, peer: Peer): string | undefined => {
  if (peer.waiting.size === 0) return undefined
  if (!peer.isFast) {
    // A refusal is silent: what it refused is not known.
    return undefined
  }
  if (peer.amChoking) {
    for (const [name, piece] of peer.waiting) {
      if (!peer.granted.has(piece)) return `it neither serves nor rejects ${name}, of a peer that it chokes`
    }
  }
  if (peer.reads > 0 || peer.isCongested || isLimited) return undefined
  return `it lets ${peer.waiting.size} requests lie, and reads nothing for them`
}
