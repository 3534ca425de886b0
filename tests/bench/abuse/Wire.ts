/** Messages of the peer protocol as bytes, right and wrong ones, for peers that are no clients. */
import { Buffer } from "node:buffer"
import { randomBytes } from "node:crypto"
import * as Bencode from "../../support/Bencode.ts"

const PROTOCOL = Buffer.from("\x13BitTorrent protocol", "latin1")

/** With the fast extension (BEP 6) and the extension protocol (BEP 10), and a peer id of its own each time. */
export const handshake = (infoHash: string): Buffer =>
  Buffer.concat([
    PROTOCOL,
    Buffer.from([0, 0, 0, 0, 0, 0x10, 0, 0x04]),
    Buffer.from(infoHash, "hex"),
    Buffer.from("-AB0001-"),
    randomBytes(12),
  ])

export const HANDSHAKE_BYTES = 68

export const KEEP_ALIVE = Buffer.alloc(4)

export const ID = {
  choke: 0,
  unchoke: 1,
  interested: 2,
  notInterested: 3,
  have: 4,
  bitfield: 5,
  request: 6,
  piece: 7,
  cancel: 8,
  port: 9,
  suggest: 13,
  haveAll: 14,
  haveNone: 15,
  reject: 16,
  allowedFast: 17,
  extended: 20,
} as const

export const message = (id: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(parts)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(body.length + 1)
  head[4] = id
  return Buffer.concat([head, body])
}

/** Big-endian numbers of four bytes. */
export const numbers = (...values: ReadonlyArray<number>): Buffer => {
  const bytes = Buffer.alloc(4 * values.length)
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i))
  return bytes
}

export const BLOCK_BYTES = 16 * 1024

export const request = (piece: number, begin: number): Buffer =>
  message(ID.request, numbers(piece, begin, BLOCK_BYTES))

/** An extension's message (BEP 10): a dictionary under a number, and bytes after it. */
export const extended = (id: number, value: Bencode.Input, rest: Uint8Array = Buffer.alloc(0)): Buffer =>
  message(ID.extended, Buffer.from([id]), Bencode.encode(value), rest)

/** The numbers under which shoal takes the extensions' messages, as it says in its own handshake. */
export interface Numbers {
  readonly [name: string]: number
}

/** Takes a stream of messages apart: calls `onMessage` with the number and the body of each one after the handshake. */
export const reader = (onMessage: (id: number, body: Buffer) => void): (chunk: Buffer) => void => {
  let rest: Buffer = Buffer.alloc(0)
  let isGreeted = false
  return (chunk) => {
    let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    if (!isGreeted && bytes.length >= HANDSHAKE_BYTES) {
      isGreeted = true
      bytes = bytes.subarray(HANDSHAKE_BYTES)
    }
    let at = 0
    while (isGreeted && bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at)
      if (bytes.length - at < 4 + length) break
      if (length > 0) onMessage(bytes[at + 4]!, bytes.subarray(at + 5, at + 4 + length))
      at += 4 + length
    }
    rest = Buffer.from(bytes.subarray(at))
  }
}
