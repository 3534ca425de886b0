/** What HTTP clients hear from the tracker, as bencode: peers (BEP 3, 7, 23, 24), figures (BEP 48), a refusal. */
import * as Address from "../base/Address.ts"
import { type Bytes, concat, latin1, toLatin1 } from "../base/Bytes.ts"
import * as Encode from "../bencode/Encode.ts"
import type { ScrapeEntry } from "./Scrape.ts"
import type { AnnounceReply } from "./Server.ts"
import type { AnnounceAsked } from "./ServerHttp.ts"

/**
 * The answer to an announce. Compact IPv6 peers are `peers6`, beside `peers` that are empty, since some clients take an
 * answer without for broken; dictionaries are `peers` in either family.
 */
export const announced = (asked: AnnounceAsked, reply: AnnounceReply): Bytes => {
  const { from, isCompact, query } = asked
  const { intervalSeconds, leechers, minIntervalSeconds, peers, seeders } = reply
  // Written by hand, keys in order, as this is what a tracker does all day.
  const head = `d8:completei${seeders}e11:external ip${from.length}:`
  const figures =
    `10:incompletei${leechers}e8:intervali${intervalSeconds}e12:min intervali${minIntervalSeconds}e5:peers`
  if (!isCompact) {
    const list = Encode.encode(dictionaries(query.ip.length, reply))
    return concat([latin1(head), from, latin1(figures), list, END])
  }
  const length = query.ip.length === 4 ? `${peers.length}:` : `0:6:peers6${peers.length}:`
  return concat([latin1(head), from, latin1(figures + length), peers, END])
}

const END = latin1("e")

const dictionaries = (ipBytes: number, { peerIds, peers }: AnnounceReply): Array<Encode.Encodable> => {
  const list: Array<Encode.Encodable> = []
  for (let at = 0; at < peers.length; at += ipBytes + 2) {
    const { host, port } = ipBytes === 4 ? Address.fromCompact4(peers, at) : Address.fromCompact6(peers, at)
    list.push({ "ip": host, "peer id": peerIds?.[list.length], "port": port })
  }
  return list
}

/** The answer to a scrape; each torrent once, however often it was asked for. */
export const scraped = (
  infoHashes: ReadonlyArray<Bytes>,
  entries: ReadonlyArray<ScrapeEntry>,
): Bytes => {
  const files = new Map<string, Encode.Encodable>()
  infoHashes.forEach((infoHash, i) => {
    const { downloads, leechers, seeders } = entries[i]!
    files.set(toLatin1(infoHash), { complete: seeders, downloaded: downloads, incomplete: leechers })
  })
  return Encode.encode({ files })
}

/** A refusal; HTTP status 200, or clients don't read it. */
export const failed = (reason: string): Bytes => Encode.encode({ "failure reason": reason })
