/**
 * Real data of other projects, which is not part of this one: a folder named by SHOAL_CORPORA, or else
 * `../shared/corpora` seen from the root of the repository. Tests that need it skip, and say so, where it is missing.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe } from "vitest"

const ROOT = process.env["SHOAL_CORPORA"] ??
  fileURLToPath(new URL("../../../shared/corpora", import.meta.url))

export const isThere = existsSync(ROOT)

/** The absolute path of a file or folder of the corpora. */
export const path = (...parts: ReadonlyArray<string>): string => join(ROOT, ...parts)

export const read = (...parts: ReadonlyArray<string>): Uint8Array =>
  new Uint8Array(readFileSync(path(...parts)))

/** A table with a header line: each row by the names of its columns. Missing cells are empty. */
export const table = (...parts: ReadonlyArray<string>): Array<Record<string, string>> => {
  const [header, ...lines] = readFileSync(path(...parts), "utf8").replace(/\n$/, "").split("\n")
  const columns = header!.split("\t")
  return lines.map((line) => {
    const cells = line.split("\t")
    return Object.fromEntries(columns.map((column, i) => [column, cells[i] ?? ""]))
  })
}

/** As vitest's `describe`, but skipped with the reason in its name where the corpora are missing. */
export const describeWithCorpora = (name: string, body: () => void): void => {
  const title = isThere ? name : `${name} (skipped: no corpora in ${ROOT}, set SHOAL_CORPORA)`
  describe.skipIf(!isThere)(title, body)
}
