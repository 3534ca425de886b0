import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import * as Bytes from "../../core/base/Bytes.ts"
import { err, ok } from "../../core/base/Result.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import { type AnnounceRequest, failure } from "../../core/tracker/Announce.ts"
import * as BlockStore from "../../shell/BlockStore.ts"
import * as Dht from "../../shell/Dht.ts"
import * as Engine from "../../shell/Engine.ts"
import * as Hasher from "../../shell/Hasher.ts"
import * as LocalDiscovery from "../../shell/LocalDiscovery.ts"
import * as MemoryDisk from "../../shell/MemoryDisk.ts"
import * as Multicast from "../../shell/Multicast.ts"
import * as ResumeStore from "../../shell/ResumeStore.ts"
import * as Session from "../../shell/Session.ts"
import * as TrackerClient from "../../shell/TrackerClient.ts"
import * as Transport from "../../shell/Transport.ts"
import { torrentOf } from "../support/CoreSwarm.ts"
import * as MemorySeeder from "../support/MemorySeeder.ts"
import * as Scene from "./SessionScene.ts"

const { passing } = Scene

const TRACKER = "http://tracker.test/announce"
const SEEDER = { host: "127.0.0.1", port: 7001 }
const plain = torrentOf(32_768, [100_000, 0, 5, 300_000])
const announced: Metainfo = { ...plain, trackers: [[TRACKER]] }

/** The ports in memory, to be looked at and to be broken. */
const makeWorld = (options: { readonly trackerIsDown?: boolean; readonly freeBytes?: number } = {}) => {
  const disk = MemoryDisk.make(options.freeBytes)
  const saved = new Map<string, Bytes.Bytes>()
  const announces: Array<AnnounceRequest> = []
  const ports = Layer.mergeAll(
    Transport.layerMemory(),
    BlockStore.layerMemory(disk),
    Engine.layerTrackersOnly,
    Hasher.layerMemory,
    ResumeStore.layerMemory(saved),
    TrackerClient.layerMemory((_url, request) => {
      announces.push(request)
      return options.trackerIsDown === true
        ? err(failure("Unreachable", "connection refused"))
        : ok({ intervalMs: 1_800_000, peers: [SEEDER] })
    }),
  )
  const session = Session.layer(Scene.sessionOptions)
  return { disk, saved, announces, layer: Layer.provideMerge(session, ports) }
}

const request = (metainfo: Metainfo, peers = [SEEDER]): Session.TorrentRequest =>
  Scene.request(metainfo, { peers })

const isWhole = (disk: MemoryDisk.MemoryDisk, metainfo: Metainfo): boolean =>
  Scene.isWhole({ disk }, metainfo)

