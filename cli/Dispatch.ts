/** From a command line to what is to be done: a text to print, or a command with its options decoded. */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as Path from "@effect/platform/Path"
import type * as Terminal from "@effect/platform/Terminal"
import * as Effect from "effect/Effect"
import * as Argv from "./Argv.ts"
import * as Command from "./Command.ts"
import * as Completions from "./Completions.ts"
import * as Config from "./Config.ts"
import { UsageError } from "./Exit.ts"
import * as Help from "./Help.ts"
import * as Options from "./Options.ts"
import type { Output } from "./Output.ts"
import * as ReadFile from "./ReadFile.ts"

/** What the runtime offers to every command. */
export type Platform = FileSystem.FileSystem | Path.Path | Terminal.Terminal | HttpClient.HttpClient

export type Action = Effect.Effect<void, unknown, Platform | Output>

/** A command that can be run. */
export interface Entry {
  readonly spec: Command.Spec
  readonly decode: (
    origins: Command.Origins,
    args: ReadonlyArray<string>,
  ) => Effect.Effect<Action, UsageError, Platform>
}

/** Ties a command's options to what runs it; `args` has the number of arguments that the command takes. */
export const entry = <F extends Options.Flags>(
  spec: Command.Spec<F>,
  run: (options: Options.Values<F>, args: ReadonlyArray<string>) => Action,
): Entry => ({
  spec,
  decode: (origins, args) =>
    Effect.map(Command.decode(spec.name, spec.flags, origins), (options) => run(options, args)),
})

export type Plan =
  | { readonly _tag: "Print"; readonly text: string }
  | {
    readonly _tag: "Run"
    readonly spec: Command.Spec
    readonly common: Options.Common
    readonly action: Action
  }

export interface Invocation {
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string | undefined>>
  readonly version: string
}

/** Decides what an invocation asks for. Every wrong usage is found here, before anything runs. */
export const plan = (
  entries: ReadonlyArray<Entry>,
  { args, env, version }: Invocation,
): Effect.Effect<Plan, UsageError, Platform> =>
  Effect.gen(function* () {
    const flags = entries.flatMap(({ spec }) => Command.flagsOf(spec)).concat(Options.informing)
    const split = Argv.split(args, flags)
    if (!split.ok) {
      return yield* usage(
        split.error,
        entries.find(({ spec }) => args.includes(spec.name))?.spec.name,
      )
    }
    const argv = split.value
    const text = yield* information(entries.map(({ spec }) => spec), argv, version)
    if (text !== undefined) return { _tag: "Print", text }
    const { spec, decode } = yield* find(entries, argv)
    const origins = yield* originsOf(entries, spec, argv, env)
    const common = yield* Command.decode(spec.name, Options.common, origins)
    yield* Command.requireArguments(spec, argv.args)
    const action = yield* decode(origins, argv.args)
    return { _tag: "Run", spec, common, action }
  })

const usage = (message: string, command?: string) => new UsageError({ message, command })

/** What `--help`, `--version` and `--completions` print; `undefined` where a command is to run. */
const information = (
  specs: ReadonlyArray<Command.Spec>,
  { command, given }: Argv.Argv,
  version: string,
): Effect.Effect<string | undefined, UsageError> =>
  Effect.gen(function* () {
    const isOn = (name: string) => given.get(name)?.[0] === "true"
    if (isOn("help")) {
      const spec = specs.find(({ name }) => name === command)
      return spec === undefined ? Help.program(specs, version) : Help.command(spec)
    }
    if (isOn("version")) return `shoal ${version}`
    const shell = given.get("completions")?.[0]
    if (shell === undefined) return undefined
    const known = Completions.SHELLS.find((one) => one === shell)
    if (known === undefined) return yield* usage(`--completions ${shell}: expected one of bash, zsh, fish`)
    return Completions.script(specs, known)
  })

const find = (
  entries: ReadonlyArray<Entry>,
  { command, given }: Argv.Argv,
): Effect.Effect<Entry, UsageError> => {
  if (command === undefined) return usage("no command was given")
  const found = entries.find(({ spec }) => spec.name === command)
  if (found === undefined) {
    const near = Argv.nearest(command, entries.map(({ spec }) => spec.name))
    return usage(`unknown command '${command}'${near === undefined ? "" : `; did you mean ${near}?`}`)
  }
  const foreign = Argv.foreign(given, [...Command.flagsOf(found.spec), ...Options.informing])
  return foreign === undefined
    ? Effect.succeed(found)
    : usage(`${command} has no option --${foreign}`, command)
}

/** The options that the command line, the environment and the config file give. */
const originsOf = (
  entries: ReadonlyArray<Entry>,
  spec: Command.Spec,
  argv: Argv.Argv,
  env: Invocation["env"],
): Effect.Effect<Command.Origins, UsageError, Platform> =>
  Effect.gen(function* () {
    const environment = Config.fromEnvironment(env, Command.flagsOf(spec))
    if (!environment.ok) return yield* usage(environment.error, spec.name)
    const path = argv.given.get("config")?.[0] ?? environment.value.get("config")?.[0]
    const origins = { argv: argv.given, environment: environment.value, file: new Map() }
    if (path === undefined) return origins
    const toml = yield* Effect.mapError(
      ReadFile.text(path, "a config file"),
      ({ message }) => usage(`config file: ${message}`, spec.name),
    )
    const known = new Map(entries.map(({ spec }) => [spec.name, Command.flagsOf(spec)]))
    const file = Config.fromFile(toml, spec.name, known)
    if (!file.ok) return yield* usage(`config file ${path}: ${file.error}`, spec.name)
    return { ...origins, file: file.value }
  })
