/**
 * What the checkers know of the nodes that they watch: one book a node, one page a connection, kept from inputs, commands
 * and the messages in them alone. Every message changes a page in constant time.
 */
import { type Millis, SECOND } from "../../base/Time.ts"
import * as Decode from "../../bencode/Decode.ts"
import * as Value from "../../bencode/Value.ts"
import type { Command } from "../../client/Command.ts"
import type { ConnId, Input } from "../../client/Input.ts"
import type { Metainfo } from "../../metainfo/Metainfo.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import type { NodeView } from "../Observer.ts"
import * as Wire from "./Wire.ts"

/** One connection of a node, which is "we" here; its peer is "it". Mutable, changed here only but for the last fields. */
export interface Conn {
  readonly id: ConnId
  readonly heard: Wire.Stream
  readonly said: Wire.Stream
  /** False from the step on in which it ended, from whichever side. */
  isOpen: boolean
  hasHeardHandshake: boolean
  hasSaidHandshake: boolean
  /** We have said something after the handshake. */
  hasSpoken: boolean
  /** It speaks BEP 6, and BEP 10. */
  isFast: boolean
  isExtended: boolean
  amChoking: boolean
  amInterested: boolean
  isChoking: boolean
  isInterested: boolean
  /** More is unsent than is worth queueing. */
  isCongested: boolean
  /** We don't read it. */
  isPaused: boolean
  /** Requests that it takes at a time (BEP 10). */
  reqq: number
  /** What it has said that it has, and what it was told that we have. */
  readonly has: Bitfield.Bitfield
  readonly told: Bitfield.Bitfield
  /** Pieces that it gives although it chokes us, and we although we choke it (BEP 6). */
  allowed: Set<number>
  granted: Set<number>
  /** Blocks that we have asked for and that were not answered or taken back, with the time of asking, oldest first. */
  readonly asked: Map<number, Millis>
  /** Blocks that it has asked for and that we have not answered, with their lengths. */
  readonly waiting: Map<number, number>
  /** Reads for it that the disk has not answered. */
  reads: number
  /** Belongs to the rule about starvation: it waits for a slot, since when, and with how many others at most. */
  isWaiting: boolean
  waitsSince: Millis
  rivals: number
}

/** One life of a node. Mutable, changed here only. */
export interface Book {
  readonly node: NodeView
  readonly conns: Map<ConnId, Conn>
  metainfo: Metainfo | undefined
  /** What it was started with, and what it said that it verified. */
  have: Bitfield.Bitfield
  /** Payload that it has said and heard. */
  uploadedBytes: number
  downloadedBytes: number
  /** Heard with what ended its connection: it may have been read or not. */
  doubtfulBytes: number
  /** It has had an upload limit, which lets requests lie. */
  isLimited: boolean
}

/** What most peers take that don't say. */
const USUAL_REQQ = 250

/** The rules are for those who mean to keep them. */
export const isHonest = ({ peerClass }: NodeView): boolean => peerClass.behaviour === "honest"

/** Who only takes keeps to the protocol all the same: it is the same client. */
export const isCorrect = (node: NodeView): boolean =>
  isHonest(node) || node.peerClass.behaviour === "free-rider"

export const make = (node: NodeView): Book => ({
  node,
  conns: new Map(),
  metainfo: undefined,
  have: Bitfield.make(0),
  uploadedBytes: 0,
  downloadedBytes: 0,
  doubtfulBytes: 0,
  isLimited: false,
})

/** Most connections are never granted anything: they share this, which is never added to. */
const NONE = new Set<number>()

/** A page for a connection that has just been opened. */
export const makeConn = ({ have }: Book, id: ConnId): Conn => ({
  id,
  heard: Wire.make(),
  said: Wire.make(),
  isOpen: true,
  hasHeardHandshake: false,
  hasSaidHandshake: false,
  hasSpoken: false,
  isFast: false,
  isExtended: false,
  amChoking: true,
  amInterested: false,
  isChoking: true,
  isInterested: false,
  isCongested: false,
  isPaused: false,
  reqq: USUAL_REQQ,
  has: Bitfield.make(have.length),
  told: Bitfield.make(have.length),
  allowed: NONE,
  granted: NONE,
  asked: new Map(),
  waiting: new Map(),
  reads: 0,
  isWaiting: false,
  waitsSince: 0,
  rivals: 1,
})

/** A block of a piece as one number. */
export const keyOf = ({ begin, piece }: { readonly piece: number; readonly begin: number }): number =>
  piece * 2 ** 32 + begin

