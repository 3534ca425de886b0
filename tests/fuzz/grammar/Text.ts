/** Inputs that are text of parts between separators: links, queries, lists, config files, command lines. */
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Mutate from "../Mutate.ts"
import type { Mutator } from "../Target.ts"

/** What breaks readers of text: escapes, quotes, other scripts, control characters, what is no UTF-8. */
export const NASTY: ReadonlyArray<string> = [
  ...[
    "%",
    "%0",
    "%zz",
    "%00",
    "%2e%2e%2f",
    "%ff",
    "\u0000",
    "\u001b[2J",
    "\u202e",
    "\ufeff",
    "\ud800",
    "é",
    "日本",
  ],
  ...[
    "../",
    "..\\",
    "/",
    "//",
    "\\",
    ":",
    "::1",
    "[::1]",
    "[",
    "]",
    "@",
    "#",
    "?",
    "&",
    "=",
    ";",
    ",",
    " ",
    "\t",
  ],
  ...[
    "\r\n",
    "\n",
    '"',
    "'",
    "`",
    "$(x)",
    "-",
    "--",
    "__proto__",
    "constructor",
    "NaN",
    "Infinity",
    "1e309",
    "-1",
  ],
]

/** A mutator that drops, doubles, swaps and replaces parts between `separators`; `words` are parts that mean something. */
export const mutator = (separators: RegExp, words: ReadonlyArray<string>): Mutator => (rng, input, other) => {
  const text = Bytes.toUtf8(input)
  // With the separators, at the odd places.
  const parts = text.split(new RegExp(`(${separators.source})`))
  const at = Rng.below(rng, parts.length)
  const part = parts[at]!
  switch (Rng.below(rng, 7)) {
    case 0:
      parts.splice(at, 1)
      break
    case 1: {
      const copies = Rng.below(rng, 8) === 0 ? Mutate.magnitude(rng, 6) : 1
      const separator = parts[at | 1] ?? parts[1] ?? ""
      parts.splice(at, 0, ...Array.from({ length: copies }, () => part + separator))
      break
    }
    case 2: {
      const to = Rng.below(rng, parts.length)
      parts[at] = parts[to]!
      parts[to] = part
      break
    }
    case 3:
      parts[at] = Mutate.pick(rng, words)
      break
    case 4: {
      const from = Rng.below(rng, part.length + 1)
      parts[at] = part.slice(0, from) + Mutate.pick(rng, NASTY) + part.slice(from)
      break
    }
    case 5:
      parts.splice(at, 0, Mutate.pick(rng, words) + (parts[1] ?? ""))
      break
    default:
      parts[at] = Mutate.pick(rng, Bytes.toUtf8(other).split(separators))
  }
  return Bytes.utf8(parts.join(""))
}
