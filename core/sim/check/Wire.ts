/**
 * The checkers' own reading of the wire, short and slow where `wire/Decoder.ts` is fast: two readers that share no line
 * are unlikely to share a mistake. Payload is counted, everything else is kept until it is whole.
 */
import * as Bytes from "../../base/Bytes.ts"

export type Message =
  | { readonly _tag: "Handshake"; readonly fast: boolean; readonly extended: boolean }
  | { readonly _tag: Plain }
  | { readonly _tag: "Have" | "Suggest" | "AllowedFast"; readonly piece: number }
  | Block
  | { readonly _tag: "Bitfield"; readonly bits: Bytes.Bytes }
  | { readonly _tag: "Extended"; readonly id: number; readonly body: Bytes.Bytes }
  | Payload
  /** Of no extension that we know. */
  | { readonly _tag: "Other"; readonly id: number }
  /** No message at all; nothing is read after it. */
  | { readonly _tag: "Garbage"; readonly why: string }

type Plain = "KeepAlive" | "Choke" | "Unchoke" | "Interested" | "NotInterested" | "HaveAll" | "HaveNone"

export interface Block {
  readonly _tag: "Request" | "Cancel" | "Reject"
  readonly piece: number
  readonly begin: number
  readonly length: number
}

/** As much of a PIECE's block as came at once. */
export interface Payload {
  readonly _tag: "Payload"
  readonly piece: number
  readonly begin: number
  /** Of the whole block. */
  readonly length: number
  readonly bytes: number
  readonly isFirst: boolean
  readonly isLast: boolean
}

/** One direction of a connection. Mutable, one owner. */
export interface Stream {
  phase: "handshake" | "length" | "id" | "block" | "payload" | "body" | "dead"
  /** Bytes that the phase waits for. */
  needed: number
  /** Those of them that are here; of payload only their number. */
  held: Array<Bytes.Bytes>
  heldBytes: number
  id: number
  bodyBytes: number
  piece: number
  begin: number
}

export const make = (): Stream => ({
  phase: "handshake",
  needed: 68,
  held: [],
  heldBytes: 0,
  id: 0,
  bodyBytes: 0,
  piece: 0,
  begin: 0,
})

/** Nobody has more pieces or more to say than fits into this. */
const MAX_BODY_BYTES = 1 << 20

/** What is done with a message. */
export type Tell = (message: Message) => void

/** Reads on: every message that these bytes end, and every part of a block that they bring. */
export const read = (stream: Stream, bytes: Bytes.Bytes, tell: Tell): void => {
  for (let at = 0; at < bytes.length && stream.phase !== "dead";) {
    const count = Math.min(bytes.length - at, stream.needed - stream.heldBytes)
    if (stream.phase === "payload") {
      const { begin, heldBytes, needed: length, piece } = stream
      const isLast = heldBytes + count === length
      tell({ _tag: "Payload", piece, begin, length, bytes: count, isFirst: heldBytes === 0, isLast })
      stream.heldBytes += count
      if (isLast) wait(stream, "length", 4)
    } else if (stream.heldBytes === 0 && count === stream.needed) {
      // Nearly always: read where it stands.
      whole(stream, bytes, at, tell)
    } else {
      // A copy: the bytes of an input are not ours to keep.
      stream.held.push(bytes.slice(at, at + count))
      stream.heldBytes += count
      if (stream.heldBytes === stream.needed) whole(stream, Bytes.concat(stream.held), 0, tell)
    }
    at += count
  }
}

const wait = (stream: Stream, phase: Stream["phase"], needed: number): void => {
  stream.phase = phase
  stream.needed = needed
  if (stream.held.length > 0) stream.held = []
  stream.heldBytes = 0
}

