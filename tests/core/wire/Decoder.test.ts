import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { Buffer } from "node:buffer"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import type * as Message from "../../../core/wire/Message.ts"
import {
  cut,
  cutBy,
  decodeAll,
  HANDSHAKE,
  hex,
  INFO_HASH,
  lines,
  MAX_MESSAGE_BYTES,
  merged,
  ready,
  written,
} from "./Support.ts"
import { VECTORS } from "./Vectors.ts"

const u32 = (value: number) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)

describe("a violation", () => {
  const MESSAGES = "BEP 3, peer messages"
  const FAST = "BEP 6, fast extension"
  const rows: ReadonlyArray<readonly [string, Bytes.Bytes, string]> = [
    ["length prefix 0xffffffff", hex("ffffffff"), MESSAGES],
    ["length prefix of 1 MiB + 1", u32(1_048_577), MESSAGES],
    ["one byte over the bound", Bytes.concat([u32(MAX_MESSAGE_BYTES + 1), hex("05")]), MESSAGES],
    ["an unknown message over the bound", Bytes.concat([u32(MAX_MESSAGE_BYTES + 1), hex("63")]), MESSAGES],
    ["a block of 128 KiB + 1", Bytes.concat([u32(9 + 131_073), hex("07 00000000 00000000 ff")]), MESSAGES],
    ["a piece without payload", hex("00000009 07 00000000 00000000"), MESSAGES],
    ["a piece shorter than its header", hex("00000008 07 00000000 000000"), MESSAGES],
    ["choke with a body", hex("00000002 00 00"), MESSAGES],
    ["have without a piece", hex("00000001 04"), MESSAGES],
    ["have of 3 bytes", hex("00000004 04 000000"), MESSAGES],
    ["have of 5 bytes", hex("00000006 04 0000000000"), MESSAGES],
    ["request of 11 bytes", hex("0000000c 06 0000000000000000000000"), MESSAGES],
    ["cancel of 16 bytes", hex("00000011 08 00000000000000000000000000000000"), MESSAGES],
    ["port of 1 byte", hex("00000002 09 1a"), "BEP 5, BitTorrent protocol extension"],
    ["suggest without a piece", hex("00000001 0d"), FAST],
    ["have all with a body", hex("00000002 0e ff"), FAST],
    ["reject of 8 bytes", hex("00000009 10 0000000000000000"), FAST],
    ["allowed fast of 2 bytes", hex("00000003 11 0000"), FAST],
    ["extended without its own id", hex("00000001 14"), "BEP 10, extension message"],
  ]

  it.each(rows)("%s: is told with its section, and is the last word", (_, bytes, section) => {
    const told = { _tag: "Violation", reason: expect.any(String), section }
    const more = written((encoder) => Encoder.unchoke(encoder))
    const decoder = ready()
    expect(Decoder.decode(decoder, Bytes.concat([bytes, more, more]))).toEqual([told])
    expect(Decoder.decode(decoder, more)).toEqual([])
    expect(decodeAll(ready(), cut(Bytes.concat([bytes, more]), 1))).toEqual([told])
  })

  it("by a length beyond all bounds is told with the length, before any more is read", () => {
    expect(Decoder.decode(ready(), hex("ffffffff"))).toMatchObject([{ _tag: "Violation", section: MESSAGES }])
    expect(Decoder.decode(ready(), u32(MAX_MESSAGE_BYTES + 1))).toMatchObject([{ _tag: "Violation" }])
    expect(Decoder.decode(ready(), u32(MAX_MESSAGE_BYTES))).toEqual([])
  })

  it("leaves what was said before it", () => {
    expect(Decoder.decode(ready(), hex("00000001 01 00000005 04 00000009 00000002 00 00"))).toEqual([
      { _tag: "Unchoke" },
      { _tag: "Have", piece: 9 },
      expect.objectContaining({ _tag: "Violation" }),
    ])
  })
})

