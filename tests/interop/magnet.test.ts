/** Magnet links (BEP 9): metadata from and to other people's clients, and from peers that go wrong. */
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as Aria2 from "../support/Aria2.ts"
import * as Clients from "../support/Clients.ts"
import * as FakePeer from "../support/FakePeer.ts"
import * as Libtorrent from "../support/Libtorrent.ts"
import * as Qbittorrent from "../support/Qbittorrent.ts"
import * as Rtorrent from "../support/Rtorrent.ts"
import * as Shoal from "../support/Shoal.ts"
import * as Swarm from "../support/Swarm.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Tracker from "../support/Tracker.ts"
import * as Transmission from "../support/Transmission.ts"

const temp = TempDir.make("magnet")
let small: Torrents.TestTorrent
let nested: Torrents.TestTorrent
/** Its metadata has several parts. */
let pieces: Torrents.TestTorrent
beforeAll(async () => {
  small = await Torrents.small(temp.path, 400_000)
  nested = await Torrents.nested(temp.path)
  pieces = await Torrents.make({
    dir: temp.path,
    name: "many pieces",
    files: [{ path: "data.bin", length: 4_000 * 32_768 - 7 }],
    pieceLength: 32_768,
  })
})
afterAll(temp.remove)

interface Case {
  readonly torrent: Torrents.TestTorrent
  readonly link: string
  readonly runtime?: Shoal.Runtime
  readonly seeder?: Clients.Seeder
  readonly peers?: ReadonlyArray<string>
}

