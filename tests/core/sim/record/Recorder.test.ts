import { describe, expect, it } from "@effect/vitest"
import * as Recorder from "../../../../core/sim/record/Recorder.ts"
import { PAIR, type Recording, type Series } from "../../../../core/sim/record/Recording.ts"
import * as Defaults from "../../../../core/sim/scenario/Defaults.ts"
import type { Scenario } from "../../../../core/sim/Scenario.ts"
import * as World from "../../../../core/sim/World.ts"
import * as SyntheticRun from "../../../support/SyntheticRun.ts"

const crashing = { ...Defaults.calm, crashesPerMinute: 0.5 }

const record = (scenario: Scenario): Recording => {
  const recorder = Recorder.make(scenario)
  SyntheticRun.play(scenario, recorder.observer)
  return recorder.recording()
}

const total = ({ values }: Series): number => [...values].reduce((a, b) => a + b, 0)
const column = ({ columns, slots, values }: Series, at: number): ReadonlyArray<number> =>
  Array.from({ length: slots }, (_, slot) => values[slot * columns + at]!)

describe("a recording", () => {
  const calm = record(SyntheticRun.scenario(20))
  const rough = record(SyntheticRun.scenario(20, { faults: crashing }))

  it.each([["calm", calm], ["rough", rough]])("of a %s run counts every byte once", (_, recording) => {
    const uploaded = recording.peers.reduce((sum, peer) => sum + peer.uploadedBytes, 0)
    const downloaded = recording.peers.reduce((sum, peer) => sum + peer.downloadedBytes, 0)
    expect(uploaded).toBe(downloaded)
    expect(total(recording.uploaded)).toBe(uploaded)
    expect(total(recording.downloaded)).toBe(downloaded)
    expect(recording.peers.reduce((sum, peer) => sum + peer.sentBytes, 0)).toBe(uploaded)
    recording.scenario.classes.forEach((_, at) => {
      const members = recording.peers.filter(({ classIndex }) => classIndex === at)
      const of = column(recording.uploaded, at).reduce((a, b) => a + b, 0)
      expect(of).toBe(members.reduce((sum, peer) => sum + peer.uploadedBytes, 0))
    })
  })

  it("shows every byte between sampled peers, where everybody is sampled", () => {
    expect(calm.sample).toHaveLength(21)
    expect(total(calm.flows)).toBe(calm.peers.reduce((sum, peer) => sum + peer.downloadedBytes, 0))
  })

  it("follows who is there and who has everything", () => {
    const whole = column(calm.population, 1)
    const lacking = column(calm.population, 0)
    expect(whole[0]).toBe(1)
    expect(Math.max(...lacking)).toBeGreaterThan(15)
    expect([lacking.at(-1), whole.at(-1)]).toEqual([0, 21])
    expect(calm.peers.every(({ completedAtMs }) => completedAtMs !== undefined)).toBe(true)
    expect(calm.peers.filter(({ pieces }) => pieces === calm.pieceCount)).toHaveLength(21)
  })

  it("counts copies: the seeder's at first, everybody's in the end, none of those who are gone", () => {
    const { columns, slots, values } = calm.copies
    expect([...values.slice(0, columns)].every((value) => value === 1)).toBe(true)
    expect([...values.slice((slots - 1) * columns)].every((value) => value === 21)).toBe(true)
    const there = column(rough.population, 1).at(-1)!
    const last = [...rough.copies.values.slice((rough.copies.slots - 1) * columns)]
    expect(Math.min(...last)).toBeGreaterThanOrEqual(there)
    expect(Math.max(...last)).toBeLessThanOrEqual(
      rough.peers.filter(({ leftAtMs }) => leftAtMs === undefined).length,
    )
  })

  it("logs who came, who crashed, who was complete and who let whom download", () => {
    const events = [...rough.events()]
    const count = (name: string) => events.filter(({ event }) => event === name).length
    const sessions = rough.peers.reduce((sum, peer) => sum + peer.sessions, 0)
    const crashes = rough.peers.reduce((sum, peer) => sum + peer.crashes, 0)
    expect(crashes).toBeGreaterThan(0)
    expect([count("join"), count("crash"), count("fault:crash")]).toEqual([sessions, crashes, crashes])
    expect(total(rough.faults)).toBe(crashes)
    expect(count("complete")).toBe(20)
    expect(count("unchoke")).toBe(rough.peers.reduce((sum, peer) => sum + peer.unchokes, 0))
    expect(events.map(({ atMs }) => atMs)).toEqual(events.map(({ atMs }) => atMs).sort((a, b) => a - b))
  })

  it("measures how long a peer was let download: never longer than it was there", () => {
    for (const { arrivedAtMs, unchokedMs } of rough.peers) {
      expect(unchokedMs).toBeLessThanOrEqual(rough.endedAtMs - arrivedAtMs)
    }
    const leechers = calm.peers.filter(({ classIndex }) => classIndex > 0)
    expect(leechers.every(({ unchokedMs }) => unchokedMs > 0)).toBe(true)
    expect(calm.peers[0]!.unchokedMs).toBe(0)
  })

  it("shows who is choked: nobody is let download by a free rider", () => {
    const { columns, slots, values } = calm.pairs
    const size = calm.sample.length
    const riders = calm.sample.flatMap((index, place) => calm.peers[index]!.classIndex === 4 ? [place] : [])
    expect(riders.length).toBeGreaterThan(0)
    const states = new Set<number>()
    for (let slot = 0; slot < slots; slot++) {
      for (const from of riders) {
        for (let to = 0; to < size; to++) states.add(values[slot * columns + from * size + to]!)
      }
    }
    expect([...states].sort()).toEqual([PAIR.none, PAIR.choked])
    expect(values.includes(PAIR.unchoked)).toBe(true)
  })

  it("is the same for the same run", () => {
    const again = record(SyntheticRun.scenario(20, { faults: crashing }))
    expect({ ...again, events: [...again.events()] }).toEqual({ ...rough, events: [...rough.events()] })
  })
})