describe("bounds", () => {
  it("are the message's own: PIECE has that of blocks, others the owner's", () => {
    const decoder = ready(1_000)
    const block = new Uint8Array(131_072).fill(7)
    const items = Decoder.decode(
      decoder,
      Bytes.concat([u32(9 + block.length), hex("07 00000003 00000000"), block]),
    )
    expect(items).toEqual([{
      _tag: "Fragment",
      piece: 3,
      begin: 0,
      length: 131_072,
      offset: 0,
      bytes: block,
    }])
    const bits = new Uint8Array(999)
    expect(Decoder.decode(decoder, written((encoder) => Encoder.bitfield(encoder, bits)))).toEqual([
      { _tag: "Bitfield", bits },
    ])
    expect(Decoder.decode(decoder, hex("000003e9 05"))).toMatchObject([{ _tag: "Violation" }])
  })

  it("can be raised between reads, even past those of blocks", () => {
    const decoder = ready(100)
    Decoder.setMaxMessageBytes(decoder, 300_001)
    const bits = new Uint8Array(300_000).fill(1)
    const items = Decoder.decode(decoder, written((encoder) => Encoder.bitfield(encoder, bits)))
    expect(lines(items)).toEqual(lines([{ _tag: "Bitfield", bits }]))
  })

  it("hold no more than twice what came, whatever length was claimed", () => {
    const decoder = ready()
    Decoder.decode(decoder, hex("00040000 05 01020304"))
    expect(decoder.body.length).toBeLessThanOrEqual(1_024)
    Decoder.decode(decoder, new Uint8Array(5_000))
    expect(decoder.body.length).toBeLessThanOrEqual(10_008)
  })

  it("hold nothing of blocks and of unknown messages", () => {
    const decoder = ready()
    Decoder.decode(decoder, Bytes.concat([hex("00004009 07 00000000 00000000"), new Uint8Array(9_000)]))
    expect(decoder.body.length).toBe(0)
    Decoder.decode(decoder, new Uint8Array(16_384 - 9_000))
    expect(Decoder.decode(decoder, hex("00030000 63"))).toEqual([{
      _tag: "Unknown",
      id: 0x63,
      length: 0x2ffff,
    }])
    expect(Decoder.decode(decoder, new Uint8Array(0x2fffe))).toEqual([])
    expect(decoder.body.length).toBe(0)
    expect(Decoder.decode(decoder, hex("00 00000001 00"))).toEqual([{ _tag: "Choke" }])
  })
})

describe("byte strings", () => {
  const stream = Bytes.concat([
    HANDSHAKE,
    written((encoder) => {
      Encoder.bitfield(encoder, hex("f0e1d2"))
      Encoder.extended(encoder, 1, hex("0a0b0c"))
      Encoder.pieceHeader(encoder, 1, 0, 4)
    }),
    hex("11223344"),
  ])

  it.each([
    ["a Uint8Array", (bytes: Bytes.Bytes) => new Uint8Array(bytes)],
    ["a Buffer", (bytes: Bytes.Bytes) => Buffer.from(bytes)],
  ])("outlive the read of %s, except those of fragments, which are plain views of it", (_, own) => {
    for (const size of [stream.length, 5]) {
      const decoder = Decoder.make({ maxMessageBytes: MAX_MESSAGE_BYTES })
      const kept: Array<Message.Item> = []
      for (const part of cut(stream, size)) {
        const read = own(part)
        for (const item of Decoder.decode(decoder, read)) {
          kept.push(item)
          if (item._tag !== "Fragment") continue
          expect(item.bytes.buffer).toBe(read.buffer)
          expect(Object.getPrototypeOf(item.bytes)).toBe(Uint8Array.prototype)
        }
        read.fill(0xee)
      }
      expect(kept.filter((item) => item._tag !== "Fragment")).toEqual([
        expect.objectContaining({
          _tag: "Handshake",
          infoHash: INFO_HASH,
          reserved: hex("0000000000100004"),
        }),
        { _tag: "Bitfield", bits: hex("f0e1d2") },
        { _tag: "Extended", id: 1, payload: hex("0a0b0c") },
      ])
    }
  })

  it("don't pin more memory than they have", () => {
    const read = new Uint8Array(65_536)
    read.set(written((encoder) => Encoder.bitfield(encoder, hex("f0"))))
    const [bitfield] = Decoder.decode(ready(), read)
    expect(bitfield?._tag === "Bitfield" && bitfield.bits.buffer.byteLength).toBe(1)
  })
})