/** Takes in what a step says beside its messages. */
export const takeStep = (book: Book, input: Input, commands: ReadonlyArray<Command>): void => {
  switch (input._tag) {
    case "Add":
      book.metainfo = input.metainfo
      book.have = Bitfield.copy(input.options.have)
      book.isLimited = input.options.maxUploadRateBytesPerSec > 0
      break
    case "Limits":
    case "TorrentLimits":
      book.isLimited ||= input.uploadRateBytesPerSec > 0
      break
    case "ConnCongested":
    case "ConnDrained":
    case "BlockRead":
    case "ReadFailed": {
      const conn = book.conns.get(input.conn)
      if (conn === undefined) break
      if (input._tag === "BlockRead" || input._tag === "ReadFailed") conn.reads--
      else conn.isCongested = input._tag === "ConnCongested"
    }
  }
  for (const command of commands) takeCommand(book, command)
}

const takeCommand = (book: Book, command: Command): void => {
  switch (command._tag) {
    case "Emit":
      if (command.event._tag === "PieceVerified") Bitfield.set(book.have, command.event.piece)
      return
    case "Read": {
      const conn = book.conns.get(command.conn)
      if (conn !== undefined) conn.reads++
      return
    }
    case "PauseReads":
    case "ResumeReads": {
      const conn = book.conns.get(command.conn)
      if (conn !== undefined) conn.isPaused = command._tag === "PauseReads"
    }
  }
}

/** Takes in a message that the node has heard. */
export const hear = (book: Book, conn: Conn, message: Wire.Message): void => {
  switch (message._tag) {
    case "Payload":
      if (conn.isOpen) book.downloadedBytes += message.bytes
      else book.doubtfulBytes += message.bytes
      if (message.isLast) conn.asked.delete(keyOf(message))
      return
    case "Have":
      if (message.piece < conn.has.length) Bitfield.set(conn.has, message.piece)
      return
    case "Request":
      conn.waiting.set(keyOf(message), message.length)
      return
    case "Reject":
      conn.asked.delete(keyOf(message))
      return
    case "Cancel":
      // With the fast extension a cancelled request is answered, too.
      if (!conn.isFast) conn.waiting.delete(keyOf(message))
      return
    case "Choke":
      conn.isChoking = true
      // Without the fast extension that drops what was asked (BEP 6).
      if (!conn.isFast) conn.asked.clear()
      return
    case "Unchoke":
      conn.isChoking = false
      return
    case "Interested":
    case "NotInterested":
      conn.isInterested = message._tag === "Interested"
      return
    case "Handshake":
      conn.hasHeardHandshake = true
      conn.isFast = message.fast
      conn.isExtended = message.extended
      return
    case "AllowedFast":
      if (conn.allowed === NONE) conn.allowed = new Set()
      conn.allowed.add(message.piece)
      return
    case "Extended":
      if (message.id === 0) conn.reqq = reqqOf(message.body) ?? conn.reqq
      return
    default:
      takeAccount(conn.has, message)
  }
}

/** Takes in a message that the node has said. */
export const say = (book: Book, conn: Conn, message: Wire.Message, now: Millis): void => {
  if (message._tag === "Handshake") conn.hasSaidHandshake = true
  else conn.hasSpoken = true
  switch (message._tag) {
    case "Payload":
      book.uploadedBytes += message.bytes
      if (message.isFirst) conn.waiting.delete(keyOf(message))
      return
    case "Have":
      if (message.piece < conn.told.length) Bitfield.set(conn.told, message.piece)
      return
    case "Request": {
      const key = keyOf(message)
      conn.asked.delete(key)
      conn.asked.set(key, now)
      return
    }
    case "Cancel":
      conn.asked.delete(keyOf(message))
      return
    case "Reject":
      conn.waiting.delete(keyOf(message))
      return
    case "Choke":
      conn.amChoking = true
      if (!conn.isFast) conn.waiting.clear()
      return
    case "Unchoke":
      conn.amChoking = false
      return
    case "Interested":
    case "NotInterested":
      conn.amInterested = message._tag === "Interested"
      return
    case "AllowedFast":
      if (conn.granted === NONE) conn.granted = new Set()
      conn.granted.add(message.piece)
      return
    default:
      takeAccount(conn.told, message)
  }
}

/** What somebody has, all at once. A SUGGEST or ALLOWED_FAST is no word about that (BEP 6). */
const takeAccount = (known: Bitfield.Bitfield, message: Wire.Message): void => {
  if (message._tag === "HaveAll") Bitfield.fill(known)
  else if (message._tag === "Bitfield") {
    const bits = Bitfield.fromWire(message.bits, known.length)
    if (bits.ok) Bitfield.assign(known, bits.value)
  }
}

const reqqOf = (body: Uint8Array): number | undefined => {
  const decoded = Decode.decode(body, { maxDepth: 8, maxTokens: 1_000 })
  return decoded.ok ? Value.integer(Value.get(decoded.value, "reqq"), 1) : undefined
}

/** An answer that is so late may have been given up, which is not told to the peer. */
const GIVEN_UP_MS = 20 * SECOND

/** Blocks that we wait for and have not given up; those that are late stand in front. */
export const awaited = ({ asked }: Conn, now: Millis): number => {
  let late = 0
  for (const askedAt of asked.values()) {
    if (now - askedAt < GIVEN_UP_MS) break
    late++
  }
  return asked.size - late
}
