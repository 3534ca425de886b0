/**
 * Cuts a peer's byte stream into {@link Message.Item}s, whatever the sizes of the reads. A block's payload passes through
 * as views of the reads; of everything else at most one message is held, and memory grows with the bytes that came,
 * never with the length that a peer claims.
 *
 *     HANDSHAKE ──▶ LENGTH ──▶ ID ──┬──▶ FIELDS ──┬────────────▶ LENGTH
 *                                   │             └▶ PAYLOAD ──▶ LENGTH     PIECE
 *                                   ├──▶ BODY ─────────────────▶ LENGTH     BITFIELD, EXTENDED
 *                                   └──▶ SKIP ─────────────────▶ LENGTH     unknown
 *     any ──▶ CLOSED, after a violation
 */
import { unreachable } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as Fixed from "./Fixed.ts"
import * as Handshake from "./Handshake.ts"
import * as Message from "./Message.ts"

type Phase = "HANDSHAKE" | "LENGTH" | "ID" | "FIELDS" | "PAYLOAD" | "BODY" | "SKIP" | "CLOSED"

/** Mutable, with one owner. */
export interface Decoder {
  /** Largest length prefix that a message other than PIECE may have. */
  maxMessageBytes: number
  phase: Phase
  /** HANDSHAKE, LENGTH, ID, FIELDS: bytes that the phase needs at once, at most {@link Handshake.HANDSHAKE_BYTES}. */
  needed: number
  /** Those of them that came in earlier reads, in `scratch`, which is made for the first that does; in BODY the bytes already in `body`. */
  held: number
  scratch: Uint8Array
  /** The current message's id. */
  id: number
  /** Bytes of the current message after its id; in PAYLOAD those of the block. */
  length: number
  /** SKIP and PAYLOAD: bytes already passed on. */
  passed: number
  /** PAYLOAD: the block's piece, and where the block begins in it. */
  piece: number
  begin: number
  /** BODY: what came in earlier reads. It is handed over with the message, so each message has its own. */
  body: Uint8Array
}

const NO_BYTES = new Uint8Array(0)

/** Enough for what any message but the handshake has in front of its body. */
const SCRATCH_BYTES = 16

/** First allocation for a body that doesn't come whole. */
const FIRST_BODY_BYTES = 1_024

/** Longest PIECE, by what stands before it: larger blocks than any client asks for are refused before they come. */
const MAX_PIECE_MESSAGE_BYTES = Message.PIECE_HEADER_BYTES + Message.MAX_BLOCK_BYTES

/** A decoder at the start of a connection. `maxMessageBytes` bounds the length prefix of all messages but PIECE. */
export const make = (options: { readonly maxMessageBytes: number }): Decoder => ({
  maxMessageBytes: options.maxMessageBytes,
  phase: "HANDSHAKE",
  needed: Handshake.HANDSHAKE_BYTES,
  held: 0,
  scratch: NO_BYTES,
  id: 0,
  length: 0,
  passed: 0,
  piece: 0,
  begin: 0,
  body: NO_BYTES,
})

/** A copy that shares nothing. */
export const fork = (decoder: Decoder): Decoder => ({
  ...decoder,
  scratch: decoder.scratch.slice(),
  body: decoder.body.slice(),
})

/** Changes the bound, for the messages whose length prefix has not been read yet. */
export const setMaxMessageBytes = (decoder: Decoder, maxMessageBytes: number): void => {
  decoder.maxMessageBytes = maxMessageBytes
}

/**
 * Everything that is complete with this chunk, in the order of the stream: the handshake first, then messages; nothing
 * after a {@link Message.Violation}. Fragments are views of `chunk`, all other byte strings are the caller's own.
 */
export const decode = (decoder: Decoder, chunk: Bytes): ReadonlyArray<Message.Item> => {
  const items: Array<Message.Item> = []
  for (let at = 0; at < chunk.length;) {
    switch (decoder.phase) {
      case "PAYLOAD":
        at = passPayload(decoder, chunk, at, items)
        break
      case "HANDSHAKE":
      case "LENGTH":
      case "ID":
      case "FIELDS":
        at = readFixed(decoder, chunk, at, items)
        break
      case "BODY":
        at = readBody(decoder, chunk, at, items)
        break
      case "SKIP":
        at = skip(decoder, chunk, at)
        break
      case "CLOSED":
        return items
      default:
        unreachable(decoder.phase)
    }
  }
  return items
}

