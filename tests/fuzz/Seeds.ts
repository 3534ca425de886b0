/** Inputs to begin with: small ones written down here, and real ones where the corpora are. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { gunzipSync } from "node:zlib"
import * as Bytes from "../../core/base/Bytes.ts"

/** As in `support/Corpora.ts`, which is for tests alone. */
const root = (): string =>
  process.env["SHOAL_CORPORA"] ?? fileURLToPath(new URL("../../../shared/corpora", import.meta.url))

const read = (...parts: ReadonlyArray<string>): Uint8Array =>
  new Uint8Array(readFileSync(join(root(), ...parts)))

/** Texts as UTF-8; what stands for bytes is written as Latin-1 with {@link latin1}. */
export const texts = (...all: ReadonlyArray<string>): ReadonlyArray<Bytes.Bytes> => all.map(Bytes.utf8)

export const latin1 = (...all: ReadonlyArray<string>): ReadonlyArray<Bytes.Bytes> => all.map(Bytes.latin1)

/** Files of a folder of the corpora that end so, up to `maxBytes` long; none where the corpora are missing. */
export const files = (
  folder: ReadonlyArray<string>,
  end: string,
  maxBytes: number,
): ReadonlyArray<Bytes.Bytes> => {
  if (!existsSync(root())) return []
  return readdirSync(join(root(), ...folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(end))
    .sort()
    .map((name) => read(...folder, name))
    .filter((bytes) => bytes.length <= maxBytes)
}

/** The first column of a table of the corpora. */
export const column = (file: string): ReadonlyArray<string> =>
  existsSync(root())
    ? Bytes.toUtf8(read(file)).trimEnd().split("\n").slice(1).map((line) => line.split("\t")[0]!)
    : []

const BLOCK = 512

/** Files of an archive of the corpora whose names begin so, at most `count`, spread over all of them. */
export const archived = (prefix: string, count: number, maxBytes: number): ReadonlyArray<Bytes.Bytes> => {
  if (!existsSync(root())) return []
  const tar = new Uint8Array(gunzipSync(read("libtorrent", "fuzz-seeds.tar.gz")))
  const found: Array<Bytes.Bytes> = []
  // Of a header: name at 0, length in octal at 124, kind at 156.
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
    const text = (from: number, length: number): string =>
      Bytes.toLatin1(tar.subarray(at + from, at + from + length)).split("\0")[0]!
    const length = Number.parseInt(text(124, 12), 8) || 0
    const isFile = text(156, 1) === "0" || text(156, 1) === ""
    const start = at + BLOCK
    if (isFile && text(0, 100).includes(prefix) && length <= maxBytes) {
      found.push(tar.slice(start, start + length))
    }
    at = start + Math.ceil(length / BLOCK) * BLOCK
  }
  const step = Math.max(1, found.length / count)
  return Array.from({ length: Math.min(count, found.length) }, (_, i) => found[Math.floor(i * step)]!)
}
