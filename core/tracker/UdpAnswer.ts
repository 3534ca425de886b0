/** What a UDP tracker's reply (BEP 15) is to the one who asked: an answer, or why there is none. */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import { err, ok, type Result as AnyResult } from "../base/Result.ts"
import * as Announce from "./Announce.ts"
import type { ScrapeEntry } from "./Scrape.ts"
import type * as Udp from "./Udp.ts"

export type Answer =
  | { readonly _tag: "Announced"; readonly response: Announce.AnnounceResponse }
  /** One for each info-hash, in their order. */
  | { readonly _tag: "Scraped"; readonly entries: ReadonlyArray<ScrapeEntry> }

export type Result = AnyResult<Answer, Announce.TrackerFailure>

/** A response that came from `from`, whose family is that of the peers (BEP 15); negative figures are left out. */
export const announced = (
  { intervalSeconds, leechers, seeders, peers }: Udp.Announced,
  from: Address,
): Result =>
  ok({
    _tag: "Announced",
    response: {
      intervalMs: Announce.clampInterval(intervalSeconds),
      peers: Announce.compactPeers(peers, from.host.includes(":") ? 6 : 4),
      ...(seeders < 0 ? {} : { seeders }),
      ...(leechers < 0 ? {} : { leechers }),
    },
  })

/** The figures of so many torrents; what makes no sense counts as none, what is missing is a failure. */
export const scraped = (entries: ReadonlyArray<ScrapeEntry>, asked: number): Result =>
  entries.length < asked
    ? err(Announce.failure("BadReply", `the reply has ${entries.length} of ${asked} torrents`))
    : ok({
      _tag: "Scraped",
      entries: entries.slice(0, asked).map(({ seeders, leechers, downloads }) => ({
        seeders: Math.max(0, seeders),
        leechers: Math.max(0, leechers),
        downloads: Math.max(0, downloads),
      })),
    })

/** The tracker's own words, made printable. */
export const refused = (message: Bytes): Result =>
  err(Announce.failure("Refused", Announce.printable(message) || "the tracker refused without a reason"))

export const cutOff: Result = err(
  Announce.failure("BadReply", "the reply says nothing; the tracker may not serve this torrent"),
)
