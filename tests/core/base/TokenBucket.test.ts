import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as TokenBucket from "../../../core/base/TokenBucket.ts"

const MIB = 2 ** 20

/** Sends `bytes` in transfers of `chunk`, each as soon as the bucket lets it; the milliseconds that it took. */
const send = (bucket: TokenBucket.TokenBucket, from: number, bytes: number, chunk: number): number => {
  let now = from
  for (let sent = 0; sent < bytes; sent += chunk) {
    now = TokenBucket.availableAt(bucket, now)
    if (!TokenBucket.isOpen(bucket, now)) throw new Error("it is not open when it said")
    TokenBucket.take(bucket, now, Math.min(chunk, bytes - sent))
  }
  return now - from
}

describe("TokenBucket", () => {
  it.each([512, 16_384, 65_536, 262_144])(
    "holds 1 MiB/s over 32 MiB within 1 %%, %i bytes at a time",
    (chunk) => {
      const elapsed = send(TokenBucket.make(MIB, 0), 0, 32 * MIB, chunk)
      expect(elapsed).toBeGreaterThan(32_000 * 0.99)
      expect(elapsed).toBeLessThan(32_000 * 1.01)
    },
  )

  it("holds from a late and fractional time on", () => {
    const from = 86_400_000 * 365 + 0.123
    const elapsed = send(TokenBucket.make(MIB, from), from, 8 * MIB, 16_384)
    expect(Math.abs(elapsed - 8_000)).toBeLessThan(80)
  })

  it("holds however late the wake-ups come, as long as they are within the burst", () => {
    const bucket = TokenBucket.make(MIB, 0)
    let sent = 0
    let now = 0
    for (; sent < 32 * MIB; now += 100) {
      while (TokenBucket.isOpen(bucket, now)) {
        TokenBucket.take(bucket, now, 16_384)
        sent += 16_384
      }
    }
    expect(Math.abs(now - 32_000)).toBeLessThan(320)
  })

  it("goes into debt, and opens once it is paid", () => {
    const bucket = TokenBucket.make(1_000, 0)
    TokenBucket.take(bucket, 0, 5_000)
    expect(TokenBucket.available(bucket, 0)).toBe(-5_000)
    const at = TokenBucket.availableAt(bucket, 0)
    expect(at).toBe(5_001)
    expect(TokenBucket.isOpen(bucket, at - 1)).toBe(false)
    expect(TokenBucket.isOpen(bucket, at)).toBe(true)
    expect(TokenBucket.availableAt(bucket, 3_000)).toBe(at)
  })

  it("catches up idle time for no more than its burst", () => {
    const bucket = TokenBucket.make(1_000, 0)
    expect(TokenBucket.available(bucket, 3_600_000)).toBe(1_000 * TokenBucket.BURST_MS / 1_000)
  })

  it("is unlimited at rate 0", () => {
    const bucket = TokenBucket.make(0, 0)
    TokenBucket.take(bucket, 0, 1e12)
    expect(TokenBucket.available(bucket, 0)).toBe(Infinity)
    expect(TokenBucket.availableAt(bucket, 7)).toBe(7)
  })

  it("earns nothing from a clock that steps back", () => {
    const bucket = TokenBucket.make(1_000, 1_000)
    TokenBucket.take(bucket, 1_000, 100)
    TokenBucket.take(bucket, 500, 100)
    expect(TokenBucket.available(bucket, 1_000)).toBe(-200)
  })

  it("refuses a rate that is none", () => {
    for (const rate of [-1, NaN, Infinity]) expect(() => TokenBucket.make(rate, 0)).toThrow("a rate is")
  })

  describe("setRate", () => {
    const indebted = (): TokenBucket.TokenBucket => {
      const bucket = TokenBucket.make(10_000, 0)
      TokenBucket.take(bucket, 0, 20_000)
      return bucket
    }

    it("pays a debt faster at a higher rate", () => {
      const bucket = indebted()
      TokenBucket.setRate(bucket, 0, 20_000)
      expect(TokenBucket.availableAt(bucket, 0)).toBe(1_001)
    })

    it("makes nobody wait longer for what was sent under a higher rate", () => {
      const bucket = indebted()
      TokenBucket.setRate(bucket, 0, 1)
      expect(TokenBucket.availableAt(bucket, 0)).toBe(2_001)
    })

    it("forgets a debt with the limit, and starts a limit without tokens", () => {
      const bucket = indebted()
      TokenBucket.setRate(bucket, 0, 0)
      expect(TokenBucket.availableAt(bucket, 0)).toBe(0)
      TokenBucket.setRate(bucket, 500, 1_000)
      expect(TokenBucket.available(bucket, 500)).toBe(0)
    })

    it("counts the time before the change at the old rate", () => {
      const bucket = indebted()
      TokenBucket.setRate(bucket, 1_000, 20_000)
      expect(TokenBucket.available(bucket, 1_000)).toBe(-10_000)
    })

    it("lets no tokens of a higher rate burst", () => {
      const bucket = TokenBucket.make(1_000_000, 0)
      TokenBucket.setRate(bucket, 10_000, 1_000)
      expect(TokenBucket.available(bucket, 10_000)).toBe(250)
    })
  })

  it.prop(
    "never lets through more than rate and burst, in any span of time",
    [
      fc.integer({ min: 1, max: 10_000_000 }),
      fc.array(fc.tuple(fc.nat(2_000), fc.integer({ min: 1, max: 100_000 })), {
        minLength: 1,
        maxLength: 60,
        size: "max",
      }),
    ],
    ([rate, attempts]) => {
      const bucket = TokenBucket.make(rate, 0)
      const taken: Array<readonly [at: number, bytes: number]> = []
      let now = 0
      for (const [pause, bytes] of attempts) {
        now += pause
        if (!TokenBucket.isOpen(bucket, now)) continue
        TokenBucket.take(bucket, now, bytes)
        taken.push([now, bytes])
      }
      for (let i = 0; i < taken.length; i++) {
        let sum = 0
        for (let j = i; j < taken.length; j++) {
          // The last transfer may be a debt; all before it have been paid.
          expect(sum).toBeLessThan(rate * (taken[j]![0] - taken[i]![0] + TokenBucket.BURST_MS) / 1_000 + 1e-3)
          sum += taken[j]![1]
        }
      }
    },
  )
})
