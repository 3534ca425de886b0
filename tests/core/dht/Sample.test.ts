import { expect, it } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import { MINUTE } from "../../../core/base/Time.ts"
import { MAX_SAMPLES } from "../../../core/dht/Limits.ts"
import * as PeerStore from "../../../core/dht/PeerStore.ts"
import * as Sample from "../../../core/dht/Sample.ts"

const hash = (n: number): Bytes.Bytes => new Uint8Array(20).fill(n)

const storeOf = (count: number): PeerStore.PeerStore => {
  const store = PeerStore.make()
  for (let i = 0; i < count; i++) {
    PeerStore.announce(store, hash(i), Uint8Array.of(9, 9, 9, i, 1, 1), false, 0, Rng.make(1))
  }
  return store
}

const hashes = (samples: Bytes.Bytes): ReadonlyArray<string> =>
  Array.from({ length: samples.length / 20 }, (_, i) => Bytes.toHex(samples.subarray(i * 20, i * 20 + 20)))

it("is all that there is, as long as that fits", () => {
  const sample = Sample.make()
  const rng = Rng.make(1)
  expect(Sample.take(sample, storeOf(0), 0, rng)).toEqual({
    samples: Bytes.empty,
    sampledFrom: 0,
    intervalSeconds: 1_800,
  })
  for (const count of [1, 7, MAX_SAMPLES]) {
    const { intervalSeconds, sampledFrom, samples } = Sample.take(sample, storeOf(count), 0, rng)
    expect(sampledFrom).toBe(count)
    expect(intervalSeconds).toBe(1_800)
    expect([...hashes(samples)].sort()).toEqual(
      Array.from({ length: count }, (_, i) => Bytes.toHex(hash(i))).sort(),
    )
  }
})

it("stays the same for half an hour where there is more", () => {
  const sample = Sample.make()
  const rng = Rng.make(1)
  const store = storeOf(100)
  const first = Sample.take(sample, store, 0, rng)
  expect(first).toMatchObject({ sampledFrom: 100, intervalSeconds: 1_800 })
  expect(new Set(hashes(first.samples)).size).toBe(MAX_SAMPLES)
  const later = Sample.take(sample, store, 10 * MINUTE + 1, rng)
  expect(later).toEqual({ ...first, intervalSeconds: 1_200 })
  const next = Sample.take(sample, store, 30 * MINUTE, rng)
  expect(next.samples).not.toEqual(first.samples)
  expect(next.intervalSeconds).toBe(1_800)
})

it("has each torrent equally often, at each place", () => {
  const rng = Rng.make(1)
  const store = storeOf(40)
  const counts = new Map<string, number>()
  const firsts = new Map<string, number>()
  for (let i = 0; i < 4_000; i++) {
    const drawn = hashes(Sample.take(Sample.make(), store, 0, rng).samples)
    for (const one of drawn) counts.set(one, (counts.get(one) ?? 0) + 1)
    firsts.set(drawn[0]!, (firsts.get(drawn[0]!) ?? 0) + 1)
  }
  // 2000 and 100 expected, with standard deviations of 32 and 10.
  for (let i = 0; i < 40; i++) {
    expect(Math.abs(counts.get(Bytes.toHex(hash(i)))! - 2_000)).toBeLessThan(200)
    expect(Math.abs(firsts.get(Bytes.toHex(hash(i)))! - 100)).toBeLessThan(60)
  }
})
