/**
 * What theory and measurements of real swarms have shown must come out of simulated ones, too: small swarms, several
 * seeds, means.
 */
import { describe, expect, it } from "@effect/vitest"
import * as World from "../../../../core/sim/World.ts"
import type { PeerClass, Scenario } from "../../../../core/sim/Scenario.ts"
import * as Defaults from "../../../../core/sim/scenario/Defaults.ts"
import * as Estimate from "../../../../core/sim/scenario/Estimate.ts"
import * as Statistics from "../../../../core/sim/scenario/Statistics.ts"

const KIB = 1024
const MIB = 1024 * KIB

const SEEDS = [1, 2, 3]

/** Runs take seconds, in which the test runner is not to think that we are gone. */
const breathe = () => new Promise<void>((resolve) => void setImmediate(resolve))

const SLICE_EVENTS = 20_000

const played = async (scenario: Scenario): Promise<Statistics.Summary> => {
  const statistics = Statistics.make(scenario)
  const world = World.make(scenario, [statistics.observer])
  while (!World.isOver(world)) {
    World.run(world, { events: SLICE_EVENTS })
    await breathe()
  }
  return statistics.summary()
}

/** A figure of each seed's run. */
const valuesOf = async (
  changes: Partial<Scenario>,
  of: (summary: Statistics.Summary) => number,
): Promise<ReadonlyArray<number>> => {
  const values: Array<number> = []
  for (const seed of SEEDS) values.push(of(await played(Defaults.scenario({ ...changes, seed }))))
  return values
}

/** The mean of a figure over the seeds. */
const meanOf = async (
  changes: Partial<Scenario>,
  of: (summary: Statistics.Summary) => number,
): Promise<number> => Estimate.mean(await valuesOf(changes, of))

const seeder = (uploadRateBytesPerSec: number, changes: Partial<PeerClass> = {}): PeerClass => ({
  ...Defaults.seeder,
  uploadRateBytesPerSec,
  downloadRateBytesPerSec: 0,
  ...changes,
})

/** Leechers whose line is eight times as fast down as up, so that the upload is what is scarce. */
const leechers = (
  count: number,
  uploadRateBytesPerSec: number,
  changes: Partial<PeerClass> = {},
): PeerClass => ({
  ...Defaults.leecher,
  count,
  uploadRateBytesPerSec,
  downloadRateBytesPerSec: 8 * uploadRateBytesPerSec,
  ...changes,
})

const LONG = { timeout: 300_000 }

describe("free riders", () => {
  /** How many times as long they need as those who give, who leave when they have all. */
  const penalty = (leeching: PeerClass["choker"]["leeching"]): Promise<number> => {
    const contributors = leechers(28, 32 * KIB, {
      choker: { ...Defaults.leecher.choker, leeching, slots: 4 },
      departure: { _tag: "AtCompletion" },
    })
    const riders = { ...Defaults.freeRider(contributors), count: 7 }
    const classes = [seeder(96 * KIB, { superSeed: true }), contributors, riders]
    return meanOf({ sizeBytes: 8 * MIB, pieceBytes: 64 * KIB, classes }, (summary) => {
      const of = (name: string) => summary.classes.find((one) => one.name === name)!
      expect(of(riders.name).completed).toBe(riders.count)
      return of(riders.name).completion.mean / of(contributors.name).completion.mean
    })
  }

  it("finish later than contributors by a clear factor under tit-for-tat (Cohen 2003)", LONG, async () => {
    const underTitForTat = await penalty("tit-for-tat")
    expect(underTitForTat).toBeGreaterThan(1.4)
    // What does not look at what one gives does not punish those who give nothing.
    expect(await penalty("round-robin")).toBeLessThan(underTitForTat - 0.2)
  })
})

