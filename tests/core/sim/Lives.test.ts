/** Whom a run waits for, and what its users let their clients do. */
import { describe, expect, it } from "vitest"
import type { PeerClass } from "../../../core/sim/Scenario.ts"
import * as All from "../../../core/sim/check/All.ts"
import * as Defaults from "../../../core/sim/scenario/Defaults.ts"
import * as Statistics from "../../../core/sim/scenario/Statistics.ts"
import * as World from "../../../core/sim/World.ts"

const { freeRider, leecher, seeder } = Defaults
const KIB = 1024
const SIZE = 1024 * KIB

const play = (classes: ReadonlyArray<PeerClass>) => {
  const scenario = Defaults.scenario({ seed: 3, sizeBytes: SIZE, pieceBytes: 32 * KIB, classes })
  const panel = All.all(scenario)
  const statistics = Statistics.make(scenario)
  const world = World.make(scenario, [panel.observer, statistics.observer])
  World.run(world)
  expect(panel.violations()).toEqual([])
  return { ...statistics.summary(), now: World.view(world).now }
}

describe("a run", () => {
  it("waits for those who only take", () => {
    const riders = { ...freeRider(leecher), count: 3 }
    const { completed, peers } = play([seeder, { ...leecher, count: 3 }, riders])
    expect({ completed, peers }).toEqual({ completed: 6, peers: 6 })
  })

  it("of free riders alone goes on until the seeder has served them all", () => {
    const slow = { ...seeder, uploadRateBytesPerSec: 128 * KIB }
    const { completed, fairness, now, seederCopies } = play([slow, { ...freeRider(leecher), count: 4 }])
    expect(completed).toBe(4)
    expect(seederCopies).toBeGreaterThanOrEqual(4)
    expect(now).toBeGreaterThan(4 * SIZE / (128 * KIB) * 1_000)
    // There is nobody between whom it could be.
    expect(fairness).toBeNaN()
  })
})

describe("a client's limits", () => {
  /** Milliseconds that a leecher takes on lines that would do it in one second. */
  const durationOf = (seederChanges: Partial<PeerClass>, leecherChanges: Partial<PeerClass>): number =>
    play([
      { ...seeder, uploadRateBytesPerSec: SIZE, ...seederChanges },
      { ...leecher, count: 1, ...leecherChanges },
    ]).completion.max

  it("hold, for uploads and for downloads, though the lines could do more", () => {
    expect(durationOf({}, {})).toBeLessThan(3_000)
    for (
      const ms of [
        durationOf({ uploadLimitBytesPerSec: 64 * KIB }, {}),
        durationOf({}, { downloadLimitBytesPerSec: 64 * KIB }),
      ]
    ) {
      expect(ms).toBeGreaterThan(15_500)
      expect(ms).toBeLessThan(20_000)
    }
  })
})