describe("a long run", () => {
  it("takes no more room than a short one", () => {
    const scenario = SyntheticRun.scenario(3)
    const recorder = Recorder.make(scenario)
    const days = 3 * 24 * 3_600_000
    for (let now = 0; now < days; now += 10_000) recorder.observer.fault?.("stall", undefined, now)
    const recording = recorder.recording()
    expect(recording.endedAtMs).toBe(days - 10_000)
    expect(recording.faults.slots).toBeLessThanOrEqual(600)
    expect(recording.copies.slots).toBeLessThanOrEqual(300)
    expect(recording.flows.slots).toBeLessThanOrEqual(150)
    expect(recording.faults.slots * recording.faults.slotMs).toBeGreaterThan(recording.endedAtMs)
    expect(total(recording.faults)).toBe(days / 10_000)
    // Evenly spread faults stay evenly spread, however often slots became longer.
    const counts = column(recording.faults, 0).slice(0, -1)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  })
})

describe("a recorder in the real world", () => {
  const scenario = Defaults.scenario({
    seed: 7,
    sizeBytes: 2 * 1024 * 1024,
    pieceBytes: 64 * 1024,
    classes: [Defaults.seeder, { ...Defaults.leecher, count: 5 }, { ...Defaults.polluter, count: 1 }],
    maxVirtualMs: 600_000,
  })

  it("changes nothing, and sees every leecher complete", () => {
    const bare = World.make(scenario, [])
    World.run(bare)
    const recorder = Recorder.make(scenario)
    const watched = World.make(scenario, [recorder.observer])
    World.run(watched)
    expect(World.digest(watched)).toBe(World.digest(bare))
    const recording = recorder.recording()
    expect(recording.endedAtMs).toBe(World.view(watched).now)
    const leechers = recording.peers.filter(({ classIndex }) => classIndex === 1)
    expect(leechers.map(({ pieces }) => pieces)).toEqual([32, 32, 32, 32, 32])
    for (const { completedAtMs, downloadedBytes } of leechers) {
      expect(completedAtMs).toBeGreaterThan(0)
      expect(downloadedBytes).toBeGreaterThanOrEqual(scenario.sizeBytes)
    }
    expect(total(recording.downloaded)).toBe(
      recording.peers.reduce((sum, peer) => sum + peer.downloadedBytes, 0),
    )
    // Nobody can be asked what a scripted peer did, but the network knows.
    expect(recording.peers[6]).toMatchObject({ classIndex: 2, uploadedBytes: 0, completedAtMs: undefined })
    expect(recording.peers[6]!.sentBytes).toBeGreaterThan(0)
    expect(column(recording.population, 0).at(-1)).toBe(0)
  })
})
