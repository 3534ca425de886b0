/**
 * What happens next: a heap of events ordered by (time, number), so that what was asked for first comes first among
 * equals. Four children a node and plain typed arrays: an event costs no object, however many are waiting.
 */
import { assert } from "../base/Assert.ts"
import { type Millis, NEVER } from "../base/Time.ts"

/** What an event is about; `target` is a link's number, a node's, or a call's. */
export const ARRIVE = 0
/** Bytes that had to wait for the receiver's line are through it; `argument`: how many. */
export const DELIVER = 1
/** The other end of a link has closed, and this end hears it. */
export const CLOSED = 2
/** A node's line is free to send. */
export const UPLINK = 3
/** A node's client wants a tick. */
export const WAKE = 4
/** A node's disk has answers. */
export const DISK = 5
/** Anything that is rare. */
export const CALL = 6

/** An event packs its kind into so many low bits of `what`. */
const KIND_BITS = 3
const MAX_TARGET = 2 ** (31 - KIND_BITS)

/** Mutable, one owner. What {@link pop} took out stands in the last four fields. */
export interface Queue {
  at: Float64Array
  number: Float64Array
  what: Int32Array
  argument: Int32Array
  size: number
  pushed: number
  /** Calls that are waiting, by number; those that are done leave a place. */
  readonly calls: Array<(() => void) | undefined>
  readonly freeCalls: Array<number>
  now: Millis
  kind: number
  target: number
  value: number
}

const FIRST_ROOM = 1_024

export const make = (): Queue => ({
  at: new Float64Array(FIRST_ROOM),
  number: new Float64Array(FIRST_ROOM),
  what: new Int32Array(FIRST_ROOM),
  argument: new Int32Array(FIRST_ROOM),
  size: 0,
  pushed: 0,
  calls: [],
  freeCalls: [],
  now: 0,
  kind: 0,
  target: 0,
  value: 0,
})

/** When the next event is due; NEVER if there is none. */
export const next = (queue: Queue): Millis => queue.size === 0 ? NEVER : queue.at[0]!

/** Puts an event in; one in the past comes next. O(log n). */
export const push = (queue: Queue, at: Millis, kind: number, target: number, argument: number): void => {
  assert(at < NEVER && target < MAX_TARGET, "an event has a time and a target")
  if (queue.size === queue.at.length) grow(queue)
  const number = queue.pushed++
  let slot = queue.size++
  const { at: ats, number: numbers, what, argument: values } = queue
  while (slot > 0) {
    const parent = (slot - 1) >> 2
    // Numbers only grow: among equals the newcomer stays behind.
    if (ats[parent]! <= at) break
    ats[slot] = ats[parent]!
    numbers[slot] = numbers[parent]!
    what[slot] = what[parent]!
    values[slot] = values[parent]!
    slot = parent
  }
  ats[slot] = at
  numbers[slot] = number
  what[slot] = (target << KIND_BITS) | kind
  values[slot] = argument
}

/** Takes the next event out, into `now`, `kind`, `target` and `value`; false if there is none. Time never steps back. */
export const pop = (queue: Queue): boolean => {
  if (queue.size === 0) return false
  const { at: ats, number: numbers, what, argument: values } = queue
  if (ats[0]! > queue.now) queue.now = ats[0]!
  queue.kind = what[0]! & ((1 << KIND_BITS) - 1)
  queue.target = what[0]! >>> KIND_BITS
  queue.value = values[0]!
  const size = --queue.size
  if (size === 0) return true
  const at = ats[size]!
  const number = numbers[size]!
  let slot = 0
  for (;;) {
    const first = slot * 4 + 1
    if (first >= size) break
    const end = first + 4 < size ? first + 4 : size
    let child = first
    let childAt = ats[first]!
    for (let other = first + 1; other < end; other++) {
      const otherAt = ats[other]!
      if (otherAt < childAt || (otherAt === childAt && numbers[other]! < numbers[child]!)) {
        child = other
        childAt = otherAt
      }
    }
    if (childAt > at || (childAt === at && numbers[child]! > number)) break
    ats[slot] = childAt
    numbers[slot] = numbers[child]!
    what[slot] = what[child]!
    values[slot] = values[child]!
    slot = child
  }
  ats[slot] = at
  numbers[slot] = number
  what[slot] = what[size]!
  values[slot] = values[size]!
  return true
}

/** Calls `run` at a time. For what is rare: each costs a closure. */
export const call = (queue: Queue, at: Millis, run: () => void): void => {
  const index = queue.freeCalls.pop() ?? queue.calls.length
  queue.calls[index] = run
  push(queue, at, CALL, index, 0)
}

/** Does what the event that was popped asks for, if it is a call. */
export const runCall = (queue: Queue): void => {
  const run = queue.calls[queue.target]!
  queue.calls[queue.target] = undefined
  queue.freeCalls.push(queue.target)
  run()
}

const grow = (queue: Queue): void => {
  const room = queue.at.length * 2
  const wider = <A extends Float64Array | Int32Array>(wide: A, narrow: A): A => {
    wide.set(narrow)
    return wide
  }
  queue.at = wider(new Float64Array(room), queue.at)
  queue.number = wider(new Float64Array(room), queue.number)
  queue.what = wider(new Int32Array(room), queue.what)
  queue.argument = wider(new Int32Array(room), queue.argument)
}