describe("rarest first", () => {
  it("beats sequential in a flash crowd (Legout et al. 2006)", LONG, async () => {
    const completion = (strategy: PeerClass["strategy"]): Promise<number> =>
      meanOf({
        sizeBytes: 2 * MIB,
        pieceBytes: 32 * KIB,
        classes: [
          seeder(64 * KIB),
          leechers(36, 64 * KIB, { strategy, arrival: { _tag: "Flash", overMs: 20_000 } }),
        ],
      }, ({ completed, completion, peers }) => {
        expect(completed).toBe(peers)
        return completion.mean
      })
    expect(await completion("sequential")).toBeGreaterThan(1.15 * await completion("rarest"))
  })

  /**
   * A publisher with a fast line leaves once it has given two copies; a quarter of an hour later somebody else
   * comes with a whole one. Until the publisher goes its line is faster than what the leechers can give each other, so
   * they lack much that is in the swarm: whoever asks it for any piece that he lacks, or for the next one, has it send many
   * pieces a third time and some never at all. Those are then gone with it (the risk that rarest first is there for: Cohen
   * 2003, section 2.4.2; Legout et al. 2006). With rarest first the swarm has a copy of its own by then.
   */
  it(
    "gets a flash crowd through when its publisher leaves early; sequential and random don't",
    LONG,
    async () => {
      const completion = (strategy: PeerClass["strategy"]): Promise<ReadonlyArray<number>> => {
        const choker = { ...Defaults.leecher.choker, slots: 4 }
        const archive = seeder(64 * KIB, { name: "archive", arrival: { _tag: "AtOnce", atMs: 900_000 } })
        return valuesOf(
          {
            sizeBytes: 4 * MIB,
            pieceBytes: 32 * KIB,
            classes: [
              seeder(256 * KIB, { choker, departure: { _tag: "Ratio", ratio: 2 } }),
              leechers(24, 64 * KIB, { choker, strategy, arrival: { _tag: "Flash", overMs: 20_000 } }),
              archive,
            ],
          },
          ({ completed, completion, peers }) => {
            expect(completed).toBe(peers)
            return completion.mean
          },
        )
      }
      const rarest = await completion("rarest")
      for (const strategy of ["random", "sequential"] as const) {
        const { margin, mean } = Estimate.pairedDifference(rarest, await completion(strategy))
        // At 95 %: minutes, and not merely more than nothing.
        expect([strategy, mean - margin > 60_000, Math.round(mean / 1_000), Math.round(margin / 1_000)])
          .toEqual([strategy, true, expect.any(Number), expect.any(Number)])
      }
    },
  )
})

describe("a first full copy elsewhere", () => {
  const cost = (superSeed: boolean): Promise<number> =>
    meanOf({
      sizeBytes: 2 * MIB,
      pieceBytes: 32 * KIB,
      classes: [seeder(64 * KIB, { superSeed }), leechers(12, 64 * KIB)],
    }, ({ firstCopyCost }) => firstCopyCost)

  it("costs the seeder one copy with super-seeding and clearly more without (BEP 16)", LONG, async () => {
    const withSuper = await cost(true)
    expect(withSuper).toBeGreaterThanOrEqual(1)
    expect(withSuper).toBeLessThan(1.1)
    expect(await cost(false)).toBeGreaterThan(withSuper + 0.5)
  })
})

describe("a homogeneous flash crowd", () => {
  it("is within 30 % of what the lines allow (the fluid limit: Kumar and Ross 2006)", LONG, async () => {
    const [peers, sizeBytes, seedUp, up] = [36, 4 * MIB, 128 * KIB, 64 * KIB]
    const classes = [seeder(seedUp), leechers(peers, up)]
    const boundMs = 1_000 *
      Math.max(sizeBytes / seedUp, sizeBytes / (8 * up), peers * sizeBytes / (seedUp + peers * up))
    const lastMs = await meanOf({ sizeBytes, pieceBytes: 32 * KIB, classes }, (summary) => {
      expect(summary.completed).toBe(peers)
      return summary.lastCompletionAtMs
    })
    expect(lastMs).toBeGreaterThan(boundMs)
    expect(lastMs).toBeLessThan(1.3 * boundMs)
  })
})