describe("a session", () => {
  it.effect("downloads what its tracker's peers have, and says how it went", () => {
    const world = makeWorld()
    return Effect.gen(function* () {
      const seeder = yield* MemorySeeder.seed(announced, SEEDER.port)
      const torrent = yield* (yield* Session.Session).add(request(announced, []))
      const events = yield* Effect.fork(
        Stream.runCollect(Stream.takeUntil(torrent.events, (event) => event._tag === "Completed")),
      )
      yield* passing(torrent.completed)
      expect(isWhole(world.disk, announced)).toBe(true)
      expect(new Set(seeder.requests).size).toBe(seeder.requests.length)
      const tags = Array.from(yield* Fiber.join(events), (event) => event._tag)
      expect(tags[0]).toBe("Started")
      expect(tags.filter((tag) => tag === "PieceVerified")).toHaveLength(announced.geometry.pieceCount)
      expect(tags).toContain("TrackerAnnounced")
      expect((yield* torrent.snapshot).state).toBe("complete")
    }).pipe(Effect.scoped, Effect.provide(world.layer))
  })

  it.effect("announces started, completed and stopped, and leaves no resume data of a whole torrent", () => {
    const world = makeWorld()
    return Effect.gen(function* () {
      yield* MemorySeeder.seed(announced, SEEDER.port)
      const session = yield* Session.Session
      yield* passing(
        Effect.scoped(Effect.flatMap(session.add(request(announced)), (torrent) => torrent.completed)),
      )
      expect(world.announces.map(({ event }) => event)).toEqual(["started", "completed", "stopped"])
      expect(world.announces.map(({ leftBytes }) => leftBytes)).toEqual([400_005, 0, 0])
      expect(world.saved.size).toBe(0)
    }).pipe(Effect.scoped, Effect.provide(world.layer))
  })

  it.effect("stopped half way, says goodbye, saves what it has, and goes on from there", () => {
    const world = makeWorld()
    return Effect.gen(function* () {
      const limits = { answers: 10 }
      const seeder = yield* MemorySeeder.seed(announced, SEEDER.port, limits)
      const session = yield* Session.Session
      const scope = yield* Scope.make()
      const first = yield* Scope.extend(session.add(request(announced)), scope)
      const three = first.events.pipe(
        Stream.filter((event) => event._tag === "PieceVerified"),
        Stream.take(3),
        Stream.runDrain,
      )
      yield* passing(three)
      yield* passing(Scope.close(scope, Exit.void))
      expect(world.announces.at(-1)?.event).toBe("stopped")
      expect([...world.saved.keys()]).toEqual([`/downloads/${announced.infoHash}`])
      const before = seeder.requests.length
      limits.answers = Infinity

      const second = yield* session.add(request(announced))
      const [started] = Array.from(yield* passing(Stream.runCollect(Stream.take(second.events, 1))))
      expect(started?._tag).toBe("Started")
      expect(started?._tag === "Started" ? started.piecesHave : 0).toBeGreaterThanOrEqual(3)
      yield* passing(second.completed)
      expect(isWhole(world.disk, announced)).toBe(true)
      expect(seeder.requests.length - before).toBeLessThan(Math.ceil(400_005 / 16_384))
    }).pipe(Effect.scoped, Effect.provide(world.layer))
  })

  it.effect("finds a byte that changed on the disk, and fetches its piece again", () => {
    const world = makeWorld()
    return Effect.gen(function* () {
      const seeder = yield* MemorySeeder.seed(plain, SEEDER.port)
      const session = yield* Session.Session
      const download = Effect.scoped(
        Effect.flatMap(session.add(request(plain)), (torrent) => torrent.completed),
      )
      yield* passing(download)
      const bytes = MemoryDisk.get(world.disk, "/downloads/file3")!.slice()
      bytes[200_000]! ^= 1
      MemoryDisk.put(world.disk, "/downloads/file3", bytes)
      seeder.requests.length = 0
      yield* passing(download)
      expect(isWhole(world.disk, plain)).toBe(true)
      expect(new Set(seeder.requests)).toEqual(new Set(["9:0", "9:16384"]))
    }).pipe(Effect.scoped, Effect.provide(world.layer))
  })

  it.effect("fails with the reason when the disk does, before or after it began", () => {
    const world = makeWorld({ freeBytes: 1_000 })
    return Effect.gen(function* () {
      yield* MemorySeeder.seed(plain, SEEDER.port)
      const session = yield* Session.Session
      const early = yield* Effect.flip(session.add(request(plain)))
      expect(early.reason).toBe("NoSpace")
      expect(world.disk.nodes.size).toBe(0)

      world.disk.freeBytes = Infinity
      const torrent = yield* session.add(request(plain))
      world.disk.failures.write = "ReadOnly"
      const late = yield* passing(Effect.flip(torrent.completed))
      expect(late.reason).toBe("ReadOnly")
      expect(late.message).toContain("/downloads/")
    }).pipe(Effect.scoped, Effect.provide(world.layer))
  })

  it.effect("gives up when no tracker and no address ever answers, and leaves nothing behind", () => {
    const world = makeWorld({ trackerIsDown: true })
    return Effect.gen(function* () {
      const session = yield* Session.Session
      const error = yield* passing(
        Effect.scoped(
          Effect.flatMap(session.add(request(announced, [])), (torrent) => Effect.flip(torrent.completed)),
        ),
      )
      expect(error).toMatchObject({ reason: "NoPeers" })
      expect(error.message).toContain("connection refused")
      expect(world.announces.length).toBeGreaterThanOrEqual(3)
      expect(world.disk.nodes.size + world.saved.size).toBe(0)
    }).pipe(Effect.scoped, Effect.provide(world.layer))
  })

  it.effect("says what to do where the torrent names no tracker and the user no peer", () => {
    const world = makeWorld()
    return Effect.gen(function* () {
      const torrent = yield* (yield* Session.Session).add(request(plain, []))
      expect((yield* passing(Effect.flip(torrent.completed))).message).toContain("--peer HOST:PORT")
    }).pipe(Effect.scoped, Effect.provide(world.layer))
  })
})

