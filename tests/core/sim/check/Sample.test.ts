import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Sample from "../../../../core/sim/check/Sample.ts"
import * as Defaults from "../../../../core/sim/scenario/Defaults.ts"

const { freeRider, leecher, polluter, seeder } = Defaults

const swarm = (seed: number, count: number) =>
  Defaults.scenario({
    seed,
    classes: [seeder, { ...polluter, count: 20 }, { ...leecher, count }, {
      ...freeRider(leecher),
      count: 30,
    }],
  })

describe("a sample", () => {
  it("of a small swarm is everybody who has a client", () => {
    const { of, watched } = Sample.draw(swarm(1, 10))
    expect(of).toBe(41)
    expect([...watched]).toEqual([0, ...Array.from({ length: 40 }, (_, i) => 21 + i)])
  })

  it.prop("of a large swarm has so many, of each class the first, and no scripted peer", [
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    fc.integer({ min: 100, max: 3_000 }),
    fc.integer({ min: 3, max: 100 }),
  ], ([seed, count, most]) => {
    const { of, watched } = Sample.draw(swarm(seed, count), most)
    expect(of).toBe(31 + count)
    expect(watched.size).toBe(most)
    for (const first of [0, 21, 21 + count]) expect(watched.has(first)).toBe(true)
    for (const index of watched) expect(index === 0 || (index > 20 && index < 51 + count)).toBe(true)
  })

  it("is the same for the same seed, another for another, and reaches everybody at times", () => {
    const drawn = (seed: number) => [...Sample.draw(swarm(seed, 300), 50).watched]
    expect(drawn(7)).toEqual(drawn(7))
    expect(drawn(7)).not.toEqual(drawn(8))
    expect(new Set(Array.from({ length: 100 }, (_, seed) => drawn(seed)).flat()).size).toBe(331)
  })
})
