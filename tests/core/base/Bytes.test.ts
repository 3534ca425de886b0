import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Bytes from "../../../core/base/Bytes.ts"

const bytes = fc.uint8Array({ maxLength: 64 })

describe("Bytes", () => {
  it("orders as memory does, a prefix before what it begins", () => {
    expect(Bytes.compare(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0)
    expect(Bytes.compare(Uint8Array.of(0x80), Uint8Array.of(0x7f, 0xff))).toBeGreaterThan(0)
    fc.assert(fc.property(bytes, bytes, (a, b) => {
      expect(Math.sign(Bytes.compare(a, b))).toBe(Buffer.compare(a, b))
      expect(Bytes.equals(a, b)).toBe(Buffer.compare(a, b) === 0)
    }))
  })

  it("joins views that start inside their buffers", () => {
    const whole = Uint8Array.of(9, 1, 2, 9, 3)
    expect(Bytes.concat([whole.subarray(1, 3), Bytes.empty, whole.subarray(4)])).toEqual(
      Uint8Array.of(1, 2, 3),
    )
  })

  it("reads back hexadecimal and Latin-1, however long", () => {
    fc.assert(fc.property(bytes, (value) => {
      expect(Bytes.fromHex(Bytes.toHex(value))).toEqual(value)
      expect(Bytes.toHex(value)).toBe(Buffer.from(value).toString("hex"))
      expect(Bytes.latin1(Bytes.toLatin1(value))).toEqual(value)
    }))
    const long = new Uint8Array(300_000).fill(0xe9)
    expect(Bytes.latin1(Bytes.toLatin1(long))).toEqual(long)
  })

  it.each(["a", "0g", "abc", " 00", "0x00"])("refuses %j as hexadecimal", (text) => {
    expect(Bytes.fromHex(text)).toBeUndefined()
  })

  it("encodes UTF-8 as the platform does", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(Bytes.utf8(text)).toEqual(new TextEncoder().encode(text))
    }))
    expect(Bytes.utf8("\ud800")).toEqual(Uint8Array.of(0xef, 0xbf, 0xbd))
  })

  it("decodes UTF-8 as the platform does, and judges it alike", () => {
    const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
    const isValid = (value: Uint8Array) => {
      try {
        strict.decode(value)
        return true
      } catch {
        return false
      }
    }
    // Bytes near the borders of the sequences, for random ones are hardly ever valid.
    const edge = fc.constantFrom(
      0x41,
      0x7f,
      0x80,
      0x8f,
      0x90,
      0x9f,
      0xa0,
      0xbf,
      0xc1,
      0xc2,
      0xe0,
      0xed,
      0xef,
      0xf0,
      0xf4,
    )
    fc.assert(
      fc.property(fc.array(edge, { maxLength: 6 }).map((list) => Uint8Array.from(list)), (value) => {
        expect(Bytes.isUtf8(value)).toBe(isValid(value))
        if (isValid(value)) expect(Bytes.toUtf8(value)).toBe(strict.decode(value))
        else expect(Bytes.toUtf8(value)).toContain("\ufffd")
      }),
      { numRuns: 2_000 },
    )
  })

  it.each([
    ["an overlong dot", [0x2e, 0xc0, 0xae, 0x2e], ".??."],
    ["a surrogate", [0xed, 0xa0, 0x80], "???"],
    ["a sequence that is cut off", [0x61, 0xe2, 0x82], "a??"],
    ["more than U+10FFFF", [0xf4, 0x90, 0x80, 0x80], "????"],
  ])("replaces each byte of %s", (_, value, expected) => {
    expect(Bytes.toUtf8(Uint8Array.from(value), "?")).toBe(expected)
  })
})
