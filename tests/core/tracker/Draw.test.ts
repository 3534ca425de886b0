import { describe, expect, it } from "vitest"
import * as Rng from "../../../core/base/Rng.ts"
import * as Draw from "../../../core/tracker/Draw.ts"

/** How far counts are from being all alike: about as much as there are of them, if they come from a fair draw. */
const chiSquare = (counts: ReadonlyArray<number>): number => {
  const expected = counts.reduce((a, b) => a + b) / counts.length
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

/** Beyond this a fair draw comes once in some 30,000 times (four standard deviations, by the normal approximation). */
const bound = (cells: number): number => cells - 1 + 4 * Math.sqrt(2 * (cells - 1))

const draw = (rng: Rng.Rng, bound: number, count: number): Array<number> => {
  Draw.draw(rng, bound, count)
  return [...Draw.drawn.subarray(0, count)]
}

describe("a draw", () => {
  it("gives different numbers of the range, for every size of both", () => {
    const rng = Rng.make(1)
    for (let range = 0; range <= 520; range++) {
      for (const count of [0, 1, 2, 50, 128, 200, 256, range >> 1, (range >> 1) + 1, range - 1, range]) {
        if (count < 0 || count > Math.min(range, Draw.MAX_DRAWN)) continue
        const drawn = draw(rng, range, count)
        expect(new Set(drawn).size).toBe(count)
        expect(drawn.every((value) => value >= 0 && value < range)).toBe(true)
      }
    }
  })

  // Few of many is drawn one way, most of them another.
  it.each([[1_000, 50], [101, 50], [99, 50], [60, 50], [300, 200], [7, 3], [5, 3]])(
    "from %i gives each as often as any other, %i at a time",
    (range, count) => {
      const rng = Rng.make(range)
      const rounds = Math.ceil(200 * range / count)
      const counts = new Array<number>(range).fill(0)
      const firsts = new Array<number>(range).fill(0)
      for (let i = 0; i < rounds; i++) {
        const drawn = draw(rng, range, count)
        for (const value of drawn) counts[value]!++
        firsts[drawn[0]!]!++
      }
      // Drawing without putting back is evener than chance by this factor.
      const evener = (range - count) / (range - 1)
      expect(chiSquare(counts) / evener).toBeLessThan(bound(range))
      expect(chiSquare(counts) / evener).toBeGreaterThan(range - 1 - 4 * Math.sqrt(2 * (range - 1)))
      expect(chiSquare(firsts)).toBeLessThan(bound(range))
    },
  )

  it.each([[6, 2], [6, 4]])("from %i gives each choice of %i in each order equally often", (range, count) => {
    const rng = Rng.make(3)
    const seen = new Map<string, number>()
    const orders = count === 2 ? 30 : 360
    for (let i = 0; i < orders * 200; i++) {
      const key = draw(rng, range, count).join()
      seen.set(key, (seen.get(key) ?? 0) + 1)
    }
    expect(seen.size).toBe(orders)
    expect(chiSquare([...seen.values()])).toBeLessThan(bound(orders))
  })

  it("is an assertion failure of more than there is", () => {
    expect(() => Draw.draw(Rng.make(1), 3, 4)).toThrow("no more is drawn")
  })
})
