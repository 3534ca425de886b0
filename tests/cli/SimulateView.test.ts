import { describe, expect, it } from "@effect/vitest"
import * as Compare from "../../cli/Compare.ts"
import * as Simulate from "../../cli/Simulate.ts"
import type { Outcome } from "../../cli/SimulatePlay.ts"
import * as Replay from "../../cli/SimulateReplay.ts"
import * as View from "../../cli/SimulateView.ts"
import * as Defaults from "../../core/sim/scenario/Defaults.ts"
import type { Summary } from "../../core/sim/scenario/Statistics.ts"
import { NO_OPTIONS as options } from "./SimulateOptions.ts"

const spread = (ms: number) => ({ min: ms, median: 2 * ms, mean: 2.5 * ms, p95: 3 * ms, max: 4 * ms })
const NOTHING = spread(NaN)

const summary: Summary = {
  peers: 5,
  completed: 5,
  completion: spread(20_000),
  lastCompletionAtMs: 80_000,
  seederCopies: 2.25,
  firstCopyCost: 1.04,
  fairness: 0.9124,
  classes: [
    {
      name: "seeder",
      role: "seeder",
      behaviour: "honest",
      count: 1,
      arrived: 1,
      completed: 0,
      completion: NOTHING,
      uploadedBytes: 2.25 * 1024 ** 2,
      downloadedBytes: 0,
      ratio: NaN,
      fairness: 1,
    },
    {
      name: "leecher",
      role: "leecher",
      behaviour: "honest",
      count: 5,
      arrived: 5,
      completed: 5,
      completion: spread(20_000),
      uploadedBytes: 2.75 * 1024 ** 2,
      downloadedBytes: 5 * 1024 ** 2,
      ratio: 0.55,
      fairness: 0.9,
    },
  ],
}

const outcome: Outcome = {
  scenario: Defaults.scenario({ seed: 42, sizeBytes: 1024 ** 2, pieceBytes: 16_384 }),
  digest: "0123456789abcdef",
  summary,
  violations: [],
  watched: { count: 6, of: 6 },
  tail: ["1.000 s node 3 (leecher): Tick"],
  virtualMs: 80_000,
  realMs: 500,
  deliveries: 12_345,
  events: 99_999,
  peakMemoryBytes: 64 * 1024 ** 2,
  replay: "shoal simulate --seed 42",
}

const nobody: Outcome = {
  ...outcome,
  summary: { ...summary, completed: 0, completion: NOTHING, firstCopyCost: NaN, fairness: NaN },
}

describe("a simulation", () => {
  it("begins with its seed and who takes part", () => {
    expect(View.started(outcome.scenario)).toBe(
      "seed 42: 1 × seeder, 50 × leecher; 1.0 MiB in 64 pieces of 16.0 KiB",
    )
  })

  const moment = { virtualMs: 12_345, completed: 3, peers: 5, deliveries: 50_000, realMs: 250 }

  it("piped tells virtual time, how many are done, and its speed", () => {
    expect(View.progress(moment).lines()).toEqual([
      "12.3 s of virtual time, 3 of 5 complete, 200,000 deliveries/s",
    ])
  })

  it.each([20, 40, 79, 120])("live keeps within %i columns", (columns) => {
    const [line, ...rest] = View.progress(moment).block(columns, false)
    expect(rest).toEqual([])
    expect(line!.length).toBeLessThanOrEqual(columns)
  })

  it("ends with what came out", () => {
    expect(View.summary(outcome)).toEqual([
      "5 of 5 complete after 1m20s of virtual time",
      "completion  min 20.0 s, median 40.0 s, p95 1m00s, max 1m20s",
      "seeders     gave 2.25 copies, 1.04 until every piece was elsewhere",
      "fairness    0.912 among honest leechers, 1 if each gave as much as it took",
      "  class    nodes  complete  median    p95       up     down  ratio",
      "  seeder       1         0       -      -  2.3 MiB      0 B      -",
      "  leecher      5         5  40.0 s  1m00s  2.8 MiB  5.0 MiB   0.55",
      "run         1m20s of virtual time in 500 ms, 160.0 times as fast as life; 64.0 MiB at most",
      "            12,345 deliveries, 24,690/s; 99,999 events, 199,998/s",
      "checked     every message of all 6 clients",
      "digest      0123456789abcdef",
    ])
  })

  it("says how many were watched where it was not all", () => {
    const large = { ...outcome, watched: { count: 100, of: 1_001 } }
    expect(View.summary(large)).toContain(
      "checked     every message of 100 of 1,001 clients, the bytes and pieces of all",
    )
    expect(View.completeFields(large)).toMatchObject({ clients: 1_001, clientsWatched: 100 })
  })

  it("in which nobody is done has no times", () => {
    const lines = View.summary(nobody)
    expect(lines[0]).toBe("0 of 5 complete after 1m20s of virtual time")
    expect(lines[1]).toBe("seeders     gave 2.25 copies")
    expect(lines.join()).not.toContain("NaN")
  })

  it("ends in JSON with the documented fields, and without what does not exist", () => {
    expect(View.completeFields(outcome)).toMatchObject({
      seed: 42,
      digest: "0123456789abcdef",
      peers: 5,
      completed: 5,
      virtualSeconds: 80,
      realSeconds: 0.5,
      deliveries: 12_345,
      deliveriesPerSecond: 24_690,
      peakMemoryBytes: 64 * 1024 ** 2,
      violations: 0,
      events: 99_999,
      eventsPerSecond: 199_998,
    })
    const text = JSON.stringify(View.completeFields(nobody))
    expect(text).not.toContain("null")
    expect(JSON.parse(text)).not.toHaveProperty("completionSeconds")
  })

  it("whose rules were broken tells the first ten, and what led there", () => {
    const violation = { checker: "integrity", node: 3, now: 1_500, message: "piece 4 is wrong" }
    const world = { ...violation, node: undefined }
    const violations = [world, ...Array.from({ length: 11 }, () => violation)]
    const lines = View.violations({ ...outcome, violations })
    expect(lines[0]).toBe("integrity at 1.5 s: piece 4 is wrong")
    expect(lines[1]).toBe("integrity at 1.5 s, node 3: piece 4 is wrong")
    expect(lines.slice(10)).toEqual([
      "and 2 more",
      "what led to the first:",
      "  1.000 s node 3 (leecher): Tick",
    ])
  })
})

