import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { AssertionFailure } from "../../../core/base/Assert.ts"
import { latin1, toLatin1 } from "../../../core/base/Bytes.ts"
import * as Decode from "../../../core/bencode/Decode.ts"
import * as Encode from "../../../core/bencode/Encode.ts"
import { encodable } from "../../support/Encodable.ts"

const encode = (value: Encode.Encodable) => toLatin1(Encode.encode(value))

describe("Encode", () => {
  it.each<[Encode.Encodable, string]>([
    [0, "i0e"],
    [-0, "i0e"],
    [-3, "i-3e"],
    [2n ** 70n, "i1180591620717411303424e"],
    ["", "0:"],
    ["spam", "4:spam"],
    ["µ", "2:\xc2\xb5"],
    [Uint8Array.of(0xff, 0), "2:\xff\x00"],
    [[], "le"],
    [["spam", ["eggs"], 1], "l4:spaml4:eggsei1ee"],
    [{}, "de"],
    [{ spam: "eggs", cow: "moo" }, "d3:cow3:moo4:spam4:eggse"],
    [{ b: 1, a: undefined }, "d1:bi1ee"],
    [new Map([["\xff", 1], ["z", 2], ["Z", 3]]), "d1:Zi3e1:zi2e1:\xffi1ee"],
    [{ 10: "ten", 9: "nine" }, "d2:103:ten1:94:ninee"],
  ])("writes %o", (value, expected) => expect(encode(value)).toBe(expected))

  it("writes raw bencode as it is, so that an info-hash survives", () => {
    expect(encode({ info: new Encode.Raw(latin1("d1:b0:1:a0:e")), a: 1 })).toBe("d1:ai1e4:infod1:b0:1:a0:ee")
  })

  it("takes a fraction, or a key that is no Latin-1, for our own bug", () => {
    expect(() => Encode.encode(0.5)).toThrow(AssertionFailure)
    expect(() => Encode.encode(2 ** 53)).toThrow(AssertionFailure)
    expect(() => Encode.encode({ "\u0100": 1 })).toThrow(AssertionFailure)
  })

  it("is read back as what was written", () => {
    const key = fc.uint8Array({ maxLength: 6 }).map(toLatin1)
    const { value } = fc.letrec<{ value: Encode.Encodable }>((tie) => ({
      value: fc.oneof(
        { depthSize: "small" },
        fc.maxSafeInteger().map((number) => number === 0 ? 0 : number),
        fc.bigInt().filter((number) => number < -(2n ** 53n) || number > 2n ** 53n),
        fc.uint8Array(),
        fc.array(tie("value")),
        fc.array(fc.tuple(key, tie("value"))).map((entries) => new Map(entries)),
      ),
    }))
    fc.assert(fc.property(value, (original) => {
      const bytes = Encode.encode(original)
      const decoded = Decode.decode(bytes)
      if (!decoded.ok) throw new Error(Decode.describe(decoded.error))
      expect(encodable(decoded.value)).toEqual(original)
      // Canonical: the same bytes again, and every dictionary sorted.
      expect(Encode.encode(encodable(decoded.value))).toEqual(bytes)
      expect(decoded.value._tag !== "Dict" || decoded.value.isSorted).toBe(true)
    }))
  })

  it("writes large values in time", () => {
    const files = Array.from(
      { length: 100_000 },
      (_, i) => ({ path: [`directory ${i % 100}`, `file ${i}`], length: i }),
    )
    const pieces = new Uint8Array(4_000_000)
    const decoded = Decode.decode(Encode.encode({ files, pieces }))
    expect(decoded.ok && decoded.value.end).toBeGreaterThan(pieces.length + 4_000_000)
  })
})
