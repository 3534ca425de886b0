import { describe, expect, it } from "vitest"
import type { PeerRecord, Recording } from "../../../core/sim/record/Recording.ts"
import * as Recorder from "../../../core/sim/record/Recorder.ts"
import * as Defaults from "../../../core/sim/scenario/Defaults.ts"
import * as Figures from "../../../shell/report/Figures.ts"

const peer = (classIndex: number, of: Partial<PeerRecord>): PeerRecord => ({
  index: 0,
  address: "10.0.0.1:6881",
  classIndex,
  arrivedAtMs: 0,
  completedAtMs: undefined,
  leftAtMs: undefined,
  sessions: 1,
  crashes: 0,
  downloadedBytes: 0,
  uploadedBytes: 0,
  wastedBytes: 0,
  hashFailures: 0,
  sentBytes: 0,
  receivedBytes: 0,
  unchokedMs: 0,
  unchokes: 0,
  pieces: 0,
  ...of,
})

/** Peers of a seeder, leechers and polluters: classes 0, 1 and 2. */
const recording = (peers: ReadonlyArray<PeerRecord>): Recording => {
  const scenario = Defaults.scenario({
    classes: [Defaults.seeder, { ...Defaults.leecher, count: 4 }, Defaults.polluter],
  })
  return { ...Recorder.make(scenario).recording(), peers }
}

const done = (arrivedAtMs: number, completedAtMs: number, uploadedBytes: number) =>
  peer(1, { arrivedAtMs, completedAtMs, uploadedBytes, downloadedBytes: 100 })

describe("Figures", () => {
  const figures = Figures.make(recording([
    peer(0, { completedAtMs: 0, uploadedBytes: 250 }),
    done(0, 10_000, 0),
    done(5_000, 25_000, 100),
    done(10_000, 40_000, 200),
    peer(1, { arrivedAtMs: 0, downloadedBytes: 50, uploadedBytes: 100 }),
    peer(2, { uploadedBytes: 9_999, completedAtMs: 1 }),
  ]))

  it("counts from arrival to completion, over those that completed", () => {
    expect(figures.completionSeconds).toEqual({
      min: 10,
      p10: 12,
      p25: 15,
      median: 20,
      p75: 25,
      p90: 28,
      p95: 29,
      max: 30,
      mean: 20,
    })
    expect(figures.lastCompletionSeconds).toBe(40)
  })

  it("sums classes up", () => {
    expect(figures.classes[1]).toMatchObject({
      name: "leecher",
      wantsCopy: true,
      peers: 4,
      completed: 3,
      downloadedBytes: 350,
      uploadedBytes: 400,
      ratio: 1.1429,
    })
    expect(figures.classes[0]).toMatchObject({ wantsCopy: false, completed: 0, ratio: undefined })
    expect(figures.classes[2]).toMatchObject({ wantsCopy: false, completed: 0, completionSeconds: undefined })
  })

  it("judges fairness by what leechers gave", () => {
    // 0, 100, 100, 200: the square of the sum over n times the sum of squares
    expect(figures.fairness).toEqual({ jain: 0.6667, gini: 0.375, lorenz: [0, 0, 0.25, 0.5, 1] })
  })

  it("says nothing of what has not happened", () => {
    const empty = Figures.make(recording([peer(1, {})]))
    expect(empty.completionSeconds).toBeUndefined()
    expect(empty.lastCompletionSeconds).toBeUndefined()
    expect(empty.fairness).toMatchObject({ gini: undefined, lorenz: [] })
    expect(JSON.stringify(empty)).not.toContain("null")
  })
})
