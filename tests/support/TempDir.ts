/** Folders of the system's temporary directory that go away with their test. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import process from "node:process"

export interface TempDir {
  readonly path: string
  /** Makes and returns a folder below this one. */
  readonly sub: (name: string) => string
  readonly remove: () => void
  readonly [Symbol.dispose]: () => void
}

const live = new Set<string>()
process.on("exit", () => live.forEach((path) => rmSync(path, { recursive: true, force: true })))

/** A new empty folder; `base` is where (the system's temporary directory unless given). */
export const make = (label = "test", base = tmpdir()): TempDir => {
  const path = mkdtempSync(join(base, `shoal-${label}-`))
  live.add(path)
  const remove = (): void => {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 })
    live.delete(path)
  }
  return {
    path,
    sub: (name) => {
      const folder = join(path, name)
      mkdirSync(folder, { recursive: true })
      return folder
    },
    remove,
    [Symbol.dispose]: remove,
  }
}

/** Everything below `path`, relative to it with `/`, sorted; folders end in `/`, symbolic links in `@`. */
export const list = (path: string): ReadonlyArray<string> =>
  readdirSync(path, { recursive: true, withFileTypes: true }).map((entry) => {
    const mark = entry.isDirectory() ? "/" : entry.isSymbolicLink() ? "@" : ""
    return relative(path, join(entry.parentPath, entry.name)).replaceAll("\\", "/") + mark
  }).sort()
