import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Estimate from "../../../../core/sim/scenario/Estimate.ts"

const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true })
const some = fc.array(finite, { minLength: 1, maxLength: 30 })

describe("a quantile", () => {
  it("is the least, the middle and the greatest value", () => {
    const values = [9, 1, 5]
    expect([0, 0.5, 1].map((part) => Estimate.quantile(values, part))).toEqual([1, 5, 9])
    expect(values).toEqual([9, 1, 5])
  })

  it("lies between its neighbours", () => {
    expect(Estimate.quantile([0, 10], 0.25)).toBe(2.5)
    expect(Estimate.quantile([1, 2, 3, 4], 0.5)).toBe(2.5)
  })

  it("of nothing does not exist", () => {
    expect(Estimate.quantile([], 0.5)).toBeNaN()
  })

  it.prop("never falls from one part to a greater one", [some, fc.double({ min: 0, max: 1, noNaN: true })], (
    [values, part],
  ) => {
    expect(Estimate.quantile(values, part)).toBeLessThanOrEqual(Estimate.quantile(values, 1))
    expect(Estimate.quantile(values, part)).toBeGreaterThanOrEqual(Estimate.quantile(values, 0))
  })
})

describe("fairness", () => {
  it("is 1 among equals and 1/n where one has everything", () => {
    expect(Estimate.fairness([7, 7, 7])).toBe(1)
    expect(Estimate.fairness([0, 0, 5, 0])).toBe(0.25)
    expect(Estimate.fairness([])).toBeNaN()
    expect(Estimate.fairness([0, 0])).toBeNaN()
  })
})

describe("an interval", () => {
  // Student's own sleep data (1908): extra hours with either drug, ten patients.
  const first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2]
  const second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]

  it("is Student's, of his own example", () => {
    const { margin, mean } = Estimate.pairedDifference(first, second)
    expect(mean).toBeCloseTo(1.58, 10)
    // Known from every textbook: 0.70 to 2.46.
    expect([mean - margin, mean + margin].map((value) => value.toFixed(2))).toEqual(["0.70", "2.46"])
    expect(Estimate.isSignificant({ margin, mean })).toBe(true)
  })

  it("of unpaired looks at the same data would have seen nothing", () => {
    const a = Estimate.interval(first)
    const b = Estimate.interval(second)
    expect(a.mean + a.margin).toBeGreaterThan(b.mean - b.margin)
  })

  it("of one sample is endless", () => {
    expect(Estimate.interval([3])).toEqual({ mean: 3, margin: Infinity })
    expect(Estimate.isSignificant(Estimate.interval([3]))).toBe(false)
  })

  it("leaves out pairs of which one does not exist", () => {
    expect(Estimate.pairedDifference([1, NaN, 2, 3], [2, 5, NaN, 4])).toEqual({ mean: 1, margin: 0 })
  })

  it.prop("of a sample against itself holds no difference", [some], ([values]) => {
    expect(Estimate.isSignificant(Estimate.pairedDifference(values, values))).toBe(false)
  })
})

describe("the quantiles of t", () => {
  it("fall with the degrees of freedom, towards the normal one", () => {
    const all = Array.from({ length: 2_000 }, (_, i) => Estimate.studentT(i + 1))
    for (let i = 1; i < all.length; i++) expect(all[i]).toBeLessThanOrEqual(all[i - 1]!)
    expect(all[0]).toBe(12.7062)
    expect(all[8]).toBe(2.2622)
    expect(all.at(-1)).toBeGreaterThan(1.96)
  })
})
