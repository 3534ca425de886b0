/**
 * A program that runs in a simulated world. Its clock, its chance and its scheduler are the world's, so everything that
 * its fibers do happens on virtual time. Killing it is what a power failure is to a real one: from one instruction to the
 * next none of its fibers runs any more, and no finalizer does.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import type * as Scheduler from "effect/Scheduler"
import { assert } from "../../core/base/Assert.ts"
import * as Rng from "../../core/base/Rng.ts"
import { type Millis, NEVER, SECOND } from "../../core/base/Time.ts"
import * as World from "./World.ts"

/** Midnight at the beginning of 2026: what a wall clock says when a world begins. */
export const EPOCH_MS = 1_767_225_600_000

export interface Process {
  readonly world: World.World
  /** For the journal. */
  readonly name: string
  readonly scheduler: Scheduler.Scheduler
  readonly clock: Clock.Clock
  readonly random: Random.Random
  isAlive: boolean
  /** What the system does when the process is gone, however that came about. */
  readonly onGone: Array<() => void>
}

/** A process that is there and runs nothing yet; `seed` decides what it draws. */
export const make = (world: World.World, name: string, seed: number): Process => {
  const process: Process = {
    world,
    name,
    scheduler: {
      // As the live scheduler does: nobody may keep the others waiting.
      shouldYield: (fiber) => fiber.currentOpCount > MAX_OPS ? 0 : false,
      scheduleTask: (task) => soon(process, task),
    },
    clock: makeClock(world, (delayMs, run) => after(process, delayMs, run)),
    random: Random.make(seed),
    isAlive: true,
    onGone: [],
  }
  return process
}

/** Operations of a fiber before it is another's turn, as in `effect/Scheduler`. */
const MAX_OPS = 2_048

/** Runs a task of this process at this instant, unless it is gone by then. */
export const soon = (process: Process, task: () => void): void => {
  if (process.isAlive) World.soon(process.world, () => process.isAlive && task())
}

/** The same, so much later. Gives what takes it back. */
export const after = (process: Process, delayMs: Millis, task: () => void): () => boolean => {
  let isWaiting = true
  World.after(process.world, delayMs, () => {
    if (!isWaiting || !process.isAlive) return
    isWaiting = false
    task()
  })
  return () => {
    const wasWaiting = isWaiting
    isWaiting = false
    return wasWaiting
  }
}

const makeClock = (
  { queue }: World.World,
  after: (delayMs: Millis, run: () => void) => () => boolean,
): Clock.Clock => {
  const millis = (): number => EPOCH_MS + Math.floor(queue.now)
  const nanos = (): bigint => BigInt(EPOCH_MS) * 1_000_000n + BigInt(Math.floor(queue.now * 1_000_000))
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: millis,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.async((resume) => {
        const cancel = after(Duration.toMillis(duration), () => resume(Effect.void))
        return Effect.sync(cancel)
      }),
  }
}

/** The process that runs the fiber which asks; there is none outside of a world. */
export class Current extends Context.Reference<Current>()("shoal/sim/Process", {
  defaultValue: (): Process | undefined => undefined,
}) {}

/** For layers that are built in a world and want to know in which. */
export const current: Effect.Effect<Process> = Effect.map(Current, (process) => {
  assert(process !== undefined, "simulated layers are built in a simulated world")
  return process
})

/** What of a process Effect's runtime has to know. Log lines go to the journal. */
const layer = (process: Process): Layer.Layer<never> =>
  Layer.mergeAll(
    Layer.setClock(process.clock),
    Layer.setRandom(process.random),
    Layer.setScheduler(process.scheduler),
    Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ logLevel, message }) =>
        World.note(process.world, `${process.name} logs ${logLevel.label}: ${String(message)}`)
      ),
    ),
  )

/** Starts a fiber of the process. When it ends the process lives on, as long as others run. */
export const start = <A, E>(process: Process, effect: Effect.Effect<A, E>): Fiber.RuntimeFiber<A, E> =>
  effect.pipe(
    Effect.provide(layer(process)),
    Effect.provideService(Current, process),
    // Not before the world runs.
    (whole) => Effect.runFork(whole, { scheduler: process.scheduler, immediate: false }),
  )

/** The process is no more, at once and without a last word. What the system does about it happens now. */
export const kill = (process: Process): void => {
  if (!process.isAlive) return
  process.isAlive = false
  for (const gone of process.onGone.splice(0)) gone()
}

/** Longer than any of our own time limits: what has not come by then never will. */
const PATIENCE_MS: Millis = 24 * 3_600 * SECOND

/** Runs one effect in a world until it ends; dies where it never would. The process is gone afterwards. */
export const runIn = <A, E>(
  world: World.World,
  name: string,
  effect: Effect.Effect<A, E>,
): Exit.Exit<A, E> => {
  const process = make(world, name, Rng.next(World.chance(world, "client", 0xffff)))
  const fiber = start(process, effect)
  let exit: Exit.Exit<A, E> | undefined
  fiber.addObserver((result) => {
    exit = result
  })
  const untilMs = Math.min(NEVER, World.now(world) + PATIENCE_MS)
  const outcome = World.run(world, () => exit !== undefined, untilMs)
  kill(process)
  return exit ??
    Exit.die(new Error(`${name} waits for what never comes (${outcome} at ${World.now(world)} ms)`))
}
