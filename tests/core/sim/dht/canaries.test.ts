/** Every checker sees its own planted bug, and none where there is no bug. */
import { setImmediate } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import * as Node from "../../../../core/dht/Node.ts"
import * as Checker from "../../../../core/sim/dht/check/Checker.ts"
import type { Machine } from "../../../../core/sim/dht/State.ts"
import * as World from "../../../../core/sim/dht/World.ts"
import { canaries, scenario } from "./Canaries.ts"

const STEPS = 20_000

/** Runs until a checker of this name reports something, or to the end. */
const run = async (machine: Machine, name?: string): Promise<ReadonlyArray<Checker.Checker>> => {
  const checkers = Checker.all(scenario, machine)
  const watched = checkers.find((checker) => checker.name === name)
  const world = World.make(scenario, checkers.map(({ observer }) => observer), machine)
  const isSilent = (): boolean => watched === undefined || watched.violations.length === 0
  // The test runner wants to be heard now and then.
  for (let steps = 1; isSilent() && World.step(world); steps++) if (steps % STEPS === 0) await setImmediate()
  return checkers
}

describe("the checkers of a simulated DHT", () => {
  it.each(canaries)("see that $bug: $checker", async ({ checker, machine }) => {
    const violations = (await run(machine, checker)).find(({ name }) => name === checker)!.violations
    expect(violations.map(Checker.format)).not.toEqual([])
  })

  it("have something to look at, and nothing to say about the nodes that ship", async () => {
    const checkers = await run(Node)
    expect(checkers.flatMap(({ violations }) => violations.map(Checker.format))).toEqual([])
    expect(checkers.filter(({ looks }) => looks() === 0).map(({ name }) => name)).toEqual([])
  })

  it("each have a canary", () => {
    const names = Checker.all(scenario, Node).map(({ name }) => name)
    expect(new Set(canaries.map(({ checker }) => checker))).toEqual(new Set(names))
  })
})
