/** How many upload slots a torrent has: a fixed number, or as many as the upload rate pays for. */
import { MINUTE } from "../../base/Time.ts"

export type Rule =
  | { readonly _tag: "Fixed"; readonly slots: number }
  | { readonly _tag: "RateBased"; readonly min: number; readonly max: number }

/** An immutable value, adjusted once a round. */
export interface Slots {
  readonly rule: Rule
  readonly count: number
  /** A slot is on trial: it stays if the upload rate has grown from this by the end of the round. */
  readonly rateBeforeTrial: number | undefined
  /** After a trial that brought nothing, the next one waits until then. */
  readonly noTrialBefore: number
}

/** What a round has seen. */
export interface Observation {
  readonly now: number
  /** Payload to all peers of the torrent, a rolling average. */
  readonly uploadRateBytesPerSec: number
  /** What the upload may use at most; 0: unlimited. */
  readonly uploadLimitBytesPerSec: number
  /** Interested peers that have no slot. */
  readonly waiting: number
}

/** A new slot must bring at least this part of what the others get on average, or it only takes from them. */
const NOTABLE = 0.5

/** With this part of the limit in use, another slot cannot bring anything. */
const LIMIT_REACHED = 0.9

/** A slot that gets less is not worth having: a piece would take the peer minutes. */
const MIN_SLOT_BYTES_PER_SEC = 4 * 1024

const TRIAL_PAUSE_MS = MINUTE

export const make = (rule: Rule): Slots => ({
  rule,
  count: rule._tag === "Fixed" ? rule.slots : rule.min,
  rateBeforeTrial: undefined,
  noTrialBefore: -Infinity,
})

/**
 * The slots for the next round; call it once a round, so that a slot on trial has had one. Fixed slots stay as they are.
 * Rate-based ones grow by one on trial while somebody waits and the limit isn't reached; the new slot stays if the upload
 * has grown notably by the next round. They shrink by one a round while they starve each other.
 */
export const adjust = (slots: Slots, seen: Observation): Slots => {
  const { rule, rateBeforeTrial } = slots
  if (rule._tag === "Fixed") return slots
  const rate = seen.uploadRateBytesPerSec
  if (rateBeforeTrial !== undefined) {
    const notable = rateBeforeTrial * (1 + NOTABLE / Math.max(1, slots.count - 1))
    if (rate <= notable) {
      const count = Math.max(rule.min, slots.count - 1)
      return { rule, count, rateBeforeTrial: undefined, noTrialBefore: seen.now + TRIAL_PAUSE_MS }
    }
  }
  const settled: Slots = { ...slots, rateBeforeTrial: undefined }
  if (slots.count > rule.min && rate < slots.count * MIN_SLOT_BYTES_PER_SEC) {
    return { ...settled, count: slots.count - 1, noTrialBefore: seen.now + TRIAL_PAUSE_MS }
  }
  const isLimited = seen.uploadLimitBytesPerSec > 0 && rate >= LIMIT_REACHED * seen.uploadLimitBytesPerSec
  const mayTry = slots.count < rule.max && seen.waiting > 0 && seen.now >= slots.noTrialBefore
  return mayTry && !isLimited && rate >= slots.count * MIN_SLOT_BYTES_PER_SEC
    ? { ...settled, count: slots.count + 1, rateBeforeTrial: rate }
    : settled
}
