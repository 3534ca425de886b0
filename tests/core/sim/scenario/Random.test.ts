import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Scenarios from "../../../../core/sim/Scenario.ts"
import * as Check from "../../../../core/sim/scenario/Check.ts"
import * as Random from "../../../../core/sim/scenario/Random.ts"

const seed = fc.integer({ min: 0, max: 2 ** 32 - 1 })

const MANY = Array.from({ length: 2_000 }, (_, i) => Random.random(i))

describe("a drawn scenario", () => {
  it.prop("can be run, and is small", [seed], ([seed]) => {
    const scenario = Random.random(seed)
    expect(Check.check(scenario)).toEqual([])
    expect(scenario.seed).toBe(seed)
    const nodes = Scenarios.peerCount(scenario)
    expect(nodes).toBeGreaterThanOrEqual(2)
    expect(nodes).toBeLessThanOrEqual(20)
    expect(Scenarios.pieceCount(scenario)).toBeLessThanOrEqual(200)
    expect(scenario.sizeBytes).toBeGreaterThan(0)
  })

  it.prop("is the same for the same seed", [seed], ([seed]) => {
    expect(Random.random(seed)).toEqual(Random.random(seed))
  })

  it.prop("has a seeder that is always there for all to reach", [seed], ([seed]) => {
    const { classes } = Random.random(seed)
    expect(classes).toContainEqual(expect.objectContaining({
      role: "seeder",
      behaviour: "honest",
      count: 1,
      isBehindNat: false,
      arrival: { _tag: "AtOnce", atMs: 0 },
      departure: { _tag: "Stay" },
    }))
  })

  it.prop("has no more hostile nodes than others", [seed], ([seed]) => {
    const count = (isHostile: boolean) =>
      Random.random(seed).classes.filter(({ behaviour }) =>
        ["polluter", "liar", "silent", "slow-loris"].includes(behaviour) === isHostile
      ).reduce((sum, one) => sum + one.count, 0)
    expect(count(true)).toBeLessThanOrEqual(count(false))
  })

  it("has every fault, behaviour, arrival, departure and policy at times, and goes without at times", () => {
    const values = (of: (one: (typeof MANY)[number]) => ReadonlyArray<unknown>) => new Set(MANY.flatMap(of))
    const calm = MANY.filter(({ faults }) => faults.untilMs === 0).length
    expect(calm).toBeGreaterThan(MANY.length / 8)
    expect(calm).toBeLessThan(MANY.length / 2)
    for (const key of Object.keys(MANY[0]!.faults) as Array<keyof Scenarios.Faults>) {
      if (key === "stallMs" || key === "partitionMs" || key === "restartMs") continue
      const active = MANY.filter(({ faults }) => faults[key] > 0).length
      expect([key, active > MANY.length / 5 && active < MANY.length * 0.9]).toEqual([key, true])
    }
    const classes = (of: (one: Scenarios.PeerClass) => unknown) => values((one) => one.classes.map(of))
    expect(classes(({ behaviour }) => behaviour).size).toBe(6)
    expect(classes(({ arrival }) => arrival._tag).size).toBe(3)
    expect(classes(({ departure }) => departure._tag).size).toBe(4)
    expect(classes(({ strategy }) => strategy).size).toBe(3)
    expect(classes(({ choker }) => choker.leeching).size).toBe(3)
    expect(classes(({ choker }) => choker.seeding).size).toBe(3)
    expect(classes(({ superSeed }) => superSeed).size).toBe(2)
    expect(classes(({ isBehindNat }) => isBehindNat).size).toBe(2)
    expect(values(({ payload }) => [payload]).size).toBe(2)
    expect(values((one) => [Scenarios.pieceCount(one)])).toContain(1)
  })

  it("differs from seed to seed", () => {
    expect(new Set(MANY.map((one) => JSON.stringify({ ...one, seed: 0 }))).size).toBe(MANY.length)
  })
})
