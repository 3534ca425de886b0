/** The `shoal` binary: composes the layers, runs the command, and turns the way it ended into an exit code. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as EffectExit from "effect/Exit"
import * as Layer from "effect/Layer"
import project from "../package.json" with { type: "json" }
import * as NodeHttpClient from "../shell/node/NodeHttpClient.ts"
import * as Announce from "./Announce.ts"
import * as Background from "./Background.ts"
import * as Batch from "./Batch.ts"
import type * as Command from "./Command.ts"
import * as Create from "./Create.ts"
import * as Demo from "./Demo.ts"
import * as Detach from "./Detach.ts"
import * as Dht from "./Dht.ts"
import * as Dispatch from "./Dispatch.ts"
import * as Download from "./Download.ts"
import * as Exit from "./Exit.ts"
import * as Inspect from "./Inspect.ts"
import * as Log from "./Log.ts"
import * as Options from "./Options.ts"
import * as Output from "./Output.ts"
import * as Process from "./Process.ts"
import * as Scrape from "./Scrape.ts"
import * as Secrets from "./Secrets.ts"
import * as Seed from "./Seed.ts"
import * as Share from "./Share.ts"
import * as Simulate from "./Simulate.ts"
import * as Stop from "./Stop.ts"
import * as Text from "./Text.ts"
import * as Tracker from "./Tracker.ts"
import type * as Trackers from "./Trackers.ts"
import * as Verify from "./Verify.ts"

/** The shell and the core, loaded by the commands that need them: `--help` starts without. */
const live = Effect.promise(() => import("../shell/Live.ts"))

const trackers = (options: Trackers.TrackersOptions) =>
  Layer.unwrapEffect(Effect.map(live, (Live) => Live.trackers(undefined, Options.trustOf(options))))

const trackerLive = Effect.promise(() => import("../shell/TrackerLive.ts"))

const creationLive = Effect.promise(() => import("../shell/CreationLive.ts"))

const machine = Layer.unwrapEffect(
  Effect.map(Effect.promise(() => import("../shell/MachineLive.ts")), (Live) => Live.layer),
)

const session = (
  options: Parameters<typeof Batch.sessionOptions>[0] & Parameters<typeof Options.trustOf>[0],
) =>
  Layer.unwrapEffect(
    Effect.map(
      live,
      (Live) =>
        Live.layer(Batch.sessionOptions(options), Batch.dhtOptions(options), Options.trustOf(options)),
    ),
  )

/** Runs a command that can go on in the background: there, if it is to and has not been put there yet. */
const detachable = <A, E, R>(spec: Command.Spec, isDetached: boolean, run: Effect.Effect<A, E, R>) =>
  Effect.provide(
    Effect.suspend((): Effect.Effect<
      void,
      unknown,
      Exclude<R, Background.Background> | Effect.Effect.Context<ReturnType<typeof Detach.launch>>
    > => isDetached && !Background.isChild() ? Detach.launch(spec) : Background.serve(run)),
    machine,
  )

const entries: ReadonlyArray<Dispatch.Entry> = [
  Dispatch.entry(
    Download.spec,
    (options, sources) => Effect.provide(Download.run(options, sources), session(options)),
  ),
  Dispatch.entry(
    Seed.spec,
    (options, torrents) =>
      detachable(Seed.spec, options.detach, Effect.provide(Seed.run(options, torrents), session(options))),
  ),
  Dispatch.entry(Share.spec, (options, [path]) =>
    detachable(
      Share.spec,
      options.detach,
      Effect.provide(
        Share.run(options, path!),
        Layer.mergeAll(
          session(options),
          Layer.unwrapEffect(Effect.map(live, (Live) => Live.ports)),
          Layer.unwrapEffect(Effect.map(creationLive, (Live) => Live.layer)),
          Layer.unwrapEffect(Effect.map(trackerLive, (Live) => Live.layer)),
        ),
      ),
    )),
  Dispatch.entry(Stop.spec, (options, torrents) => Effect.provide(Stop.run(options, torrents), machine)),
  Dispatch.entry(Create.spec, (options, [path]) =>
    Effect.provide(
      Create.run(options, path!),
      Layer.unwrapEffect(Effect.map(creationLive, (Live) => Live.layer)),
    )),
  Dispatch.entry(Demo.spec, (options) =>
    Effect.provide(
      Demo.run(options),
      Layer.mergeAll(
        Layer.unwrapEffect(Effect.map(live, (Live) => Layer.merge(Live.ports, Live.trackers(undefined)))),
        Layer.unwrapEffect(Effect.map(creationLive, (Live) => Live.layer)),
        Layer.unwrapEffect(Effect.map(trackerLive, (Live) => Live.layer)),
      ),
    )),
  Dispatch.entry(Inspect.spec, (_, [source]) => Inspect.run(source!)),
  Dispatch.entry(Verify.spec, (options, [source]) =>
    Effect.provide(
      Verify.run(options, source!),
      Layer.unwrapEffect(Effect.map(live, (Live) => Live.ports)),
    )),
  Dispatch.entry(
    Announce.spec,
    (options, [source]) => Effect.provide(Announce.run(options, source!), trackers(options)),
  ),
  Dispatch.entry(
    Scrape.spec,
    (options, [source]) => Effect.provide(Scrape.run(options, source!), trackers(options)),
  ),
  Dispatch.entry(Simulate.spec, (options, [scenario]) =>
    Effect.flatMap(
      Effect.promise(() => import("./SimulateRun.ts")),
      (SimulateRun) => SimulateRun.run(options, scenario),
    )),
  Dispatch.entry(Dht.spec, (options, words) =>
    Effect.flatMap(
      Effect.all([live, Effect.promise(() => import("./DhtRun.ts"))]),
      ([Live, DhtRun]) => {
        const visit = { bootstrap: options.bootstrap, stateFile: undefined, isReadOnly: true }
        return Effect.provide(DhtRun.run(options, words), Live.dht(visit))
      },
    )),
  Dispatch.entry(Tracker.spec, (options) =>
    Effect.provide(
      Tracker.run(options),
      Layer.unwrapEffect(Effect.map(trackerLive, (Live) => Live.layer)),
    )),
]

