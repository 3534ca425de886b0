import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as BlockCache from "../../shell/BlockCache.ts"

const chunk = (bytes: number): Uint8Array => new Uint8Array(bytes)

describe("BlockCache", () => {
  it("forgets the chunk that was used least recently, and says so", () => {
    const forgotten: Array<number> = []
    const cache = BlockCache.make(30, (chunk) => forgotten.push(chunk[0]!))
    for (const key of [1, 2, 3]) cache.put(key, Uint8Array.of(key, ...new Array(9).fill(0)))
    expect(cache.get(1)?.[0]).toBe(1)
    // Not a use.
    expect(cache.has(2)).toBe(true)
    cache.put(4, chunk(10))
    expect(forgotten).toEqual([2])
    expect([1, 2, 3, 4].map(cache.has)).toEqual([true, false, true, true])
    cache.put(5, chunk(25))
    expect(forgotten).toEqual([2, 3, 1, 0])
    expect(cache.bytes()).toBe(25)
  })

  it("forgets the chunks of a torrent and no others", () => {
    const cache = BlockCache.make(1_000)
    for (let key = 0; key < 10; key++) cache.put(key, chunk(10))
    cache.drop(3, 7)
    expect([...Array(10).keys()].filter(cache.has)).toEqual([0, 1, 2, 7, 8, 9])
    expect(cache.bytes()).toBe(60)
  })

  it.prop("never holds more than it may, and what it gives is what was put", {
    steps: fc.array(fc.tuple(fc.nat(20), fc.integer({ min: 1, max: 40 })), { maxLength: 200 }),
  }, ({ steps }) => {
    const cache = BlockCache.make(100)
    const put = new Map<number, Uint8Array>()
    for (const [key, bytes] of steps) {
      const found = cache.get(key)
      if (found !== undefined) expect(found).toBe(put.get(key))
      else {
        put.set(key, chunk(bytes))
        cache.put(key, put.get(key)!)
      }
      expect(cache.has(key)).toBe(true)
      expect(cache.bytes()).toBeLessThanOrEqual(100)
      const held = [...put].filter(([key]) => cache.has(key))
      expect(cache.bytes()).toBe(held.reduce((sum, [, bytes]) => sum + bytes.length, 0))
    }
  })
})
