/** Who may announce what: lists of torrents, keys of a private tracker's members, and the paths that carry them. */
import { type Bytes, toHex } from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import * as InfoHash from "../metainfo/InfoHash.ts"

export interface Access {
  /** Only these torrents, as lower-case hexadecimal; `undefined`: all. */
  readonly allowed: ReadonlySet<string> | undefined
  /** Not these, even if they are allowed. */
  readonly denied: ReadonlySet<string>
  /** Only whoever has one of these keys in the URL; `undefined`: everyone. */
  readonly keys: ReadonlySet<string> | undefined
}

/** Everything to everyone. */
export const OPEN: Access = { allowed: undefined, denied: new Set(), keys: undefined }

/** Why an announce of this torrent with this key is refused, for the client's user; `undefined` if it isn't. */
export const refusal = (access: Access, infoHash: Bytes, key: string | undefined): string | undefined => {
  const { allowed, denied } = access
  const withoutKey = keyRefusal(access, key)
  if (withoutKey !== undefined || (allowed === undefined && denied.size === 0)) return withoutKey
  const hex = toHex(infoHash)
  return denied.has(hex) || allowed?.has(hex) === false
    ? "this tracker does not serve this torrent"
    : undefined
}

/** Why whoever has this key is refused; `undefined` if it isn't. */
export const keyRefusal = ({ keys }: Access, key: string | undefined): string | undefined => {
  if (keys === undefined) return undefined
  if (key === undefined) return "this tracker is private: its URL needs your key"
  return keys.has(key) ? undefined : "this tracker does not know your key"
}

export interface Route {
  readonly action: "announce" | "scrape"
  readonly key: string | undefined
}

/** Longer than any tracker's passkeys, shorter than a nuisance. */
export const MAX_KEY_LENGTH = 64

/**
 * What a path asks for: `/announce` or `/scrape` (BEP 48: the one with the word of the other), with or without a key behind
 * it as one more part, of letters, digits, `-` and `_`; `undefined` for any other path.
 */
export const route = (path: string): Route | undefined => {
  const action = path.startsWith("/announce") ? "announce" : path.startsWith("/scrape") ? "scrape" : undefined
  if (action === undefined) return undefined
  const from = action.length + 1
  if (path.length === from) return { action, key: undefined }
  const key = path.slice(from + 1)
  return path[from] === "/" && isKey(key) ? { action, key } : undefined
}

const isKey = (text: string): boolean => text.length <= MAX_KEY_LENGTH && /^[A-Za-z0-9_-]+$/.test(text)

/** The line of a list that can't be read, counted from 1. */
export interface BadLine {
  readonly line: number
  readonly text: string
}

/** Reads a list of info-hashes, hexadecimal or base32, one a line; empty lines and what follows a `#` don't count. */
export const parseInfoHashes = (text: string): Result<ReadonlySet<string>, BadLine> =>
  parseLines(text, InfoHash.parse)

/** Reads a list of keys, one a line, in the same way. */
export const parseKeys = (text: string): Result<ReadonlySet<string>, BadLine> =>
  parseLines(text, (line) => isKey(line) ? line : undefined)

const parseLines = (
  text: string,
  parse: (line: string) => string | undefined,
): Result<ReadonlySet<string>, BadLine> => {
  const items = new Set<string>()
  const lines = text.split("\n")
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!.split("#", 1)[0]!.trim()
    if (line === "") continue
    const item = parse(line)
    if (item === undefined) return err({ line: i + 1, text: line })
    items.add(item)
  }
  return ok(items)
}