/** Downloads by a link to the end: exit with 0, only events, and exactly the torrent's files and what a link leaves. */
const completes = async ({ torrent, link, peers, runtime, seeder }: Case): Promise<Shoal.Run> => {
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  await using run = Shoal.download(link, {
    out: out.path,
    home: home.path,
    args: ["--port", "0"],
    ...(peers === undefined ? {} : { peers }),
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
  expect(files).toEqual([`.shoal/${torrent.infoHash}.info`, ...torrent.files.map(({ path }) => path).sort()])
  expect(run.strays).toEqual([])
  expect(run.events.find(({ event, ok }) => event === "metadata" && ok === true), log()).toMatchObject({
    infoHash: torrent.infoHash,
    name: torrent.name,
    bytes: Torrents.infoOf(torrent).length,
    totalLength: torrent.totalLength,
  })
  expect(run.events.at(-1), log()).toMatchObject({ event: "complete", bytes: torrent.totalLength })
  return run
}

const byPeer = (torrent: Torrents.TestTorrent, ...addresses: ReadonlyArray<string>): string =>
  Torrents.linkTo(torrent, addresses.map((address) => ["x.pe", address] as const))

/** How often a run was connected to a peer. */
const connects = (run: Shoal.Run): number =>
  run.events.filter(({ event, state }) => event === "peer" && state === "connected").length

describe.each(["node", "deno"] as const)("on %s", (runtime) => {
  test("many pieces from libtorrent by x.pe, over one connection", async (context) => {
    Clients.skipIf(context, Libtorrent.missing() ?? Shoal.missing(runtime))
    await using seeder = await Libtorrent.seed(pieces)
    const run = await completes({ torrent: pieces, link: byPeer(pieces, seeder.address), seeder, runtime })
    expect(connects(run)).toBe(1)
  })

  test("the nested torrent from aria2 by x.pe", async (context) => {
    Clients.skipIf(context, Aria2.missing() ?? Shoal.missing(runtime))
    await using seeder = await Aria2.seed(nested)
    await completes({ torrent: nested, link: byPeer(nested, seeder.address), seeder, runtime })
  })

  test("many pieces to libtorrent, over shoal's tracker", async (context) => {
    Clients.skipIf(context, Libtorrent.missing() ?? Shoal.missing(runtime))
    await using tracker = await Swarm.tracker({ runtime })
    await toOthers(pieces, runtime, tracker.http, (linked, dir) => Libtorrent.leech(linked, dir))
  })

  // By a link aria2 announces that nothing is left: a tracker that gives no seeds to seeds, as shoal's, is no help to it.
  test("the nested torrent to aria2, over a tracker that gives everybody to everybody", async (context) => {
    Clients.skipIf(context, Aria2.missing() ?? Shoal.missing(runtime))
    await using tracker = await Tracker.start()
    await toOthers(nested, runtime, tracker.url, Aria2.leech)
  })
})

/** Another client has nothing but the link, which names the tracker; shoal seeds. */
const toOthers = async (
  torrent: Torrents.TestTorrent,
  runtime: Shoal.Runtime,
  url: string,
  leech: (torrent: Torrents.TestTorrent, dir: string) => Promise<Swarm.Leecher>,
): Promise<void> => {
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  const tracked = Torrents.withTrackers(torrent, join(temp.path, `tracked-${runtime}.torrent`), [url])
  await using seeder = await Swarm.seed(tracked, { runtime, home: home.path })
  await seeder.event("tracker", ({ ok }) => ok === true)
  const linked = { ...torrent, file: Torrents.linkTo(torrent, [["tr", url]]) }
  await using leecher = await leech(linked, out.path)
  await Swarm.completes(leecher, torrent, out.path, seeder)
}

describe("from other clients", () => {
  for (const [name, client] of Object.entries({ Rtorrent, Qbittorrent })) {
    test(`the nested torrent from ${name} by x.pe`, async (context) => {
      Clients.skipIf(context, client.missing())
      await using seeder = await client.seed(nested)
      await completes({ torrent: nested, link: byPeer(nested, seeder.address), seeder })
    })
  }

  test("a small torrent from transmission, in a network of its own", async (context) => {
    Clients.skipIf(context, Transmission.missing())
    await using seeder = await Transmission.seed(small)
    await completes({ torrent: small, link: byPeer(small, seeder.address), seeder })
  })

  test("many pieces from aria2 and libtorrent at once, found by a tracker", async (context) => {
    Clients.skipIf(context, Aria2.missing() ?? Libtorrent.missing())
    await using aria2 = await Aria2.seed(pieces)
    await using libtorrent = await Libtorrent.seed(pieces)
    await using tracker = await Tracker.start({ peers: [aria2.address, libtorrent.address] })
    await completes({ torrent: pieces, link: Torrents.linkTo(pieces, [["tr", tracker.url]]) })
    const [first] = tracker.announces
    expect(first).toMatchObject({ infoHash: pieces.infoHash, event: "started", left: 16_384 })
    expect(tracker.announces.map(({ event }) => event)).toEqual(["started", "completed", "stopped"])
  })

  test("a bare info-hash, and --peer", async () => {
    await using peer = await FakePeer.start(small, { metadata: "serve" })
    await completes({ torrent: small, link: small.infoHash, peers: [peer.address] })
    expect(peer.stats.breaches).toEqual([])
  })
})

describe("peers that go wrong", () => {
  test("none of them keeps shoal from one that is honest", async () => {
    const kinds = ["wrong", "reject", "ignore", "4 GiB", "1.5 GB", "hang-up"] as const
    const bad = await Promise.all(kinds.map((metadata) => FakePeer.start(pieces, { metadata, choke: true })))
    try {
      await using good = await FakePeer.start(pieces, { metadata: "serve" })
      const link = byPeer(pieces, ...bad.map(({ address }) => address), good.address)
      const run = await completes({ torrent: pieces, link })
      expect(run.events.some(({ event, state }) => event === "peer" && state === "banned")).toBe(
        run.events.some(({ event, ok, suspects }) =>
          event === "metadata" && ok === false && (suspects as ReadonlyArray<string>).length === 1
        ),
      )
      for (const kind of ["4 GiB", "1.5 GB"] as const) {
        expect(bad[kinds.indexOf(kind)]!.stats.metadata, kind).toEqual([])
      }
      for (const { stats } of [...bad, good]) expect(stats.breaches).toEqual([])
    } finally {
      await Promise.all(bad.map((peer) => peer.stop()))
    }
  })

  test("a single liar is banned, and that is the end, soon and in one line", async () => {
    using out = TempDir.make("out")
    await using liar = await FakePeer.start(small, { metadata: "wrong" })
    await using run = Shoal.download(byPeer(small, liar.address), { out: out.path, args: ["--port", "0"] })
    expect(await run.end(20_000), run.log()).toEqual({ code: 1, signal: null })
    expect(run.events).toContainEqual(expect.objectContaining({ event: "peer", state: "banned" }))
    expect(run.events.at(-1)).toMatchObject({ event: "error", reason: "NoPeers" })
    expect(liar.stats.connections).toBe(1)
    expect(TempDir.list(out.path)).toEqual([])
  })

  test("a link that names nobody fails at once", async () => {
    using out = TempDir.make("out")
    await using run = Shoal.download(small.infoHash, { out: out.path, args: ["--port", "0"] })
    expect(await run.end(20_000), run.log()).toEqual({ code: 1, signal: null })
    expect(run.events.at(-1)).toMatchObject({
      event: "error",
      reason: "NoPeers",
      message: expect.stringContaining("--peer HOST:PORT"),
    })
    expect(TempDir.list(out.path)).toEqual([])
  })
})

describe.each(["node", "deno"] as const)("what a run leaves on %s", (runtime) => {
  test("Ctrl-C while the metadata is searched for leaves nothing, and tells the tracker", async () => {
    using out = TempDir.make("out")
    await using silent = await FakePeer.start(small, { metadata: "ignore" })
    await using tracker = await Tracker.start({ peers: [silent.address] })
    const link = Torrents.linkTo(small, [["tr", tracker.url]])
    await using run = Shoal.download(link, { out: out.path, args: ["--port", "0"], runtime })
    await run.event("progress", ({ state, peers }) => state === "metadata" && peers === 1)
    expect(await Swarm.interrupt(run), run.log()).toEqual({ code: 130, signal: null })
    expect(TempDir.list(out.path)).toEqual([])
    expect(tracker.announces.map(({ event }) => event)).toEqual(["started", "stopped"])
  })

  test("after Ctrl-C in the download the same link goes on, and needs the metadata from nobody", async () => {
    using out = TempDir.make("out")
    using home = TempDir.make("home")
    const place = { out: out.path, home: home.path, runtime, args: ["--port", "0"] }
    const first = await FakePeer.start(pieces, { metadata: "serve", rateBytesPerSec: 20_000_000 })
    await using run = Shoal.download(byPeer(pieces, first.address), place)
    await run.event("piece", () => run.events.filter(({ event }) => event === "piece").length > 100)
    expect(await Swarm.interrupt(run), run.log()).toEqual({ code: 130, signal: null })
    await first.stop()
    // The next peer has no metadata to give.
    await using second = await FakePeer.start(pieces)
    await using again = Shoal.download(byPeer(pieces, second.address), place)
    expect(await again.end(), again.log()).toEqual({ code: 0, signal: null })
    expect(Torrents.differing(pieces, out.path), again.log()).toEqual([])
    expect(second.stats.requests.size).toBeLessThan(pieces.pieceCount - 50)
  })

  test("--metadata-only writes the .torrent file, and nothing else; the file is good for a download", async () => {
    using out = TempDir.make("out")
    await using peer = await FakePeer.start(nested, { metadata: "serve" })
    await using tracker = await Tracker.start({ peers: [peer.address] })
    const args = ["--metadata-only", "--port", "0"]
    const link = Torrents.linkTo(nested, [["tr", tracker.url]])
    await using run = Shoal.download(link, { out: out.path, args, runtime })
    expect(await run.end(), run.log()).toEqual({ code: 0, signal: null })
    expect(readdirSync(out.path)).toEqual([`${nested.name}.torrent`])
    const file = join(out.path, `${nested.name}.torrent`)
    expect(run.events.at(-1)).toMatchObject({ event: "complete", file, infoHash: nested.infoHash })
    expect(peer.stats.blocksSent).toBe(0)
    await using download = Shoal.download(file, { out: out.path, runtime, args: ["--port", "0"] })
    expect(await download.end(), download.log()).toEqual({ code: 0, signal: null })
    expect(Torrents.differing(nested, out.path)).toEqual([])
    expect(existsSync(join(out.path, ".shoal"))).toBe(false)
  })

  test("`so` selects files, and --select goes before it", async () => {
    using out = TempDir.make("out")
    await using peer = await FakePeer.start(nested, { metadata: "serve" })
    const link = Torrents.linkTo(nested, [["x.pe", peer.address], ["so", "0"]])
    await using run = Shoal.download(link, { out: out.path, runtime, args: ["--port", "0"] })
    expect(await run.end(), run.log()).toEqual({ code: 0, signal: null })
    const first = nested.files[0]!
    expect(run.events.at(-1)!["bytes"]).toBeLessThan(nested.totalLength)
    expect(existsSync(join(out.path, first.path))).toBe(true)
    const last = nested.files.at(-1)!
    expect(existsSync(join(out.path, last.path))).toBe(false)
  })

  test("shoal seeds by the link what it has the data of", async () => {
    using home = TempDir.make("home")
    await using peer = await FakePeer.start(small, { metadata: "serve" })
    const file = byPeer(small, peer.address)
    await using seeder = await Swarm.seed({ ...small, file }, { runtime, home: home.path })
    using out = TempDir.make("out")
    await completes({ torrent: small, link: byPeer(small, seeder.address), runtime })
    expect(TempDir.list(out.path)).toEqual([])
  })
})
