import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as HashIndex from "../../../core/base/HashIndex.ts"

/** Every row under a hash, in the order in which a search meets them. */
const rows = (index: HashIndex.HashIndex, hash: number): Array<number> => {
  const part = HashIndex.partOf(index, hash)
  const found: Array<number> = []
  for (let at = HashIndex.first(part, hash); at >= 0; at = HashIndex.next(part, hash, at)) {
    found.push(HashIndex.rowAt(part, at))
    if (found.length > 10_000) throw new Error("the search goes round in circles")
  }
  return found
}

const places = (index: HashIndex.HashIndex): number =>
  index.parts.reduce((sum, part) => sum + part.length / 2, 0)

// Few hashes, near each other and far apart: they collide, share homes and wrap round the end of a part.
const hash = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: -3, max: 3 }), fc.integer())

describe("an index", () => {
  it.prop(
    "holds what a map of sets would",
    { steps: fc.array(fc.tuple(hash, fc.boolean()), { maxLength: 300 }) },
    ({ steps }) => {
      const index = HashIndex.make()
      const model = new Map<number, Set<number>>()
      let nextRow = 0
      for (const [hash, adds] of steps) {
        const set = model.get(hash) ?? new Set()
        model.set(hash, set)
        if (adds || set.size === 0) {
          HashIndex.add(index, hash, nextRow)
          set.add(nextRow++)
        } else {
          const row = [...set][set.size >> 1]!
          HashIndex.remove(index, hash, row)
          set.delete(row)
        }
      }
      for (const [hash, set] of model) {
        expect(rows(index, hash).sort((a, b) => a - b)).toEqual([...set].sort((a, b) => a - b))
      }
      expect(HashIndex.size(index)).toBe([...model.values()].reduce((sum, set) => sum + set.size, 0))
    },
  )

  it("grows with what it holds, and shrinks again", () => {
    const index = HashIndex.make()
    const empty = places(index)
    const hashes = Array.from({ length: 10_000 }, (_, i) => Math.imul(i, 0x9e3779b1))
    hashes.forEach((hash, row) => HashIndex.add(index, hash, row))
    expect(places(index)).toBeGreaterThan(10_000)
    expect(places(index)).toBeLessThan(60_000)
    for (const [row, hash] of hashes.entries()) expect(rows(index, hash)).toEqual([row])
    hashes.forEach((hash, row) => HashIndex.remove(index, hash, row))
    expect(places(index)).toBeLessThanOrEqual(empty * 2)
    expect(HashIndex.size(index)).toBe(0)
  })

  it("is an assertion failure to remove what it doesn't hold", () => {
    const index = HashIndex.make()
    HashIndex.add(index, 5, 1)
    expect(() => HashIndex.remove(index, 5, 2)).toThrow("is in it")
  })
})
