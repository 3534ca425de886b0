/**
 * A whole swarm in this process, over real sockets and files: a tracker, one seeder and leechers, each a session of its own
 * that finds the others through the tracker. What `shoal demo` shows.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Address from "../core/base/Address.ts"
import { assert } from "../core/base/Assert.ts"
import * as Rng from "../core/base/Rng.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import * as Bitfield from "../core/torrent/Bitfield.ts"
import { BlockStore } from "./BlockStore.ts"
import * as Check from "./Check.ts"
import * as Creation from "./Creation.ts"
import * as Engine from "./Engine.ts"
import * as Layout from "./Layout.ts"
import * as Session from "./Session.ts"
import { TrackerHost } from "./TrackerHost.ts"

const HOST = "127.0.0.1"
const NAME = "demo.bin"
const TRACKER_INTERVAL_SECONDS = 60

/** Content is written in parts of so many bytes. */
const PART_BYTES = 1024 * 1024

export interface Options {
  readonly leechers: number
  readonly sizeBytes: number
  /** Decides the content. */
  readonly seed: number
  /** Exists and is empty; holds a folder for each member. */
  readonly directory: string
  /** What the seeder gives at most, so that the leechers need each other. */
  readonly seedRateBytesPerSec: number
}

export interface Member {
  /** 0: the seeder. */
  readonly index: number
  readonly directory: string
  /** Where the others connect to it. */
  readonly port: number
  readonly handle: Session.TorrentHandle
}

export interface Swarm {
  readonly metainfo: Metainfo
  readonly trackerUrl: string
  /** The seeder first. */
  readonly members: ReadonlyArray<Member>
}

/** Makes the content and its torrent, and lets everybody in; the scope's end lets them go. */
export const start = (options: Options) =>
  Effect.gen(function* () {
    const path = yield* Path.Path
    const seedDirectory = path.join(options.directory, "seeder")
    yield* writeContent(path.join(seedDirectory, NAME), options)
    const trackerUrl = yield* startTracker
    const { metainfo } = yield* Creation.create({
      path: path.join(seedDirectory, NAME),
      trackers: [[trackerUrl]],
      webSeeds: [],
      isPrivate: false,
      creationDate: undefined,
      onProgress: () => {},
    })
    const seeder = yield* join(metainfo, 0, seedDirectory, options.seedRateBytesPerSec)
    const leechers = yield* Effect.forEach(
      Array.from({ length: options.leechers }, (_, i) => i + 1),
      (index) => join(metainfo, index, path.join(options.directory, `peer ${index}`), 0),
    )
    const swarm: Swarm = { metainfo, trackerUrl, members: [seeder, ...leechers] }
    return swarm
  })

/** Numbers that only chance could have: what differs is found out. */
const writeContent = (file: string, { seed, sizeBytes }: Options) =>
  Effect.scoped(Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    yield* fs.makeDirectory(path.dirname(file), { recursive: true })
    const handle = yield* fs.open(file, { flag: "w" })
    const rng = Rng.make(seed)
    for (let left = sizeBytes; left > 0; left -= PART_BYTES) {
      yield* handle.writeAll(Rng.fill(rng, new Uint8Array(Math.min(left, PART_BYTES))))
    }
  }))

const startTracker = Effect.gen(function* () {
  const host = yield* TrackerHost
  const { http } = yield* host.start({
    host: HOST,
    httpPort: 0,
    udpPort: undefined,
    intervalSeconds: TRACKER_INTERVAL_SECONDS,
    lists: { allow: undefined, deny: undefined, keys: undefined },
    redisUrl: undefined,
    stateFile: undefined,
    workers: 1,
  }, Effect.logWarning)
  assert(http !== undefined, "a tracker that was asked for HTTP listens there")
  return `http://${Address.format(http)}/announce`
})

const join = (metainfo: Metainfo, index: number, directory: string, uploadRateBytesPerSec: number) =>
  Effect.gen(function* () {
    const session = Session.layer({
      listen: { host: HOST, port: 0, isFallbackAllowed: false },
      bind: HOST,
      maxPeers: 50,
      maxConnections: 200,
      maxDownloadRateBytesPerSec: 0,
      maxUploadRateBytesPerSec: uploadRateBytesPerSec,
      isLanExempt: false,
      uploadSlots: { _tag: "Fixed", slots: 4 },
    })
    const context = yield* Layer.build(Layer.provide(session, Engine.layerTrackersOnly))
    const { add, listening } = Context.get(context, Session.Session)
    const handle = yield* add({
      metainfo,
      mode: index === 0 ? "seed" : "download",
      directory,
      selection: undefined,
      strategy: "rarest",
      peers: [],
      superSeed: false,
      goals: { ratio: undefined, seedMs: undefined },
      maxDownloadRateBytesPerSec: 0,
      maxUploadRateBytesPerSec: 0,
    })
    assert(listening !== undefined, "a session that was to listen listens")
    const member: Member = { index, directory, port: listening.port, handle }
    return member
  })

/** Reads a member's copy again and compares every piece with its hash: it does not take the session's word. */
export const verify = ({ metainfo }: Swarm, { directory }: Member) =>
  Effect.scoped(Effect.gen(function* () {
    const blocks = yield* BlockStore
    const store = yield* blocks.open(Layout.of(metainfo, directory, undefined))
    const good = yield* Check.check(store, metainfo, Bitfield.full(metainfo.geometry.pieceCount))
    return Bitfield.isFull(good)
  }))

/** What one member gives to another, and what it keeps from it. */
export interface Link {
  readonly from: number
  readonly to: number
  /** `from` does not let `to` download. */
  readonly isChoked: boolean
  /** `to` wants something of `from`. */
  readonly isWanted: boolean
}

/** All links of the swarm at this moment, in both directions, as those see them who dialled: they know whom. */
export const links = ({ members }: Swarm): Effect.Effect<ReadonlyArray<Link>> =>
  Effect.map(
    Effect.forEach(members, (member) => Effect.map(member.handle.peers, (peers) => ({ member, peers }))),
    (all) =>
      all.flatMap(({ member, peers }) =>
        peers.flatMap((peer): ReadonlyArray<Link> => {
          const other = members.find(({ port }) => port === peer.address.port)
          if (peer.isIncoming || other === undefined) return []
          return [{
            from: member.index,
            to: other.index,
            isChoked: peer.amChoking,
            isWanted: peer.isInterested,
          }, {
            from: other.index,
            to: member.index,
            isChoked: peer.isChoking,
            isWanted: peer.amInterested,
          }]
        })
      ),
  )
