import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Dials from "../../../core/torrent/Dials.ts"

/** Dials as often as may be until `until`, waking when it is told to; returns when each was. */
const dialAll = (until: number, from = 0): ReadonlyArray<number> => {
  const dials = Dials.make()
  const at: Array<number> = []
  for (let now = from; now <= until; now = Dials.nextAt(dials, now)) {
    expect(Dials.isAllowed(dials, now)).toBe(true)
    Dials.spend(dials, now)
    at.push(now)
  }
  return at
}

describe("dials", () => {
  it("are some at once, then so many a second", () => {
    const at = dialAll(10_000)
    expect(at.filter((now) => now === 0)).toHaveLength(Dials.AT_ONCE)
    const later = at.length - Dials.AT_ONCE
    expect(later).toBeGreaterThan(9 * Dials.PER_SECOND)
    expect(later).toBeLessThanOrEqual(10 * Dials.PER_SECOND)
  })

  it.prop("are never allowed later than told, nor more of them saved up", [fc.double({
    min: 0,
    max: 1e9,
    noNaN: true,
  })], ([from]) => {
    const at = dialAll(from + 2_000, from)
    expect(at.filter((now) => now === from)).toHaveLength(Dials.AT_ONCE)
    expect(at.length).toBeLessThanOrEqual(Dials.AT_ONCE + 2 * Dials.PER_SECOND)
  })
})