describe("back-pressure", () => {
  it.effect("a disk that stands still stops the reading, and lets it go on", () => {
    const large = torrentOf(1 << 20, [96 << 20])
    const world = makeWorld()
    return Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const slow = Layer.map(BlockStore.layerMemory(world.disk), (context) => context)
      const gated = Layer.effect(
        BlockStore.BlockStore,
        Effect.map(BlockStore.BlockStore, (inner) => ({
          open: (layout: BlockStore.Layout) =>
            Effect.map(inner.open(layout), (store) => ({
              ...store,
              write: (offset: number, buffers: ReadonlyArray<Bytes.Bytes>) =>
                Effect.zipRight(Deferred.await(gate), store.write(offset, buffers)),
            })),
        })),
      ).pipe(Layer.provide(slow))
      return yield* Effect.gen(function* () {
        yield* MemorySeeder.seed(large, SEEDER.port)
        const torrent = yield* (yield* Session.Session).add(request(large))
        yield* passing(Effect.repeat(torrent.snapshot.pipe(Effect.delay("1 second")), {
          until: ({ downloadedBytes }) => downloadedBytes > 12 << 20,
        }))
        yield* TestClock.adjust("10 seconds")
        // What was read when the disk was found full, and not much more.
        const stuck = (yield* torrent.snapshot).downloadedBytes
        expect(stuck).toBeLessThan(16 << 20)
        yield* TestClock.adjust("5 seconds")
        expect((yield* torrent.snapshot).downloadedBytes).toBe(stuck)
        yield* Deferred.succeed(gate, void 0)
        yield* passing(Effect.repeat(torrent.snapshot.pipe(Effect.delay("1 second")), {
          until: ({ downloadedBytes }) => downloadedBytes > stuck + (1 << 20),
        }))
      }).pipe(
        Effect.scoped,
        Effect.provide(Layer.provideMerge(
          Session.layer(Scene.sessionOptions),
          Layer.mergeAll(
            Transport.layerMemory(),
            gated,
            Engine.layerTrackersOnly,
            Hasher.layerMemory,
            ResumeStore.layerMemory(),
            TrackerClient.layerMemory(() => err(failure("Unreachable", "down"))),
          ),
        )),
      )
    })
  })
})

describe("local discovery", () => {
  it.scoped("a torrent that has left is announced no more, though its session goes on", () => {
    const network = Multicast.makeMemory()
    const multicast = Multicast.layerMemory(network)
    const options = {
      ...Scene.sessionOptions,
      listen: { host: undefined, port: 6881, isFallbackAllowed: false },
      isLsdEnabled: true,
    }
    return Effect.gen(function* () {
      const session = yield* Session.Session
      const scope = yield* Scope.make()
      const torrent = yield* Scope.extend(session.add(request(plain, [])), scope)
      const neighbour = yield* Effect.provide(LocalDiscovery.make({ port: 7_001 }), multicast)
      yield* torrent.started
      expect(neighbour.counts().heard).toBeGreaterThan(0)
      yield* Scope.close(scope, Exit.void)
      const found: Array<unknown> = []
      yield* neighbour.take(plain.infoHash, (address) => found.push(address))
      yield* TestClock.adjust("1 hour")
      expect(found).toEqual([])
    }).pipe(Effect.provide(Layer.provide(
      Session.layer(options),
      Layer.mergeAll(
        Transport.layerMemory(),
        BlockStore.layerMemory(),
        Dht.layerNone,
        multicast,
        Hasher.layerMemory,
        ResumeStore.layerMemory(),
        TrackerClient.layerMemory(() => err(failure("Unreachable", "down"))),
      ),
    )))
  })
})
