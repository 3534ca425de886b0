/**
 * Writes messages one behind the other into a buffer that one connection has until it is taken, so that all that a step
 * has to say leaves as one write. A message costs its bytes and no object; a block's payload is kept by reference and stands in its
 * place among what is taken.
 */
import { assert } from "../base/Assert.ts"
import * as Bytes from "../base/Bytes.ts"
import * as Handshake from "./Handshake.ts"
import * as Message from "./Message.ts"
import * as Scratch from "./Scratch.ts"

/** Mutable, with one owner. */
export interface Encoder {
  /** Borrowed while there is something in it (`Scratch.ts`). */
  buffer: Uint8Array
  /** Bytes written and not yet taken. */
  length: number
  /** Blocks that stand between these bytes, and after how many of them each does. */
  readonly payloads: Array<Bytes.Bytes>
  readonly places: Array<number>
}

/** Of an encoder that has nothing to say. */
const NO_BYTES = new Uint8Array(0)

/** An empty encoder. */
export const make = (): Encoder => ({
  buffer: NO_BYTES,
  length: 0,
  payloads: [],
  places: [],
})

/** A copy that shares nothing. */
export const fork = (encoder: Encoder): Encoder => ({
  buffer: encoder.buffer.slice(),
  length: encoder.length,
  payloads: encoder.payloads.map((bytes) => bytes.slice()),
  places: [...encoder.places],
})

export const isEmpty = (encoder: Encoder): boolean => encoder.length === 0

/** All that was written since the last call, to be sent in this order: copies for the caller to keep, and the payloads. */
export const takeChunks = (encoder: Encoder): ReadonlyArray<Bytes.Bytes> => {
  const { buffer, length, payloads, places } = encoder
  if (payloads.length === 0) {
    const all = length === 0 ? [] : [buffer.slice(0, length)]
    clear(encoder)
    return all
  }
  const chunks: Array<Bytes.Bytes> = []
  let from = 0
  for (let i = 0; i < payloads.length; i++) {
    // Two payloads never touch: each has its header before it. A copy of so few bytes is cheaper than a view.
    chunks.push(buffer.slice(from, places[i]!), payloads[i]!)
    from = places[i]!
  }
  if (from < length) chunks.push(buffer.slice(from, length))
  clear(encoder)
  return chunks
}

/** As {@link takeChunks}, in one piece. */
export const take = (encoder: Encoder): Bytes.Bytes => {
  if (encoder.length === 0) return Bytes.empty
  if (encoder.payloads.length > 0) return Bytes.concat(takeChunks(encoder))
  const bytes = encoder.buffer.slice(0, encoder.length)
  clear(encoder)
  return bytes
}

const clear = (encoder: Encoder): void => {
  Scratch.giveBack(encoder.buffer)
  encoder.buffer = NO_BYTES
  encoder.length = 0
  // One by one: setting an array's length gives its memory back, which the next block would have to take again.
  while (encoder.payloads.length > 0) {
    encoder.payloads.pop()
    encoder.places.pop()
  }
}

/** The 68 bytes that open a connection (BEP 3). */
export const handshake = (encoder: Encoder, greeting: Handshake.Greeting): void => {
  const at = reserve(encoder, Handshake.HANDSHAKE_BYTES)
  Handshake.write(encoder.buffer, at, greeting)
}

/** A message of length 0, due every two minutes (BEP 3). */
export const keepAlive = (encoder: Encoder): void => {
  const at = reserve(encoder, 4)
  put32(encoder.buffer, at, 0)
}

export const choke = (encoder: Encoder): void => {
  open(encoder, Message.CHOKE, 0)
}

export const unchoke = (encoder: Encoder): void => {
  open(encoder, Message.UNCHOKE, 0)
}

export const interested = (encoder: Encoder): void => {
  open(encoder, Message.INTERESTED, 0)
}

export const notInterested = (encoder: Encoder): void => {
  open(encoder, Message.NOT_INTERESTED, 0)
}

export const have = (encoder: Encoder, piece: number): void => number(encoder, Message.HAVE, piece)

/** `bits`: the first piece is the highest bit of the first byte, spare bits at the end are zero (BEP 3). */
export const bitfield = (encoder: Encoder, bits: Bytes.Bytes): void => {
  const at = open(encoder, Message.BITFIELD, bits.length)
  encoder.buffer.set(bits, at)
}