/** Everything that the phase waited for is here, from `at` on. */
const whole = (stream: Stream, bytes: Bytes.Bytes, at: number, tell: Tell): void => {
  switch (stream.phase) {
    case "handshake": {
      if (Bytes.toLatin1(bytes.subarray(at, at + 20)) !== "\x13BitTorrent protocol") {
        return garbage(stream, "no handshake", tell)
      }
      // BEP 6: the third bit from the right of the last reserved byte; BEP 10: the fifth of the sixth.
      tell({
        _tag: "Handshake",
        fast: (bytes[at + 27]! & 0x04) !== 0,
        extended: (bytes[at + 25]! & 0x10) !== 0,
      })
      return wait(stream, "length", 4)
    }
    case "length": {
      stream.bodyBytes = u32(bytes, at) - 1
      if (stream.bodyBytes > MAX_BODY_BYTES) return garbage(stream, "a message beyond all bounds", tell)
      if (stream.bodyBytes >= 0) return wait(stream, "id", 1)
      tell({ _tag: "KeepAlive" })
      return wait(stream, "length", 4)
    }
    case "id": {
      stream.id = bytes[at]!
      if (stream.id === 7) {
        if (stream.bodyBytes <= 8) return garbage(stream, "a block of no bytes", tell)
        return wait(stream, "block", 8)
      }
      if (stream.bodyBytes > 0) return wait(stream, "body", stream.bodyBytes)
      return said(stream, Bytes.empty, 0, tell)
    }
    case "block":
      stream.piece = u32(bytes, at)
      stream.begin = u32(bytes, at + 4)
      return wait(stream, "payload", stream.bodyBytes - 8)
    default:
      return said(stream, bytes, at, tell)
  }
}

const said = (stream: Stream, bytes: Bytes.Bytes, at: number, tell: Tell): void => {
  const message = interpret(stream.id, bytes, at, stream.bodyBytes)
  if (message._tag === "Garbage") return garbage(stream, message.why, tell)
  tell(message)
  wait(stream, "length", 4)
}

const PLAIN: ReadonlyMap<number, Plain> = new Map([
  [0, "Choke"],
  [1, "Unchoke"],
  [2, "Interested"],
  [3, "NotInterested"],
  [14, "HaveAll"],
  [15, "HaveNone"],
])
const PIECES = new Map([[4, "Have"], [13, "Suggest"], [17, "AllowedFast"]] as const)
const BLOCKS = new Map<number, Block["_tag"]>([[6, "Request"], [8, "Cancel"], [16, "Reject"]])

/** The meaning of a whole message, by its id (BEP 3, 6 and 10), whose body of `length` bytes stands at `at`. */
const interpret = (id: number, bytes: Bytes.Bytes, at: number, length: number): Message => {
  const plain = PLAIN.get(id)
  if (plain !== undefined) return length === 0 ? { _tag: plain } : wrongSize(id, length)
  const ofPiece = PIECES.get(id as 4)
  if (ofPiece !== undefined) {
    return length === 4 ? { _tag: ofPiece, piece: u32(bytes, at) } : wrongSize(id, length)
  }
  const ofBlock = BLOCKS.get(id)
  if (ofBlock !== undefined) {
    if (length !== 12) return wrongSize(id, length)
    return {
      _tag: ofBlock,
      piece: u32(bytes, at),
      begin: u32(bytes, at + 4),
      length: u32(bytes, at + 8),
    }
  }
  if (id === 5) return { _tag: "Bitfield", bits: bytes.slice(at, at + length) }
  if (id === 20 && length > 0) {
    return { _tag: "Extended", id: bytes[at]!, body: bytes.slice(at + 1, at + length) }
  }
  return { _tag: "Other", id }
}

const wrongSize = (id: number, length: number): Message => ({
  _tag: "Garbage",
  why: `${length} bytes in a message with id ${id}`,
})

const garbage = (stream: Stream, why: string, tell: Tell): void => {
  tell({ _tag: "Garbage", why })
  stream.phase = "dead"
}

const u32 = (bytes: Bytes.Bytes, at: number): number =>
  bytes[at]! * 2 ** 24 + bytes[at + 1]! * 2 ** 16 + bytes[at + 2]! * 2 ** 8 + bytes[at + 3]!

/** One word for people: `REQUEST 3:16384`. */
export const show = (message: Message): string => {
  switch (message._tag) {
    case "Request":
    case "Cancel":
    case "Reject":
      return `${message._tag.toLowerCase()} ${message.piece}:${message.begin}+${message.length}`
    case "Payload": {
      const part = message.isFirst && message.isLast ? "" : `, ${message.bytes} bytes of it`
      return `piece ${message.piece}:${message.begin}+${message.length}${part}`
    }
    case "Have":
    case "Suggest":
    case "AllowedFast":
      return `${message._tag.toLowerCase()} ${message.piece}`
    case "Extended":
    case "Other":
      return `${message._tag.toLowerCase()} ${message.id}`
    case "Garbage":
      return `garbage: ${message.why}`
    default:
      return message._tag.toLowerCase()
  }
}
