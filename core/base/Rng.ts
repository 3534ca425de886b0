/**
 * A seeded generator (xoshiro128**): the only source of randomness in the core, held as a field of a machine's state,
 * so that the same seed and the same inputs give the same run. Not for secrets: those come in with an input.
 */
export interface Rng {
  readonly words: Uint32Array
}

/** Any seed is good: it is spread over the state by splitmix32. */
export const make = (seed: number): Rng => {
  const words = new Uint32Array(4)
  let z = seed | 0
  for (let i = 0; i < 4; i++) {
    z = (z + 0x9e3779b9) | 0
    let t = z ^ (z >>> 16)
    t = Math.imul(t, 0x21f0aaad)
    t ^= t >>> 15
    t = Math.imul(t, 0x735a2d97)
    words[i] = t ^ (t >>> 15)
  }
  return { words }
}

/** The next 32 random bits, as an unsigned integer; advances the generator. */
export const next = ({ words }: Rng): number => {
  const s1 = words[1]!
  const product = Math.imul(s1, 5)
  const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
  const shifted = s1 << 9
  words[2]! ^= words[0]!
  words[3]! ^= s1
  words[1]! ^= words[2]!
  words[0]! ^= words[3]!
  words[2]! ^= shifted
  words[3] = (words[3]! << 11) | (words[3]! >>> 21)
  return result
}

/** A whole number from 0 to `bound - 1`. */
export const below = (rng: Rng, bound: number): number => Math.floor((next(rng) / 2 ** 32) * bound)

/** Shuffles in place (Fisher and Yates) and returns the same array. */
export const shuffle = <A>(rng: Rng, items: Array<A>): Array<A> => {
  for (let i = items.length - 1; i > 0; i--) {
    const j = below(rng, i + 1)
    const item = items[i]!
    items[i] = items[j]!
    items[j] = item
  }
  return items
}

/** Fills `bytes` with random bytes and returns it. */
export const fill = (rng: Rng, bytes: Uint8Array): Uint8Array => {
  for (let i = 0; i < bytes.length; i++) bytes[i] = next(rng) >>> 24
  return bytes
}