describe("the command that does it again", () => {
  it("has the seed, though it was drawn", () => {
    expect(Replay.command(options, 7, undefined)).toBe("shoal simulate --seed 7")
  })

  it("has every option that was given, the file in quotes where it needs them", () => {
    const given = {
      ...options,
      peers: 9,
      faults: true,
      maxTime: 90_500,
      size: 1_000,
      freeRiders: 0,
      report: "r",
    }
    expect(Replay.command(given, 7, "it's mine.toml")).toBe(
      `shoal simulate 'it'\\''s mine.toml' --seed 7 --peers 9 --free-riders 0 --size 1000 --faults --max-time 90.5s`,
    )
    expect(Replay.command(options, 7, "-x.toml")).toBe("shoal simulate ./-x.toml --seed 7")
  })

  it("of a comparison is the one run", () => {
    const given = { ...options, compare: { what: "picker", names: ["rarest", "sequential"] } } as const
    expect(Replay.command({ ...given, picker: "rarest" }, 7, undefined)).toBe(
      "shoal simulate --seed 7 --picker rarest",
    )
  })
})

describe("a comparison", () => {
  it("is of two chokers or of two pickers", () => {
    expect(Simulate.comparison("tit-for-tat, Round-Robin")).toEqual({
      ok: true,
      value: { what: "choker", names: ["tit-for-tat", "round-robin"] },
    })
    expect(Simulate.comparison("sequential,rarest")).toEqual({
      ok: true,
      value: { what: "picker", names: ["sequential", "rarest"] },
    })
    const wrong = ["rarest", "rarest,rarest", "rarest,tit-for-tat", "rarest,sequential,rarest", "a,b", ""]
    for (
      const text of [...wrong, "seeding:rarest,random", "picker:round-robin,anti-leech", "seeds:a,b", ":"]
    ) {
      expect(Simulate.comparison(text).ok).toBe(false)
    }
  })

  it("says whose choker it is, where it is not the leechers'", () => {
    expect(Simulate.comparison("seeding:anti-leech,round-robin")).toEqual({
      ok: true,
      value: { what: "seedingChoker", names: ["anti-leech", "round-robin"] },
    })
    expect(Simulate.comparison("leeching:anti-leech,round-robin")).toEqual(
      Simulate.comparison("anti-leech,round-robin"),
    )
    expect(Simulate.comparison("picker:random,rarest")).toEqual(Simulate.comparison("random,rarest"))
    const given = { ...options, seedingChoker: "anti-leech" } as const
    expect(Replay.command(given, 7, undefined)).toBe("shoal simulate --seed 7 --seeding-choker anti-leech")
  })

  const run = (meanMs: number, seederCopies: number, fairness: number): Summary => ({
    ...summary,
    completion: { ...summary.completion, mean: meanMs },
    seederCopies,
    fairness,
  })
  const compared = Compare.differences([
    [run(10_000, 2, NaN), run(12_000, 2.1, 0.5)],
    [run(20_000, 2, 0.9), run(22_100, 1.9, 0.8)],
    [run(30_000, 2, 0.9), run(31_900, 2, 0.8)],
  ])

  it("sees a difference that is small beside what the seeds do, because it is paired", () => {
    const [completion, copies, fairness] = compared
    expect(completion).toMatchObject({ a: 20, b: 22, isSignificant: true })
    expect(completion!.difference.mean).toBeCloseTo(2, 10)
    expect(completion!.difference.margin).toBeCloseTo(4.3027 * 0.1 / Math.sqrt(3), 10)
    expect(copies).toMatchObject({ isSignificant: false })
    expect(fairness).toMatchObject({ a: 0.9, isSignificant: true })
  })

  it("is shown as a table", () => {
    expect(Compare.lines(["rarest", "sequential"], compared)).toEqual([
      "                    rarest  sequential  difference     95 %",
      "mean completion, s    20.0        22.0      +2.000  ± 0.248  significant",
      "seeder's copies      2.000       2.000       0.000  ± 0.248",
      "fairness             0.900       0.800      -0.100  ± 0.000  significant",
    ])
  })
})
