/** How the values of a scenario are written in a file: as on the command line, and back. */
import { err, ok, type Result } from "../core/base/Result.ts"
import type { Arrival, Departure } from "../core/sim/Scenario.ts"
import * as Value from "./Value.ts"

/** What a TOML or JSON file can hold in one place. */
export type Plain = string | number | boolean

/** A way to write values: `read` says what would have been right, and gives back what `show` made. */
export interface Notation<A> {
  readonly read: (raw: unknown) => Result<A, string>
  readonly show: (value: A) => Plain
}

/** A string, or a number without unit, read as an option's text is. */
const written = <A>(parse: Value.Parser<A>, show: (value: A) => Plain): Notation<A> => ({
  read: (raw) => parse(typeof raw === "string" || typeof raw === "number" ? String(raw) : ""),
  show,
})

const UNITS = [["G", 1024 ** 3], ["M", 1024 ** 2], ["K", 1024]] as const

/** The largest unit of which it is a whole number. */
const showScaled = (value: number): string => {
  for (const [unit, factor] of UNITS) {
    if (value >= factor && value % factor === 0) return `${value / factor}${unit}`
  }
  return String(value)
}

/** Bytes: `32M`. */
export const size: Notation<number> = written(Value.size, showScaled)

/** Bytes a second: `500K`; 0: unlimited. */
export const rate: Notation<number> = written(Value.rate, showScaled)

/** Milliseconds, as options have them and also as `30ms`, for lines are fast. */
const parseDuration: Value.Parser<number> = (text) => {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)ms$/.exec(text)
  if (match !== null) return ok(Number(match[1]))
  const parsed = Value.duration(text)
  return parsed.ok ? parsed : err("expected a duration such as 30ms, 90s, 15m or 2h")
}

/** {@link duration} as text. */
export const showDuration = (ms: number): string => {
  if (ms > 0 && ms % 3_600_000 === 0) return `${ms / 3_600_000}h`
  if (ms > 0 && ms % 60_000 === 0) return `${ms / 60_000}m`
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`
}

/** Milliseconds: `30ms`, `90s`, `15m`, `2h`. */
export const duration: Notation<number> = written(parseDuration, showDuration)

/** A whole number. */
export const count: Notation<number> = {
  read: (raw) =>
    Number.isSafeInteger(raw) && Number(raw) >= 0 ? ok(Number(raw)) : err("expected a whole number"),
  show: (value) => value,
}

export const number: Notation<number> = {
  read: (raw) => Number.isFinite(raw) && Number(raw) >= 0 ? ok(Number(raw)) : err("expected a number"),
  show: (value) => value,
}

export const flag: Notation<boolean> = {
  read: (raw) => typeof raw === "boolean" ? ok(raw) : err("expected true or false"),
  show: (value) => value,
}

export const name: Notation<string> = {
  read: (raw) => typeof raw === "string" ? ok(raw) : err("expected a name"),
  show: (value) => value,
}

export const oneOf = <const A extends string>(words: ReadonlyArray<A>): Notation<A> =>
  written(Value.oneOf(...words), (value) => value)

/** `at 0s`, `over 2m`, `6 per minute`. */
export const arrival: Notation<Arrival> = {
  read: (raw) => {
    const [, at, over, perMinute] = typeof raw === "string"
      ? /^(?:at (\S+)|over (\S+)|(\d{1,9}(?:\.\d{1,6})?) per minute)$/.exec(raw.trim()) ?? []
      : []
    if (perMinute !== undefined) return ok({ _tag: "Poisson", perMinute: Number(perMinute) })
    const ms = parseDuration(at ?? over ?? "")
    if (!ms.ok) return err("expected an arrival such as 'at 0s', 'over 2m' or '6 per minute'")
    return ok(at === undefined ? { _tag: "Flash", overMs: ms.value } : { _tag: "AtOnce", atMs: ms.value })
  },
  show: (value) =>
    value._tag === "AtOnce"
      ? `at ${showDuration(value.atMs)}`
      : value._tag === "Flash"
      ? `over ${showDuration(value.overMs)}`
      : `${value.perMinute} per minute`,
}

/** `stay`, `at completion`, `at ratio 1.5`, `churn 5m` (the mean time of a stay). */
export const departure: Notation<Departure> = {
  read: (raw) => {
    const text = typeof raw === "string" ? raw.trim() : ""
    if (text === "stay") return ok({ _tag: "Stay" })
    if (text === "at completion") return ok({ _tag: "AtCompletion" })
    const ratio = Value.ratio(/^at ratio (\S+)$/.exec(text)?.[1] ?? "")
    if (ratio.ok) return ok({ _tag: "Ratio", ratio: ratio.value })
    const session = parseDuration(/^churn (\S+)$/.exec(text)?.[1] ?? "")
    if (session.ok) return ok({ _tag: "Churn", meanSessionMs: session.value })
    return err("expected a departure such as 'stay', 'at completion', 'at ratio 1.5' or 'churn 5m'")
  },
  show: (value) => {
    switch (value._tag) {
      case "Stay":
        return "stay"
      case "AtCompletion":
        return "at completion"
      case "Ratio":
        return `at ratio ${value.ratio}`
      case "Churn":
        return `churn ${showDuration(value.meanSessionMs)}`
    }
  },
}