/** `begin` and `length` in bytes (BEP 3), as for {@link cancel} and {@link reject}. */
export const request = (encoder: Encoder, piece: number, begin: number, length: number): void =>
  block(encoder, Message.REQUEST, piece, begin, length)

/** The 13 bytes in front of a block of `length` bytes (BEP 3), for who sends the block right behind by itself. */
export const pieceHeader = (encoder: Encoder, piece: number, begin: number, length: number): void => {
  assert(length >= 1 && length <= Message.MAX_BLOCK_BYTES, "a block has a sendable size")
  const at = reserve(encoder, 4 + Message.PIECE_HEADER_BYTES)
  put32(encoder.buffer, at, Message.PIECE_HEADER_BYTES + length)
  encoder.buffer[at + 4] = Message.PIECE
  put32(encoder.buffer, at + 5, piece)
  put32(encoder.buffer, at + 9, begin)
}

/** A PIECE message with its block (BEP 3), which is kept as it is until it is taken. */
export const piece = (encoder: Encoder, piece: number, begin: number, bytes: Bytes.Bytes): void => {
  pieceHeader(encoder, piece, begin, bytes.length)
  encoder.payloads.push(bytes)
  encoder.places.push(encoder.length)
}

export const cancel = (encoder: Encoder, piece: number, begin: number, length: number): void =>
  block(encoder, Message.CANCEL, piece, begin, length)

/** Where our DHT node listens (BEP 5). */
export const port = (encoder: Encoder, port: number): void => {
  const at = open(encoder, Message.PORT, 2)
  encoder.buffer[at] = port >>> 8
  encoder.buffer[at + 1] = port
}

/** This and the next four: BEP 6, only to a peer that announced it. */
export const suggest = (encoder: Encoder, piece: number): void => number(encoder, Message.SUGGEST, piece)

export const haveAll = (encoder: Encoder): void => {
  open(encoder, Message.HAVE_ALL, 0)
}

export const haveNone = (encoder: Encoder): void => {
  open(encoder, Message.HAVE_NONE, 0)
}

export const reject = (encoder: Encoder, piece: number, begin: number, length: number): void =>
  block(encoder, Message.REJECT, piece, begin, length)

export const allowedFast = (encoder: Encoder, piece: number): void =>
  number(encoder, Message.ALLOWED_FAST, piece)

/** `id`: 0 for our handshake, else the number that the peer's handshake gave the message (BEP 10). */
export const extended = (encoder: Encoder, id: number, payload: Bytes.Bytes): void => {
  assert(id >= 0 && id <= 255, "an extended message's id is one byte")
  const at = open(encoder, Message.EXTENDED, 1 + payload.length)
  encoder.buffer[at] = id
  encoder.buffer.set(payload, at + 1)
}

/** Length prefix and id of a message with `bytes` behind the id; returns where these go. */
const open = (encoder: Encoder, id: number, bytes: number): number => {
  const at = reserve(encoder, 5 + bytes)
  put32(encoder.buffer, at, 1 + bytes)
  encoder.buffer[at + 4] = id
  return at + 5
}

const number = (encoder: Encoder, id: number, piece: number): void => {
  const at = open(encoder, id, 4)
  put32(encoder.buffer, at, piece)
}

const block = (encoder: Encoder, id: number, piece: number, begin: number, length: number): void => {
  const at = open(encoder, id, 12)
  put32(encoder.buffer, at, piece)
  put32(encoder.buffer, at + 4, begin)
  put32(encoder.buffer, at + 8, length)
}

/** Makes room for `bytes` more and counts them as written; returns where they begin. */
const reserve = (encoder: Encoder, bytes: number): number => {
  const at = encoder.length
  const end = at + bytes
  if (end > encoder.buffer.length) {
    const grown = Scratch.borrow(Math.max(end, encoder.buffer.length * 2))
    if (at > 0) grown.set(encoder.buffer.subarray(0, at))
    Scratch.giveBack(encoder.buffer)
    encoder.buffer = grown
  }
  encoder.length = end
  return at
}

const put32 = (buffer: Uint8Array, at: number, value: number): void => {
  buffer[at] = value >>> 24
  buffer[at + 1] = value >>> 16
  buffer[at + 2] = value >>> 8
  buffer[at + 3] = value
}
