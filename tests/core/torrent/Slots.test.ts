import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Slots from "../../../core/torrent/choke/Slots.ts"

const KIB = 1024
const ROUND_MS = 10_000

interface Line {
  /** What the line carries in all, and what one peer takes at most. */
  readonly lineBytesPerSec: number
  readonly peerBytesPerSec: number
  readonly limitBytesPerSec?: number
  readonly interested: number
}

/** Runs rounds over a line that shares itself out among the slots; the slots after each round. */
const run = (slots: Slots.Slots, line: Line, rounds: number, from = 0): ReadonlyArray<Slots.Slots> => {
  const after: Array<Slots.Slots> = []
  const cap = Math.min(line.lineBytesPerSec, line.limitBytesPerSec ?? Infinity)
  let current = slots
  for (let i = 0; i < rounds; i++) {
    const used = Math.min(current.count, line.interested)
    current = Slots.adjust(current, {
      now: from + i * ROUND_MS,
      uploadRateBytesPerSec: Math.min(cap, used * line.peerBytesPerSec),
      uploadLimitBytesPerSec: line.limitBytesPerSec ?? 0,
      waiting: line.interested - used,
    })
    after.push(current)
  }
  return after
}

const rateBased = Slots.make({ _tag: "RateBased", min: 4, max: 50 })
const counts = (rounds: ReadonlyArray<Slots.Slots>): ReadonlyArray<number> => rounds.map(({ count }) => count)

describe("Slots", () => {
  it("stay as they are when fixed", () => {
    const line = { lineBytesPerSec: 1e9, peerBytesPerSec: 1e6, interested: 100 }
    expect(counts(run(Slots.make({ _tag: "Fixed", slots: 8 }), line, 5))).toEqual([8, 8, 8, 8, 8])
  })

  it("grow until the line is full, and then stay, with a trial a minute", () => {
    // 20 peers fill the line; the 21st slot brings nothing.
    const line = { lineBytesPerSec: 2_000 * KIB, peerBytesPerSec: 100 * KIB, interested: 100 }
    const after = counts(run(rateBased, line, 120))
    expect(after.slice(0, 18)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 20])
    const settled = after.slice(18)
    expect(new Set(settled)).toEqual(new Set([20, 21]))
    expect(settled.filter((count) => count === 21).length / settled.length).toBeLessThan(0.16)
  })

  it("don't grow at the limit, nor where nobody waits, nor past their maximum", () => {
    const line = { lineBytesPerSec: 1e9, peerBytesPerSec: 100 * KIB, interested: 100 }
    expect(counts(run(rateBased, { ...line, limitBytesPerSec: 400 * KIB }, 3))).toEqual([4, 4, 4])
    expect(counts(run(rateBased, { ...line, interested: 4 }, 3))).toEqual([4, 4, 4])
    expect(counts(run(Slots.make({ _tag: "RateBased", min: 4, max: 6 }), line, 4))).toEqual([5, 6, 6, 6])
  })

  it("shrink to the minimum while they starve each other", () => {
    const fast = { lineBytesPerSec: 2_000 * KIB, peerBytesPerSec: 100 * KIB, interested: 100 }
    const grown = run(rateBased, fast, 18).at(-1)!
    const after = counts(run(grown, { ...fast, lineBytesPerSec: 24 * KIB }, 40, 18 * ROUND_MS))
    expect(after[0]).toBe(19)
    expect(after.at(-1)).toBeLessThanOrEqual(7)
    expect(after.at(-1)).toBeGreaterThanOrEqual(4)
  })

  it.prop(
    "stay between minimum and maximum, whatever the rate does",
    [fc.array(fc.tuple(fc.nat(10_000_000), fc.nat(3), fc.nat(1_000_000)), { maxLength: 100, size: "max" })],
    ([rounds]) => {
      let slots = Slots.make({ _tag: "RateBased", min: 2, max: 6 })
      rounds.forEach(([uploadRateBytesPerSec, waiting, uploadLimitBytesPerSec], i) => {
        const before = slots.count
        slots = Slots.adjust(slots, {
          now: i * ROUND_MS,
          uploadRateBytesPerSec,
          uploadLimitBytesPerSec,
          waiting,
        })
        expect(slots.count).toBeGreaterThanOrEqual(2)
        expect(slots.count).toBeLessThanOrEqual(6)
        expect(Math.abs(slots.count - before)).toBeLessThanOrEqual(1)
      })
    },
  )
})
