/** One run from its first event to its last: at the processor's speed, in slices short enough to be watched and stopped. */
import * as Effect from "effect/Effect"
import type { Observer } from "../core/sim/Observer.ts"
import type { Scenario } from "../core/sim/Scenario.ts"
import * as Checkers from "../core/sim/check/All.ts"
import * as Statistics from "../core/sim/scenario/Statistics.ts"
import * as Tail from "../core/sim/scenario/Tail.ts"
import * as World from "../core/sim/World.ts"
import { Failure } from "./Exit.ts"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as View from "./SimulateView.ts"
import * as Text from "./Text.ts"

/** How a run went. */
export interface Outcome {
  readonly scenario: Scenario
  /** Of every event and every command: the same on every machine. */
  readonly digest: string
  readonly summary: Statistics.Summary
  readonly violations: ReadonlyArray<Checkers.Violation>
  /** Nodes that were watched closely, of so many that might have been. */
  readonly watched: { readonly count: number; readonly of: number } | undefined
  /** What happened last before the first rule was broken. */
  readonly tail: ReadonlyArray<string>
  readonly virtualMs: number
  readonly realMs: number
  readonly deliveries: number
  readonly events: number
  readonly peakMemoryBytes: number
  /** The command line that does it again. */
  readonly replay: string
}

/** Between two looks at the signals and the clock: as good as at once for a person, and next to nothing for the run. */
const SLICE_MS = 20
/** Looking at the clock for each event would cost as much as some events do. */
const EVENTS_PER_LOOK = 64

const TAIL_LENGTH = 24

/** Lets timers and signals have their turn: the fibers' own yield does not. */
const breathe = Effect.async<void>((resume) => {
  const handle = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(handle))
})

export interface Company {
  /** Others who want to watch. */
  readonly watchers?: ReadonlyArray<Observer>
  /** Who looks for broken rules, if not every checker there is. */
  readonly panel?: Checkers.Panel
}

/** Runs a scenario to its end, drawing progress; fails only if the core itself breaks, and says how to see it again. */
export const play = (
  scenario: Scenario,
  replay: string,
  { panel = Checkers.all(scenario), watchers = [] }: Company = {},
): Effect.Effect<Outcome, Failure, Output> =>
  Effect.gen(function* () {
    const output = yield* Output
    const statistics = Statistics.make(scenario)
    const tail = Tail.make(TAIL_LENGTH, () => panel.count() > 0)
    const attempt = <A>(act: () => A) =>
      Effect.try({
        try: act,
        catch: (cause) =>
          new Failure({
            reason: "bug",
            message: `a bug in shoal: ${String(cause)}; last: ${
              tail.lines().at(-1)
            }; to see it again: ${replay}`,
            cause,
          }),
      })
    const startedMs = Process.monotonicMs()
    const observers = [
      statistics.observer,
      ...watchers,
      panel.observer,
      // After the checkers: what they complained about is still taken in.
      tail.observer,
    ]
    const world = yield* attempt(() => World.make(scenario, observers))
    const slice = () => {
      const endMs = Process.monotonicMs() + SLICE_MS
      do {
        for (let i = 0; i < EVENTS_PER_LOOK; i++) if (!World.step(world)) return false
      } while (Process.monotonicMs() < endMs)
      return true
    }
    let drawnMs = startedMs
    while (yield* attempt(slice)) {
      yield* breathe
      const now = Process.monotonicMs()
      if (now - drawnMs < output.progressIntervalMs) continue
      drawnMs = now
      const progress = {
        virtualMs: World.view(world).now,
        completed: statistics.completed(),
        peers: Statistics.downloaders(scenario),
        deliveries: World.view(world).deliveries,
        realMs: now - startedMs,
      }
      yield* output.event("progress", View.progressFields(progress))
      yield* output.progress(View.progress(progress))
    }
    const { deliveries, events, now } = World.view(world)
    return {
      scenario,
      digest: World.digest(world),
      summary: statistics.summary(),
      violations: panel.violations(),
      watched: panel.sample && { count: panel.sample.watched.size, of: panel.sample.of },
      tail: tail.lines(),
      virtualMs: now,
      realMs: Process.monotonicMs() - startedMs,
      deliveries,
      events,
      peakMemoryBytes: Process.peakMemoryBytes(),
      replay,
    }
  })

/** The failure that a broken rule is: whoever reads it can do it again. */
export const broken = ({ replay, scenario, violations }: Outcome): Failure =>
  new Failure({
    reason: "violation",
    message: `${
      Text.count(violations.length, "rule was", "rules were")
    } broken with seed ${scenario.seed}; to see it again: ${replay}`,
    isTold: true,
  })
