import * as fc from "effect/FastCheck"
import { describe, expect, it } from "vitest"
import * as Recorder from "../../../core/sim/record/Recorder.ts"
import { PAIR } from "../../../core/sim/record/Recording.ts"
import * as PageData from "../../../shell/report/PageData.ts"
import * as SyntheticRun from "../../support/SyntheticRun.ts"
import { outcome } from "./scene.ts"

const scenario = SyntheticRun.scenario(20)
const recorder = Recorder.make(scenario)
SyntheticRun.play(scenario, recorder.observer)
const recording = recorder.recording()
const data = PageData.make("1.2.3", recording, outcome, [])

/** What the page makes of a frame's text. */
const unpack = (text: string): ReadonlyArray<number> =>
  [...text].flatMap((character) => {
    const value = PageData.DIGITS.indexOf(character)
    return value < PageData.LEVELS.run ? [value] : new Array<number>(value - PageData.LEVELS.run + 1).fill(0)
  })

const sum = (values: ReadonlyArray<number>): number => values.reduce((a, b) => a + b, 0)

describe("a frame's pairs", () => {
  it("come out of their text as they went in", () => {
    const values = fc.array(
      fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(PageData.LEVELS.last)),
      {
        maxLength: 400,
      },
    )
    fc.assert(fc.property(values, (list) => {
      expect(unpack(PageData.packPairs(list))).toEqual(list)
    }))
  })

  it("take a character where there is nothing", () => {
    expect(PageData.packPairs(new Array<number>(64).fill(0))).toHaveLength(2)
  })
})

describe("a page's data", () => {
  it("has rates that add up to what was sent", () => {
    for (
      const [lines, of] of [[data.uploaded, "uploadedBytes"], [data.downloaded, "downloadedBytes"]] as const
    ) {
      const sent = sum(recording.peers.map((peer) => peer[of]))
      const shown = sum(lines.columns.map(sum)) * lines.slotMs / 1_000
      // The last slot is shorter than the others.
      expect(Math.abs(shown / sent - 1)).toBeLessThan(0.02)
      expect(lines.columns[0]!.length).toBeLessThanOrEqual(240)
    }
  })

  it("has a frame for each picture, of as many pairs, with the strongest flow at the top level", () => {
    const { pairs, progress, sample } = data.frames
    expect(sample).toHaveLength(21)
    const all = pairs.map(unpack)
    expect(all.every(({ length }) => length === 21 * 21)).toBe(true)
    expect(progress.every(({ length }) => length === 21)).toBe(true)
    expect(Math.max(...all.flat())).toBe(PageData.LEVELS.last)
    const seen = new Set(all.flat())
    expect([PAIR.none, PAIR.choked, PAIR.unchoked].every((state) => seen.has(state))).toBe(true)
    // The seeder has everything at once; a leecher begins with nothing.
    const seeder = sample.findIndex(({ classIndex }) => classIndex === 0)
    expect(progress[0]![seeder]).toBe(PageData.DIGITS[63])
    expect(progress.at(-1)).toBe(PageData.DIGITS[63]!.repeat(21))
  })

  it("has copies on a scale of its own", () => {
    const { max, rows, slots, text } = data.copies
    expect(text).toHaveLength(2 * rows * slots)
    expect([max, text.slice(-2)]).toEqual([21, "__"])
  })

  it("lists completions by class, in order, all of them where there are few", () => {
    expect(data.completions.map(({ length }) => length)).toEqual(
      data.figures.classes.map(({ completed }) => completed),
    )
    for (const times of data.completions) expect(times).toEqual([...times].sort((a, b) => a - b))
  })

  it("stays small, whatever the swarm", () => {
    const peers = Array.from({ length: 50_000 }, (_, index) => ({ ...recording.peers[index % 21]!, index }))
    const violations = Array.from(
      { length: 100 },
      (_, node) => ({ checker: "c", node, now: 1, message: "m" }),
    )
    const large = PageData.make("1.2.3", { ...recording, peers }, outcome, violations)
    expect(large.peers.index).toHaveLength(1_500)
    expect([large.peers.index[0], large.peers.index.at(-1), large.peers.of]).toEqual([0, 49_999, 50_000])
    expect(large.completions.every(({ length }) => length <= 200)).toBe(true)
    expect([large.violations.length, large.violationsLeftOut]).toEqual([20, 80])
    expect(JSON.stringify(large).length).toBeLessThan(600_000)
  })
})