/** Reads where they stand the few bytes that the phase needs, or gathers them if a read ends among them. */
const readFixed = (decoder: Decoder, chunk: Bytes, at: number, items: Array<Message.Item>): number => {
  const { needed, held } = decoder
  if (held === 0 && chunk.length - at >= needed) {
    onFixed(decoder, chunk, at, items)
    return at + needed
  }
  const end = Math.min(chunk.length, at + needed - held)
  if (decoder.scratch.length < needed) decoder.scratch = new Uint8Array(Math.max(needed, SCRATCH_BYTES))
  for (let i = at, to = held; i < end; i++, to++) decoder.scratch[to] = chunk[i]!
  decoder.held = held + end - at
  if (decoder.held === needed) {
    decoder.held = 0
    onFixed(decoder, decoder.scratch, 0, items)
  } else if (decoder.phase === "HANDSHAKE" && !Handshake.isProtocol(decoder.scratch, decoder.held)) {
    violate(decoder, items, NOT_BITTORRENT, SECTION_HANDSHAKE)
  }
  return end
}

const onFixed = (decoder: Decoder, bytes: Bytes, at: number, items: Array<Message.Item>): void => {
  switch (decoder.phase) {
    case "LENGTH":
      return onLength(decoder, Fixed.u32(bytes, at), items)
    case "ID":
      return onId(decoder, bytes[at]!, items)
    case "FIELDS":
      return onFields(decoder, bytes, at, items)
    default:
      return onHandshake(decoder, bytes.subarray(at, at + Handshake.HANDSHAKE_BYTES), items)
  }
}

const onHandshake = (decoder: Decoder, bytes: Bytes, items: Array<Message.Item>): void => {
  if (!Handshake.isProtocol(bytes, bytes.length)) {
    return violate(decoder, items, NOT_BITTORRENT, SECTION_HANDSHAKE)
  }
  const { reserved, features, infoHash, peerId } = Handshake.decode(bytes)
  items.push({ _tag: "Handshake", reserved, features, infoHash, peerId })
  expect(decoder, "LENGTH", 4)
}

const onLength = (decoder: Decoder, length: number, items: Array<Message.Item>): void => {
  if (length === 0) {
    items.push(Fixed.KEEP_ALIVE)
    return
  }
  // Which of the two bounds holds is known with the id; a length beyond both needs no id.
  if (length > decoder.maxMessageBytes && length > MAX_PIECE_MESSAGE_BYTES) {
    return violate(decoder, items, `a message of ${length} bytes, more than any may have`, SECTION_MESSAGES)
  }
  decoder.length = length - 1
  expect(decoder, "ID", 1)
}

const onId = (decoder: Decoder, id: number, items: Array<Message.Item>): void => {
  const { length } = decoder
  decoder.id = id
  if (id === Message.PIECE) {
    const blockBytes = length + 1 - Message.PIECE_HEADER_BYTES
    if (blockBytes < 1 || blockBytes > Message.MAX_BLOCK_BYTES) {
      return violate(decoder, items, `a PIECE message of ${length + 1} bytes`, SECTION_MESSAGES)
    }
    decoder.length = blockBytes
    return expect(decoder, "FIELDS", Message.PIECE_HEADER_BYTES - 1)
  }
  const fixedBytes = Fixed.bytesOf(id)
  if (fixedBytes >= 0 ? length !== fixedBytes : length + 1 > decoder.maxMessageBytes) {
    return violate(decoder, items, `a message of ${length + 1} bytes with id ${id}`, section(id))
  }
  if (fixedBytes > 0) return expect(decoder, "FIELDS", fixedBytes)
  if (fixedBytes === 0) return onFields(decoder, decoder.scratch, 0, items)
  if (id === Message.EXTENDED || id === Message.BITFIELD) {
    if (length > 0) return start(decoder, "BODY")
    if (id === Message.BITFIELD) return onBody(decoder, new Uint8Array(0), items)
    return violate(decoder, items, "an extended message without an id of its own", section(id))
  }
  items.push({ _tag: "Unknown", id, length })
  start(decoder, "SKIP")
}

