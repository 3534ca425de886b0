import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import { HANDSHAKE, hex, INFO_HASH, PEER_ID, ready } from "./Support.ts"

describe("take", () => {
  it("gives all that was written as one exact string, and empties the encoder", () => {
    const encoder = Encoder.make()
    expect(Encoder.isEmpty(encoder)).toBe(true)
    Encoder.interested(encoder)
    Encoder.have(encoder, 7)
    expect(Encoder.isEmpty(encoder)).toBe(false)
    const bytes = Encoder.take(encoder)
    expect(bytes).toEqual(hex("00000001 02 00000005 04 00000007"))
    expect(bytes.buffer.byteLength).toBe(14)
    expect(Encoder.isEmpty(encoder)).toBe(true)
    expect(Encoder.take(encoder)).toEqual(new Uint8Array(0))
  })

  it("gives bytes that later messages don't change", () => {
    const encoder = Encoder.make()
    Encoder.have(encoder, 1)
    const first = Encoder.take(encoder)
    Encoder.have(encoder, 2)
    const second = Encoder.take(encoder)
    first.fill(0xff)
    expect(second).toEqual(hex("00000005 04 00000002"))
    Encoder.keepAlive(encoder)
    expect(Encoder.take(encoder)).toEqual(hex("00000000"))
  })

  it("never shows what other encoders wrote into the buffers that they share", () => {
    const encoders = Array.from({ length: 300 }, Encoder.make)
    const write = (encoder: Encoder.Encoder, from: number, messages: number) => {
      for (let i = 0; i < messages; i++) Encoder.have(encoder, from + i)
    }
    const expected = (from: number, messages: number) => {
      const parts = Array.from({ length: messages }, (_, i) => {
        const bytes = hex("00000005 04 00000000")
        new DataView(bytes.buffer, bytes.byteOffset).setUint32(5, from + i)
        return bytes
      })
      return Bytes.concat(parts)
    }
    // Some say more than a buffer holds; all begin before the first of them is through.
    const count = (i: number) => i % 7 === 0 ? 500 : 1 + i % 3
    encoders.forEach((encoder, i) => write(encoder, i * 1_000, 1))
    encoders.forEach((encoder, i) => write(encoder, i * 1_000 + 1, count(i)))
    encoders.forEach((encoder, i) => {
      expect(Encoder.take(encoder)).toEqual(expected(i * 1_000, count(i) + 1))
      write(encoder, i, 2)
    })
    encoders.forEach((encoder, i) => expect(Encoder.take(encoder)).toEqual(expected(i, 2)))
  })

  it("doesn't keep a large buffer for the rest of the connection", () => {
    const encoder = Encoder.make()
    Encoder.bitfield(encoder, new Uint8Array(200_000))
    expect(Encoder.take(encoder).length).toBe(200_005)
    expect(encoder.buffer.length).toBeLessThan(20_000)
  })
})

it("a handshake goes in front of messages, also where others stood before", () => {
  const encoder = Encoder.make()
  for (let i = 0; i < 40; i++) Encoder.request(encoder, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff)
  Encoder.take(encoder)
  Encoder.handshake(encoder, {
    infoHash: INFO_HASH,
    peerId: PEER_ID,
    features: { fast: true, extended: true, dht: false },
  })
  Encoder.haveNone(encoder)
  expect(Encoder.take(encoder)).toEqual(Bytes.concat([HANDSHAKE, hex("00000001 0f")]))
})

it("a fork goes its own way", () => {
  const encoder = Encoder.make()
  Encoder.choke(encoder)
  const fork = Encoder.fork(encoder)
  Encoder.have(encoder, 1)
  Encoder.have(fork, 2)
  expect(Encoder.take(encoder)).toEqual(hex("00000001 00 00000005 04 00000001"))
  expect(Encoder.take(fork)).toEqual(hex("00000001 00 00000005 04 00000002"))
})