it("a read that begins inside its buffer is read from there", () => {
  const around = new Uint8Array(100).fill(0xff)
  around.set(hex("0000000d 07 00000002 00004000 64656164"), 50)
  expect(Decoder.decode(ready(), around.subarray(50, 67))).toEqual([
    { _tag: "Fragment", piece: 2, begin: 16_384, length: 4, offset: 0, bytes: hex("64656164") },
  ])
})

it("an empty read says nothing", () => {
  const decoder = ready()
  Decoder.decode(decoder, hex("00000005 04 0000"))
  expect(Decoder.decode(decoder, new Uint8Array(0))).toEqual([])
  expect(Decoder.decode(decoder, hex("0001"))).toEqual([{ _tag: "Have", piece: 1 }])
})

// A stream of messages, most of them right, with blocks long enough to be cut, and sometimes rubbish behind them.
const message = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...VECTORS.map(({ bytes }) => bytes)) },
  {
    weight: 3,
    arbitrary: fc.record({ piece: fc.nat(), payload: fc.uint8Array({ minLength: 1, maxLength: 300 }) })
      .map(({ piece, payload }) =>
        Bytes.concat([written((encoder) => Encoder.pieceHeader(encoder, piece, 0, payload.length)), payload])
      ),
  },
  {
    weight: 2,
    arbitrary: fc.uint8Array({ maxLength: 3_000 }).map((bits) =>
      written((encoder) => Encoder.bitfield(encoder, bits))
    ),
  },
  // Ids and lengths by chance, most of them wrong.
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat({ max: 40 }), fc.uint8Array({ minLength: 1, maxLength: 40 }))
      .map(([length, body]) => Bytes.concat([u32(length), body])),
  },
)
const stream = fc.array(message, { maxLength: 20 }).map(Bytes.concat)
const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 })

it.prop("says the same whatever the reads", [stream, sizes], ([stream, sizes]) => {
  const bytes = Bytes.concat([HANDSHAKE, stream])
  const make = () => Decoder.make({ maxMessageBytes: 2_000 })
  const whole = merged(Decoder.decode(make(), bytes))
  expect(merged(decodeAll(make(), cutBy(bytes, sizes)))).toEqual(whole)
  expect(merged(decodeAll(make(), cut(bytes, 1)))).toEqual(whole)
}, { fastCheck: { numRuns: 300 } })

it.prop("a fork goes its own way", [stream, stream, fc.nat()], ([before, after, seed]) => {
  const at = seed % (before.length + 1)
  const decoder = ready()
  Decoder.decode(decoder, before.subarray(0, at))
  const fork = Decoder.fork(decoder)
  const rest = Bytes.concat([before.subarray(at), after])
  const expected = decodeAll(Decoder.fork(decoder), [rest])
  const half = Math.floor(rest.length / 2)
  const first = Decoder.decode(decoder, rest.subarray(0, half))
  Decoder.decode(fork, new Uint8Array(400).fill(0xff))
  const items = [...first, ...Decoder.decode(decoder, rest.subarray(half))]
  expect(lines(merged(items))).toEqual(lines(merged(expected)))
}, { fastCheck: { numRuns: 300 } })

it("a fork in the middle of a body has a copy of its own", () => {
  const decoder = ready()
  Decoder.decode(decoder, hex("00000009 05 0102"))
  const fork = Decoder.fork(decoder)
  Decoder.decode(decoder, hex("0304"))
  Decoder.decode(fork, hex("ffff"))
  expect(Decoder.decode(decoder, hex("05060708"))).toEqual([{
    _tag: "Bitfield",
    bits: hex("0102030405060708"),
  }])
  expect(Decoder.decode(fork, hex("05060708"))).toEqual([{ _tag: "Bitfield", bits: hex("0102ffff05060708") }])
})

it.prop("any bytes are read without a throw, and what follows a violation is silence", [
  fc.boolean(),
  fc.array(fc.uint8Array({ maxLength: 200, size: "max" }), { maxLength: 20 }),
], ([isReady, reads]) => {
  const decoder = isReady ? ready() : Decoder.make({ maxMessageBytes: MAX_MESSAGE_BYTES })
  const items = decodeAll(decoder, reads)
  const violation = items.findIndex((item) => item._tag === "Violation")
  expect(violation === -1 || violation === items.length - 1).toBe(true)
}, { fastCheck: { numRuns: 500 } })
