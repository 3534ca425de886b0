/**
 * Who says what when: the handshake first and once, an account of what one has right after it and never again (BEP 3,
 * BEP 6), no message of an extension that the other end doesn't speak, no request without interest or leave, and no
 * change of mind that is none.
 */
import type { ConnId } from "../../client/Input.ts"
import { books, entry, isCorrect, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import { keyOf } from "./Outstanding.ts"
import * as Transcript from "./Transcript.ts"
import * as Wire from "./Wire.ts"

interface Peer {
  saidHandshake: boolean
  heardHandshake: boolean
  /** We have said something after the handshake. */
  hasSpoken: boolean
  isFast: boolean
  isExtended: boolean
  amChoking: boolean
  amInterested: boolean
  /** It chokes us. */
  isChoking: boolean
  /** Pieces that it gives even so (BEP 6). */
  readonly allowed: Set<number>
  /** Blocks asked for and not answered or taken back. */
  readonly asked: Set<number>
}

const newcomer = (): Peer => ({
  saidHandshake: false,
  heardHandshake: false,
  hasSpoken: false,
  isFast: false,
  isExtended: false,
  amChoking: true,
  amInterested: false,
  isChoking: true,
  allowed: new Set(),
  asked: new Set(),
})

export const order = (transcript: Transcript.Transcript): Checker =>
  make("order", (fail) => {
    const nodes = books(() => new Map<ConnId, Peer>())
    return {
      nodeDown: (node) => {
        nodes.forget(node)
        Transcript.forget(transcript, node)
      },
      stepped: (node, input, commands, now) => {
        if (!isCorrect(node)) return
        const { ended, lines } = Transcript.step(transcript, node, input, commands)
        const peers = nodes.of(node)
        for (const { conn, isOurs, message } of lines) {
          const peer = entry(peers, conn, newcomer)
          if (!isOurs) {
            hear(peer, message)
            continue
          }
          const fault = say(peer, message)
          if (fault !== undefined) {
            fail(node, now, `on connection ${conn} it says "${Wire.show(message)}" ${fault}`)
          }
        }
        for (const conn of ended) peers.delete(conn)
      },
    }
  })

const hear = (peer: Peer, message: Wire.Message): void => {
  switch (message._tag) {
    case "Handshake":
      peer.heardHandshake = true
      peer.isFast = message.fast
      peer.isExtended = message.extended
      return
    case "Choke":
      peer.isChoking = true
      if (!peer.isFast) peer.asked.clear()
      return
    case "Unchoke":
      peer.isChoking = false
      return
    case "AllowedFast":
      peer.allowed.add(message.piece)
      return
    case "Reject":
      peer.asked.delete(keyOf(message))
      return
    case "Payload":
      if (message.isLast) peer.asked.delete(keyOf(message))
      return
  }
}

const ACCOUNTS: ReadonlySet<Wire.Message["_tag"]> = new Set(["Bitfield", "HaveAll", "HaveNone"])
const FAST: ReadonlySet<Wire.Message["_tag"]> = new Set([
  "HaveAll",
  "HaveNone",
  "Suggest",
  "AllowedFast",
  "Reject",
])

/** Takes in what we say; returns what is wrong with it. */
const say = (peer: Peer, message: Wire.Message): string | undefined => {
  if (message._tag === "Garbage") return "which is no message"
  if (message._tag === "Handshake") {
    peer.saidHandshake = true
    return undefined
  }
  if (!peer.saidHandshake) return "before its handshake"
  if (!peer.heardHandshake) return "before it has heard a handshake"
  const isFirst = !peer.hasSpoken
  peer.hasSpoken = true
  const isAccount = ACCOUNTS.has(message._tag)
  if (isAccount && !isFirst) return "not right after the handshake"
  if (isFirst && peer.isFast && !isAccount) return "before it has said which pieces it has"
  if (FAST.has(message._tag) && !peer.isFast) return "without the fast extension"
  if (message._tag === "Extended" && !peer.isExtended) return "without the extension protocol"
  return change(peer, message)
}

/** Whether the message says anything new, and may be said now. */
const change = (peer: Peer, message: Wire.Message): string | undefined => {
  switch (message._tag) {
    case "Choke":
    case "Unchoke": {
      const isSame = peer.amChoking === (message._tag === "Choke")
      peer.amChoking = message._tag === "Choke"
      return isSame ? "again" : undefined
    }
    case "Interested":
    case "NotInterested": {
      const isSame = peer.amInterested === (message._tag === "Interested")
      peer.amInterested = message._tag === "Interested"
      return isSame ? "again" : undefined
    }
    case "Request":
      peer.asked.add(keyOf(message))
      if (!peer.amInterested) return "without being interested"
      return peer.isChoking && !peer.allowed.has(message.piece) ? "while it is choked" : undefined
    case "Cancel":
      return peer.asked.delete(keyOf(message)) ? undefined : "though it doesn't wait for that"
    default:
      return undefined
  }
}
