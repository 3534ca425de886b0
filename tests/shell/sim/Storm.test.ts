import { afterEach, describe, expect, it } from "@effect/vitest"
import { MINUTE, SECOND } from "../../../core/base/Time.ts"
import * as Swarm from "../../../shell/sim/Swarm.ts"
import * as Trouble from "../../../shell/sim/Trouble.ts"
import { end, expectWhole, letVitestSpeak, line, SMALL } from "./Scene.ts"

afterEach(letVitestSpeak)

/** So long everything goes wrong; then the world heals, and all must complete. */
const TROUBLE_MS = 40 * SECOND
const LIVENESS_MS = 20 * MINUTE

/** A swarm in a storm: slow lines, so that none completes before it has seen some of it. */
const storm = (seed: number) => {
  const notes: Array<string> = []
  const swarm = Swarm.make({
    ...SMALL,
    seed,
    trackerScheme: seed % 2 === 0 ? "udp" : "http",
    restartMs: 3 * SECOND,
    weather: { lossPart: 0.1, duplicatePart: 0.1, jitterMs: 50 },
    lineOf: (index) => line(index === 0 ? 12_000 : 20_000),
    diskOf: () => ({ latencyMs: 10, rateBytesPerSec: 20_000_000 }),
    onNote: (_, line) => notes.push(line),
  })
  Swarm.begin(swarm)
  const isOver = Trouble.begin(swarm, Trouble.ALL, TROUBLE_MS)
  const outcome = Swarm.runUntil(
    swarm,
    () => isOver() && Swarm.isComplete(swarm),
    TROUBLE_MS + LIVENESS_MS,
  )
  return { swarm, outcome, notes }
}

describe("a swarm of real sessions in a storm", { timeout: 60_000 }, () => {
  const seen = new Map<string, number>()

  it.each(Array.from({ length: 30 }, (_, index) => index + 1))(
    "completes once it is over, seed %i",
    (seed) => {
      const { notes, outcome, swarm } = storm(seed)
      expect(outcome).toBe("Done")
      expectWhole(swarm)
      for (const note of notes) {
        const kind = /is killed|has no power|is cut off|connection reset|the disk of|fails:|Timeout|Refused/
          .exec(note)
        if (kind !== null) seen.set(kind[0], (seen.get(kind[0]) ?? 0) + 1)
      }
      end(swarm)
    },
  )

  it("has seen every kind of trouble on the way", () => {
    for (
      const kind of [
        "is killed",
        "has no power",
        "is cut off",
        "connection reset",
        "the disk of",
        "fails:",
        "Refused",
      ]
    ) expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(0)
  })

  it("is the same storm for the same seed", () => {
    const first = end(storm(3).swarm)
    expect(end(storm(3).swarm)).toEqual(first)
    expect(end(storm(4).swarm).digest).not.toBe(first.digest)
  })
})
