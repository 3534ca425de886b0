/**
 * What a simulation draws. Every purpose has a stream of its own, and so has every node: one more draw here shifts
 * nothing there, so that two runs that differ in one thing stay comparable in all others.
 *
 * Engines may round `Math.log` differently, and one bit in a latency is another run: the logarithm here is made of
 * operations that IEEE 754 defines to the last bit.
 */
import * as Rng from "../base/Rng.ts"

/** What a stream is for. A number that was given once keeps its meaning: old seeds replay. */
export const PURPOSES = {
  latency: 1,
  arrival: 2,
  departure: 3,
  client: 4,
  peerId: 5,
  tracker: 6,
  trackerDown: 7,
  drift: 8,
  cuts: 9,
  disk: 10,
  crash: 11,
  reset: 12,
  stall: 13,
  partition: 14,
  diskError: 15,
  content: 16,
  behaviour: 17,
} as const

export type Purpose = keyof typeof PURPOSES

/** The stream of a purpose, or of one node's share in it. */
export const stream = (seed: number, purpose: Purpose, index = 0): Rng.Rng =>
  Rng.make(mix(mix(seed ^ Math.imul(PURPOSES[purpose], 0x9e3779b1)) ^ Math.imul(index + 1, 0x85ebca6b)))

/** Spreads every bit over all the others: neighbouring seeds and nodes have nothing in common. */
export const mix = (x: number): number => {
  let h = x | 0
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d)
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b)
  return h ^ (h >>> 16)
}

/** Between 0 and 1, never either. */
export const unit = (rng: Rng.Rng): number => (Rng.next(rng) + 0.5) / 2 ** 32

/** True with this probability. */
export const isLucky = (rng: Rng.Rng, probability: number): boolean => unit(rng) < probability

/** Exponentially distributed, with this mean: the time to the next of events that don't know of each other. */
export const exponential = (rng: Rng.Rng, mean: number): number => -mean * ln(unit(rng))

const LN2 = 0.6931471805599453

/** The natural logarithm of a positive, finite number. */
export const ln = (x: number): number => {
  let mantissa = x
  let exponent = 0
  while (mantissa < 1) {
    mantissa *= 2
    exponent--
  }
  while (mantissa >= 2) {
    mantissa /= 2
    exponent++
  }
  // ln((1 + s) / (1 - s)) = 2 (s + s³/3 + s⁵/5 + …), with s at most a third: 17 terms fill a double.
  const s = (mantissa - 1) / (mantissa + 1)
  let sum = 0
  let power = s
  for (let k = 1; k < 35; k += 2) {
    sum += power / k
    power *= s * s
  }
  return exponent * LN2 + 2 * sum
}
