/** A run is a function of its scenario: of nothing else, and of all of it. */
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import type { Observer } from "../../../core/sim/Observer.ts"
import type { PeerClass, Scenario } from "../../../core/sim/Scenario.ts"
import * as Defaults from "../../../core/sim/scenario/Defaults.ts"
import * as World from "../../../core/sim/World.ts"

const { leecher, polluter, seeder } = Defaults

const scenarioOf = (changes: Partial<Scenario> = {}): Scenario =>
  Defaults.scenario({
    seed: 42,
    sizeBytes: 1_000_000,
    pieceBytes: 65_536,
    classes: [seeder, { ...leecher, count: 5 }],
    maxVirtualMs: 900_000,
    ...changes,
  })

const STORM = {
  resetsPerMinute: 2,
  stallsPerMinute: 2,
  stallMs: 3_000,
  partitionsPerMinute: 0.5,
  partitionMs: 5_000,
  crashesPerMinute: 0.5,
  restartMs: 5_000,
  diskErrorsPerMinute: 0.3,
  bitFlipsPerGiB: 0,
  diskLatencyMs: 5,
  trackerDownPart: 0.2,
  clockDriftPart: 0.05,
  untilMs: 120_000,
}

const MIXED: ReadonlyArray<PeerClass> = [
  { ...seeder, uploadRateBytesPerSec: 50_000 },
  { ...leecher, count: 5, arrival: { _tag: "Poisson", perMinute: 30 } },
  { ...polluter, count: 1 },
  { ...leecher, name: "liar", behaviour: "liar", count: 1 },
  { ...leecher, name: "silent", behaviour: "silent", count: 1 },
  { ...leecher, name: "slow", behaviour: "slow-loris", count: 1 },
]

const run = (scenario: Scenario, observers: ReadonlyArray<Observer> = []) => {
  const world = World.make(scenario, observers)
  World.run(world)
  const { deliveries, events, now } = World.view(world)
  return { digest: World.digest(world), deliveries, events, now }
}

describe("a world", () => {
  it("is the same twice", () => {
    expect(run(scenarioOf())).toEqual(run(scenarioOf()))
  })

  it("is the same twice in a storm, with hostile peers", () => {
    const scenario = scenarioOf({ classes: MIXED, faults: STORM })
    expect(run(scenario)).toEqual(run(scenario))
  })

  it("is the same on Node and on Deno", () => {
    const scenario = scenarioOf({ classes: MIXED, faults: STORM })
    const program = `
      const World = await import(${
      JSON.stringify(new URL("../../../core/sim/World.ts", import.meta.url).href)
    })
      const world = World.make(${JSON.stringify(scenario)}, [])
      World.run(world)
      console.log(World.digest(world))`
    const deno = fileURLToPath(new URL("../../../node_modules/.bin/deno", import.meta.url))
    const output = execFileSync(deno, ["eval", "--ext=ts", program], { encoding: "utf8" })
    expect(output.trim()).toBe(run(scenario).digest)
  }, 60_000)

  it("is another one with another seed", () => {
    expect(run(scenarioOf({ seed: 43 })).digest).not.toBe(run(scenarioOf()).digest)
  })

  it("is the same whoever looks", () => {
    let seen = 0
    const count = (): void => {
      seen++
    }
    const watched = run(scenarioOf(), [{
      nodeUp: count,
      nodeDown: count,
      stepped: count,
      connected: count,
      disconnected: count,
      delivered: count,
      pieceOnDisk: count,
      completed: count,
      fault: count,
      ended: count,
    }])
    expect(watched).toEqual(run(scenarioOf()))
    expect(seen).toBeGreaterThan(1_000)
  })

  it("is the same however it is run: at once, by events or by time", () => {
    const whole = run(scenarioOf())
    const byEvents = World.make(scenarioOf(), [])
    while (!World.isOver(byEvents)) World.run(byEvents, { events: 17 })
    expect(World.digest(byEvents)).toBe(whole.digest)
    const byTime = World.make(scenarioOf(), [])
    for (let at = 0; !World.isOver(byTime); at += 333) World.run(byTime, { virtualMs: at })
    expect(World.digest(byTime)).toBe(whole.digest)
  })

  it("is the same whether payload is real or known by its place", () => {
    expect(run(scenarioOf({ payload: "full" }))).toEqual(run(scenarioOf({ payload: "shared" })))
  })

  it("is the same with polluters and faults, whether payload is real or known by its place", () => {
    const scenario = scenarioOf({ classes: MIXED, faults: STORM })
    expect(run({ ...scenario, payload: "full" })).toEqual(run(scenario))
  })
})
