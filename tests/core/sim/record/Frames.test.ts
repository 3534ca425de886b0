import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Frames from "../../../../core/sim/record/Frames.ts"
import * as Defaults from "../../../../core/sim/scenario/Defaults.ts"

/** The sample of a swarm whose classes have so many peers, who come class by class; by class. */
const sampled = (counts: ReadonlyArray<number>): ReadonlyArray<number> => {
  const frames = Frames.make(Defaults.scenario({
    classes: counts.map((count, at) => ({ ...Defaults.leecher, name: `class ${at}`, count })),
  }))
  const by = counts.map(() => 0)
  let index = 0
  counts.forEach((count, at) => {
    for (let i = 0; i < count; i++) Frames.consider(frames, index++, at)
    by[at] = frames.sample.length - by.slice(0, at).reduce((a, b) => a + b, 0)
  })
  expect(frames.sample.length).toBeLessThanOrEqual(frames.size)
  expect(new Set(frames.sample).size).toBe(frames.sample.length)
  return by
}

describe("the sample of the frames", () => {
  it("is everybody in a small swarm", () => {
    expect(sampled([1, 40, 19])).toEqual([1, 40, 19])
  })

  it("gives each class its share of a large one, and the smallest a place", () => {
    expect(sampled([1, 700, 299])).toEqual([1, 41, 18])
    expect(sampled([2, 100_000])).toEqual([1, 59])
  })

  it("is spread over a class, not its first members", () => {
    const frames = Frames.make(Defaults.scenario({ classes: [{ ...Defaults.leecher, count: 600 }] }))
    for (let i = 0; i < 600; i++) Frames.consider(frames, i, 0)
    expect(frames.sample).toEqual(Array.from({ length: 60 }, (_, i) => i * 10))
  })

  it("is filled, whatever the classes", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 }), (counts) => {
        const by = sampled(counts)
        const total = counts.reduce((a, b) => a + b, 0)
        expect(by.reduce((a, b) => a + b, 0)).toBe(Math.min(total, Frames.MAX_SAMPLE))
        by.forEach((count, at) => expect(count).toBeGreaterThanOrEqual(Math.min(1, counts[at]!)))
      }),
    )
  })

  it("doesn't take somebody twice who comes again", () => {
    const frames = Frames.make(Defaults.scenario({ classes: [{ ...Defaults.leecher, count: 2 }] }))
    for (const peer of [0, 0, 1]) Frames.consider(frames, peer, 0)
    expect(frames.sample).toEqual([0, 1])
  })
})
