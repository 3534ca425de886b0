import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { Buffer } from "node:buffer"
import * as Digest from "../../../core/base/Digest.ts"

const { digest } = Digest

describe("Digest", () => {
  it("is 16 hexadecimal digits, the same everywhere and in every release", () => {
    const value = {
      name: "shoal",
      list: [1, -1, 0.5, 2 ** 53],
      bytes: Uint8Array.of(1, 2, 3, 4, 5),
      none: undefined,
    }
    expect(digest(value)).toMatchInlineSnapshot(`"345433de5513944f"`)
    expect(digest(undefined)).toMatchInlineSnapshot(`"e1be2401685b5cc6"`)
  })

  it("doesn't depend on the order of an object's properties", () => {
    expect(digest({ a: 1, b: { c: 2, d: 3 } })).toBe(digest({ b: { d: 3, c: 2 }, a: 1 }))
  })

  it("depends on the order of items in arrays, Maps and Sets", () => {
    expect(digest([1, 2])).not.toBe(digest([2, 1]))
    expect(digest(new Map([[1, 1], [2, 2]]))).not.toBe(digest(new Map([[2, 2], [1, 1]])))
    expect(digest(new Set([1, 2]))).not.toBe(digest(new Set([2, 1])))
  })

  it("takes 0 and -0 for the same, and all NaNs", () => {
    expect(digest([-0])).toBe(digest([0]))
    expect(digest(NaN)).toBe(digest(Number.parseFloat("x")))
  })

  it("tells apart what only looks alike", () => {
    const values = [
      undefined,
      null,
      false,
      true,
      0,
      1,
      1n,
      "",
      "1",
      "a",
      "a\0",
      [],
      [[]],
      [undefined],
      ["a", "b"],
      ["ab"],
      [["a"], "b"],
      [["a", "b"]],
      {},
      { a: undefined },
      { a: 1 },
      { a: "1" },
      { a: { b: 1 } },
      { a: 1, b: 1 },
      [{}, {}],
      [{ a: 1 }],
      new Map(),
      new Map([["a", 1]]),
      new Set(),
      new Set(["a"]),
      new Uint8Array(0),
      Uint8Array.of(0),
      Uint8Array.of(0, 0),
      Uint8Array.of(0, 0, 0, 0),
      Int8Array.of(0),
      Uint32Array.of(0),
      Float32Array.of(0),
    ]
    expect(new Set(values.map(digest)).size).toBe(values.length)
  })

  it("reads a view's content, wherever it lies, and a Buffer as bytes", () => {
    const buffer = Uint8Array.of(9, 1, 2, 3, 4, 5, 9)
    expect(digest(buffer.subarray(1, 6))).toBe(digest(Uint8Array.of(1, 2, 3, 4, 5)))
    expect(digest(Buffer.from([1, 2, 3]))).toBe(digest(Uint8Array.of(1, 2, 3)))
  })

  it("sees contents, not sharing, and does shared parts once", () => {
    const part = { a: [1, 2, 3] }
    expect(digest([part, part])).toBe(digest([{ a: [1, 2, 3] }, { a: [1, 2, 3] }]))
    let doubled: unknown = [1]
    for (let i = 0; i < 200; i++) doubled = [doubled, doubled] // 2^200 leaves
    expect(digest(doubled)).toMatch(/^[0-9a-f]{16}$/)
  })

  it("ends on cycles, and tells them apart", () => {
    const short: { next?: unknown; id: number } = { id: 1 }
    short.next = short
    const long: { next?: unknown; id: number } = { id: 1 }
    long.next = { id: 1, next: long }
    const again: { next?: unknown; id: number } = { id: 1 }
    again.next = again
    expect(digest(short)).toBe(digest(again))
    expect(digest(short)).not.toBe(digest(long))
  })

  it("grows value by value, in order", () => {
    const both = Digest.make()
    Digest.add(both, "a")
    const early = Digest.toHex(both)
    Digest.add(both, "b")
    const turned = Digest.make()
    Digest.add(turned, "b")
    Digest.add(turned, "a")
    expect(early).toBe(digest("a"))
    expect(new Set([early, Digest.toHex(both), Digest.toHex(turned), Digest.toHex(Digest.make())]).size).toBe(
      4,
    )
  })

  it("refuses what is no plain data", () => {
    class Thing {}
    for (const value of [new Thing(), new Date(0), Symbol("a"), new ArrayBuffer(1)]) {
      expect(() => digest([value])).toThrow("no digest of")
    }
  })

  it("spreads small differences over all its bits", () => {
    const seen = new Set<string>()
    const low = new Set<string>()
    const high = new Set<string>()
    for (let i = 0; i < 200; i++) {
      for (let j = 0; j < 200; j++) {
        const hex = digest([i, j])
        seen.add(hex)
        high.add(hex.slice(0, 4))
        low.add(hex.slice(-4))
      }
    }
    expect(seen.size).toBe(40_000)
    // 40,000 balls in 65,536 boxes fill 45.7 % of them, give or take a fraction of a percent.
    for (const half of [low, high]) expect(Math.abs(half.size / 65_536 - 0.457)).toBeLessThan(0.02)
  })

  it.prop("is changed by every changed byte", [
    fc.uint8Array({ minLength: 1, size: "medium" }),
    fc.nat(),
    fc.integer({ min: 1, max: 255 }),
  ], (
    [bytes, at, flip],
  ) => {
    const changed = bytes.slice()
    changed[at % bytes.length]! ^= flip
    expect(digest(changed)).not.toBe(digest(bytes))
  })
})
