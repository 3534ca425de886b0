/**
 * Cuts a command line into command, options and arguments. Options may stand anywhere, in every usual form (`-o x`,
 * `-ox`, `--out x`, `--out=x`, `-qo x`), and `--` ends them.
 */
import type { Flag } from "./Options.ts"
import * as Result from "../core/base/Result.ts"

/** Raw values of one option, in order; a switch holds `true` or `false`. */
export type Given = ReadonlyMap<string, ReadonlyArray<string>>

export interface Argv {
  /** The first argument that is no option. */
  readonly command: string | undefined
  /** By name, without dashes. */
  readonly given: Given
  readonly args: ReadonlyArray<string>
}

type AnyFlag = Flag<unknown>

/** Cuts `argv` with `flags`, all options of all commands; whether the command has them is asked with {@link foreign}. */
export const split = (
  argv: ReadonlyArray<string>,
  flags: ReadonlyArray<AnyFlag>,
): Result.Result<Argv, string> => {
  const byName = new Map(flags.map((flag) => [flag.name, flag]))
  const byAlias = new Map(
    flags.flatMap((flag) => flag.alias === undefined ? [] : [[flag.alias, flag] as const]),
  )
  const given = new Map<string, Array<string>>()
  const args: Array<string> = []

  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word === "--") {
      args.push(...argv.slice(i + 1))
      break
    }
    if (!word.startsWith("-") || word === "-") {
      args.push(word)
      continue
    }
    // `--name[=value]` is one option; `-abc` is several, of which the first that takes a value takes the rest.
    const isLong = word.startsWith("--")
    const equals = word.indexOf("=")
    let rest = isLong ? word.slice(2, equals < 0 ? undefined : equals) : word.slice(1)
    while (rest !== "") {
      const key = isLong ? rest : rest[0]!
      const flag = isLong ? byName.get(key) : byAlias.get(key)
      const shown = isLong ? `--${key}` : `-${key}`
      if (flag === undefined) return Result.err(`unknown option ${shown}${suggestion(key, isLong, byName)}`)
      rest = isLong ? "" : rest.slice(1)
      let value: string | undefined = isLong && equals >= 0 ? word.slice(equals + 1) : undefined
      if (flag.kind === "switch") {
        const isOn = value === undefined ? true : truth(value)
        if (isOn === undefined) return Result.err(`${shown} takes true or false, not '${value}'`)
        value = String(isOn)
      } else if (!isLong && rest !== "") {
        value = rest.startsWith("=") ? rest.slice(1) : rest
        rest = ""
      } else if (value === undefined) {
        const next = argv[i + 1]
        const isOption = next?.startsWith("--") && byName.has(next.slice(2).split("=")[0]!)
        if (next === undefined || next === "--" || isOption) {
          return Result.err(`${shown} needs a value, ${flag.metavar}`)
        }
        value = next
        i++
      }
      const values = given.get(flag.name) ?? []
      if (values.length > 0 && flag.kind === "value") return Result.err(`${shown} is given twice`)
      given.set(flag.name, flag.kind === "switch" ? [value] : [...values, value])
    }
  }
  return Result.ok({ command: args[0], given, args: args.slice(1) })
}

/** The first given option that is none of `flags`. */
export const foreign = (given: Given, flags: ReadonlyArray<AnyFlag>): string | undefined => {
  const names = new Set(flags.map((flag) => flag.name))
  return [...given.keys()].find((name) => !names.has(name))
}

/** The text of a switch in `--name=…`, the environment or a list; `undefined` for anything else. */
export const truth = (text: string): boolean | undefined => {
  if (/^(?:1|true|yes|on)$/i.test(text)) return true
  return /^(?:0|false|no|off|)$/i.test(text) ? false : undefined
}

const suggestion = (key: string, isLong: boolean, byName: ReadonlyMap<string, AnyFlag>): string => {
  const near = isLong ? nearest(key, [...byName.keys()]) : undefined
  return near === undefined ? "" : `; did you mean --${near}?`
}

/** The word that at most two typing mistakes turn into `text`, one in words of three letters or less. */
export const nearest = (text: string, words: ReadonlyArray<string>): string | undefined => {
  let best: string | undefined
  let least = Math.min(2, Math.floor(text.length / 2)) + 1
  for (const word of words) {
    const distance = editDistance(text.slice(0, 64), word)
    if (distance >= least) continue
    least = distance
    best = word
  }
  return best
}

const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
