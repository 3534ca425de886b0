/** Where options that are not on the command line come from: the environment, then the config file. */
import { parse as parseToml } from "smol-toml"
import * as Result from "../core/base/Result.ts"
import * as Argv from "./Argv.ts"
import type { Flag } from "./Options.ts"

type AnyFlag = Flag<unknown>

/** `SHOAL_MAX_PEERS` for `max-peers`. */
export const variable = (name: string): string => `SHOAL_${name.toUpperCase().replaceAll("-", "_")}`

/** The options that the environment sets; lists are separated by commas, an empty variable counts as not set. */
export const fromEnvironment = (
  env: Readonly<Record<string, string | undefined>>,
  flags: ReadonlyArray<AnyFlag>,
): Result.Result<Argv.Given, string> => {
  const given = new Map<string, ReadonlyArray<string>>()
  for (const flag of flags) {
    const text = env[variable(flag.name)]
    if (text === undefined || text === "") continue
    if (flag.kind !== "switch") {
      given.set(flag.name, flag.kind === "list" ? text.split(",").map((part) => part.trim()) : [text])
      continue
    }
    const isOn = Argv.truth(text)
    if (isOn === undefined) return Result.err(`${variable(flag.name)} takes true or false, not '${text}'`)
    given.set(flag.name, [String(isOn)])
  }
  return Result.ok(given)
}

/**
 * The options that a config file sets for one command. Top-level keys are names of options; a table named like a
 * command (`[download]`) holds for that command alone and goes before them. `known` are the options of every command
 * by the command's name: a key that none has is an error, one that only others have is ignored.
 */
export const fromFile = (
  toml: string,
  command: string,
  known: ReadonlyMap<string, ReadonlyArray<AnyFlag>>,
): Result.Result<Argv.Given, string> => {
  let document: Record<string, unknown>
  try {
    document = parseToml(toml)
  } catch (error) {
    // The parser's message goes on with a drawing of the place; its first line says what is wrong.
    const { message, line } = error as Error & { line?: number }
    const first = (message.split("\n")[0] ?? "").replace(/^Invalid TOML document:\s*/, "")
    return Result.err(`${line === undefined ? "" : `line ${line}: `}${first}`)
  }
  const given = new Map<string, ReadonlyArray<string>>()
  const everyFlag = new Map([...known.values()].flat().map((flag) => [flag.name, flag]))
  const read = (
    table: Record<string, unknown>,
    flags: ReadonlyMap<string, AnyFlag>,
    isMine: boolean,
    at: string,
  ) => {
    for (const [key, value] of Object.entries(table)) {
      if (at === "" && known.has(key) && isTable(value)) continue
      const flag = flags.get(key)
      if (flag === undefined) return `unknown option '${at}${key}'${hint(key, flags)}`
      const texts = textsOf(flag, value)
      if (typeof texts === "string") return `${at}${key}: ${texts}`
      if (isMine) given.set(key, texts)
    }
    return undefined
  }
  const wrong = read(document, everyFlag, true, "")
  if (wrong !== undefined) return Result.err(wrong)
  for (const [name, flags] of known) {
    const table = document[name]
    if (!isTable(table)) continue
    const wrongHere = read(
      table,
      new Map(flags.map((flag) => [flag.name, flag])),
      name === command,
      `${name}.`,
    )
    if (wrongHere !== undefined) return Result.err(wrongHere)
  }
  const mine = new Set(known.get(command)?.map((flag) => flag.name))
  return Result.ok(new Map([...given].filter(([name]) => mine.has(name))))
}

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date)

const hint = (key: string, flags: ReadonlyMap<string, AnyFlag>): string => {
  const near = Argv.nearest(key.replaceAll("_", "-"), [...flags.keys()])
  return near === undefined ? "" : `; did you mean '${near}'?`
}

/** Raw texts of a TOML value, as the command line would have given them; a string says what would have been right. */
const textsOf = (flag: AnyFlag, value: unknown): ReadonlyArray<string> | string => {
  if (flag.kind === "switch") return typeof value === "boolean" ? [String(value)] : "expected true or false"
  const isScalar = (item: unknown) =>
    typeof item === "string" || typeof item === "number" || typeof item === "bigint"
  if (flag.kind === "value") return isScalar(value) ? [String(value)] : "expected a string or a number"
  const items = Array.isArray(value) ? value : [value]
  return items.every(isScalar) ? items.map(String) : "expected an array of strings"
}
