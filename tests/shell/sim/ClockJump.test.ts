/** The wall clock is set while a swarm runs, to and fro by years: nothing that a session does may depend on it. */
import { afterEach, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Rng from "../../../core/base/Rng.ts"
import { SECOND } from "../../../core/base/Time.ts"
import * as Process from "../../../shell/sim/Process.ts"
import * as Swarm from "../../../shell/sim/Swarm.ts"
import * as World from "../../../shell/sim/World.ts"
import { end, finish, letVitestSpeak, SMALL } from "./Scene.ts"

afterEach(letVitestSpeak)

const YEAR = 365 * 24 * 3_600 * SECOND

/** From now on the wall clock of every member says something else each time it is asked. */
const letClocksJump = (swarm: Swarm.Swarm): void => {
  const rng = Rng.make(1)
  const wall = (): number => Process.EPOCH_MS + World.now(swarm.world) + (Rng.below(rng, 20) - 10) * YEAR
  for (const { machine } of swarm.members) {
    Object.assign(machine.process!.clock, {
      unsafeCurrentTimeMillis: wall,
      currentTimeMillis: Effect.sync(wall),
    })
  }
}

/** Runs a swarm; `meanwhile` is called once everybody is there, and nobody is done. */
const run = (meanwhile: (swarm: Swarm.Swarm) => void) => {
  const swarm = Swarm.make(SMALL)
  Swarm.begin(swarm)
  const isEverybodyThere = (): boolean => swarm.members.every(({ machine }) => machine.process !== undefined)
  expect(Swarm.runUntil(swarm, isEverybodyThere, 60 * SECOND)).toBe("Done")
  expect(Swarm.isComplete(swarm)).toBe(false)
  meanwhile(swarm)
  finish(swarm)
  return end(swarm)
}

describe("a swarm whose wall clocks jump", { timeout: 60_000 }, () => {
  it("does the very same as one whose clocks are right", () => {
    expect(run(letClocksJump)).toEqual(run(() => {}))
  })
})
