/** Each planted bug is found, by the checker that is there for it; and where none is planted, none is found. */
import { setImmediate } from "node:timers/promises"
import { afterEach, describe, expect, it } from "vitest"
import { all } from "../../../core/sim/check/All.ts"
import * as World from "../../../core/sim/World.ts"
import { canaries, type Canary, hostile, swarm } from "./Canaries.ts"

/** A bug that shows later than that would rather be noticed by its slowness. */
const MAX_EVENTS = 100_000

/** The names of the checkers that complained, until the one that is waited for did. */
const complaints = (canary: Omit<Canary, "bug">): ReadonlyArray<string> => {
  const { checkers, observer } = all(canary.scenario, canary.parts)
  const wrap = canary.wrap ?? ((one) => one)
  const options = canary.distort === undefined ? {} : { distort: canary.distort }
  const world = World.make(canary.scenario, [wrap(observer)], options)
  const waitedFor = checkers.find(({ name }) => name === canary.checker)
  const isFound = (): boolean => waitedFor !== undefined && waitedFor.violations.length > 0
  for (let events = 0; events < MAX_EVENTS && !isFound() && World.step(world); events++);
  return checkers.filter(({ violations }) => violations.length > 0).map(({ name }) => name)
}

// The test runner wants to be heard now and then.
afterEach(() => setImmediate())

describe("canaries", () => {
  for (const canary of canaries) {
    it(`${canary.checker}: ${canary.bug}`, () => {
      expect(complaints(canary)).toContain(canary.checker)
    })
  }

  it("show in a sample, too, for every node has them", { timeout: 120_000 }, async () => {
    for (const canary of canaries.filter(({ distort }) => distort !== undefined)) {
      await setImmediate()
      const sampled = { ...canary, parts: { ...canary.parts, most: 2 } }
      expect([canary.bug, complaints(sampled).includes(canary.checker)]).toEqual([canary.bug, true])
    }
    expect(complaints({ checker: "", scenario: swarm, parts: { most: 2 } })).toEqual([])
    expect(complaints({ checker: "", scenario: hostile, parts: { most: 2 } })).toEqual([])
  })

  it("are the only bugs in their swarms", { timeout: 120_000 }, async () => {
    for (const scenario of new Set([swarm, ...canaries.map((canary) => canary.scenario)])) {
      await setImmediate()
      expect(complaints({ checker: "", scenario })).toEqual([])
    }
  })

  it("leave no checker without one", () => {
    const watched = new Set(canaries.map(({ checker }) => checker))
    expect(all(swarm).checkers.map(({ name }) => name).filter((name) => !watched.has(name))).toEqual([])
  })
})
