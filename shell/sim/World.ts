/**
 * A world in which the real shell runs on virtual time: one queue says what comes next, one seed what is drawn, and tasks
 * that are ready run in the order of asking. While there are tasks no time passes; when there are none, time jumps to the
 * next event.
 *
 *      fibers ──scheduleTask──▶ tasks ──all of them──▶ fibers, handlers ──at(when)──▶ queue
 *                                 ▲                                                    │ the next one
 *                                 └────────────────────────────────────────────────────┘
 *
 * Nothing here waits for the machine: no timer, no promise, no microtask. So a run is one synchronous call, and the same
 * for the same seed on every machine and runtime.
 */
import { assert } from "../../core/base/Assert.ts"
import * as Digest from "../../core/base/Digest.ts"
import type * as Rng from "../../core/base/Rng.ts"
import { type Millis, NEVER } from "../../core/base/Time.ts"
import * as Chance from "../../core/sim/Chance.ts"
import * as Queue from "../../core/sim/Queue.ts"

/** Fibers that hand tasks to each other so often without any time passing wait for something that never comes. */
const MAX_TASKS = 200_000

/** Mutable, one owner. */
export interface World {
  readonly seed: number
  readonly queue: Queue.Queue
  readonly digest: Digest.Digest
  /** Ready to run, from `head` on. */
  readonly tasks: Array<() => void>
  head: number
  /** Events that have happened. */
  events: number
  isRunning: boolean
  readonly onNote: ((now: Millis, line: string) => void) | undefined
}

export interface Options {
  readonly seed: number
  /** Hears each line of the run's journal, whose fingerprint the digest is. */
  readonly onNote?: (now: Millis, line: string) => void
}

/** A world at time 0 in which nothing has happened. */
export const make = ({ onNote, seed }: Options): World => ({
  seed,
  queue: Queue.make(),
  digest: Digest.make(),
  tasks: [],
  head: 0,
  events: 0,
  isRunning: false,
  onNote,
})

/** Virtual time, from 0 on. */
export const now = ({ queue }: World): Millis => queue.now

/** A stream of chance of its own for each purpose and each part of the world. */
export const chance = ({ seed }: World, purpose: Chance.Purpose, index = 0): Rng.Rng =>
  Chance.stream(seed, purpose, index)

/** Runs a task at this instant, after those that are waiting already. */
export const soon = (world: World, task: () => void): void => {
  world.tasks.push(task)
}

/** Runs something at a time, or next where that is over; never if the time is `NEVER`. */
export const at = (world: World, when: Millis, run: () => void): void => {
  if (when < NEVER) Queue.call(world.queue, when, run)
}

/** The same, so much later. */
export const after = (world: World, delayMs: Millis, run: () => void): void =>
  at(world, world.queue.now + delayMs, run)

/** Writes a line into the journal: what is in no line, no comparison of two runs sees. */
export const note = (world: World, line: string): void => {
  Digest.add(world.digest, world.queue.now)
  Digest.add(world.digest, line)
  world.onNote?.(world.queue.now, line)
}

/** Why a run ended: what was waited for has come, nothing is left that could happen, or its time is up. */
export type Outcome = "Done" | "Standstill" | "TimeUp"

/**
 * Lets things happen until `isDone`, which is asked after each event, or until virtual time would pass `untilMs`. What a
 * handler throws is thrown here: it is our own bug.
 */
export const run = (world: World, isDone: () => boolean, untilMs: Millis = NEVER): Outcome => {
  assert(!world.isRunning, "a world runs once at a time")
  world.isRunning = true
  try {
    for (;;) {
      settle(world)
      if (isDone()) return "Done"
      const next = Queue.next(world.queue)
      if (next === NEVER) return "Standstill"
      if (next > untilMs) {
        world.queue.now = Math.max(world.queue.now, untilMs)
        return "TimeUp"
      }
      Queue.pop(world.queue)
      world.events++
      Queue.runCall(world.queue)
    }
  } finally {
    world.isRunning = false
  }
}

/** Runs what is ready, and what that makes ready. */
const settle = (world: World): void => {
  const { tasks } = world
  let count = 0
  while (world.head < tasks.length) {
    assert(++count < MAX_TASKS, `fibers spin at ${world.queue.now} ms: what they wait for takes time`)
    const task = tasks[world.head++]!
    if (world.head === tasks.length) {
      tasks.length = 0
      world.head = 0
    } else if (world.head >= 1_024 && world.head * 2 >= tasks.length) {
      tasks.splice(0, world.head)
      world.head = 0
    }
    task()
  }
}

/** The run's fingerprint: sixteen hexadecimal digits, equal for equal journals. */
export const digest = (world: World): string => Digest.toHex(world.digest)
