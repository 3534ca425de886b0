/** Clients that download a torrent to an empty folder and end, each by its command line. */
import * as Aria2 from "../../support/Aria2.ts"
import * as Libtorrent from "../../support/Libtorrent.ts"
import * as Process from "../../support/Process.ts"
import * as Shoal from "../../support/Shoal.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Torrents from "../../support/Torrents.ts"
import * as Tracker from "../../support/Tracker.ts"
import * as WebTorrent from "../../support/WebTorrent.ts"
import type { Contestant } from "../Case.ts"
import * as Measure from "../Measure.ts"
import * as Transfer from "./Transfer.ts"

export interface Leecher {
  readonly name: string
  readonly missing: string | undefined
  readonly command: (out: string) => Promise<ReadonlyArray<string>>
}

export const shoalCommand = (
  runtime: Shoal.Runtime,
  torrent: Torrents.TestTorrent,
  out: string,
  peers: ReadonlyArray<string>,
  port = 0,
): ReadonlyArray<string> =>
  Shoal.command([
    ...["download", torrent.file, "--quiet", "--out", out, "--bind", "127.0.0.1", "--port", String(port)],
    ...peers.flatMap((peer) => ["--peer", peer]),
    ...Shoal.OFFLINE,
  ], runtime)

/** All clients that take part, given the same peers; aria2, which takes none by hand, finds them by a tracker. */
export const all = async (
  torrent: Torrents.TestTorrent,
  peers: ReadonlyArray<string>,
  folder: string,
): Promise<{ readonly leechers: ReadonlyArray<Leecher>; readonly stop: () => Promise<void> }> => {
  const tracker = await Tracker.start({ peers: [...peers] })
  const tracked = Torrents.withTrackers(torrent, `${folder}/tracked.torrent`, [tracker.url])
  const shoal = (runtime: Shoal.Runtime): Leecher => ({
    name: `shoal-${runtime}`,
    missing: Shoal.missing(runtime),
    command: (out) => Promise.resolve(shoalCommand(runtime, torrent, out, peers)),
  })
  return {
    leechers: [
      shoal("node"),
      shoal("deno"),
      {
        name: "aria2",
        missing: Aria2.missing(),
        command: async (out) => Aria2.leechCommand(tracked, out, await Process.freePort()),
      },
      {
        name: "libtorrent",
        missing: Libtorrent.missing(),
        command: (out) => Promise.resolve(Libtorrent.leechCommand(torrent, out, peers)),
      },
      {
        name: "webtorrent",
        missing: WebTorrent.missing(),
        command: (out) => Promise.resolve(WebTorrent.leechCommand(torrent, out, peers)),
      },
    ],
    stop: async () => {
      await tracker[Symbol.asyncDispose]()
    },
  }
}

/** Downloads to a fresh folder below `dir`, and compares with the original. */
export const contestant = (
  { command, missing, name }: Leecher,
  torrent: Torrents.TestTorrent,
  dir: string,
): Contestant => ({
  name,
  missing,
  run: async () => {
    using out = TempDir.make("bench-out", dir)
    // A home of its own, so that no run finds what the one before it kept.
    const cost = await Measure.run(name, await command(out.path), out.sub("home"))
    const differing = Torrents.differing(torrent, out.path)
    if (differing.length > 0) {
      throw new Error(`${name} left other bytes than it should: ${differing.join(", ")}`)
    }
    return Transfer.sample(torrent.totalLength, cost)
  },
})
