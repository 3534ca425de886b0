/**
 * Programs in the background. Each has a status file in the state folder: it keeps that up to date, the command that
 * started it waits for it there, and `shoal stop` finds it there. Beside it is its log.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import type { PlatformError } from "@effect/platform/Error"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import { Machine } from "../shell/Machine.ts"
import { Failure, verdict } from "./Exit.ts"
import type { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as Text from "./Text.ts"

/** The environment variable that tells a program in the background which status file is its own. */
export const VARIABLE = "SHOAL_STATUS_FILE"

/** Asked when it is needed: what needs no environment, such as `inspect`, is not to be kept from it by Deno. */
const ownFile = (): string | undefined => Process.env[VARIABLE] || undefined

/** This process was put in the background by another one. */
export const isChild = (): boolean => ownFile() !== undefined

/** What it printed when it was ready, for whoever started it to print again. */
const Told = Schema.Union(
  Schema.Struct({ line: Schema.String }),
  Schema.Struct({
    event: Schema.String,
    fields: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  }),
)
export type Told = typeof Told.Type

const Status = Schema.Struct({
  pid: Schema.Int,
  /** `Machine.identity`. */
  identity: Schema.String,
  state: Schema.Literal("starting", "ready", "failed"),
  torrents: Schema.Array(Schema.Struct({ infoHash: Schema.String, name: Schema.String })),
  /** How far the data is checked, in bytes, while `starting`. */
  checked: Schema.optional(Schema.Struct({ done: Schema.Number, total: Schema.Number })),
  told: Schema.Array(Told),
  failure: Schema.optional(Schema.Struct({ reason: Schema.String, message: Schema.String })),
})
export type Status = typeof Status.Type

const StatusJson = Schema.parseJson(Status)

/** What a command tells of itself; nobody listens where it runs in the foreground. */
export class Background extends Context.Tag("shoal/cli/Background")<Background, {
  readonly isDetached: boolean
  /** Says which torrents it serves; fails with reason `running` if another one in the background has one of them. */
  readonly claim: (
    torrents: ReadonlyArray<Metainfo>,
  ) => Effect.Effect<void, Failure, Machine | FileSystem.FileSystem | Path.Path>
  readonly checking: (done: number, total: number) => Effect.Effect<void>
  readonly ready: (told: ReadonlyArray<Told>) => Effect.Effect<void>
}>() {}

/** Of a file or a folder in the state folder. */
export const unusable = (path: string) => (error: PlatformError) =>
  new Failure({
    reason: "state",
    message: `${Text.printable(path)} cannot be used: ${
      error._tag === "SystemError" ? error.description ?? error.reason : error.message
    }; choose another place with XDG_STATE_HOME`,
    cause: error,
  })

/** A folder of the program's own, for this user's eyes only; created if need be. */
export const folder = (
  name: string,
): Effect.Effect<string, Failure, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const state = Process.stateFolder()
    if (state === undefined) {
      return yield* new Failure({
        reason: "state",
        message: "there is no place to keep state in; set HOME or XDG_STATE_HOME",
      })
    }
    const fs = yield* FileSystem.FileSystem
    const folder = (yield* Path.Path).join(state, name)
    yield* Effect.mapError(fs.makeDirectory(folder, { recursive: true, mode: 0o700 }), unusable(folder))
    return folder
  })

/** Where status files and logs are. */
export const runFolder = folder("background")

/** A status file's content; nothing where there is none, or one that isn't ours. */
export const read = (file: string): Effect.Effect<Status | undefined, never, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(file)).pipe(
    Effect.flatMap(Schema.decode(StatusJson)),
    Effect.option,
    Effect.map(Option.getOrUndefined),
  )

/** Replaces a status file as a whole, so that no reader sees half of one. */
const write = (file: string, status: Status) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const text = yield* Effect.orDie(Schema.encode(StatusJson)(status))
    yield* fs.writeFileString(`${file}.new`, `${text}\n`, { mode: 0o600 })
    yield* fs.rename(`${file}.new`, file)
  }).pipe(Effect.mapError(unusable(file)))

