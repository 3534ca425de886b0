import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as Metadata from "../../../core/wire/ExtendedMetadata.ts"
import { cut, decodeAll, ready, written } from "./Support.ts"

const part = Uint8Array.from({ length: 16_384 }, (_, i) => i & 255)

/** The examples of BEP 9, with what stands behind the last one. */
const VECTORS: ReadonlyArray<readonly [string, Bytes.Bytes, Bytes.Bytes, Metadata.Message]> = [
  ["request", Bytes.latin1("d8:msg_typei0e5:piecei0ee"), Metadata.request(0), { _tag: "Request", part: 0 }],
  [
    "data",
    Bytes.concat([Bytes.latin1("d8:msg_typei1e5:piecei0e10:total_sizei34256ee"), part]),
    Metadata.data(0, 34_256, part),
    { _tag: "Data", part: 0, totalBytes: 34_256, bytes: part },
  ],
  ["reject", Bytes.latin1("d8:msg_typei2e5:piecei0ee"), Metadata.reject(0), { _tag: "Reject", part: 0 }],
]

describe("ut_metadata", () => {
  it.each(VECTORS)("%s is written as in BEP 9, and read", (_, bytes, encoded, message) => {
    expect(encoded).toEqual(bytes)
    expect(Metadata.decode(bytes)).toEqual({ ok: true, value: message })
  })

  it.each(VECTORS)("%s is the same in one read, byte by byte, and with more behind it", (_, bytes) => {
    const stream = written((encoder) => {
      Encoder.extended(encoder, 2, bytes)
      Encoder.choke(encoder)
    })
    const items = [{ _tag: "Extended", id: 2, payload: bytes }, { _tag: "Choke" }]
    expect(Decoder.decode(ready(), stream)).toEqual(items)
    expect(decodeAll(ready(), cut(stream, 1))).toEqual(items)
  })

  it("has a part that begins like bencode left alone", () => {
    const bytes = Bytes.latin1("d3:fooi1ee")
    expect(Metadata.decode(Metadata.data(3, 10, bytes))).toEqual({
      ok: true,
      value: { _tag: "Data", part: 3, totalBytes: 10, bytes },
    })
  })

  it("ignores members that it does not know, and keys out of order", () => {
    expect(Metadata.decode(Bytes.latin1("d5:piecei7e1:xle8:msg_typei0ee"))).toEqual({
      ok: true,
      value: { _tag: "Request", part: 7 },
    })
  })

  it("tells a kind of message that BEP 9 does not have", () =>
    expect(Metadata.decode(Bytes.latin1("d8:msg_typei3ee"))).toEqual({
      ok: true,
      value: { _tag: "Unknown", type: 3 },
    }))

  it.each([
    "",
    "x",
    "de",
    "le",
    "d8:msg_typei0ee",
    "d8:msg_typei0e5:piecei-1ee",
    "d8:msg_typei0e5:piecei2147483648ee",
    "d8:msg_type1:05:piecei0ee",
    "d8:msg_typei1e5:piecei0ee",
    "d8:msg_typei1e5:piecei0e10:total_sizei0ee",
    "d8:msg_typei1e5:piecei0e10:total_sizei4294967296ee",
    "d8:msg_typei0e5:piecei0e",
    `d8:msg_typei0e5:piece${"l".repeat(50)}${"e".repeat(50)}e`,
  ])("refuses %j", (text) => expect(Metadata.decode(Bytes.latin1(text)).ok).toBe(false))

  it.prop(
    "reads back what it writes",
    [fc.nat(), fc.integer({ min: 1, max: 2 ** 31 - 1 }), fc.uint8Array({ maxLength: 100 })],
    ([index, totalBytes, bytes]) => {
      const read = Metadata.decode(Metadata.data(index, totalBytes, bytes))
      expect(read).toEqual({ ok: true, value: { _tag: "Data", part: index, totalBytes, bytes } })
    },
  )

  it.prop("never throws", [fc.uint8Array({ maxLength: 200 })], ([bytes]) => {
    Metadata.decode(bytes)
  })

  it.each([[1, 1, 1], [16_383, 1, 16_383], [16_384, 1, 16_384], [16_385, 2, 1], [34_256, 3, 1_488]])(
    "%i bytes are %i parts, the last of %i bytes",
    (total, count, last) => {
      expect(Metadata.partCount(total)).toBe(count)
      expect(Metadata.partBytes(total, count - 1)).toBe(last)
    },
  )
})
