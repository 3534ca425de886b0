import { describe, expect, it } from "@effect/vitest"
import type { Faults, PeerClass, Scenario } from "../../../../core/sim/Scenario.ts"
import * as Check from "../../../../core/sim/scenario/Check.ts"
import * as Defaults from "../../../../core/sim/scenario/Defaults.ts"

const problems = (changes: Partial<Scenario>) =>
  Check.check(Defaults.scenario(changes)).map(({ message, path }) => `${path.join(".")}: ${message}`)

const withLeecher = (changes: Partial<PeerClass>): Partial<Scenario> => ({
  classes: [Defaults.seeder, { ...Defaults.leecher, ...changes }],
})

const withFaults = (changes: Partial<Faults>): Partial<Scenario> => ({
  faults: { ...Defaults.calm, ...changes },
})

describe("a scenario", () => {
  it("by default can be run, with full payload in small", () => {
    expect(problems({})).toEqual([])
    expect(problems({ payload: "full" })).toEqual([])
  })

  it.each<[string, Partial<Scenario>]>([
    ["seed: expected a whole number from 0 to 4294967295, not -1", { seed: -1 }],
    ["seed: expected a whole number from 0 to 4294967295, not 0.5", { seed: 0.5 }],
    ["sizeBytes: expected bytes from 1 to 1024G, not 0", { sizeBytes: 0 }],
    ["sizeBytes: expected bytes from 1 to 64M, not 67108865", {
      sizeBytes: 67_108_865,
      payload: "full",
    }],
    ["pieceBytes: expected a power of two from 16K to 64M, not 20000", { pieceBytes: 20_000 }],
    ["pieceBytes: expected a power of two from 16K to 64M, not 8192", { pieceBytes: 8_192 }],
    ["pieceBytes: expected larger pieces: 655360 of them are more than 262144", {
      sizeBytes: 10 * 1024 ** 3,
      pieceBytes: 16_384,
    }],
    ["maxPeers: expected a whole number from 1 to 10000, not 0", { maxPeers: 0 }],
    ["maxVirtualMs: expected a whole number from 1000 to 31622400000, not Infinity", {
      maxVirtualMs: Infinity,
    }],
    ["classes: expected at least one honest seeder, for nobody else has the content", {
      classes: [{ ...Defaults.seeder, count: 0 }, Defaults.leecher],
    }],
    ["classes: expected at least one leecher that is honest or a free rider", {
      classes: [Defaults.seeder, Defaults.polluter],
    }],
    ["classes: expected at most 100000 nodes in all, not 100001", withLeecher({ count: 100_000 })],
    ["classes.1.name: expected a name of its own, not seeder again", withLeecher({ name: "seeder" })],
    [
      "classes.1.name: expected 1 to 40 letters, digits, spaces, '.', '_' or '-'",
      withLeecher({ name: "\x1b[2J" }),
    ],
    ["classes.1.count: expected a whole number from 0 to 100000, not 1.5", withLeecher({ count: 1.5 })],
    [
      "classes.1.uploadRateBytesPerSec: expected bytes from 0 to 64G, not NaN",
      withLeecher({ uploadRateBytesPerSec: NaN }),
    ],
    [
      "classes.1.downloadLimitBytesPerSec: expected bytes from 0 to 64G, not -1",
      withLeecher({ downloadLimitBytesPerSec: -1 }),
    ],
    [
      "classes.1.latencyMs.mean: expected a mean latency that is not below the least one",
      withLeecher({ latencyMs: { min: 20, mean: 10 } }),
    ],
    [
      "classes.1.choker.slots: expected a whole number from 1 to 1000, not 0",
      withLeecher({ choker: { ...Defaults.leecher.choker, slots: 0 } }),
    ],
    ["classes.1.superSeed: expected an honest seeder", withLeecher({ superSeed: true })],
    [
      "classes.1.arrival.perMinute: expected a number from 0.001 to 1000000, not 0",
      withLeecher({ arrival: { _tag: "Poisson", perMinute: 0 } }),
    ],
    [
      "classes.1.departure.ratio: expected a number from 0.001 to 1000000, not 0",
      withLeecher({ departure: { _tag: "Ratio", ratio: 0 } }),
    ],
    [
      "classes.1.departure.meanSessionMs: expected a number from 1000 to 86400000, not 0",
      withLeecher({ departure: { _tag: "Churn", meanSessionMs: 0 } }),
    ],
    ["faults.resetsPerMinute: expected a number from 0 to 60, not -1", withFaults({ resetsPerMinute: -1 })],
    ["faults.stallMs: expected a number from 1 to 86400000, not 0", withFaults({ stallMs: 0 })],
    ["faults.trackerDownPart: expected a number from 0 to 1, not 1.1", withFaults({ trackerDownPart: 1.1 })],
    ["faults.clockDriftPart: expected a number from 0 to 0.1, not 0.2", withFaults({ clockDriftPart: 0.2 })],
    ["faults.untilMs: expected an end of the faults before the end of the run", {
      ...withFaults({ untilMs: 2_000 }),
      maxVirtualMs: 1_000,
    }],
  ])("is refused: %s", (problem, changes) => {
    expect(problems(changes)).toEqual([problem])
  })

  it("is told of everything that is wrong at once", () => {
    expect(problems({ seed: -1, maxPeers: 0, ...withLeecher({ count: -2 }) })).toHaveLength(4)
  })
})
