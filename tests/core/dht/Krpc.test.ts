import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decode from "../../../core/bencode/Decode.ts"
import type * as Value from "../../../core/bencode/Value.ts"
import * as Krpc from "../../../core/dht/Krpc.ts"
import type * as KrpcMessage from "../../../core/dht/KrpcMessage.ts"
import { MAX_ERROR_CHARACTERS } from "../../../core/dht/Limits.ts"
import { latin1, message, VECTORS } from "./Messages.ts"

const decode = (packet: string) => Krpc.decode(latin1(packet))

describe.each(VECTORS)("%j", (packet, message) => {
  it("is read", () => {
    expect(decode(packet)).toEqual({ ok: true, value: message })
  })

  it("is written", () => {
    expect(Bytes.toLatin1(Krpc.encode(message))).toBe(packet)
  })

  it("is read from anywhere in a buffer", () => {
    const buffer = latin1(`xxx${packet}yyy`)
    expect(Krpc.decode(buffer.subarray(3, 3 + packet.length))).toEqual({ ok: true, value: message })
  })

  it("is none cut short, whoever sent it", () => {
    for (let end = 0; end < packet.length; end++) {
      const error = decode(packet.slice(0, end))
      expect(error).toMatchObject({ ok: false, error: { _tag: "KrpcError" } })
      expect(error).not.toHaveProperty("error.transaction")
    }
  })

  it("is none with bytes behind it, which whoever asked is told", () => {
    const { transaction } = message
    expect(decode(packet + "e")).toEqual({
      ok: false,
      error: {
        _tag: "KrpcError",
        reason: "there are bytes after the dictionary",
        ...(message._tag === "Query" && { transaction }),
      },
    })
  })
})

it.prop("reads what it writes", [message], ([message]) => {
  expect(Krpc.decode(Krpc.encode(message))).toEqual({ ok: true, value: message })
})

it.prop("writes what any other encoder would, keys in order", [message], ([message]) => {
  const packet = Krpc.encode(message)
  // Values are the author's, in whatever order; ours is what is around them.
  const value = message._tag === "Response"
    ? message.value
    : message._tag === "Query" && message.request._tag === "Put"
    ? message.request.value
    : undefined
  const decoded = Decode.decode(packet)
  if (!decoded.ok) throw new Error(Decode.describe(decoded.error))
  const isSorted = (item: Value.Value): boolean => {
    if (value !== undefined && Bytes.equals(packet.subarray(item.start, item.end), value)) return true
    if (item._tag === "Dict") return item.isSorted && [...item.entries.values()].every(isSorted)
    return item._tag !== "List" || item.items.every(isSorted)
  }
  expect(isSorted(decoded.value)).toBe(true)
})

it("writes packets of any size", () => {
  for (const length of [1, 2_000, 60_000]) {
    const value = latin1(`${length}:${"x".repeat(length)}`)
    const request = { _tag: "Put", token: Bytes.empty, value } as const
    const query = { ...(VECTORS[0]![1] as Krpc.Query), request }
    expect(Krpc.decode(Krpc.encode(query))).toEqual({ ok: true, value: query })
  }
})

it.prop("never throws, on any bytes", [fc.uint8Array({ maxLength: 400 })], ([packet]) => {
  expect(Krpc.decode(packet)).toMatchObject({ ok: false })
})

it.prop(
  "never throws, on packets that were damaged, and writes what it reads",
  [message, fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })],
  ([message, damages]) => {
    const packet = Krpc.encode(message)
    for (const [at, byte] of damages) packet[at % packet.length] = byte
    const decoded = Krpc.decode(packet)
    if (decoded.ok) expect(Krpc.decode(Krpc.encode(decoded.value))).toEqual(decoded)
  },
)

