/** When the faults are over, they are over: what was broken for hours is mended at once. */
import { describe, expect, it } from "vitest"
import type { Faults } from "../../../core/sim/Scenario.ts"
import * as Defaults from "../../../core/sim/scenario/Defaults.ts"
import * as World from "../../../core/sim/World.ts"

const HOUR = 3_600_000
const UNTIL = 60_000
const KIB = 1024

/** When all were complete, in a swarm that has one minute of these faults and would be done in less. */
const completedAt = (faults: Partial<Faults>): number => {
  const completed: Array<number> = []
  const world = World.make(
    Defaults.scenario({
      seed: 5,
      sizeBytes: 1024 * KIB,
      pieceBytes: 32 * KIB,
      classes: [
        { ...Defaults.seeder, uploadRateBytesPerSec: 64 * KIB },
        { ...Defaults.leecher, count: 5, uploadRateBytesPerSec: 64 * KIB },
      ],
      faults: { ...Defaults.calm, ...faults, untilMs: UNTIL },
    }),
    [{ completed: (_, now) => void completed.push(now) }],
  )
  World.run(world, { virtualMs: HOUR })
  expect(completed).toHaveLength(5)
  return Math.max(...completed)
}

describe("a world that heals", () => {
  it("lets no stall go on", () => {
    const at = completedAt({ stallsPerMinute: 30, stallMs: HOUR })
    expect(at).toBeGreaterThan(UNTIL)
    expect(at).toBeLessThan(UNTIL + 45_000)
  })

  it("lets no partition go on", () => {
    const at = completedAt({ partitionsPerMinute: 30, partitionMs: HOUR })
    expect(at).toBeGreaterThan(UNTIL)
    // Peers that were given up are dialled again after a while.
    expect(at).toBeLessThan(UNTIL + 120_000)
  })
})
