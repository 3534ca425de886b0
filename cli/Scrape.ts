/** `shoal scrape`: how large a torrent's swarm is, as its trackers know it, without joining it. */
import * as Effect from "effect/Effect"
import type { ScrapeEntry } from "../core/tracker/Scrape.ts"
import { TrackerClient } from "../shell/TrackerClient.ts"
import type { Spec } from "./Command.ts"
import * as Text from "./Text.ts"
import * as Trackers from "./Trackers.ts"

export const spec = {
  name: "scrape",
  summary: "ask a torrent's trackers how many seeders, leechers and downloads it has",
  argument: Trackers.argument,
  flags: Trackers.flags,
  example: "shoal scrape debian.torrent",
  interrupted: "interrupted",
} satisfies Spec

/** An answer in the words of both outputs; over UDP a tracker that does not know the torrent says zeros. */
export const tell = (entry: ScrapeEntry | undefined): Trackers.Told =>
  entry === undefined
    ? {
      fields: { seeders: 0, leechers: 0, downloads: 0, unknown: true },
      lines: ["it does not know this torrent"],
    }
    : {
      fields: { seeders: entry.seeders, leechers: entry.leechers, downloads: entry.downloads },
      lines: [
        [
          Text.count(entry.seeders, "seeder"),
          Text.count(entry.leechers, "leecher"),
          Text.count(entry.downloads, "download"),
        ].join(", "),
      ],
    }

/** Asks all at once; fails unless one answers. */
export const run = (options: Pick<Trackers.TrackersOptions, "trackers">, source: string) =>
  Trackers.askAll(
    options,
    source,
    (url, metainfo) =>
      Effect.gen(function* () {
        const [entry] = yield* (yield* TrackerClient).scrape(url, [metainfo.infoHashBytes])
        return entry
      }),
    tell,
    {},
  )
