/** Where a torrent says that it can be had: trackers (BEP 12), web seeds (BEP 17 and 19), DHT nodes (BEP 5). */
import * as Address from "../base/Address.ts"
import * as Value from "../bencode/Value.ts"
import { MAX_ADDRESSES, MAX_TRACKERS, MAX_WEB_SEEDS } from "./Limits.ts"
import * as Percent from "./Percent.ts"

/** What is read, and what was left out of it, in words. */
export interface Read<A> {
  readonly values: ReadonlyArray<A>
  readonly warnings: ReadonlyArray<string>
}

/**
 * The tiers of `announce-list`, or of `announce` where that has none (BEP 12). Each URL is trimmed and kept once, at its
 * first place; its scheme is left to the tracker client.
 */
export const trackers = (root: Value.Value): Read<ReadonlyArray<string>> => {
  const seen = new Set<string>()
  const tiers: Array<ReadonlyArray<string>> = []
  let dropped = 0
  const add = (value: Value.Value | undefined) => {
    const tier: Array<string> = []
    // A tier that is a text instead of a list is a common mistake with only one meaning.
    for (const item of Value.list(value) ?? [value]) {
      const url = Value.utf8(item)?.trim()
      if (url === undefined || url === "" || seen.has(url)) continue
      if (seen.size === MAX_TRACKERS) {
        dropped++
        continue
      }
      seen.add(url)
      tier.push(url)
    }
    if (tier.length > 0) tiers.push(tier)
  }
  for (const tier of Value.list(Value.get(root, "announce-list")) ?? []) add(tier)
  if (tiers.length === 0) add(Value.get(root, "announce"))
  return { values: tiers, warnings: dropped > 0 ? [tooMany("trackers", dropped)] : [] }
}

/** The URLs of `url-list` (a text or a list of them, BEP 19); see {@link webSeedUrl}. */
export const webSeeds = (root: Value.Value, isDirectory: boolean): Read<string> =>
  urls(Value.get(root, "url-list"), (text) => webSeedUrl(text, isDirectory))

/** The URLs of `httpseeds` (BEP 17). */
export const httpSeeds = (root: Value.Value): Read<string> =>
  urls(Value.get(root, "httpseeds"), (text) => webSeedUrl(text, false))

/**
 * A web seed as it can be asked: percent-encoded, and with a `/` at its end where the torrent is a directory, below
 * which its paths go. `undefined` for another scheme than HTTP and HTTPS: `file:` would hand out the user's own files.
 */
export const webSeedUrl = (text: string, isDirectory: boolean): string | undefined => {
  const url = Percent.encodeUrl(text.trim())
  if (!/^https?:\/\/./i.test(url)) return undefined
  return isDirectory && !url.endsWith("/") ? `${url}/` : url
}

const urls = (value: Value.Value | undefined, read: (text: string) => string | undefined): Read<string> => {
  const seen = new Set<string>()
  let refused = 0
  let dropped = 0
  for (const item of Value.list(value) ?? [value]) {
    const text = Value.utf8(item)
    if (text === undefined || text.trim() === "") continue
    const url = read(text)
    if (url === undefined) refused++
    else if (seen.size < MAX_WEB_SEEDS) seen.add(url)
    else if (!seen.has(url)) dropped++
  }
  const warnings: Array<string> = []
  if (refused > 0) warnings.push(`web seeds ignored, neither HTTP nor HTTPS: ${refused}`)
  if (dropped > 0) warnings.push(tooMany("web seeds", dropped))
  return { values: [...seen], warnings }
}

/** The `nodes` of a torrent (BEP 5): pairs of host and port. What is no such pair is left out. */
export const nodes = (root: Value.Value): ReadonlyArray<Address.Address> => {
  const found: Array<Address.Address> = []
  for (const item of Value.list(Value.get(root, "nodes")) ?? []) {
    const [first, second] = Value.list(item) ?? []
    const host = Value.utf8(first)
    const port = Value.integer(second, 1, 65_535)
    if (host === undefined || port === undefined) continue
    const address = Address.parse(Address.format({ host, port }))
    if (address !== undefined && found.push(address) === MAX_ADDRESSES) break
  }
  return found
}

const tooMany = (what: string, dropped: number): string => `${what} ignored, beyond the limit: ${dropped}`