const onFields = (decoder: Decoder, bytes: Bytes, at: number, items: Array<Message.Item>): void => {
  if (decoder.id === Message.PIECE) {
    decoder.piece = Fixed.u32(bytes, at)
    decoder.begin = Fixed.u32(bytes, at + 4)
    return start(decoder, "PAYLOAD")
  }
  items.push(Fixed.read(decoder.id, bytes, at))
  expect(decoder, "LENGTH", 4)
}

const passPayload = (decoder: Decoder, chunk: Bytes, at: number, items: Array<Message.Item>): number => {
  const { piece, begin, length, passed } = decoder
  const count = Math.min(chunk.length - at, length - passed)
  // Not `subarray`: on Node's Buffer, which sockets give, it would make another Buffer, at more cost.
  const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset + at, count)
  items.push({ _tag: "Fragment", piece, begin, length, offset: passed, bytes })
  decoder.passed = passed + count
  if (decoder.passed === length) expect(decoder, "LENGTH", 4)
  return at + count
}

/** A message without a body is over at its first turn here. */
const skip = (decoder: Decoder, chunk: Bytes, at: number): number => {
  const count = Math.min(chunk.length - at, decoder.length - decoder.passed)
  decoder.passed += count
  if (decoder.passed === decoder.length) expect(decoder, "LENGTH", 4)
  return at + count
}

const readBody = (decoder: Decoder, chunk: Bytes, at: number, items: Array<Message.Item>): number => {
  const { length, held } = decoder
  const count = Math.min(chunk.length - at, length - held)
  const end = held + count
  if (end > decoder.body.length) {
    // Doubling with what came, so that the claimed length alone costs nothing; exact at the end, to be handed over.
    const grown = new Uint8Array(Math.min(length, Math.max(end, decoder.body.length * 2, FIRST_BODY_BYTES)))
    grown.set(decoder.body)
    decoder.body = grown
  }
  decoder.body.set(chunk.subarray(at, at + count), held)
  decoder.held = end
  if (end === length) {
    const body = decoder.body
    decoder.body = NO_BYTES
    onBody(decoder, body, items)
  }
  return at + count
}

/** `body` is nobody else's. */
const onBody = (decoder: Decoder, body: Bytes, items: Array<Message.Item>): void => {
  if (decoder.id === Message.BITFIELD) items.push({ _tag: "Bitfield", bits: body })
  else items.push({ _tag: "Extended", id: body[0]!, payload: body.subarray(1) })
  expect(decoder, "LENGTH", 4)
}

const expect = (decoder: Decoder, phase: Phase, needed: number): void => {
  decoder.phase = phase
  decoder.needed = needed
  decoder.held = 0
}

const start = (decoder: Decoder, phase: "PAYLOAD" | "BODY" | "SKIP"): void => {
  decoder.phase = phase
  decoder.held = 0
  decoder.passed = 0
}

const NOT_BITTORRENT = "the stream does not begin with the protocol's name"
const SECTION_HANDSHAKE = "BEP 3, peer protocol"
const SECTION_MESSAGES = "BEP 3, peer messages"

/** Where a message's size is laid down. */
const section = (id: number): string => {
  if (id === Message.PORT) return "BEP 5, BitTorrent protocol extension"
  if (id === Message.EXTENDED) return "BEP 10, extension message"
  return id >= Message.SUGGEST && id <= Message.ALLOWED_FAST ? "BEP 6, fast extension" : SECTION_MESSAGES
}

const violate = (decoder: Decoder, items: Array<Message.Item>, reason: string, section: string): void => {
  items.push({ _tag: "Violation", reason, section })
  decoder.phase = "CLOSED"
}
