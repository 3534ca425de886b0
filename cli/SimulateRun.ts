/** From options to a scenario, from a scenario to a run that can be watched and stopped, and what is told of it. */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Scenario } from "../core/sim/Scenario.ts"
import * as Adjust from "../core/sim/scenario/Adjust.ts"
import * as Check from "../core/sim/scenario/Check.ts"
import * as Defaults from "../core/sim/scenario/Defaults.ts"
import * as Drawn from "../core/sim/scenario/Random.ts"
import * as Compare from "./Compare.ts"
import { Failure, UsageError } from "./Exit.ts"
import { Output } from "./Output.ts"
import * as ReadFile from "./ReadFile.ts"
import * as Simulate from "./Simulate.ts"
import * as File from "./SimulateFile.ts"
import * as Play from "./SimulatePlay.ts"
import * as Replay from "./SimulateReplay.ts"
import * as View from "./SimulateView.ts"

const usage = (message: string) => new UsageError({ message, command: Simulate.spec.name })

const readFile = (path: string) =>
  Effect.gen(function* () {
    const text = yield* ReadFile.text(path, "a scenario")
    const given = File.parse(text, path.endsWith(".json") ? "json" : "toml")
    if (!given.ok) {
      return yield* usage(`scenario ${path}: ${given.error}`)
    }
    return given.value
  })

/** What to start from: the file, a drawn one, or the default, with its seed. */
const origin = (options: Simulate.SimulateOptions, path: string | undefined) =>
  Effect.gen(function* () {
    if (path !== undefined && options.random) {
      return yield* usage("--random draws a whole scenario, so that none can be given")
    }
    const given = path === undefined ? undefined : yield* readFile(path)
    const seed = options.seed ??
      (given?.hasSeed === true ? given.scenario.seed : yield* Random.nextIntBetween(0, 2 ** 32))
    const scenario = given?.scenario ?? (options.random ? Drawn.random(seed) : Defaults.scenario())
    return { scenario, seed }
  })

/** The scenario that the options and the file ask for, checked. */
export const scenarioOf = (
  options: Simulate.SimulateOptions,
  path: string | undefined,
): Effect.Effect<Scenario, UsageError | Failure, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const { scenario, seed } = yield* origin(options, path)
    const adjusted = Adjust.adjust(scenario, {
      seed,
      peers: options.peers,
      freeRiders: options.freeRiders,
      seeders: options.seeders,
      polluters: options.polluters,
      sizeBytes: options.size,
      pieceBytes: options.pieceSize,
      payload: options.payload,
      choker: options.choker,
      seedingChoker: options.seedingChoker,
      strategy: options.picker,
      // A switch that is off says nothing about what the file has.
      superSeed: options.superSeed || undefined,
      faults: options.faults ? Drawn.faults(seed) : undefined,
      maxVirtualMs: options.maxTime,
    })
    if (!adjusted.ok) return yield* usage(adjusted.error)
    const problems = Check.check(adjusted.value)
    if (problems.length === 0) return adjusted.value
    const told = File.list(problems.map(({ message, path }) => ({ message, path: File.filePath(path) })))
    return yield* usage(`${path === undefined ? "this" : path} is no scenario that can be run: ${told}`)
  })

/** Runs what is asked for. */
export const run = (options: Simulate.SimulateOptions, path: string | undefined) =>
  Effect.gen(function* () {
    const output = yield* Output
    const scenario = yield* scenarioOf(options, path)
    if (options.printScenario) {
      yield* output.object(File.encode(scenario))
      return yield* output.result(File.print(scenario).trimEnd().split("\n"))
    }
    if (options.compare !== undefined) {
      if (options.report !== undefined) return yield* usage("--compare plays many runs, and has no --report")
      return yield* Compare.run(options.compare, options.runs, scenario.seed, (changes) =>
        play({ ...options, ...changes }, path))
    }
    yield* output.event("started", View.startedFields(scenario))
    yield* output.result(View.started(scenario))
    const replay = Replay.command(options, scenario.seed, path)
    const outcome = options.report === undefined
      ? yield* Play.play(scenario, replay)
      : yield* playAndReport(scenario, replay, options.report)
    yield* tell(outcome)
  })

/** A run with its report; that is written before anything is told, so that who reads of the end finds it. */
const playAndReport = (scenario: Scenario, replay: string, directory: string) =>
  Effect.gen(function* () {
    const output = yield* Output
    const Report = yield* Effect.promise(() => import("../shell/report/Report.ts"))
    const recorder = Report.recorder(scenario)
    const outcome = yield* Play.play(scenario, replay, { watchers: [recorder.observer] })
    const page = yield* Report.write(
      directory,
      recorder.recording(),
      View.completeFields(outcome),
      outcome.violations,
    )
    yield* output.note(`report: ${page}`)
    return outcome
  })

const play = (options: Simulate.SimulateOptions, path: string | undefined) =>
  Effect.flatMap(
    scenarioOf(options, path),
    (scenario) => Play.play(scenario, Replay.command(options, scenario.seed, path)),
  )

/** Tells how a run went; fails if a rule was broken. */
export const tell = (outcome: Play.Outcome): Effect.Effect<void, Failure, Output> =>
  Effect.gen(function* () {
    const output = yield* Output
    yield* output.clear
    yield* Effect.forEach(View.summary(outcome), (line) => output.result(line), { discard: true })
    for (const { checker, message, node, now } of outcome.violations) {
      yield* output.event("violation", { checker, node, virtualSeconds: now / 1_000, message })
    }
    yield* output.event("complete", View.completeFields(outcome))
    if (outcome.violations.length === 0) return
    yield* Effect.forEach(View.violations(outcome), (line) => output.note(line), { discard: true })
    return yield* Play.broken(outcome)
  })
