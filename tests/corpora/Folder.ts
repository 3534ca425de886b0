/**
 * Real data of other projects, which is not part of this one: a folder named by SHOAL_CORPORA, or else
 * `../shared/corpora` seen from the root of the repository.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { gunzipSync } from "node:zlib"

export const ROOT = process.env["SHOAL_CORPORA"] ??
  fileURLToPath(new URL("../../../shared/corpora", import.meta.url))

export const isThere = existsSync(ROOT)

/** The absolute path of a file or folder of the corpora. */
export const path = (...parts: ReadonlyArray<string>): string => join(ROOT, ...parts)

export const read = (...parts: ReadonlyArray<string>): Uint8Array =>
  new Uint8Array(readFileSync(path(...parts)))

/** The names in a folder, sorted, of files that end so. */
export const names = (folder: ReadonlyArray<string>, end = ""): ReadonlyArray<string> =>
  readdirSync(path(...folder)).filter((name) => name.endsWith(end)).sort()

export const hasFile = (...parts: ReadonlyArray<string>): boolean => existsSync(path(...parts))

/** The folders of the corpora that have this file, sorted. */
export const withFile = (name: string): ReadonlyArray<string> =>
  isThere ? readdirSync(ROOT).filter((folder) => hasFile(folder, name)).sort() : []

/** A table with a header line: each row by the names of its columns. Missing cells are empty. */
export const table = (...parts: ReadonlyArray<string>): Array<Record<string, string>> => {
  const [header, ...lines] = readFileSync(path(...parts), "utf8").replace(/\n$/, "").split("\n")
  const columns = header!.split("\t")
  return lines.map((line) => {
    const cells = line.split("\t")
    return Object.fromEntries(columns.map((column, i) => [column, cells[i] ?? ""]))
  })
}

/** A file of JSON lines, taken for what the caller knows that it holds. */
export const lines = <A>(...parts: ReadonlyArray<string>): ReadonlyArray<A> =>
  readFileSync(path(...parts), "utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as A)

const BLOCK = 512

/** The files of a `.tar.gz` below a folder of it, by their whole names, in its order. */
export const archived = (
  archive: ReadonlyArray<string>,
  folder: string,
): ReadonlyArray<{ readonly name: string; readonly bytes: Uint8Array }> => {
  const tar = new Uint8Array(gunzipSync(read(...archive)))
  const found: Array<{ readonly name: string; readonly bytes: Uint8Array }> = []
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
    // Of a header: name at 0, length in octal at 124, kind at 156.
    const text = (from: number, length: number): string =>
      String.fromCharCode(...tar.subarray(at + from, at + from + length)).split("\0")[0]!
    const length = Number.parseInt(text(124, 12), 8) || 0
    const name = text(0, 100)
    const start = at + BLOCK
    if (text(156, 1) !== "5" && name.startsWith(folder)) {
      found.push({ name, bytes: tar.slice(start, start + length) })
    }
    at = start + Math.ceil(length / BLOCK) * BLOCK
  }
  return found
}
