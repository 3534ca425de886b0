import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Rng from "../../../core/base/Rng.ts"

const draw = (rng: Rng.Rng, count: number) => Array.from({ length: count }, () => Rng.next(rng))

describe("Rng", () => {
  it("is xoshiro128**: the first words after state 1, 2, 3, 4", () => {
    // From the reference code of Blackman and Vigna, https://prng.di.unimi.it/xoshiro128starstar.c
    expect(draw({ words: Uint32Array.of(1, 2, 3, 4) }, 4)).toEqual([11520, 0, 5927040, 70819200])
  })

  it("gives the same for a seed, and other words for another", () => {
    expect(draw(Rng.make(7), 100)).toEqual(draw(Rng.make(7), 100))
    expect(draw(Rng.make(7), 4)).not.toEqual(draw(Rng.make(8), 4))
  })

  it("makes a state that is not stuck from any seed", () => {
    fc.assert(fc.property(fc.integer(), (seed) => {
      expect(new Set(draw(Rng.make(seed), 16)).size).toBeGreaterThan(8)
    }))
  })

  it("stays below its bound and reaches every number there, about as often", () => {
    const rng = Rng.make(3)
    const counts = new Array<number>(10).fill(0)
    for (let i = 0; i < 10_000; i++) counts[Rng.below(rng, 10)]!++
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150)
    expect(Rng.below(rng, 1)).toBe(0)
  })

  it("shuffles to a permutation, each item to each place", () => {
    const rng = Rng.make(4)
    const firsts = new Set<number>()
    for (let i = 0; i < 100; i++) {
      const items = Rng.shuffle(rng, [1, 2, 3, 4])
      expect([...items].sort()).toEqual([1, 2, 3, 4])
      firsts.add(items[0]!)
    }
    expect(firsts.size).toBe(4)
  })

  it("fills a view and nothing beside it", () => {
    const whole = new Uint8Array(300)
    Rng.fill(Rng.make(5), whole.subarray(100, 200))
    expect(whole.subarray(0, 100).every((byte) => byte === 0)).toBe(true)
    expect(whole.subarray(200).every((byte) => byte === 0)).toBe(true)
    expect(new Set(whole.subarray(100, 200)).size).toBeGreaterThan(40)
  })
})
