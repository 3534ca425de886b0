/** What a download keeps: after a kill at any moment, after Ctrl-C, and after somebody touched the files. */
import { closeSync, openSync, readSync, rmSync, truncateSync, writeSync } from "node:fs"
import { Buffer } from "node:buffer"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import * as FakePeer from "../support/FakePeer.ts"
import * as Shoal from "../support/Shoal.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Torrents from "../support/Torrents.ts"
import * as Tracker from "../support/Tracker.ts"

const temp = TempDir.make("resume")
let torrent: Torrents.TestTorrent
let nested: Torrents.TestTorrent
beforeAll(async () => {
  torrent = await Torrents.small(temp.sub("small"), 64 * 65_536 - 1_000, 65_536)
  nested = await Torrents.nested(temp.sub("nested"))
})
afterAll(temp.remove)

/** Indexes of the pieces that this run said it verified. */
const verified = (run: Shoal.Run): ReadonlySet<number> =>
  new Set(
    run.events.filter((event) => event.event === "piece" && event["ok"] === true).map((event) =>
      Number(event["piece"])
    ),
  )

/** Waits until the run has verified `count` pieces. */
const hasVerified = (run: Shoal.Run, count: number): Promise<Shoal.Event> =>
  run.event("piece", () => verified(run).size >= count)

interface Place {
  readonly out: string
  readonly home: string
  readonly runtime?: Shoal.Runtime
}

/** Downloads to the end from a fresh honest peer; gives the pieces that were asked for. */
const finish = async (what: Torrents.TestTorrent, place: Place): Promise<ReadonlySet<number>> => {
  await using peer = await FakePeer.start(what)
  await using run = Shoal.download(what.file, { ...place, peers: [peer.address] })
  expect(await run.end(), run.log()).toEqual({ code: 0, signal: null })
  expect(Torrents.differing(what, place.out), run.log()).toEqual([])
  expect(run.events.at(-1), run.log()).toMatchObject({ event: "complete" })
  return new Set(peer.stats.requests.keys())
}

/** Flips one byte of a file in place. */
const flip = (path: string, offset: number): void => {
  const file = openSync(path, "r+")
  const byte = Buffer.alloc(1)
  readSync(file, byte, 0, 1, offset)
  byte[0]! ^= 0xff
  writeSync(file, byte, 0, 1, offset)
  closeSync(file)
}

const intersection = (a: ReadonlySet<number>, b: ReadonlySet<number>): ReadonlyArray<number> =>
  [...a].filter((item) => b.has(item))

const cases: ReadonlyArray<[Shoal.Runtime, ReadonlyArray<number>]> = [["node", [1, 20, 55]], ["deno", [20]]]
describe.each(cases)("on %s", (runtime, moments) => {
  test.each(moments)("killed after %i pieces: none that was verified is fetched again", async (count) => {
    using out = TempDir.make("out")
    using home = TempDir.make("home")
    const place = { out: out.path, home: home.path, runtime }
    await using peer = await FakePeer.start(torrent, { rateBytesPerSec: 4_000_000 })
    const first = Shoal.download(torrent.file, { ...place, peers: [peer.address] })
    await hasVerified(first, count)
    first.child.signal("SIGKILL")
    expect(await first.exited).toEqual({ code: null, signal: "SIGKILL" })
    const before = verified(first)
    const asked = await finish(torrent, place)
    expect(intersection(asked, before)).toEqual([])
    // what was written but not yet told may be kept too, so at most the rest is fetched
    expect(asked.size).toBeLessThanOrEqual(torrent.pieceCount - before.size)
  })

  test("Ctrl-C: exit 130, the tracker hears `stopped`, and the same command resumes", async () => {
    using out = TempDir.make("out")
    using home = TempDir.make("home")
    await using peer = await FakePeer.start(torrent, { rateBytesPerSec: 2_000_000 })
    await using tracker = await Tracker.start({ peers: [peer.address] })
    const tracked = Torrents.withTrackers(torrent, join(temp.path, `${runtime}-int.torrent`), [tracker.url])
    const place = { out: out.path, home: home.path, runtime }
    const first = Shoal.download(tracked.file, place)
    await hasVerified(first, 10)
    first.child.signal("SIGINT")
    expect(await first.end(10_000), first.log()).toEqual({ code: 130, signal: null })
    const stopped = await tracker.announced(
      "event=stopped",
      (announce) => announce.event === "stopped",
      1_000,
    )
    expect(stopped.left).toBeGreaterThan(0)
    expect(stopped.left).toBeLessThan(torrent.totalLength)
    expect(first.child.stderr()).not.toMatch(/^\s+at /m)
    const asked = await finish(torrent, place)
    expect(intersection(asked, verified(first))).toEqual([])
  })
})

test("a byte that changed while stopped: only its piece is fetched again", async () => {
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  const place = { out: out.path, home: home.path }
  await using peer = await FakePeer.start(torrent, { rateBytesPerSec: 4_000_000 })
  const first = Shoal.download(torrent.file, { ...place, peers: [peer.address] })
  await hasVerified(first, 20)
  first.child.signal("SIGINT")
  await first.end(10_000)
  const before = verified(first)
  const [victim] = before
  flip(join(out.path, torrent.name), victim! * torrent.pieceLength + 77)
  const asked = await finish(torrent, place)
  expect(intersection(asked, before)).toEqual([victim])
})

test("a complete download: nothing is fetched; one byte changed: one piece is", async () => {
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  const place = { out: out.path, home: home.path }
  expect((await finish(torrent, place)).size).toBe(torrent.pieceCount)
  expect([...await finish(torrent, place)]).toEqual([])
  flip(join(out.path, torrent.name), 5 * torrent.pieceLength)
  expect([...await finish(torrent, place)]).toEqual([5])
})

test("data without any state of ours is found and used", async () => {
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  using other = TempDir.make("home")
  await finish(torrent, { out: out.path, home: home.path })
  expect([...await finish(torrent, { out: out.path, home: other.path })]).toEqual([])
})

test("files that were deleted or cut short are mended, the others left alone", async () => {
  using out = TempDir.make("out")
  using home = TempDir.make("home")
  const place = { out: out.path, home: home.path }
  await finish(nested, place)
  rmSync(join(out.path, "nested/a/b/c/d/e/deep.bin"))
  truncateSync(join(out.path, "nested/a/b/two pieces"), 1_000)
  const asked = await finish(nested, place)
  // 3 MiB + 17 bytes and 128 KiB in pieces of 64 KiB, wherever they begin
  expect(asked.size).toBeGreaterThanOrEqual(49 + 2)
  expect(asked.size).toBeLessThanOrEqual(50 + 3)
})

test("a file that is longer than the torrent's is somebody else's: refused by name, left as it is", async () => {
  using out = TempDir.make("out")
  const path = join(out.path, torrent.name)
  Torrents.writeData(path, torrent.totalLength + 1, "somebody else's")
  const before = Torrents.sha256(path)
  await using peer = await FakePeer.start(torrent)
  await using run = Shoal.download(torrent.file, {
    out: out.path,
    home: temp.sub("other"),
    peers: [peer.address],
  })
  expect(await run.end(), run.log()).toEqual({ code: 1, signal: null })
  expect(run.child.stderr()).toContain(path)
  expect(Torrents.sha256(path)).toBe(before)
})
