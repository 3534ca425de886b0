/** `--help`, made from the same option data as the parser. */
import { type Argument, flagsOf, type Spec } from "./Command.ts"
import * as Config from "./Config.ts"
import * as Options from "./Options.ts"

type AnyFlag = Options.Flag<unknown>

const SYNOPSIS = "shoal COMMAND [OPTION]… ARGUMENT…"

const table = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const column = Math.max(...rows.map(([left]) => left.length)) + 2
  return rows.map(([left, right]) => `  ${left.padEnd(column)}${right}`)
}

const shape = (flag: AnyFlag): string =>
  `${flag.alias === undefined ? "    " : `-${flag.alias}, `}--${flag.name}${
    flag.metavar === "" ? "" : ` ${flag.metavar}`
  }`

const optionTable = (flags: ReadonlyArray<AnyFlag>): ReadonlyArray<string> =>
  table(
    flags.map((flag) => [
      shape(flag),
      flag.fallback === undefined ? flag.description : `${flag.description} (default ${flag.fallback})`,
    ]),
  )

/** Help for the whole program. */
export const program = (specs: ReadonlyArray<Spec>, version: string): string =>
  [
    `shoal ${version}, a BitTorrent client`,
    "",
    `usage: ${SYNOPSIS}`,
    "",
    "commands:",
    ...table(specs.map((spec) => [spec.name, spec.summary])),
    "",
    "options of every command:",
    ...optionTable([...Object.values(Options.common), ...Options.informing]),
    "",
    "example:",
    `  ${specs[0]!.example}`,
    "",
    `'shoal COMMAND --help' shows a command's options. Each can be set by environment, as in ${
      Config.variable("max-peers")
    }=50, or in a config file.`,
  ].join("\n")

const placeOf = ({ name, isRepeated, isOptional }: Argument): string => {
  const place = `${name}${isRepeated ? "…" : ""}`
  return isOptional === true ? `[${place}]` : place
}

/** Help for one command. */
export const command = (spec: Spec): string => {
  const { argument } = spec
  return [
    `shoal ${spec.name}: ${spec.summary}`,
    "",
    `usage: shoal ${spec.name} [OPTION]…${argument === undefined ? "" : ` ${placeOf(argument)}`}`,
    "",
    ...(argument === undefined ? [] : [...table([[argument.name, argument.description]]), ""]),
    "options:",
    ...optionTable([...flagsOf(spec), Options.informing[0]!]),
    "",
    "example:",
    `  ${spec.example}`,
  ].join("\n")
}
