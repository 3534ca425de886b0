/** `--detach`: starts the same command in the background, and waits until it is ready or has failed. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Machine, type Started } from "../shell/Machine.ts"
import * as Background from "./Background.ts"
import * as Command from "./Command.ts"
import * as Config from "./Config.ts"
import { Failure } from "./Exit.ts"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as Progress from "./Progress.ts"
import * as Text from "./Text.ts"

/** Logs of earlier runs that are kept. */
const LOGS = 20

const POLL = "100 millis"

/** What the one in the background says of itself, once it is ready. */
const waitUntilReady = (file: string, log: string, { exited }: Started) =>
  Effect.gen(function* () {
    const output = yield* Output
    let drawnAtMs = yield* Clock.currentTimeMillis
    const poll = Effect.gen(function* () {
      const status = yield* Background.read(file)
      const now = yield* Clock.currentTimeMillis
      if (status?.checked !== undefined && now - drawnAtMs >= output.progressIntervalMs) {
        drawnAtMs = now
        const name = status.torrents.map(({ name }) => name).join(", ")
        yield* output.progress(Progress.drawCheck(name, status.checked.done, status.checked.total))
      }
      return status?.state === "starting" ? undefined : status
    })
    const told = Effect.repeat(Effect.delay(poll, POLL), { until: (status) => status !== undefined })
    // It may have said why just before it ended.
    const ended = Effect.flatMap(exited, (code) =>
      Effect.flatMap(Background.read(file), (status) =>
        status?.state === "failed" ? Effect.succeed(status) : new Failure({
          reason: "background",
          message: `it ended in the background before it listened, ${
            code === undefined ? "by a signal" : `with status ${code}`
          }; its log is ${Text.printable(log)}`,
        })))
    const status = yield* Effect.raceFirst(told, ended)
    yield* output.clear
    if (status?.failure === undefined) {
      return status
    }
    yield* Background.remove(file)
    return yield* new Failure(status.failure)
  })

/** Makes room in the folder: the oldest logs of what runs no more. */
const prune = (folder: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const running = new Set((yield* Background.list).map(({ file }) => file.replace(/\.json$/, ".log")))
    const logs = (yield* fs.readDirectory(folder)).filter((name) => name.endsWith(".log")).sort()
      .map((name) => path.join(folder, name)).filter((log) => !running.has(log))
    yield* Effect.forEach(logs.slice(0, Math.max(0, logs.length - LOGS)), (log) => fs.remove(log))
  })

/** The options that come from the environment, by name: on Deno that is not handed on as a whole. */
const inherited = (spec: Command.Spec): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Command.flagsOf(spec).flatMap(({ name }) => {
      const variable = Config.variable(name)
      const value = Process.env[variable]
      return value === undefined ? [] : [[variable, value]]
    }),
  )

/** Starts this command line in the background. Interrupted while it waits, it ends what it has started. */
export const launch = (
  spec: Command.Spec,
): Effect.Effect<void, unknown, Machine | Output | FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const output = yield* Output
    const machine = yield* Machine
    const path = yield* Path.Path
    const folder = yield* Background.runFolder
    yield* Effect.ignore(prune(folder))
    const now = new Date(yield* Clock.currentTimeMillis).toISOString().replace(/[-:.]/g, "")
    const file = path.join(folder, `${now}-${Process.pid}.json`)
    const log = path.join(folder, `${now}-${Process.pid}.log`)
    const started = yield* machine.start({
      args: Process.args,
      env: { ...inherited(spec), [Background.VARIABLE]: file },
      logFile: log,
    })
    const status = yield* Effect.onInterrupt(
      waitUntilReady(file, log, started),
      () => Effect.zipRight(Effect.ignore(machine.terminate(started.pid)), started.exited),
    )
    yield* Background.tell(output, status?.told ?? [])
    yield* output.event("detached", { pid: started.pid, log })
    yield* output.result(
      `in the background: process ${started.pid}, log ${Text.printable(log)}; 'shoal stop' ends it`,
    )
  })
