/** Hundreds of small worlds, each with its own faults and hostile peers, under the eyes of all checkers. */
import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { regressions } from "./regressions.ts"
import * as Runs from "./Runs.ts"

const failures = async (seeds: Iterable<number>): Promise<ReadonlyArray<string>> => {
  const found: Array<string> = []
  for (const seed of seeds) {
    // The test runner wants to be heard now and then.
    await setImmediate()
    const { failure } = Runs.run(Runs.ofSeed(seed))
    if (failure !== undefined) found.push(failure)
  }
  return found
}

const SEEDS = 300
const BATCH = 20

describe("small worlds", () => {
  for (const { seed, was } of regressions) {
    it(`keep the rules with seed ${seed}, in which ${was}`, async () => {
      expect(await failures([seed])).toEqual([])
    })
  }

  // In batches, so that a slow machine shows which seeds are slow.
  for (let first = 0; first < SEEDS; first += BATCH) {
    it(`keep the rules with seeds ${first} to ${first + BATCH - 1}`, { timeout: 120_000 }, async () => {
      expect(await failures(Array.from({ length: BATCH }, (_, i) => first + i))).toEqual([])
    })
  }

  it("are the same whenever they are run", () => {
    for (const seed of [2, 3]) {
      const { digest, events } = Runs.run(Runs.ofSeed(seed))
      expect(Runs.run(Runs.ofSeed(seed))).toMatchObject({ digest, events, failure: undefined })
    }
  })
})
