/** Text for people: what came from outside made safe to print, and numbers with their units. */

/** C0 and C1 controls, DEL, line and paragraph separators, and the marks that hide or reorder what a terminal shows. */
const UNPRINTABLE =
  // deno-lint-ignore no-control-regex -- control characters are what this is about
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu

/** What nearly every text is. */
const PLAIN = /^[\x20-\x7e]*$/

/**
 * `text` without anything that could move the cursor, change colours, or reorder a line: each such character becomes
 * U+FFFD, a lone surrogate too. Every name from a torrent, a tracker or a peer passes through here before it is printed.
 */
export const printable = (text: string): string =>
  PLAIN.test(text) ? text : text.replace(UNPRINTABLE, "\ufffd").replace(/\p{Cs}/gu, "\ufffd")

/** {@link printable} for text of several lines that may keep its line breaks. */
export const printableLines = (text: string): ReadonlyArray<string> => text.split(/\r?\n/).map(printable)

const PAINTS = { cyan: 36, green: 32, dim: 2 } as const

/** Paints text, on a terminal that has colours. */
export const painter = (isColoured: boolean) => (paint: keyof typeof PAINTS, text: string): string =>
  isColoured ? `\x1b[${PAINTS[paint]}m${text}\x1b[0m` : text

// deno-lint-ignore no-control-regex -- the paint is made of control characters
const PAINTED = /(\u001b\[(?:36|32|2|0)m)/

/** {@link printable} for a line that was painted in parts: only the sequences of {@link painter} are left. */
export const printablePainted = (line: string): string =>
  // Split by a group, so that every other part is paint.
  line.split(PAINTED).map((part, i) => i % 2 === 0 ? printable(part) : part).join("")

/** The same characters as `\\uXXXX`, for text that is read as JSON again: nothing is lost. */
export const escapeUnprintable = (json: string): string =>
  json.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]

/** `0 B`, `999 B`, `1.5 KiB`, `256.0 MiB`: powers of 1024, one decimal from KiB on. */
export const bytes = (count: number): string => {
  let value = Math.max(0, count)
  let unit = 0
  // 1023.95 would be rounded to 1024.0, so the next unit starts there.
  while (unit < UNITS.length - 1 && value >= (unit === 0 ? 1024 : 1023.95)) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** {@link bytes} a second. */
export const rate = (bytesPerSec: number): string => `${bytes(bytesPerSec)}/s`

/** `850 ms`, `3.2 s`, `4m05s`, `2h07m`, `3d04h`; a dash where it is unknown. */
export const duration = (ms: number): string => {
  if (!Number.isFinite(ms) || ms < 0) return "-"
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`
  const seconds = Math.round(ms / 1_000)
  const two = (value: number) => String(value).padStart(2, "0")
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1_440) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`
  const hours = Math.floor(minutes / 60)
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`
}

/** `1 file`, `3 files`. */
export const count = (value: number, singular: string, plural = `${singular}s`): string =>
  `${value} ${value === 1 ? singular : plural}`

/** Full-width characters take two columns: the East Asian blocks and emoji, which is near enough to cut a line. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u
const ZERO_WIDTH = /\p{Mn}|\p{Me}/u

const widthOf = (character: string): number => ZERO_WIDTH.test(character) ? 0 : WIDE.test(character) ? 2 : 1

/** Columns that printable text takes on a terminal. */
export const width = (text: string): number => {
  let columns = 0
  for (const character of text) columns += widthOf(character)
  return columns
}

/** `text` in at most `columns`, its end replaced by `…` where it is longer. */
export const fit = (text: string, columns: number): string => {
  if (width(text) <= columns) return text
  let kept = ""
  let left = columns - 1
  for (const character of text) {
    left -= widthOf(character)
    if (left < 0) break
    kept += character
  }
  return columns < 1 ? "" : `${kept}…`
}
