import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import type { PeerClass, Scenario } from "../../../../core/sim/Scenario.ts"
import * as Adjust from "../../../../core/sim/scenario/Adjust.ts"
import * as Defaults from "../../../../core/sim/scenario/Defaults.ts"
import * as Random from "../../../../core/sim/scenario/Random.ts"
import * as Statistics from "../../../../core/sim/scenario/Statistics.ts"

const adjusted = (scenario: Scenario, changes: Adjust.Changes): Scenario => {
  const result = Adjust.adjust(scenario, changes)
  if (!result.ok) throw new Error(result.error)
  return result.value
}

const counts = (scenario: Scenario) =>
  Object.fromEntries(scenario.classes.map(({ count, name }) => [name, count]))

const mixed = Defaults.scenario({
  classes: [
    Defaults.seeder,
    { ...Defaults.leecher, name: "home", count: 30 },
    { ...Defaults.leecher, name: "campus", count: 10 },
    { ...Defaults.freeRider(Defaults.leecher), count: 10 },
  ],
})

describe("changes", () => {
  it("that say nothing leave everything as it is", () => {
    expect(adjusted(mixed, {})).toEqual(mixed)
  })

  it("of the number of peers keep the shares of the classes, free riders among them", () => {
    expect(counts(adjusted(mixed, { peers: 100 }))).toEqual({
      seeder: 1,
      home: 60,
      campus: 20,
      "free rider": 20,
    })
  })

  it("of the free riders take them from the peers", () => {
    expect(counts(adjusted(Defaults.scenario(), { peers: 10, freeRiders: 3 }))).toEqual({
      seeder: 1,
      leecher: 7,
      "free rider": 3,
    })
    expect(counts(adjusted(mixed, { freeRiders: 0 }))).toMatchObject({
      home: 38,
      campus: 12,
      "free rider": 0,
    })
  })

  it("of more free riders than peers can't be", () => {
    expect(Adjust.adjust(mixed, { peers: 3, freeRiders: 4 })).toEqual({
      ok: false,
      error: "4 free riders are more than 3 peers in all",
    })
  })

  it("add seeders and polluters beside the peers", () => {
    expect(counts(adjusted(Defaults.scenario(), { seeders: 3, polluters: 2 }))).toEqual({
      seeder: 3,
      leecher: 50,
      polluter: 2,
    })
  })

  it("of the size choose the piece size anew, unless it is given", () => {
    const from = Defaults.scenario({ pieceBytes: 16_384 })
    const sizeBytes = 1024 ** 3
    expect(adjusted(from, { sizeBytes })).toMatchObject({ sizeBytes, pieceBytes: 512 * 1024 })
    expect(adjusted(from, { sizeBytes, pieceBytes: 1024 ** 2 })).toMatchObject({ pieceBytes: 1024 ** 2 })
    expect(adjusted(from, { seed: 9 })).toMatchObject({ seed: 9, pieceBytes: 16_384 })
  })

  it("of choker and picker are for honest leechers, super-seeding for seeders", () => {
    const changed = adjusted(mixed, { choker: "round-robin", strategy: "sequential", superSeed: true })
    const of = (name: string): PeerClass => changed.classes.find((one) => one.name === name)!
    expect(of("home")).toMatchObject({ choker: { leeching: "round-robin" }, strategy: "sequential" })
    expect(of("home").superSeed).toBe(false)
    expect(of("free rider")).toEqual(mixed.classes[3])
    expect(of("seeder")).toEqual({ ...Defaults.seeder, superSeed: true })
  })

  it("of the seeding choker are for all honest nodes, for all of them have everything in the end", () => {
    const changed = adjusted(mixed, { seedingChoker: "anti-leech" })
    for (const { behaviour, choker } of changed.classes) {
      expect(choker.seeding === "anti-leech").toBe(behaviour === "honest")
      expect(choker.leeching).toBe("tit-for-tat")
    }
  })

  it.prop(
    "give exactly as many as were asked for",
    [fc.integer({ min: 0, max: 999 }), fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 500 })],
    ([seed, freeRiders, honest]) => {
      const changed = adjusted(Random.random(seed), { peers: freeRiders + honest, freeRiders })
      const free = changed.classes.filter(({ behaviour }) => behaviour === "free-rider")
      expect(Statistics.downloaders(changed)).toBe(freeRiders + honest)
      expect(free.reduce((sum, { count }) => sum + count, 0)).toBe(freeRiders)
      expect(changed.classes.every(({ count }) => count >= 0)).toBe(true)
    },
  )
})
