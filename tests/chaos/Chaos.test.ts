/** A short run of what `npm run chaos` does for longer: some kills of the program as it is, and what they must not do. */
import { join } from "node:path"
import process from "node:process"
import { expect, test } from "vitest"
import { build } from "../cli/Binary.ts"

const { folder } = build()

/** The same lives every time; those for as long as told are for `npm run chaos`. */
const SEED = 3
const KILLS = 10

test(
  "some kills: nothing wrong is believed, nothing is torn, and every download comes to its end",
  async () => {
    // Read when it is loaded.
    process.env["SHOAL_BUNDLE"] = join(folder(), "shoal.mjs")
    const Chaos = await import("./Chaos.ts")
    const figures = await Chaos.run({
      seed: SEED,
      runtimes: ["node"],
      jobs: 2,
      goesOn: (kills) => kills < KILLS,
      hasDisks: false,
      tell: () => {},
    })
    expect(figures.failures).toEqual([])
    expect(figures.kills.length + figures.otherKills).toBeGreaterThanOrEqual(KILLS)
    expect(figures).toMatchObject({ corrupt: 0, torn: 0, wronglyBelieved: 0 })
    expect(figures.completed).toBeGreaterThan(0)
  },
  180_000,
)
