/** What the load generator counts, and how long answers took: a histogram, since a case has a million of them. */

/** Buckets grow by an eighth, so a percentile is right to some 6 %. */
const STEPS_PER_OCTAVE = 8
const BUCKETS = 40 * STEPS_PER_OCTAVE

export interface Tally {
  answered: number
  /** Asked, and no answer in time. */
  lost: number
  /** Answered, but not with peers: failures, and what can't be read. */
  errors: number
  firstError: string | undefined
  /** Compact peers in all answers. */
  peers: number
  connections: number
  readonly buckets: Float64Array
}

export const make = (): Tally => ({
  answered: 0,
  lost: 0,
  errors: 0,
  firstError: undefined,
  peers: 0,
  connections: 0,
  buckets: new Float64Array(BUCKETS),
})

export const answer = (tally: Tally, latencyMs: number, peers: number): void => {
  tally.answered++
  tally.peers += peers
  const step = Math.floor(Math.log2(Math.max(latencyMs * 1000, 1)) * STEPS_PER_OCTAVE)
  tally.buckets[Math.min(step, BUCKETS - 1)]!++
}

export const fail = (tally: Tally, reason: string): void => {
  tally.errors++
  tally.firstError ??= reason
}

/** The latency in milliseconds that this part of the answers stayed below. */
export const percentile = ({ answered, buckets }: Tally, part: number): number => {
  let left = answered * part
  for (let step = 0; step < BUCKETS; step++) {
    left -= buckets[step]!
    if (left <= 0) return 2 ** ((step + 1) / STEPS_PER_OCTAVE) / 1000
  }
  return 0
}
