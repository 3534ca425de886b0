import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import { AssertionFailure } from "../../../core/base/Assert.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import { bits, drawBits } from "../../support/Pictures.ts"

const set = fc.array(fc.boolean(), { maxLength: 70 })
const fromFlags = (flags: ReadonlyArray<boolean>): Bitfield.Bitfield => {
  const field = Bitfield.make(flags.length)
  flags.forEach((flag, index) => flag && Bitfield.set(field, index))
  return field
}
const indexes = (flags: ReadonlyArray<boolean>): Array<number> =>
  flags.flatMap((flag, index) => flag ? [index] : [])

describe("the wire's form", () => {
  it("puts piece 0 into the highest bit of the first byte", () => {
    expect([...bits("* *     *").bytes]).toEqual([0b1010_0000, 0b1000_0000])
  })

  it("copies what came from the wire and counts it", () => {
    const wire = Uint8Array.of(0b1010_0001, 0b1100_0000)
    const read = Bitfield.fromWire(wire, 10)
    expect(read).toMatchObject({ ok: true, value: { length: 10, count: 5 } })
    if (!read.ok) return
    wire.fill(0)
    expect(drawBits(read.value)).toBe("* *    ***")
  })

  it("tells a wrong length from spare bits", () => {
    const error = (bytes: Array<number>, length: number) => Bitfield.fromWire(Uint8Array.from(bytes), length)
    expect(error([], 1)).toEqual({ ok: false, error: "wrong length" })
    expect(error([0, 0], 8)).toEqual({ ok: false, error: "wrong length" })
    expect(error([0], 9)).toEqual({ ok: false, error: "wrong length" })
    expect(error([0, 0b0100_0000], 9)).toEqual({ ok: false, error: "spare bits are set" })
    expect(error([0, 0b0000_0001], 15)).toEqual({ ok: false, error: "spare bits are set" })
    expect(error([0xff, 0xff], 16)).toMatchObject({ ok: true })
    expect(error([], 0)).toMatchObject({ ok: true, value: { count: 0 } })
  })

  it.prop("is read back as it was written", [set], ([flags]) => {
    const field = fromFlags(flags)
    const read = Bitfield.fromWire(field.bytes, flags.length)
    expect(read).toEqual({ ok: true, value: field })
  })
})

describe("a set of pieces", () => {
  it.prop("agrees with a set of numbers after any changes", [
    fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 20 })), { maxLength: 60 }),
  ], ([changes]) => {
    const field = Bitfield.make(21)
    const model = new Set<number>()
    for (const [isSet, index] of changes) {
      const hasChanged = isSet ? !model.has(index) : model.has(index)
      if (isSet) model.add(index)
      else model.delete(index)
      expect(isSet ? Bitfield.set(field, index) : Bitfield.clear(field, index)).toBe(hasChanged)
      expect(field.count).toBe(model.size)
    }
    for (let index = 0; index < 21; index++) expect(Bitfield.get(field, index)).toBe(model.has(index))
    expect([...Bitfield.pieces(field)]).toEqual([...model].sort((a, b) => a - b))
    expect(Bitfield.isEmpty(field)).toBe(model.size === 0)
    expect(Bitfield.isFull(field)).toBe(model.size === 21)
  })

  it("is full without spare bits", () => {
    for (let length = 0; length <= 17; length++) {
      const field = Bitfield.full(length)
      expect(Bitfield.fromWire(field.bytes, length)).toEqual({ ok: true, value: field })
      expect(drawBits(field)).toBe("*".repeat(length))
      expect(Bitfield.isFull(field)).toBe(true)
    }
  })

  it.prop(
    "finds the first piece that two have in common",
    [set, set, fc.integer({ min: 0, max: 80 })],
    ([a, b, from]) => {
      const length = Math.min(a.length, b.length)
      const [x, y] = [a.slice(0, length), b.slice(0, length)]
      const expected = indexes(x).find((index) => index >= from && y[index])
      expect(Bitfield.firstCommon(fromFlags(x), fromFlags(y), from)).toBe(expected)
    },
  )

  it("copies and assigns without sharing", () => {
    const field = bits("*  *")
    const copy = Bitfield.copy(field)
    const other = Bitfield.make(4)
    Bitfield.assign(other, field)
    Bitfield.set(field, 1)
    expect([drawBits(copy), copy.count, drawBits(other), other.count]).toEqual(["*  *", 2, "*  *", 2])
  })

  it("answers for no piece outside, and crashes when one is changed", () => {
    const field = Bitfield.full(10)
    expect([-1, 10, 15, 16, 1000].map((index) => Bitfield.get(field, index))).toEqual(Array(5).fill(false))
    expect(() => Bitfield.set(field, 10)).toThrow(AssertionFailure)
    expect(() => Bitfield.clear(field, -1)).toThrow(AssertionFailure)
    expect(() => Bitfield.assign(field, Bitfield.make(11))).toThrow(AssertionFailure)
  })
})