it("a block that could not be read by anybody is our own bug", () => {
  expect(() => Encoder.pieceHeader(Encoder.make(), 0, 0, 0)).toThrow("sendable")
  expect(() => Encoder.pieceHeader(Encoder.make(), 0, 0, 131_073)).toThrow("sendable")
  expect(() => Encoder.extended(Encoder.make(), 256, hex("00"))).toThrow("one byte")
})

const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const said = fc.oneof(
  fc.record({ _tag: fc.constantFrom("Have", "Suggest", "AllowedFast"), piece: u32 }),
  fc.record({ _tag: fc.constantFrom("Request", "Cancel", "Reject"), piece: u32, begin: u32, length: u32 }),
  fc.record({ _tag: fc.constant("Port"), port: fc.integer({ min: 0, max: 65_535 }) }),
  fc.record({ _tag: fc.constant("Bitfield"), bits: fc.uint8Array({ maxLength: 2_000 }) }),
  fc.record({
    _tag: fc.constant("Extended"),
    id: fc.integer({ min: 0, max: 255 }),
    payload: fc.uint8Array({ maxLength: 2_000 }),
  }),
)

it.prop("what is written is what is read", [fc.array(said, { maxLength: 60 })], ([messages]) => {
  const encoder = Encoder.make()
  for (const message of messages) {
    if ("begin" in message) {
      const { piece, begin, length } = message
      const write = { Request: Encoder.request, Cancel: Encoder.cancel, Reject: Encoder.reject }
      write[message._tag as keyof typeof write](encoder, piece, begin, length)
    } else if ("piece" in message) {
      const write = { Have: Encoder.have, Suggest: Encoder.suggest, AllowedFast: Encoder.allowedFast }
      write[message._tag as keyof typeof write](encoder, message.piece)
    } else if ("port" in message) Encoder.port(encoder, message.port)
    else if ("bits" in message) Encoder.bitfield(encoder, message.bits)
    else Encoder.extended(encoder, message.id, message.payload)
  }
  expect(Decoder.decode(ready(), Encoder.take(encoder))).toEqual(messages)
})

describe("takeChunks", () => {
  it("puts blocks in their places, by reference, and gives the same bytes as take", () => {
    const blocks = [new Uint8Array([1, 2, 3]), new Uint8Array([4, 5])]
    const write = (encoder: Encoder.Encoder): Encoder.Encoder => {
      Encoder.unchoke(encoder)
      Encoder.piece(encoder, 7, 16_384, blocks[0]!)
      Encoder.piece(encoder, 7, 32_768, blocks[1]!)
      Encoder.have(encoder, 9)
      return encoder
    }
    const encoder = write(Encoder.make())
    const chunks = Encoder.takeChunks(encoder)
    expect(chunks.map((chunk) => chunk.length)).toEqual([5 + 13, 3, 13, 2, 9])
    expect(chunks[1]).toBe(blocks[0])
    expect(chunks[3]).toBe(blocks[1])
    expect(Bytes.concat(chunks)).toEqual(Encoder.take(write(Encoder.make())))
    expect(Encoder.isEmpty(encoder)).toBe(true)
    expect(Encoder.takeChunks(encoder)).toEqual([])
    Encoder.choke(encoder)
    expect(Encoder.takeChunks(encoder)).toEqual([hex("00000001 00")])
  })

  it("gives bytes that later messages don't change, and a fork its own", () => {
    const encoder = Encoder.make()
    Encoder.piece(encoder, 1, 0, new Uint8Array([1]))
    const forked = Encoder.fork(encoder)
    const [head] = Encoder.takeChunks(encoder)
    Encoder.piece(encoder, 2, 0, new Uint8Array([2]))
    expect(head).toEqual(hex("0000000a 07 00000001 00000000"))
    expect(Encoder.take(forked)).toEqual(hex("0000000a 07 00000001 00000000 01"))
    expect(Encoder.take(encoder)).toEqual(hex("0000000a 07 00000002 00000000 02"))
  })
})
