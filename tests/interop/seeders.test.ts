/** Whole downloads from other people's clients, by `--peer` and by trackers, on Node and on Deno. */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Aria2 from "../support/Aria2.ts"
import * as Clients from "../support/Clients.ts"
import * as FakePeer from "../support/FakePeer.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Process from "../support/Process.ts"
import * as Qbittorrent from "../support/Qbittorrent.ts"
import * as Rtorrent from "../support/Rtorrent.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Tracker from "../support/Tracker.ts"
import * as Transmission from "../support/Transmission.ts"

const temp = TempDir.make("seeders")
let small: Torrents.TestTorrent
let nested: Torrents.TestTorrent
let large: Torrents.TestTorrent
beforeAll(async () => {
  small = await Torrents.small(temp.sub("small"), 400_000)
  nested = await Torrents.nested(temp.sub("nested"))
  large = await Torrents.large(temp.sub("large"))
})
afterAll(temp.remove)

interface Case {
  readonly torrent: Torrents.TestTorrent
  readonly peers?: ReadonlyArray<string>
  readonly runtime?: Shoal.Runtime
  readonly seeder?: Clients.Seeder
}

/** Runs a download to its end; it must exit with 0, print only events, and leave exactly the torrent's files. */
const completes = async ({ torrent, peers, runtime, seeder }: Case): Promise<Shoal.Event> => {
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  await using run = Shoal.download(torrent.file, {
    out: out.path,
    home: home.path,
    ...(peers === undefined && seeder === undefined ? {} : { peers: peers ?? [seeder!.address] }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(seeder === undefined ? {} : { enter: seeder.enter }),
  })
  const log = (): string => `${run.log()}\n${seeder?.log() ?? ""}`
  const exit = await run.end(75_000).catch((error: Error) => {
    throw new Error(`${error.message}\n${seeder?.log() ?? ""}`)
  })
  expect(exit, log()).toEqual({ code: 0, signal: null })
  expect(Torrents.differing(torrent, out.path), log()).toEqual([])
  const files = TempDir.list(out.path).filter((path) => !path.endsWith("/"))
  expect(files).toEqual(torrent.files.map((file) => file.path).sort())
  expect(run.strays).toEqual([])
  const last = run.events.at(-1)!
  expect(last).toMatchObject({
    event: "complete",
    infoHash: torrent.infoHash,
    name: torrent.name,
    bytes: torrent.totalLength,
    hashFailures: 0,
  })
  return last
}

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  test("256 MiB from libtorrent by --peer", async (context) => {
    Clients.skipIf(context, Libtorrent.missing())
    await using seeder = await Libtorrent.seed(large)
    await completes({ torrent: large, seeder, runtime })
  })

  test("the nested torrent from libtorrent by --peer", async (context) => {
    Clients.skipIf(context, Libtorrent.missing())
    await using seeder = await Libtorrent.seed(nested)
    await completes({ torrent: nested, seeder, runtime })
  })

  test.each(["compact", "dictionary"] as const)(
    "the nested torrent by a tracker's %s reply",
    async (reply) => {
      await using peer = await FakePeer.start(nested)
      await using tracker = await Tracker.start({ peers: [peer.address], reply })
      const torrent = Torrents.withTrackers(nested, `${temp.path}/${runtime}-${reply}.torrent`, [tracker.url])
      await completes({ torrent, runtime })
      expect(peer.stats.breaches).toEqual([])
      const [first] = tracker.announces
      expect(first).toMatchObject({ infoHash: nested.infoHash, event: "started", left: nested.totalLength })
      expect(tracker.announces.map((announce) => announce.event)).toEqual(["started", "completed", "stopped"])
      expect(tracker.announces.at(-1)).toMatchObject({ left: 0, downloaded: nested.totalLength })
    },
  )
})

describe("on node", () => {
  test("256 MiB from aria2 by --peer", async (context) => {
    Clients.skipIf(context, Aria2.missing())
    await using seeder = await Aria2.seed(large)
    await completes({ torrent: large, seeder })
  })

  test("the nested torrent from aria2 by --peer", async (context) => {
    Clients.skipIf(context, Aria2.missing())
    await using seeder = await Aria2.seed(nested)
    await completes({ torrent: nested, seeder })
  })

  test("256 MiB from aria2, libtorrent and rtorrent at once, found by a tracker", async (context) => {
    Clients.skipIf(context, Aria2.missing() ?? Libtorrent.missing() ?? Rtorrent.missing())
    await using aria2 = await Aria2.seed(large)
    await using libtorrent = await Libtorrent.seed(large)
    await using rtorrent = await Rtorrent.seed(large)
    await using tracker = await Tracker.start({
      peers: [aria2, libtorrent, rtorrent].map((one) => one.address),
    })
    const torrent = Torrents.withTrackers(large, `${temp.path}/several.torrent`, [tracker.url])
    await completes({ torrent })
  })

  test.for(["http"] as const)("the nested torrent by opentracker over %s", async (scheme, context) => {
    Clients.skipIf(context, Tracker.openTrackerMissing() ?? Libtorrent.missing())
    await using tracker = await Tracker.openTracker([nested.infoHash])
    const torrent = Torrents.withTrackers(nested, `${temp.path}/open-${scheme}.torrent`, [tracker[scheme]])
    await using _one = await Libtorrent.seed(torrent)
    await using _two = await Libtorrent.seed(torrent)
    await Tracker.scraped(tracker, nested.infoHash, 2)
    await completes({ torrent })
  })

  for (const [name, client] of Object.entries({ Rtorrent, Qbittorrent })) {
    test(`the nested torrent from ${name} by --peer`, async (context) => {
      Clients.skipIf(context, client.missing())
      await using seeder = await client.seed(nested)
      await completes({ torrent: nested, seeder })
    })
  }

  test("a small torrent from transmission, in a network of its own", async (context) => {
    Clients.skipIf(context, Transmission.missing())
    await using seeder = await Transmission.seed(small)
    await completes({ torrent: small, seeder })
  })

  test("a tracker's dead peers and --peer together: the live one is enough", async () => {
    await using peer = await FakePeer.start(small)
    const dead = await Promise.all([1, 2, 3, 4].map(Process.freePort))
    await using tracker = await Tracker.start({ peers: dead.map((port) => `127.0.0.1:${port}`) })
    const torrent = Torrents.withTrackers(small, `${temp.path}/dead.torrent`, [tracker.url])
    await completes({ torrent, peers: [peer.address] })
  })

  test("never asks for more at a time than the peer takes", async () => {
    await using peer = await FakePeer.start(nested, { reqq: 6 })
    await completes({ torrent: nested, peers: [peer.address] })
    expect(peer.stats.maxOutstanding).toBeLessThanOrEqual(6)
    expect(peer.stats.breaches).toEqual([])
  })

  test("asks an honest peer for each block once", async () => {
    await using peer = await FakePeer.start(nested, { fast: false })
    await completes({ torrent: nested, peers: [peer.address] })
    expect([...peer.stats.sent.values()].filter((times) => times > 1)).toEqual([])
    expect(peer.stats.breaches).toEqual([])
  })
})
