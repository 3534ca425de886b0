import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { BLOCK_BYTES } from "../../../core/metainfo/Geometry.ts"
import * as Limits from "../../../core/torrent/Limits.ts"
import * as Pipeline from "../../../core/torrent/Pipeline.ts"

/** A peer behind `latencyMs` of round trip that sends at most `rateBytesPerSec`, answering in order. */
const simulate = (rateBytesPerSec: number, latencyMs: number, untilMs: number, reqq = 2_000) => {
  const pipeline = Pipeline.make(0)
  Pipeline.latencySample(pipeline, latencyMs)
  const blockMs = (BLOCK_BYTES / rateBytesPerSec) * 1_000
  const due: Array<number> = []
  let freeAt = 0
  let now = 0
  let lateBytes = 0
  while (now < untilMs) {
    while (due.length < Pipeline.target(pipeline, reqq)) {
      freeAt = Math.max(freeAt, now + latencyMs) + blockMs
      due.push(freeAt)
    }
    now = due.shift()!
    if (now > untilMs / 2) lateBytes += BLOCK_BYTES
    Pipeline.blockReceived(pipeline, now, BLOCK_BYTES, true)
  }
  return { pipeline, lateRate: (lateBytes * 1_000) / (now - untilMs / 2) }
}

describe("the depth of the pipeline", () => {
  it("begins small and doubles each round trip", () => {
    const pipeline = Pipeline.make(0)
    expect(pipeline.depth).toBe(Limits.MIN_PIPELINE)
    for (let block = 0; block < 4; block++) Pipeline.blockReceived(pipeline, 100, BLOCK_BYTES, true)
    expect(pipeline.depth).toBe(8)
  })

  it("does not grow while fewer requests are outstanding than allowed", () => {
    const pipeline = Pipeline.make(0)
    for (let block = 0; block < 100; block++) Pipeline.blockReceived(pipeline, 100, BLOCK_BYTES, false)
    expect(pipeline.depth).toBe(Limits.MIN_PIPELINE)
  })

  it("fills the pipe: 90 % of the peer's rate after 5 s, near and far, slow and fast", () => {
    for (const rate of [50_000, 1_000_000, 20_000_000]) {
      for (const latencyMs of [1, 100, 300]) {
        expect([rate, latencyMs, simulate(rate, latencyMs, 10_000).lateRate > rate * 0.9]).toEqual([
          rate,
          latencyMs,
          true,
        ])
      }
    }
  })

  it("settles near the bandwidth-delay product instead of swallowing every block there is", () => {
    const { pipeline } = simulate(1_000_000, 100, 20_000)
    expect(pipeline.isSlowStart).toBe(false)
    expect(pipeline.depth).toBeGreaterThan(30)
    expect(pipeline.depth).toBeLessThan(120)
  })

  it("starts over after a snub, knowing the distance", () => {
    const { pipeline } = simulate(5_000_000, 80, 5_000)
    Pipeline.restart(pipeline, 5_000)
    expect(pipeline).toMatchObject({ depth: Limits.MIN_PIPELINE, isSlowStart: true, latencyMs: 80 })
  })

  it.prop(
    "stays between 4 and the peer's reqq",
    [
      fc.integer({ min: 1_000, max: 100_000_000 }),
      fc.integer({ min: 1, max: 2_000 }),
      fc.integer({ min: 4, max: 5_000 }),
    ],
    ([rate, latencyMs, reqq]) => {
      const { pipeline } = simulate(rate, latencyMs, 2_000, reqq)
      const target = Pipeline.target(pipeline, reqq)
      expect(target).toBeGreaterThanOrEqual(Limits.MIN_PIPELINE)
      expect(target).toBeLessThanOrEqual(Math.min(reqq, Limits.MAX_PIPELINE))
    },
  )
})
