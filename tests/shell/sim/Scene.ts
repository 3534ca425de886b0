/** Simulated swarms for tests: what they have in common, and ways to look at them. */
import { expect } from "@effect/vitest"
import { setImmediate } from "node:timers"
import * as Effect from "effect/Effect"
import { type Millis, MINUTE } from "../../../core/base/Time.ts"
import type * as Session from "../../../shell/Session.ts"
import type * as Network from "../../../shell/sim/Network.ts"
import * as Swarm from "../../../shell/sim/Swarm.ts"
import * as World from "../../../shell/sim/World.ts"

/** 25 pieces of 16 KiB, the last one shorter. */
export const SMALL = { seed: 1, leechers: 3, sizeBytes: 400_000, pieceBytes: 16_384 }

/** The same for everybody: so many bytes a second up, ten times as many down. */
export const line = (uploadRateBytesPerSec: number): Network.Line => ({
  uploadRateBytesPerSec,
  downloadRateBytesPerSec: uploadRateBytesPerSec * 10,
  latencyMs: 15,
})

/** Lets everybody in and runs until all are complete, which must come. */
export const complete = (swarm: Swarm.Swarm, withinMs: Millis = 30 * MINUTE): void => {
  Swarm.begin(swarm)
  finish(swarm, withinMs)
}

/** Runs until all are complete, and looks at every byte. */
export const finish = (swarm: Swarm.Swarm, withinMs: Millis = 30 * MINUTE): void => {
  expect(Swarm.runUntil(swarm, () => Swarm.isComplete(swarm), withinMs), `seed ${swarm.world.seed}`).toBe(
    "Done",
  )
  expectWhole(swarm)
}

export const expectWhole = (swarm: Swarm.Swarm): void => {
  const broken = swarm.members.filter((member) => !Swarm.isWhole(swarm, member)).map(({ index }) => index)
  expect(broken, `seed ${swarm.world.seed}: members whose files are not the seeder's`).toEqual([])
}

/** What a running member says of its torrent. */
export const snapshot = ({ handle }: Swarm.Member): Session.TorrentSnapshot =>
  Effect.runSync(handle!.snapshot)

export const end = (swarm: Swarm.Swarm): { readonly digest: string; readonly atMs: Millis } => {
  const result = { digest: World.digest(swarm.world), atMs: World.now(swarm.world) }
  Swarm.end(swarm)
  return result
}

/** Between tests that are one synchronous call each: vitest's worker has to answer its parent now and then. */
export const letVitestSpeak = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
