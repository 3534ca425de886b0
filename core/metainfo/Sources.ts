/** Where a torrent says that it can be had: trackers (BEP 12), web seeds (BEP 17 and 19), DHT nodes (BEP 5). */
import * as Address from "../base/Address.ts"
import { toUtf8 } from "../base/Bytes.ts"
import * as Value from "../bencode/Value.ts"
import {
  MAX_ADDRESSES,
  MAX_HOST_BYTES,
  MAX_SOURCES_READ,
  MAX_TRACKERS,
  MAX_URL_BYTES,
  MAX_WEB_SEEDS,
} from "./Limits.ts"
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
  const left = reader()
  const add = (value: Value.Value | undefined) => {
    const tier: Array<string> = []
    // A tier that is a text instead of a list is a common mistake with only one meaning.
    for (const item of left.items(value)) {
      const url = left.url(item)
      if (url === undefined || seen.has(url)) continue
      if (seen.size === MAX_TRACKERS) {
        left.dropped++
        continue
      }
      seen.add(url)
      tier.push(url)
    }
    if (tier.length > 0) tiers.push(tier)
  }
  const list = Value.get(root, "announce-list")
  if (list?._tag === "List") {
    left.dropped += Math.max(0, list.size - MAX_SOURCES_READ)
    for (const tier of list.first(MAX_SOURCES_READ)) add(tier)
  }
  if (tiers.length === 0) add(Value.get(root, "announce"))
  return { values: tiers, warnings: left.warnings("trackers") }
}

/** Reads lists of URLs, with one limit for all of them together, and counts what it leaves out. */
const reader = () => {
  let room = MAX_SOURCES_READ
  let tooLong = 0
  const self = {
    dropped: 0,
    /** The items of a list as far as there is room; anything else counts as a list of itself. */
    items: (value: Value.Value | undefined): ReadonlyArray<Value.Value> => {
      if (value === undefined) return []
      const items = value._tag === "List" ? value.first(room) : [value]
      room -= items.length
      if (value._tag === "List") self.dropped += value.size - items.length
      return items
    },
    /** A URL without the blanks around it. */
    url: (value: Value.Value): string | undefined => {
      const bytes = Value.bytes(value)
      if (bytes === undefined) return undefined
      if (bytes.length > MAX_URL_BYTES) {
        tooLong++
        return undefined
      }
      const url = toUtf8(bytes).trim()
      return url === "" ? undefined : url
    },
    warnings: (what: string): ReadonlyArray<string> => [
      ...(tooLong > 0 ? [`${what} ignored, URL over ${MAX_URL_BYTES} bytes: ${tooLong}`] : []),
      ...(self.dropped > 0 ? [`${what} ignored, beyond the limit: ${self.dropped}`] : []),
    ],
  }
  return self
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
  const left = reader()
  let refused = 0
  for (const item of left.items(value)) {
    const text = left.url(item)
    if (text === undefined) continue
    const url = read(text)
    if (url === undefined) refused++
    else if (seen.size < MAX_WEB_SEEDS) seen.add(url)
    else if (!seen.has(url)) left.dropped++
  }
  return {
    values: [...seen],
    warnings: [
      ...(refused > 0 ? [`web seeds ignored, neither HTTP nor HTTPS: ${refused}`] : []),
      ...left.warnings("web seeds"),
    ],
  }
}

/** The `nodes` of a torrent (BEP 5): pairs of host and port. What is no such pair is left out. */
export const nodes = (root: Value.Value): ReadonlyArray<Address.Address> => {
  const found: Array<Address.Address> = []
  for (const item of Value.firstOf(Value.get(root, "nodes"), MAX_SOURCES_READ) ?? []) {
    const [first, second] = Value.firstOf(item, 2) ?? []
    const host = Value.bytes(first)
    const port = Value.integer(second, 1, 65_535)
    if (host === undefined || host.length > MAX_HOST_BYTES || port === undefined) continue
    const address = Address.parse(Address.format({ host: toUtf8(host), port }))
    if (address !== undefined && found.push(address) === MAX_ADDRESSES) break
  }
  return found
}