const platform = Layer.mergeAll(
  NodeFileSystem.layer,
  NodePath.layer,
  NodeTerminal.layer,
  NodeHttpClient.layer,
)

/** Finalisers, which save state and say goodbye to trackers, get this long after the first Ctrl-C. */
const GRACE_MS = 5_000

const outputOf = (isJson: boolean, isQuiet: boolean): typeof Output.Output.Service =>
  Output.make({
    stdout: Process.stdout,
    stderr: Process.stderr,
    isJson,
    isQuiet,
    isColourless: (Process.env["NO_COLOR"] ?? "") !== "",
  })

/** What the ending depends on; replaced once, when the options are known. */
let run = { output: outputOf(false, false), showsCauses: false, interrupted: "interrupted" }
/** An error that nothing caught: then the run is over, however it ends. */
let uncaught: EffectExit.Exit<void, unknown> | undefined
/** The reader of stdout left, so there is nobody to go on for. */
let isUnheard = false

const program = Effect.gen(function* () {
  const plan = yield* Dispatch.plan(entries, {
    args: Process.args,
    env: Process.env,
    version: project.version,
  })
  if (plan._tag === "Print") return yield* run.output.result(plan.text.split("\n"))
  const { spec, common, action } = plan
  run = {
    output: outputOf(common.json, common.quiet),
    showsCauses: Log.showsCauses(common),
    interrupted: spec.interrupted,
  }
  yield* action.pipe(
    Effect.provideService(Output.Output, run.output),
    // By way of the output, which takes its live block away first.
    Effect.provide(Log.layer(common, Process.pid, (line) => Effect.runSync(run.output.alert(line)))),
  )
}).pipe(Effect.provide(platform))

/** Tells how the run ended and gives the exit code. */
const conclude = (exit: EffectExit.Exit<void, unknown>): Effect.Effect<number> =>
  Effect.gen(function* () {
    const { output, showsCauses, interrupted } = run
    yield* output.clear
    if (exit._tag === "Success" || isUnheard) return Exit.OK
    const { code, lines, error } = Exit.verdict(exit.cause)
    if (error !== undefined) yield* output.event("error", error)
    for (const line of code === Exit.INTERRUPTED ? [interrupted] : lines) yield* output.alert(line)
    if (showsCauses && code === Exit.FAILED) {
      yield* output.alert(
        Text.printableLines(Secrets.hide(Cause.pretty(exit.cause, { renderErrorCause: true }))),
      )
    }
    return code
  })

Process.stayAlive()
// A failure is a value here, so that the runtime does not log it as unhandled besides the verdict.
const fiber = Effect.runFork(Effect.exit(program))
fiber.addObserver((exit) => Process.exit(Effect.runSync(conclude(uncaught ?? EffectExit.flatten(exit)))))

Process.onInterrupt((count) => {
  if (count > 1) Process.exitNow(Exit.INTERRUPTED)
  fiber.unsafeInterruptAsFork(fiber.id())
  Process.afterMs(GRACE_MS, () => {
    Process.stderr.write(
      "interrupted before all was saved; the same command checks what is there and resumes\n",
    )
    Process.exitNow(Exit.INTERRUPTED)
  })
})

// Thrown by the runtime where no call of ours could catch it. What is there to tidy up is tidied up before the end.
Process.onUncaught((error) => {
  const failed = EffectExit.failCause(Cause.die(error))
  uncaught = failed
  fiber.unsafeInterruptAsFork(fiber.id())
  Process.afterMs(GRACE_MS, () => Process.exit(Effect.runSync(conclude(failed))))
})

Process.onStdoutClosed(() => {
  isUnheard = true
  fiber.unsafeInterruptAsFork(fiber.id())
  Process.afterMs(GRACE_MS, () => Process.exitNow(Exit.OK))
})
