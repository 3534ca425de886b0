import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Clone from "../../../core/base/Clone.ts"
import * as Rate from "../../../core/base/Rate.ts"

describe("Rate", () => {
  it("is steady for a steady flow", () => {
    const rate = Rate.make(0)
    for (let now = 0; now < 60_000; now += 10) {
      Rate.add(rate, now, 1_000)
      if (now > 6_000) expect(Math.abs(Rate.bytesPerSec(rate, now) / 100_000 - 1)).toBeLessThan(0.01)
    }
    expect(rate.totalBytes).toBe(6_000_000)
  })

  it("averages over the time since it was made, while that is short", () => {
    const rate = Rate.make(50_000)
    for (let now = 50_000; now < 52_000; now += 10) Rate.add(rate, now, 1_000)
    expect(Rate.bytesPerSec(rate, 52_000)).toBeCloseTo(100_000, 6)
  })

  it("takes no single early block for a flood", () => {
    const rate = Rate.make(0)
    Rate.add(rate, 1, 16_384)
    expect(Rate.bytesPerSec(rate, 1)).toBe(16_384)
  })

  it("falls to nothing within the window, and stays there", () => {
    const rate = Rate.make(0)
    Rate.add(rate, 10_000, 50_000)
    expect(Rate.bytesPerSec(rate, 10_000)).toBeGreaterThan(9_999)
    expect(Rate.bytesPerSec(rate, 14_500)).toBeGreaterThan(9_999)
    expect(Rate.bytesPerSec(rate, 10_000 + Rate.WINDOW_MS)).toBe(0)
    expect(Rate.bytesPerSec(rate, 1e12)).toBe(0)
    expect(rate.totalBytes).toBe(50_000)
  })

  it("counts nothing of before a long pause", () => {
    const rate = Rate.make(0)
    for (let now = 0; now < 10_000; now += 50) Rate.add(rate, now, 1_000_000)
    Rate.add(rate, 3_600_000, 5_000)
    expect(Rate.bytesPerSec(rate, 3_600_000)).toBeLessThan(1_100)
    expect(Rate.bytesPerSec(rate, 3_600_000)).toBeGreaterThan(999)
  })

  it("is not changed by looking", () => {
    const rate = Rate.make(0)
    Rate.add(rate, 100, 1_000)
    const before = Clone.clone(rate)
    Rate.bytesPerSec(rate, 4_000)
    Rate.bytesPerSec(rate, 1e9)
    expect(rate).toEqual(before)
  })

  it("takes negative times and a clock that steps back", () => {
    const rate = Rate.make(-10_000)
    Rate.add(rate, -9_000, 1_000)
    Rate.add(rate, -9_500, 1_000)
    expect(Rate.bytesPerSec(rate, -8_000)).toBe(1_000)
    expect(Rate.bytesPerSec(rate, -20_000)).toBe(2_000)
  })

  it.prop(
    "counts exactly the bytes of its window",
    [fc.array(fc.tuple(fc.nat(3_000), fc.nat(1_000_000)), { maxLength: 80, size: "max" }), fc.nat(8_000)],
    ([transfers, later]) => {
      const rate = Rate.make(0)
      const seen: Array<readonly [at: number, bytes: number]> = []
      let now = 20_000 // past the beginning, where the span is shorter
      for (const [pause, bytes] of transfers) {
        now += pause
        Rate.add(rate, now, bytes)
        seen.push([now, bytes])
      }
      now += later
      const start = (Math.floor(now / 250) - 19) * 250
      const bytes = seen.reduce((sum, [at, count]) => at >= start ? sum + count : sum, 0)
      expect(Rate.bytesPerSec(rate, now)).toBeCloseTo(bytes * 1_000 / (now - start), 6)
      expect(rate.totalBytes).toBe(transfers.reduce((sum, [, count]) => sum + count, 0))
    },
  )
})
