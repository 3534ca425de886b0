/** The harness itself, with libtorrent and aria2 as the downloaders: if this fails, the rest of this folder says little. */
import { readFileSync } from "node:fs"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Aria2 from "../support/Aria2.ts"
import * as Clients from "../support/Clients.ts"
import * as FakePeer from "../support/FakePeer.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Process from "../support/Process.ts"
import * as Qbittorrent from "../support/Qbittorrent.ts"
import * as Rtorrent from "../support/Rtorrent.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Tracker from "../support/Tracker.ts"
import * as Transmission from "../support/Transmission.ts"

const temp = TempDir.make("harness")
let small: Torrents.TestTorrent
let nested: Torrents.TestTorrent
beforeAll(async () => {
  small = await Torrents.small(temp.sub("small"), 600_000)
  nested = await Torrents.nested(temp.sub("nested"))
})
afterAll(temp.remove)

/** Downloads with libtorrent and gives what it printed; the copy must be perfect. */
const leech = async (torrent: Torrents.TestTorrent, peers: ReadonlyArray<string>): Promise<string> => {
  using out = TempDir.make("leech")
  const [program, ...args] = Libtorrent.leechCommand(torrent, out.path, peers)
  await using child = Process.start(program!, args, { name: "libtorrent leecher" })
  await child.line(/"complete"/, 60_000)
  await child.exited
  expect(Torrents.differing(torrent, out.path), Process.report(child)).toEqual([])
  return child.stdout()
}

test("makes the same data and torrent each time, with either writer", async () => {
  using a = TempDir.make("a")
  using b = TempDir.make("b")
  const files = [{ path: "x/one", length: 70_000 }, { path: "x/two", length: 5 }, { path: "y", length: 0 }]
  const options = { name: "twice", files, pieceLength: 32_768 }
  const own = await Torrents.make({ ...options, dir: a.path, writer: "own" })
  const again = await Torrents.make({ ...options, dir: b.path, writer: "own" })
  expect(again.infoHash).toBe(own.infoHash)
  expect(own.pieceCount).toBe(3)
  expect(Torrents.differing(own, again.dataDir)).toEqual([])
})

test("the nested torrent is as described", () => {
  expect(nested.files).toHaveLength(40)
  expect(nested.files.filter((file) => file.length === 0)).toHaveLength(1)
  expect(nested.files.filter((file) => file.length < nested.pieceLength).length).toBeGreaterThan(20)
  const moved = Torrents.withTrackers(nested, `${temp.path}/moved.torrent`, [
    "http://a/announce",
    "udp://b:1",
  ])
  const loaded = Torrents.load(moved.file, nested.dataDir)
  expect(loaded.infoHash).toBe(nested.infoHash)
  expect(readFileSync(moved.file, "latin1")).toContain("9:udp://b:1")
})

describe("seeders serve libtorrent", () => {
  const seeders = { Aria2, Libtorrent, Rtorrent, Qbittorrent }
  for (const [name, client] of Object.entries(seeders)) {
    test(name, async (context) => {
      Clients.skipIf(context, Libtorrent.missing() ?? client.missing())
      await using seeder = await client.seed(nested)
      await leech(nested, [seeder.address])
    })
  }
  test("the fake peer, with and without the fast extension", async (context) => {
    Clients.skipIf(context, Libtorrent.missing())
    for (const behaviour of [{}, { fast: false }, { reqq: 8 }]) {
      await using peer = await FakePeer.start(nested, behaviour)
      await leech(nested, [peer.address])
      expect(peer.stats.breaches).toEqual([])
      expect(FakePeer.piecesRequested(peer)).toBe(nested.pieceCount)
      if (behaviour.reqq !== undefined) expect(peer.stats.maxOutstanding).toBeLessThanOrEqual(8)
    }
  })
})

test("transmission, in its own network, serves libtorrent there", async (context) => {
  Clients.skipIf(context, Transmission.missing() ?? Libtorrent.missing())
  using out = TempDir.make("leech")
  await using seeder = await Transmission.seed(small)
  const leecher = Libtorrent.leechCommand(small, out.path, [seeder.address], "0.0.0.0")
  const [program, ...args] = [...seeder.enter, ...leecher]
  await using child = Process.start(program!, args, { name: "libtorrent leecher" })
  await child.line(/"complete"/, 60_000)
  await child.exited
  expect(Torrents.differing(small, out.path), Process.report(child) + seeder.log()).toEqual([])
})

test("libtorrent bans the fake polluter and completes from the honest peer", async (context) => {
  Clients.skipIf(context, Libtorrent.missing())
  await using polluter = await FakePeer.start(small, { corrupt: () => true })
  await using honest = await FakePeer.start(small, { rateBytesPerSec: 1_000_000 })
  await leech(small, [polluter.address, honest.address])
  expect(polluter.stats.corruptBlocksSent).toBeGreaterThan(0)
})

for (const reply of ["compact", "dictionary"] as const) {
  test(`aria2 finds a seeder by the tracker's ${reply} reply and reports to it`, async (context) => {
    Clients.skipIf(context, Aria2.missing())
    using out = TempDir.make("leech")
    await using peer = await FakePeer.start(small)
    await using tracker = await Tracker.start({ peers: [peer.address], reply })
    const torrent = Torrents.withTrackers(small, `${temp.path}/${reply}.torrent`, [tracker.url])
    const [program, ...args] = Aria2.leechCommand(torrent, out.path, await Process.freePort())
    await Process.run(program!, args)
    expect(Torrents.differing(small, out.path)).toEqual([])
    expect(tracker.announces[0]).toMatchObject({
      infoHash: small.infoHash,
      event: "started",
      left: small.totalLength,
    })
    await tracker.announced("stopped", (announce) => announce.event === "stopped" && announce.left === 0)
  })
}

test("opentracker introduces aria2's seeder to its leecher", async (context) => {
  Clients.skipIf(context, Aria2.missing() ?? Tracker.openTrackerMissing())
  using out = TempDir.make("leech")
  await using tracker = await Tracker.openTracker([small.infoHash])
  const torrent = Torrents.withTrackers(small, `${temp.path}/open.torrent`, [tracker.http])
  await using _seeder = await Aria2.seed(torrent)
  await Tracker.scraped(tracker, small.infoHash, 1)
  const [program, ...args] = Aria2.leechCommand(torrent, out.path, await Process.freePort())
  await Process.run(program!, args)
  expect(Torrents.differing(small, out.path)).toEqual([])
})
