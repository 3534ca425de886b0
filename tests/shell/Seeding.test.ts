import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as MemoryDisk from "../../shell/MemoryDisk.ts"
import * as MemoryNetwork from "../../shell/MemoryNetwork.ts"
import type * as Session from "../../shell/Session.ts"
import { torrentOf } from "../support/CoreSwarm.ts"
import { DIRECTORY, eventsUntil, fill, isWhole, machine, passing, request } from "./SessionScene.ts"

const HOST = "127.0.0.1"
const PORT = 7001
const SEED = { host: HOST, port: PORT }
const listen = { host: HOST, port: PORT, isFallbackAllowed: false }
const plain = torrentOf(32_768, [100_000, 0, 5, 300_000])
const announced: Metainfo = { ...plain, trackers: [["http://tracker.test/announce"]] }

const picture = (disk: MemoryDisk.MemoryDisk) =>
  [...disk.nodes].map(([path, node]) => [path, node._tag === "File" ? node.mtimeMs : node._tag])

/** A machine that seeds and one that has nothing yet. */
const pairOf = (metainfo: Metainfo) => {
  const network = MemoryNetwork.make()
  const near = machine(network, [])
  const far = machine(network, [SEED])
  fill(near, metainfo)
  return { near, far }
}

describe("a seeding session", () => {
  it.effect("gives everything to who asks, and leaves its own files alone", () =>
    Effect.gen(function* () {
      const { near, far } = pairOf(announced)
      const before = picture(near.disk)
      const session = yield* near.session({ listen })
      expect(session.listening).toEqual(SEED)
      expect(session.warnings).toEqual([])
      const seed = yield* session.add(request(announced, { mode: "seed" }))
      yield* passing(seed.completed)

      const other = yield* far.session({ listen: { ...listen, port: 0 } })
      const leech = yield* other.add(request(announced))
      const [peer] = yield* passing(Effect.repeat(Effect.zipRight(Effect.yieldNow(), seed.peers), {
        until: ([peer]) => peer?.amChoking === false,
      }))
      expect(peer).toMatchObject({ conn: -1, isIncoming: true, isInterested: true, isSeed: false })
      yield* passing(leech.completed)
      expect(isWhole(far, announced)).toBe(true)
      expect((yield* seed.snapshot).uploadedBytes).toBe(announced.geometry.totalBytes)
      expect(picture(near.disk)).toEqual(before)
      // Each tells its tracker where it really listens.
      expect(near.announces[0]).toMatchObject({ port: PORT, leftBytes: 0 })
      expect(far.announces[0]!.port).toBe(other.listening!.port)
    }).pipe(Effect.scoped))

  it.effect("says goodbye, and goes on next time without a check and with its ratio", () =>
    Effect.gen(function* () {
      const { near, far } = pairOf(announced)
      const seeding = request(announced, { mode: "seed", goals: { ratio: 1, seedMs: undefined } })
      yield* Effect.gen(function* () {
        const seed = yield* (yield* near.session({ listen })).add(seeding)
        const leech = yield* (yield* far.session()).add(request(announced))
        yield* passing(leech.completed)
        yield* passing(seed.seeded)
      }).pipe(Effect.scoped, passing)
      expect(near.announces.at(-1)).toMatchObject({ event: "stopped", uploadedBytes: 400_005, leftBytes: 0 })
      expect([...near.saved.keys()]).toEqual([`${DIRECTORY}/${announced.infoHash}`])
      // Who only downloads leaves nothing behind.
      expect(far.saved.size).toBe(0)

      const again = yield* (yield* near.session({ listen })).add(seeding)
      const tags = (yield* eventsUntil(again, "Started")).map(({ _tag }) => _tag)
      expect(tags).toEqual(["Started"])
      yield* passing(again.seeded)
      expect((yield* again.snapshot).ratio).toBeGreaterThanOrEqual(1)
    }).pipe(Effect.scoped))

  it.effect("vouches for no file that somebody has written to since it was checked", () =>
    Effect.gen(function* () {
      const { near, far } = pairOf(announced)
      const seeding = request(announced, { mode: "seed" })
      yield* Effect.gen(function* () {
        yield* (yield* near.session({ listen })).add(seeding)
        const leech = yield* (yield* far.session()).add(request(announced))
        yield* passing(leech.completed)
        const path = `${DIRECTORY}/file3`
        MemoryDisk.get(near.disk, path)![200_000]! ^= 1
        const node = near.disk.nodes.get(path)
        if (node?._tag === "File") node.mtimeMs = 1_000_000
      }).pipe(Effect.scoped, passing)
      const again = yield* (yield* near.session({ listen })).add(seeding)
      const faulty = (yield* eventsUntil(again, "Started")).find(({ _tag }) => _tag === "FilesFaulty")
      expect(faulty).toMatchObject({ faults: [{ path: "file3", problem: "different", piecesHave: 9 }] })
    }).pipe(Effect.scoped))

  it.effect("seeds what is right, names the files that are not, and mends nothing", () =>
    Effect.gen(function* () {
      const { near, far } = pairOf(plain)
      near.disk.nodes.delete(`${DIRECTORY}/file0`)
      const last = MemoryDisk.get(near.disk, `${DIRECTORY}/file3`)!
      last[200_000]! ^= 1
      const before = picture(near.disk)
      const seed = yield* (yield* near.session({ listen })).add(request(plain, { mode: "seed" }))
      const faulty = (yield* eventsUntil(seed, "Started")).find(({ _tag }) => _tag === "FilesFaulty")
      expect(faulty).toEqual({
        _tag: "FilesFaulty",
        faults: [
          { fileIndex: 0, path: "file0", problem: "missing", piecesHave: 0, pieceCount: 4 },
          { fileIndex: 2, path: "file2", problem: "unverifiable", piecesHave: 0, pieceCount: 1 },
          { fileIndex: 3, path: "file3", problem: "different", piecesHave: 8, pieceCount: 10 },
        ],
      })
      yield* passing(seed.completed)

      const leech = yield* (yield* far.session()).add(request(plain, { peers: [SEED] }))
      yield* passing(
        leech.events.pipe(
          Stream.filter(({ _tag }) => _tag === "PieceVerified"),
          Stream.take(8),
          Stream.runDrain,
        ),
      )
      yield* TestClock.adjust("1 minute")
      expect((yield* leech.snapshot).piecesHave).toBe(8)
      expect(picture(near.disk)).toEqual(before)
    }).pipe(Effect.scoped))

  it.effect("fails where nothing is right, and says where it looked", () =>
    Effect.gen(function* () {
      const network = MemoryNetwork.make()
      const near = machine(network)
      const session = yield* near.session({ listen })
      const seed = (): Effect.Effect<Session.SessionError, void, Scope.Scope> =>
        Effect.flatMap(
          session.add(request(plain, { mode: "seed" })),
          (torrent) => passing(Effect.flip(torrent.completed)),
        ).pipe(Effect.orDie)
      const missing = yield* seed()
      expect(missing).toMatchObject({ reason: "NothingToSeed" })
      expect(missing.message).toContain(`none of its files is in ${DIRECTORY}`)
      fill(near, torrentOf(32_768, [100_000, 0, 5, 300_000]))
      for (const index of [0, 2, 3]) MemoryDisk.get(near.disk, `${DIRECTORY}/file${index}`)!.fill(7)
      const wrong = yield* Effect.scoped(seed())
      expect(wrong.message).toContain(`no piece of what is in ${DIRECTORY} is right`)
      expect(near.saved.size).toBe(0)
    }).pipe(Effect.scoped))

  it.effect("keeps its limits, and new ones as soon as they are set", () =>
    Effect.gen(function* () {
      const large = torrentOf(262_144, [8 << 20])
      const { near, far } = pairOf(large)
      const session = yield* near.session({ listen })
      const rate = 64 * 1024
      const seed = yield* session.add(request(large, { mode: "seed", maxUploadRateBytesPerSec: rate }))
      yield* passing(seed.completed)
      const leech = yield* (yield* far.session()).add(request(large, { peers: [SEED] }))
      yield* passing(leech.events.pipe(Stream.filter(({ _tag }) => _tag === "PeerConnected"), Stream.runHead))
      const uploaded = Effect.map(seed.snapshot, (snapshot) => snapshot.uploadedBytes)
      yield* passing(Effect.sleep("20 seconds"))
      const slow = yield* uploaded
      expect(slow).toBeGreaterThan(10 * rate)
      expect(slow).toBeLessThan(25 * rate)
      // The session's own limit holds as well …
      yield* seed.setLimits({ downloadRateBytesPerSec: 0, uploadRateBytesPerSec: 0 })
      yield* session.setLimits({ downloadRateBytesPerSec: 0, uploadRateBytesPerSec: rate })
      yield* passing(Effect.sleep("20 seconds"))
      expect((yield* uploaded) - slow).toBeLessThan(25 * rate)
      // … and without either there is nothing to wait for.
      yield* session.setLimits({ downloadRateBytesPerSec: 0, uploadRateBytesPerSec: 0 })
      yield* passing(Effect.timeout(leech.completed, "5 seconds"))
      expect(isWhole(far, large)).toBe(true)
    }).pipe(Effect.scoped))

  it.effect("stays a seed after its own download, and closes its connections when its scope does", () =>
    Effect.gen(function* () {
      const { near, far } = pairOf(announced)
      yield* (yield* near.session({ listen })).add(request(announced, { mode: "seed" }))
      const session = yield* far.session({ listen: { ...listen, port: 7002 } })
      const scope = yield* Scope.make()
      const torrent = yield* Scope.extend(session.add(request(announced)), scope)
      yield* passing(torrent.completed)
      yield* passing(Effect.sleep("30 seconds"))
      expect((yield* torrent.snapshot).state).toBe("complete")
      yield* passing(Scope.close(scope, Exit.void))
      expect(far.announces.at(-1)?.event).toBe("stopped")
      // It stayed to seed: what it has need not be checked again.
      expect(far.saved.size).toBe(1)
    }).pipe(Effect.scoped))
})

describe("a port that is taken", () => {
  it.effect("is an error that names it, unless another one will do", () =>
    Effect.gen(function* () {
      const network = MemoryNetwork.make()
      yield* machine(network).session({ listen })
      const error = yield* Effect.flip(machine(network).session({ listen }))
      expect(error).toMatchObject({ _tag: "SessionError", reason: "AddressInUse" })
      expect(error.message).toContain(`${HOST}:${PORT}`)
      expect(error.message).toContain("choose another one")

      const third = machine(network, [])
      const session = yield* third.session({ listen: { ...listen, isFallbackAllowed: true } })
      expect(session.listening).toMatchObject({ host: HOST, port: expect.any(Number) })
      expect(session.listening!.port).not.toBe(PORT)
      expect(session.warnings).toEqual([expect.stringContaining(`${PORT}`)])
      const torrent = yield* session.add(request(announced))
      yield* eventsUntil(torrent, "TrackerAnnounced")
      expect(third.announces[0]!.port).toBe(session.listening!.port)
    }).pipe(Effect.scoped))
})
