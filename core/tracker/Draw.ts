/** Draws some of many at random: every choice, in every order, is equally likely, at the same cost for each one drawn. */
import { assert } from "../base/Assert.ts"
import * as Rng from "../base/Rng.ts"

/** As many as one draw can give. */
export const MAX_DRAWN = 256

/** What was drawn, in the first places; it belongs to the next draw as soon as that begins. */
export const drawn = new Int32Array(MAX_DRAWN)

/** The numbers that have not been drawn yet, behind those that have; less than twice as many as are drawn. */
const range = new Int32Array(MAX_DRAWN * 2)

/** The numbers that were drawn, plus one, by a hash of them; at most half full. */
const seen = new Int32Array(MAX_DRAWN * 2)

/** Draws `count` different numbers from 0 to `bound - 1` into {@link drawn}; all of them in order if there are no more. */
export const draw = (rng: Rng.Rng, bound: number, count: number): void => {
  assert(count <= bound && count <= MAX_DRAWN, "no more is drawn than there is")
  if (count === bound) {
    for (let i = 0; i < count; i++) drawn[i] = i
  } else if (count * 2 > bound) drawMost(rng, bound, count)
  else drawFew(rng, bound, count)
}

/** Fisher and Yates, ended early: the range is less than twice as long as what is drawn. */
const drawMost = (rng: Rng.Rng, bound: number, count: number): void => {
  for (let i = 0; i < bound; i++) range[i] = i
  for (let i = 0; i < count; i++) {
    const other = i + Rng.below(rng, bound - i)
    drawn[i] = range[other]!
    range[other] = range[i]!
  }
}

/** Draws again what came before: that is at most every other one, so two tries each on average at worst. */
const drawFew = (rng: Rng.Rng, bound: number, count: number): void => {
  const bits = 33 - Math.clz32(count)
  const mask = (1 << bits) - 1
  seen.fill(0, 0, mask + 1)
  for (let i = 0; i < count;) {
    const value = Rng.below(rng, bound)
    // Neighbours are spread by the golden ratio, so that chains stay short whatever comes.
    let at = Math.imul(value, 0x9e3779b1) >>> (32 - bits)
    while (seen[at] !== 0 && seen[at] !== value + 1) at = (at + 1) & mask
    if (seen[at] !== 0) continue
    seen[at] = value + 1
    drawn[i++] = value
  }
}
