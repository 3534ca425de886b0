import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { assert } from "../../core/base/Assert.ts"
import * as Create from "../../core/metainfo/Create.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as MemoryNetwork from "../../shell/MemoryNetwork.ts"
import type * as Session from "../../shell/Session.ts"
import { torrentOf } from "../support/CoreSwarm.ts"
import {
  DIRECTORY,
  eventsUntil,
  fill,
  isWhole,
  type Machine,
  machine,
  passing,
  request,
} from "./SessionScene.ts"

const TRACKER = "http://tracker.test/announce"
const SEED = { host: "127.0.0.1", port: 7001 }
const listen = { ...SEED, isFallbackAllowed: false }

/** As {@link torrentOf}, with an `info` dictionary that says so. */
const realTorrentOf = (pieceBytes: number, fileBytes: ReadonlyArray<number>): Metainfo => {
  const { pieceHashes } = torrentOf(pieceBytes, fileBytes)
  const files = fileBytes.map((bytes, index) => ({ path: `file${index}`, bytes }))
  const parsed = Parse.parseInfo(Create.encodeInfo(
    { name: "torrent", isDirectory: true, files },
    { pieceBytes, pieceHashes },
    { isPrivate: false },
  ))
  assert(parsed.ok, "it is valid")
  return parsed.value
}

const torrent = realTorrentOf(32_768, [100_000, 0, 5, 300_000])

const linkOf = (
  { infoHash }: Metainfo,
  more: Partial<Session.MetadataRequest> = {},
): Session.MetadataRequest => ({
  infoHash,
  name: "a link",
  trackers: [],
  webSeeds: [],
  peers: [SEED],
  directory: DIRECTORY,
  ...more,
})

/** A machine that seeds, with its session, and one that has nothing yet. */
const pair = Effect.gen(function* () {
  const network = MemoryNetwork.make()
  const near = machine(network, [])
  const far = machine(network, [SEED])
  fill(near, torrent)
  const session = yield* near.session({ listen })
  const seed = yield* session.add(request(torrent, { mode: "seed" }))
  yield* passing(seed.completed)
  return { near, far, seed }
})

const fetchAndDownload = (far: Machine, link: Session.MetadataRequest) =>
  Effect.gen(function* () {
    const session = yield* far.session({ listen: { ...listen, port: 0 } })
    const search = yield* session.fetch(link)
    const metainfo = yield* passing(search.metainfo)
    const handle = yield* session.add(request(metainfo, { search, peers: link.peers }))
    yield* passing(handle.completed)
    return metainfo
  })

describe("a magnet link", () => {
  it.effect("is downloaded over the connection that its metadata came by", () =>
    Effect.gen(function* () {
      const { far, near, seed } = yield* pair
      const conns = new Set<number>()
      const look = Effect.map(seed.peers, (peers) => {
        for (const { conn } of peers) conns.add(conn)
      })
      const metainfo = yield* Effect.raceFirst(
        fetchAndDownload(far, linkOf(torrent)),
        Effect.forever(Effect.zipRight(Effect.yieldNow(), look)),
      )
      expect(metainfo.infoBytes).toEqual(torrent.infoBytes)
      expect(isWhole(far, torrent)).toBe(true)
      expect([...conns]).toEqual([-1])
      expect(near.announces).toEqual([])
    }).pipe(Effect.scoped))

  it.effect("keeps the trackers of the link, which hear of us once", () =>
    Effect.gen(function* () {
      const { far } = yield* pair
      yield* Effect.scoped(Effect.gen(function* () {
        const metainfo = yield* fetchAndDownload(far, linkOf(torrent, { trackers: [[TRACKER]], peers: [] }))
        expect(metainfo.trackers).toEqual([[TRACKER]])
      }))
      expect(far.announces.map(({ event }) => event)).toEqual(["started", "completed", "stopped"])
      expect(far.announces[0]!.leftBytes).toBe(16_384)
    }).pipe(Effect.scoped))

  it.effect("needs nobody the next time: its metadata was kept", () =>
    Effect.gen(function* () {
      const { far } = yield* pair
      yield* Effect.scoped(fetchAndDownload(far, linkOf(torrent)))
      yield* Effect.scoped(fetchAndDownload(far, linkOf(torrent, { peers: [] })))
      expect(far.saved.has(`${DIRECTORY}/${torrent.infoHash}.info`)).toBe(true)
    }).pipe(Effect.scoped))

  it.effect("is fetched again where what was kept is damaged", () =>
    Effect.gen(function* () {
      const { far } = yield* pair
      far.saved.set(`${DIRECTORY}/${torrent.infoHash}.info`, new Uint8Array(10))
      yield* Effect.scoped(fetchAndDownload(far, linkOf(torrent)))
      expect(far.saved.get(`${DIRECTORY}/${torrent.infoHash}.info`)).toEqual(torrent.infoBytes)
    }).pipe(Effect.scoped))

  it.effect("fails at once where it names nobody", () =>
    Effect.gen(function* () {
      const { far } = yield* pair
      const session = yield* far.session()
      const search = yield* session.fetch(linkOf(torrent, { peers: [] }))
      const exit = yield* passing(Effect.exit(search.metainfo))
      expect(exit).toEqual(Exit.fail(expect.objectContaining({
        reason: "NoPeers",
        message: expect.stringContaining("neither a tracker nor a peer"),
      })))
    }).pipe(Effect.scoped))

  it.effect("fails after a while where nobody answers, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const network = MemoryNetwork.make()
      const lonely = machine(network)
      const reason = yield* Effect.scoped(Effect.gen(function* () {
        const session = yield* lonely.session()
        const search = yield* session.fetch(linkOf(torrent, { trackers: [[TRACKER]] }))
        return yield* passing(Effect.flip(search.metainfo))
      }))
      expect(reason).toMatchObject({ reason: "NoPeers" })
      expect(lonely.saved.size).toBe(0)
      expect(lonely.disk.nodes.size).toBe(machine(network).disk.nodes.size)
    }))

  it.effect("can be left while it is searched for: the tracker hears of it", () =>
    Effect.gen(function* () {
      const network = MemoryNetwork.make()
      const lonely = machine(network, [])
      yield* passing(Effect.scoped(Effect.gen(function* () {
        const session = yield* lonely.session()
        const search = yield* session.fetch(linkOf(torrent, { trackers: [[TRACKER]], peers: [] }))
        expect((yield* search.snapshot).state).toBe("metadata")
        yield* Effect.sleep("10 seconds")
      })))
      expect(lonely.announces.map(({ event }) => event)).toEqual(["started", "stopped"])
      expect(lonely.saved.size).toBe(0)
    }))

  it.effect("tells what happens", () =>
    Effect.gen(function* () {
      const { far } = yield* pair
      const session = yield* far.session()
      const search = yield* session.fetch(linkOf(torrent))
      const events = yield* eventsUntil(search, "MetadataComplete")
      expect(events.map(({ _tag }) => _tag)).toEqual(["PeerConnected", "MetadataComplete"])
    }).pipe(Effect.scoped))
})
