/** `--select LIST`: which files of a torrent are wanted. */
import * as Result from "../core/base/Result.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"

/** One part of a list: the files `first` to `last` as `inspect` numbers them from 1, or a pattern for paths. */
export type Part =
  | { readonly _tag: "Range"; readonly first: number; readonly last: number }
  | { readonly _tag: "Glob"; readonly pattern: string; readonly matches: (path: string) => boolean }

export type Selection = ReadonlyArray<Part>

/**
 * Reads `1,3-5,*.mkv`: numbers, ranges (`7-` means to the end) and globs, separated by commas. In a glob `*` and `?`
 * stay inside one folder, `**` crosses folders, and a pattern without `/` is tried on the file's name alone.
 */
export const parse = (text: string): Result.Result<Selection, string> => {
  const parts: Array<Part> = []
  for (const piece of text.split(",").map((part) => part.trim())) {
    if (piece === "") return Result.err("expected file numbers such as 1,3-5 or a glob such as '*.mkv'")
    const range = /^(\d{1,9})(?:(-)(\d{1,9})?)?$/.exec(piece)
    if (range === null) {
      parts.push({ _tag: "Glob", pattern: piece, matches: glob(piece) })
      continue
    }
    const first = Number(range[1])
    const last = range[2] === undefined ? first : range[3] === undefined ? Infinity : Number(range[3])
    if (first < 1) return Result.err("files are numbered from 1, as shoal inspect shows them")
    if (last < first) return Result.err(`the range ${piece} ends before it starts`)
    parts.push({ _tag: "Range", first, last })
  }
  return Result.ok(parts)
}

/** The chosen files' indexes, from 0, without padding files; the error names the part that chooses none. */
export const resolve = (
  selection: Selection,
  metainfo: Metainfo,
): Result.Result<ReadonlySet<number>, string> => {
  const chosen = new Set<number>()
  for (const part of selection) {
    let isUsed = false
    metainfo.files.forEach((file, index) => {
      if (file.isPadding) return
      const isChosen = part._tag === "Range"
        ? index + 1 >= part.first && index + 1 <= part.last
        : part.matches(file.path)
      if (!isChosen) return
      isUsed = true
      chosen.add(index)
    })
    if (!isUsed) return Result.err(part._tag === "Range" ? `file ${part.first}` : `'${part.pattern}'`)
  }
  return Result.ok(chosen)
}

/** Tests a path against a glob, both cut at `/`; without regard to case, as paths in a torrent are unique so. */
const glob = (pattern: string): (path: string) => boolean => {
  const folders = pattern.toLowerCase().split("/").filter((part, index) => part !== "" || index > 0)
  const isNameOnly = folders.length === 1 && folders[0] !== "**"
  return (path) => {
    const parts = path.toLowerCase().split("/")
    if (isNameOnly) return matchesName([...folders[0]!], [...parts.at(-1)!])
    return matchesSequence(
      folders,
      parts,
      (part) => part === "**",
      (part, name) => matchesName([...part], [...name]),
    )
  }
}

const matchesName = (pattern: ReadonlyArray<string>, name: ReadonlyArray<string>): boolean =>
  matchesSequence(
    pattern,
    name,
    (sign) => sign === "*",
    (sign, character) => sign === "?" || sign === character,
  )

/**
 * Matches with a wildcard that takes any run of items. Only the latest wildcard is ever reconsidered, so the time is
 * at most the product of the lengths, whatever the pattern.
 */
const matchesSequence = (
  pattern: ReadonlyArray<string>,
  items: ReadonlyArray<string>,
  isWildcard: (sign: string) => boolean,
  accepts: (sign: string, item: string) => boolean,
): boolean => {
  let at = 0
  let retryPattern = -1
  let retryItem = 0
  for (let item = 0; item < items.length;) {
    if (at < pattern.length && isWildcard(pattern[at]!)) {
      retryPattern = ++at
      retryItem = item
    } else if (at < pattern.length && accepts(pattern[at]!, items[item]!)) {
      at++
      item++
    } else if (retryPattern >= 0) {
      at = retryPattern
      item = ++retryItem
    } else return false
  }
  while (at < pattern.length && isWildcard(pattern[at]!)) at++
  return at === pattern.length
}