describe("what is no message", () => {
  const ID = "2:id20:abcdefghij0123456789"

  it.each([
    ["", "the data end before the value does (byte 0)"],
    ["i1e", "it is no dictionary"],
    ["le", "it is no dictionary"],
    [`d1:ad${ID}e1:q4:ping1:y1:qe`, "it has no transaction id"],
    [`d1:ad${ID}e1:q4:ping1:ti1e1:y1:qe`, "it has no transaction id"],
    [`d1:ad${ID}e1:q4:ping1:t33:${"t".repeat(33)}1:y1:qe`, "its transaction id is too long"],
    [`d1:ad${ID}e1:q4:ping1:t2:aae`, "it is neither a query, a response nor an error"],
    [`d1:ad${ID}e1:q4:ping1:t2:aa1:y1:xe`, "it is neither a query, a response nor an error"],
    [`d1:ad${ID}e1:q4:ping1:t2:aa1:y5:querye`, "it is neither a query, a response nor an error"],
    [`d1:ad${ID}e1:q4:ping1:t2:aa1:yi1ee`, "it is neither a query, a response nor an error"],
    [`d1:t2:aa1:y1:re`, "the response has no return values"],
    [`d1:rle1:t2:aa1:y1:re`, "the response has no return values"],
    [`d1:rde1:t2:aa1:y1:re`, "the response has no id of 20 bytes"],
    [`d1:rd2:id19:abcdefghij012345678e1:t2:aa1:y1:re`, "the response has no id of 20 bytes"],
    [`d1:rd2:id21:abcdefghij01234567890e1:t2:aa1:y1:re`, "the response has no id of 20 bytes"],
    [`d1:rd2:idi20ee1:t2:aa1:y1:re`, "the response has no id of 20 bytes"],
  ])("%j: %s, and not to be answered", (packet, reason) => {
    expect(decode(packet)).toEqual({ ok: false, error: { _tag: "KrpcError", reason } })
  })

  it.each([
    [`d1:ad${ID}e1:t2:aa1:y1:qe`, "the query names no method"],
    [`d1:ad${ID}e1:ql4:pinge1:t2:aa1:y1:qe`, "the query names no method"],
    [`d1:q4:ping1:t2:aa1:y1:qe`, "the query has no arguments"],
    [`d1:al${ID}e1:q4:ping1:t2:aa1:y1:qe`, "the query has no arguments"],
    [`d1:ade1:q4:ping1:t2:aa1:y1:qe`, "the query has no id of 20 bytes"],
    [`d1:ad2:id19:abcdefghij012345678e1:q4:ping1:t2:aa1:y1:qe`, "the query has no id of 20 bytes"],
  ])("%j: %s, which its sender is told", (packet, reason) => {
    expect(decode(packet)).toEqual({
      ok: false,
      error: { _tag: "KrpcError", reason, transaction: latin1("aa") },
    })
  })

  const ping = (more: string) => `d1:ad${ID}1:x${more}e1:q4:ping1:t2:aa1:y1:qe`

  it("is what nests too deep", () => {
    expect(decode(ping("l".repeat(8) + "e".repeat(8)))).toMatchObject({ ok: true })
    expect(decode(ping("l".repeat(10) + "e".repeat(10)))).toMatchObject({
      error: { reason: expect.stringContaining("the nesting is too deep") },
    })
  })

  it("is what has too many values", () => {
    expect(decode(ping(`l${"i1e".repeat(480)}e`))).toMatchObject({ ok: true })
    expect(decode(ping(`l${"i1e".repeat(500)}e`))).toMatchObject({
      error: { reason: expect.stringContaining("there are too many values") },
    })
    const values = `6:valuesl${"6:axje.u".repeat(8_000)}e`
    expect(decode(`d1:rd${ID}${values}e1:t2:aa1:y1:re`)).toMatchObject({
      error: { reason: expect.stringContaining("there are too many values") },
    })
  })

  it("is what no datagram could hold", () => {
    const packet = new Uint8Array(65_536)
    packet.set(Krpc.encode(VECTORS[0]![1]))
    expect(Krpc.decode(packet)).toMatchObject({ error: { reason: "the packet is too long" } })
  })

  it("is a dictionary with a key twice, for nobody can tell which was meant", () => {
    expect(decode(`d1:ad${ID}e1:q4:ping1:t2:aa1:t2:bb1:y1:qe`)).toMatchObject({ ok: false })
  })
})

describe("what others write differently", () => {
  it("keys in any order", () => {
    expect(decode(`d1:y1:q1:t2:aa1:q4:ping1:ad2:id20:abcdefghij0123456789ee`)).toEqual({
      ok: true,
      value: VECTORS[0]![1],
    })
  })

  it("members that mean nothing, even by the names of JavaScript's own", () => {
    const more = "9:__proto__i1e11:constructor1:x6:lengthi9e"
    expect(decode(`d${more}1:ad${more}2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe`)).toEqual({
      ok: true,
      value: VECTORS[0]![1],
    })
  })

  it("a version that is none, or too long", () => {
    for (const v of ["i1e", "17:abcdefghijklmnopq", "le"]) {
      const packet = `d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:v${v}1:y1:qe`
      expect(decode(packet)).toEqual({ ok: true, value: VECTORS[0]![1] })
    }
  })
})

describe("an error", () => {
  const read = (e: string) => decode(`d1:e${e}1:t2:aa1:y1:ee`)

  it.each([
    ["li203e16:Malformed Packete", 203, "Malformed Packet"],
    ["li203ee", 203, ""],
    ["le", 201, ""],
    ["i203e", 201, ""],
    ["l3:abci203ee", 201, ""],
    ["li-1e1:xe", 201, "x"],
    ["li999999999999999999999e1:xe", 201, "x"],
    ["li301e7:a\x1b[31m\ne", 301, "a[31m"],
    ["li301e3:\xe2\x80\xaee", 301, ""],
  ])("however it is written, %j is one", (e, code, message) => {
    expect(read(e)).toEqual({
      ok: true,
      value: { _tag: "ErrorMessage", transaction: latin1("aa"), code, message },
    })
  })

  it("is cut where it talks too much", () => {
    for (const [length, text] of [[1_000, "a".repeat(1_000)], [2_000, "\xc3\xa9".repeat(1_000)]] as const) {
      const decoded = read(`li201e${length}:${text}e`)
      expect(decoded.ok && (decoded.value as KrpcMessage.ErrorMessage).message.length).toBe(
        MAX_ERROR_CHARACTERS,
      )
    }
  })
})
