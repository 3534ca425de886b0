/** Asking how large swarms are without joining them, over HTTP (BEP 48); over UDP it is a packet of `Udp.ts`. */
import { type Bytes, toLatin1 } from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import * as Value from "../bencode/Value.ts"
import * as Announce from "./Announce.ts"
import * as Http from "./Http.ts"
import * as Url from "./Url.ts"

/** One torrent's figures, as a tracker knows them; whole numbers from 0. */
export interface ScrapeEntry {
  readonly seeders: number
  readonly leechers: number
  /** How often the torrent was completed. */
  readonly downloads: number
}

/** Info-hashes in one URL: with a passkey that makes 4.4 KB, and servers take 8. */
export const MAX_HASHES = 50

/**
 * The URL that asks the tracker which announces at `url` for 1 to {@link MAX_HASHES} torrents. Where the text after the
 * last `/` does not begin with `announce`, the tracker has no scrape address and the failure is `NoScrape` (BEP 48).
 */
export const scrapeUrl = (
  url: string,
  infoHashes: ReadonlyArray<Bytes>,
): Result<string, Announce.TrackerFailure> => {
  const split = Http.httpParts(url)
  if (!split.ok) return split
  const { scheme, authority, path, query } = split.value
  const whole = query === "" ? path : `${path}?${query}`
  const last = whole.lastIndexOf("/") + 1
  // A slash in the query counts too: so the convention goes, and its examples say so.
  if (!whole.startsWith(ANNOUNCE, last)) {
    return err(Announce.failure("NoScrape", "this tracker cannot be scraped, as its URL shows", "never"))
  }
  const place = `${whole.slice(0, last)}scrape${whole.slice(last + ANNOUNCE.length)}`
  const hashes = infoHashes.map((hash) => `info_hash=${Url.percentEncode(hash)}`).join("&")
  return ok(`${scheme}://${authority}${Url.ascii(place)}${place.includes("?") ? "&" : "?"}${hashes}`)
}

const ANNOUNCE = "announce"

/** Reads the body of a scrape response: an entry for each of `infoHashes`, `undefined` where the tracker has none. */
export const decodeScrape = (
  body: Bytes,
  infoHashes: ReadonlyArray<Bytes>,
): Result<ReadonlyArray<ScrapeEntry | undefined>, Announce.TrackerFailure> => {
  const opened = Http.readReply(body, "scrape")
  if (!opened.ok) return opened
  const files = Value.dict(Value.get(opened.value, "files"))
  if (files === undefined) return Http.badReply("scrape", "it has no files")
  return ok(infoHashes.map((hash) => entryOf(files.entries.get(toLatin1(hash)))))
}

const entryOf = (file: Value.Value | undefined): ScrapeEntry | undefined => {
  if (file?._tag !== "Dict") return undefined
  // Many trackers leave out what they don't count, `downloaded` most of all.
  const figure = (name: string): number => Value.integer(Value.get(file, name), 0) ?? 0
  return { seeders: figure("complete"), leechers: figure("incomplete"), downloads: figure("downloaded") }
}
