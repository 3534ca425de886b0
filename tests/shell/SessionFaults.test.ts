/**
 * A real session on real files, in which every operation fails once: the download goes on and ends right, or it ends with a
 * word that says why, and the same request goes on from there. Nothing that isn't there is ever believed.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import * as Bytes from "../../core/base/Bytes.ts"
import { err } from "../../core/base/Result.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import * as Resume from "../../core/torrent/Resume.ts"
import { failure } from "../../core/tracker/Announce.ts"
import * as Engine from "../../shell/Engine.ts"
import * as Faulty from "../../shell/Faulty.ts"
import * as FaultyTransport from "../../shell/FaultyTransport.ts"
import * as MemoryNetwork from "../../shell/MemoryNetwork.ts"
import * as NodeBlockStore from "../../shell/node/NodeBlockStore.ts"
import * as NodeHasher from "../../shell/node/NodeHasher.ts"
import * as NodeResumeStore from "../../shell/node/NodeResumeStore.ts"
import * as Session from "../../shell/Session.ts"
import * as TrackerClient from "../../shell/TrackerClient.ts"
import * as Transport from "../../shell/Transport.ts"
import { contentAt, torrentOf } from "../support/CoreSwarm.ts"
import * as MemorySeeder from "../support/MemorySeeder.ts"
import * as TempDir from "../support/TempDir.ts"
import { request, sessionOptions } from "./SessionScene.ts"

const SEEDER = { host: "127.0.0.1", port: 6881 }

/** Five pieces of two blocks, over three files and an empty one. */
const metainfo = torrentOf(32_768, [70_000, 0, 30_000, 50_000])

const download = (
  directory: string,
  network: MemoryNetwork.MemoryNetwork,
  plan: Faulty.Plan,
): Effect.Effect<Either.Either<void, Session.SessionError>> => {
  const ports = Layer.mergeAll(
    Layer.provide(FaultyTransport.layer(plan), Transport.layerMemory(network)),
    Layer.provide(Faulty.blockStore(plan), NodeBlockStore.layer),
    Layer.provide(Faulty.hasher(plan), NodeHasher.layer),
    Layer.provide(Faulty.resumeStore(plan), NodeResumeStore.layer),
    Engine.layerTrackersOnly,
    TrackerClient.layerMemory(() => err(failure("Unreachable", "connection refused"))),
  )
  return Effect.scoped(Effect.gen(function* () {
    const context = yield* Layer.build(Layer.provide(Session.layer(sessionOptions), ports))
    const session = Context.get(context, Session.Session)
    const torrent = yield* session.add(request(metainfo, { directory, peers: [SEEDER] }))
    yield* torrent.completed
    // Its warnings are looked at nowhere here.
  })).pipe(Effect.either, Logger.withMinimumLogLevel(LogLevel.None))
}

const contentOf = ({ geometry }: Metainfo, piece: number): Uint8Array => {
  const offset = piece * geometry.pieceBytes
  return contentAt(offset, Math.min(geometry.pieceBytes, geometry.totalBytes - offset))
}

/** What is at each byte of the torrent; zero where nothing is. */
const onDisk = (directory: string): Uint8Array =>
  Bytes.concat(metainfo.files.map(({ path, bytes }) => {
    const whole = new Uint8Array(bytes)
    try {
      whole.set(readFileSync(`${directory}/${path}`).subarray(0, bytes))
    } catch {
      // not there
    }
    return whole
  }))

const isWhole = (directory: string): boolean =>
  Bytes.equals(onDisk(directory), contentAt(0, metainfo.geometry.totalBytes)) &&
  metainfo.files.every(({ path, bytes }) => lstatSync(`${directory}/${path}`).size === bytes)

/** Pieces that resume data makes the next run believe, and that are not there. */
const wronglyBelieved = (directory: string): ReadonlyArray<number> => {
  const files = readdirSync(directory, { recursive: true }).map(String).filter((name) =>
    name.endsWith(".resume")
  )
  if (files.length === 0) return []
  const saved = Resume.decode(readFileSync(`${directory}/${files[0]}`), metainfo.geometry, metainfo.infoHash)
  expect(saved.ok, "resume data is whole").toBe(true)
  if (!saved.ok) return []
  const stats = metainfo.files.map(({ path }): Resume.FileStat | undefined => {
    try {
      const { mtimeMs, size } = lstatSync(`${directory}/${path}`)
      return { bytes: size, mtimeMs: Math.floor(mtimeMs) }
    } catch {
      return undefined
    }
  })
  const found = onDisk(directory)
  const { pieceBytes } = metainfo.geometry
  return [...Bitfield.pieces(Resume.believe(saved.value, stats, metainfo.geometry).believed)].filter(
    (piece) => {
      const content = contentOf(metainfo, piece)
      return !Bytes.equals(found.subarray(piece * pieceBytes, piece * pieceBytes + content.length), content)
    },
  )
}

