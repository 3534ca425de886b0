/** A command as data, and the way from a command line to its values. */
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import type * as Terminal from "@effect/platform/Terminal"
import * as CliConfig from "@effect/cli/CliConfig"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as CliOptions from "@effect/cli/Options"
import type * as ValidationError from "@effect/cli/ValidationError"
import * as Effect from "effect/Effect"
import type * as Argv from "./Argv.ts"
import * as Config from "./Config.ts"
import { UsageError } from "./Exit.ts"
import * as Options from "./Options.ts"

/** What a command is given besides options. */
export interface Argument {
  readonly name: string
  readonly isRepeated: boolean
  /** May be left out. */
  readonly isOptional?: boolean
  readonly description: string
}

/** What `--help`, the parser and the completions know about a command. */
export interface Spec<F extends Options.Flags = Options.Flags> {
  readonly name: string
  /** One line, in lower case, without a full stop. */
  readonly summary: string
  /** Absent where the command takes none. */
  readonly argument?: Argument | undefined
  readonly flags: F
  /** One command line that can be pasted. */
  readonly example: string
  /** What is said after Ctrl-C. */
  readonly interrupted: string
}

/** Every option of a command, its own first. */
export const flagsOf = (spec: Spec): ReadonlyArray<Options.Flag<unknown>> => [
  ...Object.values(spec.flags),
  ...Object.values(Options.common),
]

const config = CliConfig.make({ isCaseSensitive: true })

/** Where an option's text came from, for the message that calls it wrong. */
export interface Origins {
  readonly argv: Argv.Given
  readonly environment: Argv.Given
  readonly file: Argv.Given
}

/**
 * Decodes flags: each one's texts from the command line, else the environment, else the file, else its default. Each
 * option is handed to its parser with its own texts alone, so that no value can be taken for another option.
 */
export const decode = <F extends Options.Flags>(
  command: string,
  flags: F,
  origins: Origins,
): Effect.Effect<Options.Values<F>, UsageError, FileSystem.FileSystem | Path.Path | Terminal.Terminal> =>
  Effect.map(
    Effect.forEach(Object.entries(flags), ([key, flag]) => {
      const [texts, shown] = originOf(flag, origins)
      const words = texts.flatMap((text) =>
        flag.kind === "switch" ? (text === "true" ? [`--${flag.name}`] : []) : [`--${flag.name}`, text]
      )
      return CliOptions.processCommandLine(flag.options, words, config).pipe(
        Effect.map(([, , value]) => [key, value] as const),
        Effect.mapError((error) =>
          new UsageError({ message: `${shown} ${texts.join(" ")}: ${plainText(error)}`, command })
        ),
      )
    }),
    (entries) => Object.fromEntries(entries) as Options.Values<F>,
  )

const originOf = (
  flag: Options.Flag<unknown>,
  { argv, environment, file }: Origins,
): readonly [ReadonlyArray<string>, string] => {
  const { name } = flag
  if (argv.has(name)) return [argv.get(name)!, `--${name}`]
  if (environment.has(name)) return [environment.get(name)!, Config.variable(name)]
  return [file.get(name) ?? [], `config file: ${name}`]
}

/** The words of a validation error, without the colours of its document. */
const plainText = ({ error }: ValidationError.ValidationError): string =>
  // deno-lint-ignore no-control-regex -- colours are escape sequences
  HelpDoc.toAnsiText(error).replace(/\x1b\[[0-9;]*m/g, "").trim()

/** Checks the number of arguments. */
export const requireArguments = (
  spec: Spec,
  args: ReadonlyArray<string>,
): Effect.Effect<void, UsageError> => {
  const message = wrongArguments(spec, args)
  return message === undefined ? Effect.void : new UsageError({ message, command: spec.name })
}

const wrongArguments = (
  { name: command, argument }: Spec,
  args: ReadonlyArray<string>,
): string | undefined => {
  if (argument === undefined) return args.length === 0 ? undefined : `${command} takes no argument`
  const { name, isRepeated, isOptional } = argument
  if (args.length === 0) {
    return isOptional === true ? undefined : `${command} needs ${isRepeated ? "at least one" : "a"} ${name}`
  }
  if (args.length > 1 && !isRepeated) return `${command} takes one ${name}, not ${args.length}`
  return args.includes("") ? `an empty ${name} was given` : undefined
}
