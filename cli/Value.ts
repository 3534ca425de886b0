/** The values that options take, read from text: each parser gives the value, or what would have been right. */
import * as Address from "../core/base/Address.ts"
import * as Bytes from "../core/base/Bytes.ts"
import * as Result from "../core/base/Result.ts"

/** Reads one value; the error says what was expected, as in `expected a RATE such as 500K, 2M or 0`. */
export type Parser<A> = (text: string) => Result.Result<A, string>

const FACTORS: Record<string, number> = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 }

const scaled = (text: string): number | undefined => {
  const match = /^(\d{1,15}(?:\.\d{1,6})?)([KMG]?)$/i.exec(text)
  if (match === null) return undefined
  const value = Math.round(Number(match[1]) * FACTORS[match[2]!.toUpperCase()]!)
  return Number.isSafeInteger(value) ? value : undefined
}

const orElse = <A>(value: A | undefined, expected: string): Result.Result<A, string> =>
  value === undefined ? Result.err(`expected ${expected}`) : Result.ok(value)

/** Bytes a second: a number with `K`, `M` or `G` for powers of 1024; 0 means unlimited. */
export const rate: Parser<number> = (text) =>
  orElse(scaled(text), "bytes a second such as 500K, 2M or 0 for unlimited")

/** Bytes: a number with `K`, `M` or `G` for powers of 1024. */
export const size: Parser<number> = (text) => orElse(scaled(text), "a size such as 16K, 256M or 1G")

/** Milliseconds, from `90s`, `15m`, `2h`. */
export const duration: Parser<number> = (text) => {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)([smh])$/i.exec(text)
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000 }[match?.[2]?.toLowerCase() ?? ""]
  return orElse(
    match === null || unitMs === undefined ? undefined : Math.round(Number(match[1]) * unitMs),
    "a duration such as 90s, 15m or 2h",
  )
}

/** Uploaded bytes as a multiple of the torrent's size. Other clients disagree on what 0 means, so it is refused. */
export const ratio: Parser<number> = (text) => {
  const value = /^\d{1,6}(?:\.\d{1,6})?$/.test(text) ? Number(text) : 0
  return orElse(value > 0 ? value : undefined, "a ratio above 0 such as 1 or 1.5")
}

/** A whole number from `low` to `high`. */
export const integer = (low: number, high: number): Parser<number> => (text) => {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN
  return orElse(value >= low && value <= high ? value : undefined, `a whole number from ${low} to ${high}`)
}

/** `HOST:PORT`, where an IPv6 host stands in brackets. */
export const hostPort: Parser<Address.Address> = (text) =>
  orElse(Address.parse(text), "HOST:PORT such as 192.0.2.1:6881 or [2001:db8::1]:6881")

/** An IP literal of this machine, without port. */
export const ip: Parser<string> = (text) => {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  const isV4 = parts !== null && parts.slice(1).every((part) => Number(part) <= 255)
  const isV6 = /^[0-9a-f:]*:[0-9a-f:.]*$/i.test(text) && URL.canParse(`http://[${text}]/`)
  return orElse(isV4 || isV6 ? text : undefined, "an IP address such as 192.0.2.1 or ::1")
}

/** Text that is not empty: a path, a pattern. */
export const text = (what: string): Parser<string> => (value) =>
  orElse(value.trim() === "" || value.includes("\0") ? undefined : value, what)

/** One of these words, without regard to case. */
export const oneOf = <const A extends string>(...words: ReadonlyArray<A>): Parser<A> => (value) =>
  orElse(words.find((word) => word === value.toLowerCase()), `one of ${words.join(", ")}`)

/** So many bytes in hexadecimal digits. */
export const hex = (byteCount: number): Parser<Bytes.Bytes> => (text) => {
  const bytes = Bytes.fromHex(text)
  return orElse(bytes?.length === byteCount ? bytes : undefined, `${2 * byteCount} hexadecimal digits`)
}
