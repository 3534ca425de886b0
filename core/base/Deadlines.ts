/**
 * The one clock work of a machine: an indexed binary heap of deadlines, one a key, instead of a timer for every peer and
 * torrent. What is idle costs nothing, and what is due comes out in one order, whatever order it went in.
 */
import { assert } from "./Assert.ts"
import * as Lazy from "./Lazy.ts"
import { type Millis, NEVER } from "./Time.ts"

/** Mutable, one owner. */
export interface Deadlines {
  /** Keys in heap order: no entry is due before its parent, which stands at `(slot - 1) >> 1`. */
  readonly keys: Array<number>
  /** The deadline of the key in the same slot. */
  readonly ats: Array<Millis>
  /** Where each key stands. */
  slots: Map<number, number>
}

export const make = (): Deadlines => ({ keys: [], ats: [], slots: Lazy.noEntries() })

/** A copy that shares nothing with the original. */
export const fork = (deadlines: Deadlines): Deadlines => ({
  keys: [...deadlines.keys],
  ats: [...deadlines.ats],
  slots: new Map(deadlines.slots),
})

/** Keys that have a deadline. */
export const size = (deadlines: Deadlines): number => deadlines.keys.length

/** When `key` is due; NEVER if it has no deadline. */
export const at = (deadlines: Deadlines, key: number): Millis => {
  const slot = deadlines.slots.get(key)
  return slot === undefined ? NEVER : deadlines.ats[slot]!
}

/** Gives `key` a deadline or moves the one that it has; NEVER takes it away. O(log n). */
export const set = (deadlines: Deadlines, key: number, at: Millis): void => {
  assert(!Number.isNaN(at) && !Number.isNaN(key), "a deadline is a time, its key a number")
  if (at === NEVER) return remove(deadlines, key)
  const known = deadlines.slots.get(key)
  const slot = known ?? deadlines.keys.length
  if (known !== undefined && deadlines.ats[slot] === at) return
  const earlier = known === undefined || at < deadlines.ats[slot]!
  place(deadlines, slot, key, at)
  if (earlier) rise(deadlines, slot)
  else sink(deadlines, slot)
}

/** Forgets `key`, if it has a deadline. O(log n). */
export const remove = (deadlines: Deadlines, key: number): void => {
  const slot = deadlines.slots.get(key)
  if (slot === undefined) return
  deadlines.slots.delete(key)
  const lastKey = deadlines.keys.pop()!
  const lastAt = deadlines.ats.pop()!
  if (slot === deadlines.keys.length) return
  place(deadlines, slot, lastKey, lastAt)
  rise(deadlines, slot)
  sink(deadlines, deadlines.slots.get(lastKey)!)
}

/** When the next key is due; NEVER if there is none. O(1). */
export const next = (deadlines: Deadlines): Millis => deadlines.ats[0] ?? NEVER

/** The key that is due next, the smallest of those with the same deadline; left in place. O(1). */
export const first = (deadlines: Deadlines): number | undefined => deadlines.keys[0]

/** Takes out the next key whose deadline is at or before `now`, in the order of (deadline, key). O(log n). */
export const popDue = (deadlines: Deadlines, now: Millis): number | undefined => {
  if (next(deadlines) > now) return undefined
  const key = deadlines.keys[0]
  if (key !== undefined) remove(deadlines, key)
  return key
}

/** Keys whose deadline is at or before `now`, left in place. Looks at those and their children only. */
export const countDue = (deadlines: Deadlines, now: Millis, slot = 0): number =>
  slot >= deadlines.keys.length || deadlines.ats[slot]! > now
    ? 0
    : 1 + countDue(deadlines, now, slot * 2 + 1) + countDue(deadlines, now, slot * 2 + 2)

const place = (deadlines: Deadlines, slot: number, key: number, at: Millis): void => {
  deadlines.keys[slot] = key
  deadlines.ats[slot] = at
  deadlines.slots = Lazy.set(deadlines.slots, key, slot)
}

/** Ties are broken by the key, so that the order out never depends on the order in. */
const isBefore = (atA: Millis, keyA: number, atB: Millis, keyB: number): boolean =>
  atA < atB || (atA === atB && keyA < keyB)

const rise = (deadlines: Deadlines, from: number): void => {
  const { ats, keys } = deadlines
  const key = keys[from]!
  const at = ats[from]!
  let slot = from
  while (slot > 0) {
    const parent = (slot - 1) >> 1
    if (!isBefore(at, key, ats[parent]!, keys[parent]!)) break
    place(deadlines, slot, keys[parent]!, ats[parent]!)
    slot = parent
  }
  if (slot !== from) place(deadlines, slot, key, at)
}

const sink = (deadlines: Deadlines, from: number): void => {
  const { ats, keys } = deadlines
  const key = keys[from]!
  const at = ats[from]!
  let slot = from
  for (;;) {
    let child = slot * 2 + 1
    if (child >= keys.length) break
    const right = child + 1
    if (right < keys.length && isBefore(ats[right]!, keys[right]!, ats[child]!, keys[child]!)) child = right
    if (!isBefore(ats[child]!, keys[child]!, at, key)) break
    place(deadlines, slot, keys[child]!, ats[child]!)
    slot = child
  }
  if (slot !== from) place(deadlines, slot, key, at)
}