export const remove = (file: string): Effect.Effect<void, never, FileSystem.FileSystem> =>
  Effect.ignore(Effect.flatMap(FileSystem.FileSystem, (fs) => fs.remove(file, { force: true })))

/** Prints what is told, in whichever form is asked for. */
export const tell = (output: typeof Output.Service, told: ReadonlyArray<Told>): Effect.Effect<void> =>
  Effect.forEach(
    told,
    (one) => "line" in one ? output.result(one.line) : output.event(one.event, one.fields),
    { discard: true },
  )

export interface Entry {
  readonly file: string
  readonly status: Status
}

/** Everything that runs in the background, the oldest first. Files of what runs no more are removed. */
export const list: Effect.Effect<
  ReadonlyArray<Entry>,
  Failure,
  Machine | FileSystem.FileSystem | Path.Path
> = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const machine = yield* Machine
  const folder = yield* runFolder
  const names = yield* Effect.mapError(fs.readDirectory(folder), unusable(folder))
  const entries: Array<Entry> = []
  for (const name of names.filter((name) => name.endsWith(".json")).sort()) {
    const file = path.join(folder, name)
    const status = yield* read(file)
    if (status === undefined) continue
    if (yield* machine.isRunning(status.pid, status.identity)) entries.push({ file, status })
    else yield* remove(file)
  }
  return entries
})

export const foreground: typeof Background.Service = {
  isDetached: false,
  claim: () => Effect.void,
  checking: () => Effect.void,
  ready: () => Effect.void,
}

/** At most so often a status file is written again while data is checked. */
const REPORT_MS = 500

/** Keeps `file` while `run` runs, and for whoever waits after a failure. */
const detached = <A, E, R>(file: string, run: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const machine = yield* Machine
    let status: Status = {
      pid: Process.pid,
      identity: yield* machine.identity,
      state: "starting",
      torrents: [],
      told: [],
    }
    let toldAtMs = -Infinity
    const set = (changes: Partial<Status>) =>
      Effect.suspend(() => {
        status = { ...status, ...changes }
        return Effect.provideService(write(file, status), FileSystem.FileSystem, fs)
      })
    const service: typeof Background.Service = {
      isDetached: true,
      claim: (torrents) =>
        Effect.gen(function* () {
          const own = torrents.map(({ infoHash, name }) => ({ infoHash, name }))
          // First said and then asked, so that of two that begin at the same time one at least gives way.
          yield* set({ torrents: own })
          const others = (yield* list).filter(({ status }) => status.pid !== Process.pid)
          for (const { status } of others) {
            const taken = status.torrents.find(({ infoHash }) => own.some((one) => one.infoHash === infoHash))
            if (taken === undefined) continue
            const message = `${taken.name} is seeded in the background already, by process ${status.pid}; ` +
              `'shoal stop ${taken.infoHash}' ends that`
            return yield* new Failure({ reason: "running", message })
          }
        }),
      checking: (done, total) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) => {
          if (now - toldAtMs < REPORT_MS || status.state !== "starting") return Effect.void
          toldAtMs = now
          return Effect.ignore(set({ checked: { done, total } }))
        }),
      ready: (told) => Effect.ignore(set({ state: "ready", told })),
    }
    yield* set({})
    return yield* run.pipe(
      Effect.provideService(Background, service),
      Effect.tapErrorCause((cause) => {
        // Who waits takes the file away; once it was ready, nobody waits.
        const failure = verdict(cause).error
        return failure === undefined || status.state !== "starting"
          ? Effect.void
          : Effect.ignore(set({ state: "failed", failure }))
      }),
      Effect.ensuring(Effect.suspend(() =>
        status.state === "failed"
          ? Effect.void
          : Effect.provideService(remove(file), FileSystem.FileSystem, fs)
      )),
    )
  })

/** Runs a command as what it was started for: in the background if whoever started it says so. */
export const serve = <A, E, R>(run: Effect.Effect<A, E, R>) =>
  Effect.suspend((): Effect.Effect<
    A,
    E | Failure,
    Exclude<R, Background> | Machine | FileSystem.FileSystem
  > => {
    const file = ownFile()
    return file === undefined ? Effect.provideService(run, Background, foreground) : detached(file, run)
  })
