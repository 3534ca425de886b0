/** A DHT of some hundred nodes, with everything in it that makes one hard to be in, under the eyes of all checkers. */
import { execFileSync } from "node:child_process"
import { setImmediate } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { beforeAll, describe, expect, it } from "vitest"
import { MINUTE } from "../../core/base/Time.ts"
import * as Node from "../../core/dht/Node.ts"
import * as Checker from "../../core/sim/dht/check/Checker.ts"
import * as Scenario from "../../core/sim/dht/Scenario.ts"
import * as Statistics from "../../core/sim/dht/Statistics.ts"
import * as World from "../../core/sim/dht/World.ts"

const HOSTILE = {
  forgetful: 0.03,
  sybil: 0,
  rubbish: 0.02,
  silent: 0.02,
  thief: 0.02,
  spoofer: 0.02,
  flooder: 0.01,
}

interface Run {
  readonly world: World.World
  readonly statistics: Statistics.Statistics
  readonly checkers: ReadonlyArray<Checker.Checker>
}

const run = async (scenario: Scenario.Scenario): Promise<Run> => {
  const checkers = Checker.all(scenario, Node)
  const statistics = Statistics.make(({ node }) => node === undefined ? 0 : node.machine.counters.queriesOut)
  const world = World.make(scenario, [statistics.observer, ...checkers.map(({ observer }) => observer)])
  for (let at = MINUTE; at <= World.endAt(world); at += MINUTE) {
    World.run(world, at)
    // The test runner wants to be heard now and then.
    await setImmediate()
  }
  return { world, statistics, checkers }
}

const violations = ({ checkers }: Run): ReadonlyArray<string> =>
  checkers.flatMap((checker) => checker.violations.map(Checker.format))

const HUNDREDS = Scenario.make({
  seed: 5,
  nodes: 300,
  joinMs: 4 * MINUTE,
  settleMs: 4 * MINUTE,
  announceMs: 4 * MINUTE,
  lookupMs: 8 * MINUTE,
  churnPerHour: 0.4,
  hostile: HOSTILE,
})

describe("a DHT of 300 nodes with 10 % loss, 40 % churn an hour, NATs and one node in eight hostile", () => {
  let hundreds: Run
  beforeAll(async () => {
    hundreds = await run(HUNDREDS)
  }, 60_000)

  it("keeps the rules", () => {
    expect(violations(hundreds)).toEqual([])
    expect(hundreds.checkers.filter(({ looks }) => looks() === 0).map(({ name }) => name)).toEqual([])
  })

  it("finds what was announced, in 99 of 100 lookups", () => {
    const { statistics, world } = hundreds
    expect(statistics.lookups).toBeGreaterThan(400)
    expect(Statistics.foundShare(statistics)).toBeGreaterThanOrEqual(0.99)
    expect(world.users.announcedInVain).toBe(0)
  })

  it("does so in a few hops, soon", () => {
    const { statistics } = hundreds
    expect(Statistics.meanHops(statistics)).toBeLessThan(4)
    expect(Statistics.percentile(statistics.foundMs, 0.5)).toBeLessThan(1_000)
    expect(Statistics.percentile(statistics.queries, 0.99)).toBeLessThan(50)
  })

  it("costs little to be in", () => {
    const { statistics: { idleMinutes, idleQueries } } = hundreds
    expect(idleMinutes).toBeGreaterThan(100)
    expect(idleQueries / idleMinutes).toBeLessThan(15)
  })

  it("had people come, go and come back", () => {
    const { came, left, lost, returned, unheard } = hundreds.world.counters
    for (const count of [came - HUNDREDS.nodes, left, returned, lost, unheard]) {
      expect(count).toBeGreaterThan(10)
    }
  })
})

describe("a DHT in which one node in twelve says to be next to whatever is looked for", () => {
  it(
    "finds what was announced all the same, and is not made to ask without end",
    { timeout: 60_000 },
    async () => {
      const sybils = await run(Scenario.make({
        seed: 2,
        nodes: 300,
        joinMs: 3 * MINUTE,
        settleMs: 3 * MINUTE,
        announceMs: 2 * MINUTE,
        lookupMs: 8 * MINUTE,
        hostile: { ...Scenario.PEACE, sybil: 0.08 },
      }))
      expect(Statistics.foundShare(sybils.statistics)).toBeGreaterThanOrEqual(0.98)
      // There are few that were idle for long, but they would have asked fifty questions a minute.
      const { idleMinutes, idleQueries } = sybils.statistics
      expect(idleQueries / idleMinutes).toBeLessThan(25)
    },
  )
})

describe("a simulated DHT", () => {
  const small = (seed: number): Scenario.Scenario =>
    Scenario.make({
      seed,
      nodes: 40,
      joinMs: MINUTE,
      settleMs: MINUTE,
      announceMs: MINUTE,
      lookupMs: 4 * MINUTE,
      churnPerHour: 4,
      hostile: { ...HOSTILE, sybil: 0.05 },
    })

  const digest = async (seed: number): Promise<string> => World.digest((await run(small(seed))).world)

  it("is a function of its seed", async () => {
    const [first, again, other] = [await digest(1), await digest(1), await digest(2)]
    expect(first).toBe(again)
    expect(first).not.toBe(other)
  })

  it("is the same whoever looks", async () => {
    const alone = World.make(small(3))
    World.run(alone)
    expect(World.digest(alone)).toBe(await digest(3))
  })

  it("is the same on Node and on Deno", { timeout: 60_000 }, async () => {
    const url = (file: string) =>
      JSON.stringify(new URL(`../../core/sim/dht/${file}.ts`, import.meta.url).href)
    const program = `
      const World = await import(${url("World")})
      const world = World.make(${JSON.stringify(small(4))})
      World.run(world)
      console.log(World.digest(world))`
    const deno = fileURLToPath(new URL("../../node_modules/.bin/deno", import.meta.url))
    const output = execFileSync(deno, ["eval", "--ext=ts", program], { encoding: "utf8" })
    expect(output.trim()).toBe(await digest(4))
  })

  it("grows hops with the logarithm of the nodes", { timeout: 60_000 }, async () => {
    const hops: Array<number> = []
    for (const nodes of [30, 120, 480]) {
      const scenario = Scenario.make({
        seed: 9,
        nodes,
        joinMs: 3 * MINUTE,
        settleMs: 2 * MINUTE,
        announceMs: MINUTE,
        lookupMs: 3 * MINUTE,
        hostile: Scenario.PEACE,
      })
      hops.push(Statistics.meanHops((await run(scenario)).statistics))
    }
    // Four times the nodes are two bits more: a hop for each would be the longest way.
    expect(hops[1]! - hops[0]!).toBeLessThan(2)
    expect(hops[2]! - hops[1]!).toBeLessThan(2)
    expect(hops[2]!).toBeGreaterThan(hops[0]!)
  })
})
