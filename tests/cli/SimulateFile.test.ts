import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as SimulateFile from "../../cli/SimulateFile.ts"
import * as Check from "../../core/sim/scenario/Check.ts"
import * as Defaults from "../../core/sim/scenario/Defaults.ts"
import * as Random from "../../core/sim/scenario/Random.ts"
import { ROOT } from "./support.ts"

const parsed = (text: string, format: "toml" | "json" = "toml") => {
  const result = SimulateFile.parse(text, format)
  if (!result.ok) throw new Error(result.error)
  return result.value
}

const refused = (text: string, format: "toml" | "json" = "toml"): string => {
  const result = SimulateFile.parse(text, format)
  return result.ok ? "taken" : result.error
}

describe("a scenario file", () => {
  it("that says nothing is the default", () => {
    expect(parsed("")).toEqual({ scenario: Defaults.scenario(), hasSeed: false })
    expect(parsed("{}", "json")).toEqual({ scenario: Defaults.scenario(), hasSeed: false })
  })

  it("takes sizes, rates and times as the command line does", () => {
    const { hasSeed, scenario } = parsed(`
      seed = 7
      size = "2M"
      max-time = "90s"
      [faults]
      disk-latency = "1.5ms"
      until = "1m"
      [[class]]
      name = "a"
      role = "seeder"
      upload-rate = "500K"
      download-rate = 0
      [[class]]
      name = "b"
      count = 3
      picker = "sequential"
      latency = { min = "5ms" }
      choker = { slots = 3 }
      arrival = "6.5 per minute"
      departure = "at ratio 1.5"
    `)
    expect(hasSeed).toBe(true)
    expect(scenario).toEqual({
      ...Defaults.scenario({ sizeBytes: 2 * 1024 ** 2 }),
      seed: 7,
      maxVirtualMs: 90_000,
      faults: { ...Defaults.calm, diskLatencyMs: 1.5, untilMs: 60_000 },
      classes: [
        {
          ...Defaults.leecher,
          name: "a",
          count: 1,
          role: "seeder",
          uploadRateBytesPerSec: 512_000,
          downloadRateBytesPerSec: 0,
        },
        {
          ...Defaults.leecher,
          name: "b",
          count: 3,
          strategy: "sequential",
          latencyMs: { min: 5, mean: 30 },
          choker: { leeching: "tit-for-tat", seeding: "round-robin", slots: 3 },
          arrival: { _tag: "Poisson", perMinute: 6.5 },
          departure: { _tag: "Ratio", ratio: 1.5 },
        },
      ],
    })
  })

  it.each([
    ["siz = 3", "siz: unknown key; did you mean size?"],
    ["max_peers = 3", "max_peers: unknown key; did you mean max-peers?"],
    [
      "colour = 3",
      "colour: unknown key; known are seed, size, piece-size, payload, max-peers, max-time, faults, class",
    ],
    [`size = "big"`, "size: expected a size such as 16K, 256M or 1G"],
    [`size = ["1M"]`, "size: expected a size such as 16K, 256M or 1G"],
    [`max-time = "90"`, "max-time: expected a duration such as 30ms, 90s, 15m or 2h"],
    ["seed = 1.5", "seed: expected a whole number"],
    [`payload = "some"`, "payload: expected one of shared, full"],
    ["faults = 3", "faults: expected a table"],
    ["class = 3", "class: expected an array of tables"],
    ["class = [3]", "class[1]: expected a table"],
    ["[[class]]\ncount = 1", "class[1].name: is missing"],
    [
      `[[class]]\nname = "a"\n[[class]]\nname = "b"\nuplod-rate = "1M"`,
      "class[2].uplod-rate: unknown key; did you mean upload-rate?",
    ],
    [
      `[[class]]\nname = "a"\nlatency = { mim = "1ms" }`,
      "class[1].latency.mim: unknown key; did you mean min?",
    ],
    [
      `[[class]]\nname = "a"\nchoker = { seeding = "fair" }`,
      "class[1].choker.seeding: expected one of tit-for-tat, round-robin, fastest-upload, anti-leech",
    ],
    [
      `[[class]]\nname = "a"\narrival = "soon"`,
      "class[1].arrival: expected an arrival such as 'at 0s', 'over 2m' or '6 per minute'",
    ],
    [
      `[[class]]\nname = "a"\ndeparture = "never"`,
      "class[1].departure: expected a departure such as 'stay', 'at completion', 'at ratio 1.5' or 'churn 5m'",
    ],
    [`[faults]\nresets-per-minute = "often"`, "faults.resets-per-minute: expected a number"],
    [`[[class]]\nname = "a"\nsuper-seed = 1`, "class[1].super-seed: expected true or false"],
    ["seed = ", "line 1: "],
  ])("that says %j is refused: %s", (text, error) => {
    expect(refused(text)).toContain(error)
    if (!error.startsWith("line")) expect(refused(text)).toBe(error)
  })

  it("tells several mistakes at a time, and counts the others", () => {
    expect(refused(`a = 1\nb = 2\nsize = "x"\nseed = -1\npayload = "y"`)).toMatch(/^.+; .+; .+; and 2 more$/)
  })

  it("may be JSON, and is told when it is not", () => {
    expect(parsed(`{"size": "1M", "class": [{"name": "a"}]}`, "json").scenario.classes).toHaveLength(1)
    expect(refused("{", "json")).toMatch(/^no JSON: /)
    expect(refused("[]", "json")).toBe("expected a table")
    expect(refused("null", "json")).toBe("expected a table")
  })

  it("that was printed is read as the same scenario", () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (seed) => {
      const scenario = Random.random(seed)
      expect(parsed(SimulateFile.print(scenario))).toEqual({ scenario, hasSeed: true })
      const json = JSON.stringify(SimulateFile.encode(scenario))
      expect(parsed(json, "json")).toEqual({ scenario, hasSeed: true })
    }))
  })

  it("is printed with the units that people use", () => {
    const text = SimulateFile.print(Defaults.scenario())
    for (
      const line of [
        `size = "32M"`,
        `max-time = "24h"`,
        `stall = "10s"`,
        `upload-rate = "2M"`,
        `arrival = "at 0s"`,
        `departure = "stay"`,
      ]
    ) expect(text).toContain(line)
  })

  it("names each key of a scenario that a bound is broken for", () => {
    const broken = Defaults.scenario({
      sizeBytes: -1,
      pieceBytes: 1,
      maxPeers: 0,
      maxVirtualMs: 0,
      seed: -1,
      faults: Object.fromEntries(
        Object.keys(Defaults.calm).map((key) => [key, -1]),
      ) as unknown as typeof Defaults.calm,
      classes: [{
        ...Defaults.seeder,
        uploadRateBytesPerSec: -1,
        downloadRateBytesPerSec: -1,
        latencyMs: { min: -1, mean: -1 },
        choker: { leeching: "x" as never, seeding: "x" as never, slots: 0 },
        strategy: "x" as never,
        arrival: { _tag: "Flash", overMs: -1 },
        departure: { _tag: "Ratio", ratio: -1 },
      }],
    })
    const paths = Check.check(broken).map(({ path }) => SimulateFile.filePath(path))
    expect(paths.length).toBeGreaterThan(25)
    // Whatever is named is a key that a file can have.
    const known = JSON.stringify(SimulateFile.encode(Random.random(1)))
    for (const path of paths) for (const key of path) expect(known).toContain(String(key))
  })
})

describe("the examples", () => {
  const folder = join(ROOT, "tests/sim/scenarios")

  it.each(readdirSync(folder))("%s can be run", (name) => {
    const text = readFileSync(join(folder, name), "utf8")
    const { hasSeed, scenario } = parsed(text, name.endsWith(".json") ? "json" : "toml")
    expect(hasSeed).toBe(true)
    expect(Check.check(scenario)).toEqual([])
  })
})
