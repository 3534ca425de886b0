/** Makes a failing input small: pieces are left out, then bytes are made plain, as long as it fails in the same way. */
import type { Bytes } from "../../core/base/Bytes.ts"
import { empty } from "../../core/base/Bytes.ts"
import { replace } from "./Mutate.ts"

/** Runs of the target that one input is worth. */
export const MAX_RUNS = 20_000

/** The smallest input found for which `fails` holds, as it does for `input`. */
export const minimise = (
  input: Bytes,
  fails: (input: Bytes) => boolean,
  maxRuns: number = MAX_RUNS,
): Bytes => {
  let best = input
  let runs = 0
  const isBetter = (candidate: Bytes): boolean => {
    if (runs++ >= maxRuns || !fails(candidate)) return false
    best = candidate
    return true
  }
  for (let before = -1; before !== best.length && runs < maxRuns;) {
    before = best.length
    for (let size = best.length >> 1; size > 0; size >>= 1) {
      // From the end, where what follows depends on less.
      for (let at = best.length - size; at >= 0; at -= size) {
        isBetter(replace(best, at, at + size, empty))
        at = Math.min(at, best.length)
      }
    }
  }
  for (let at = 0; at < best.length && runs < maxRuns; at++) {
    if (best[at] === 0x30 || best[at] === 0) continue
    const zero = best.slice()
    zero[at] = 0
    const digit = best.slice()
    digit[at] = 0x30
    if (!isBetter(zero)) isBetter(digit)
  }
  return best
}
