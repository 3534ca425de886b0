/** What a terminal must never be sent, and a scan of output for it. */
import { expect } from "vitest"

/** Text that would like to own a terminal: escape sequences of both forms, a title, colours, marks, and a line of its own. */
export const HOSTILE =
  "evil\x1b]0;owned\x07\x1b[2J\x1b[31m\x9b1m\u202egpj\u2066\u200b\ufeff\b\u0000\x7f\u2028\r\nINJECTED=1 level=ERROR\rINJECTED"

/** How shoal takes its own live block away, and what it paints with: all that it sends by itself. */
// deno-lint-ignore no-control-regex -- control characters are what this is about
const OWN = /\x1b\[\d+F\x1b\[J|\x1b\[(?:36|32|2|0)m/g

const FORBIDDEN =
  // deno-lint-ignore no-control-regex -- control characters are what this is about
  /[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]|\p{Cs}|^[\s|]*INJECTED/gmu

/**
 * Where `output` has something that it must not have, each with what stands around it, as JSON so that a report of it is
 * harmless. A line that begins with what {@link HOSTILE} would like to begin one with counts, too.
 */
export const leaks = (output: string): ReadonlyArray<string> => {
  const text = output.replace(OWN, "")
  return [...text.matchAll(FORBIDDEN)].slice(0, 5)
    .map(({ index }) => JSON.stringify(text.slice(Math.max(0, index - 30), index + 20)))
}

/** Fails unless these outputs of `what` have something in them and nothing of {@link leaks}. */
export const clean = (what: string, ...outputs: ReadonlyArray<string>): void => {
  expect(outputs.join(""), `${what} says something`).not.toBe("")
  for (const output of outputs) expect(leaks(output), what).toEqual([])
}