/** With a fault or several, and then, if that was its end, without: what came of the first. */
const survives = (plan: Faulty.Plan) =>
  Effect.gen(function* () {
    const network = MemoryNetwork.make()
    using folder = TempDir.make("faults")
    const directory = folder.path
    yield* Effect.provide(MemorySeeder.seed(metainfo, SEEDER.port), Transport.layerMemory(network))
    const first = yield* download(directory, network, plan)
    const label = plan.struck.join(", ")
    if (Either.isLeft(first)) {
      expect(first.left._tag, label).toBe("SessionError")
      expect(first.left.message, label).toMatch(/cannot \w+|no peer|connect/i)
      expect(wronglyBelieved(directory), label).toEqual([])
      const again = yield* download(directory, network, Faulty.none())
      expect(Either.isRight(again) || again.left.message, label).toBe(true)
    }
    expect(isWhole(directory), label).toBe(true)
    return Either.isRight(first) ? "went on" : first.left.reason
  }).pipe(Effect.scoped)

const FAULTS: Readonly<Record<string, Faulty.Fault>> = {
  "EIO": { _tag: "Fails", code: "EIO" },
  "ENOSPC": { _tag: "Fails", code: "ENOSPC" },
  "EMFILE": { _tag: "Fails", code: "EMFILE" },
  "ENOSPC in the middle": { _tag: "Torn", code: "ENOSPC" },
  "a short operation": { _tag: "Short" },
  "a slow disk": { _tag: "Slow", ms: 15 },
}

/** What the disk failing so means for the torrent. */
const REASONS: Readonly<Record<string, string>> = {
  "EIO": "Io",
  "ENOSPC": "NoSpace",
  "EMFILE": "TooManyOpenFiles",
  "ENOSPC in the middle": "NoSpace",
}

describe("a download on real files of which one operation fails", { timeout: 120_000 }, () => {
  it.live("has so many of each kind", () =>
    Effect.gen(function* () {
      const plan = Faulty.none()
      expect(yield* survives(plan)).toBe("went on")
      for (const operation of ["check", "stats", "write", "hash", "createEmpty", "connect"] as const) {
        expect(plan.count(operation), operation).toBeGreaterThan(0)
      }
      // Pieces that are ready together are written together.
      expect(plan.count("write")).toBeGreaterThanOrEqual(2)
    }))

  for (const [name, fault] of Object.entries(FAULTS)) {
    it.live(`${name}, whichever operation of the disk it is`, () =>
      Effect.gen(function* () {
        let struck = 0
        for (const operation of ["check", "stats", "write", "hash", "createEmpty"] as const) {
          for (let nth = 1;; nth++) {
            const plan = Faulty.scripted([[operation, nth, fault]])
            const outcome = yield* survives(plan)
            if (plan.struck.length === 0) break
            struck++
            const [label] = plan.struck
            if (REASONS[name] === undefined) expect(outcome, label).toBe("went on")
            else expect(outcome, label).toBe(REASONS[name])
          }
        }
        expect(struck).toBeGreaterThanOrEqual(10)
      }))
  }

  it.live("resume data that cannot be read or removed costs nothing but a word", () =>
    Effect.gen(function* () {
      for (const operation of ["load", "remove"] as const) {
        const plan = Faulty.scripted([[operation, 1, { _tag: "Fails", code: "EIO" }]])
        expect(yield* survives(plan)).toBe("went on")
        expect(plan.struck).toHaveLength(1)
      }
    }))

  it.live("a connection that is cut, whenever that is: it is made again", () =>
    Effect.gen(function* () {
      // Few, because whoever was cut off waits for some seconds before it dials again.
      for (const [operation, nth] of [["send", 2], ["receive", 3]] as const) {
        const plan = Faulty.scripted([[operation, nth, { _tag: "Torn", code: "ECONNRESET" }]])
        expect(yield* survives(plan)).toBe("went on")
        expect(plan.struck).toHaveLength(1)
        expect(plan.count("connect")).toBeGreaterThan(1)
      }
    }))

  it.live("several at a time, drawn from a seed", () =>
    Effect.gen(function* () {
      const operations = ["stats", "write", "sync", "hash", "load", "save", "remove", "createEmpty"] as const
      for (let seed = 1; seed <= 25; seed++) {
        yield* survives(Faulty.drawn({ seed, probability: 0.15, operations, most: 6 }))
      }
    }))
})
