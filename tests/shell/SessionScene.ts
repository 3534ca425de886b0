/** Sessions in memory, for tests: several machines on one network, each with a disk of its own, and virtual time. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import type { Address } from "../../core/base/Address.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import { err, ok } from "../../core/base/Result.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import { type AnnounceRequest, failure } from "../../core/tracker/Announce.ts"
import * as BlockStore from "../../shell/BlockStore.ts"
import * as Engine from "../../shell/Engine.ts"
import * as Hasher from "../../shell/Hasher.ts"
import * as MemoryDisk from "../../shell/MemoryDisk.ts"
import * as MemoryNetwork from "../../shell/MemoryNetwork.ts"
import * as ResumeStore from "../../shell/ResumeStore.ts"
import * as Session from "../../shell/Session.ts"
import * as TrackerClient from "../../shell/TrackerClient.ts"
import * as Transport from "../../shell/Transport.ts"
import { contentAt } from "../support/CoreSwarm.ts"

export const DIRECTORY = "/downloads"

export const sessionOptions: Session.SessionOptions = {
  listen: undefined,
  bind: undefined,
  maxPeers: 50,
  maxConnections: 200,
  maxDownloadRateBytesPerSec: 0,
  maxUploadRateBytesPerSec: 0,
  isLanExempt: false,
  uploadSlots: { _tag: "Fixed", slots: 8 },
}

export const request = (
  metainfo: Metainfo,
  more: Partial<Session.TorrentRequest> = {},
): Session.TorrentRequest => ({
  metainfo,
  mode: "download",
  directory: DIRECTORY,
  selection: undefined,
  strategy: "rarest",
  peers: [],
  superSeed: false,
  goals: { ratio: undefined, seedMs: undefined },
  maxDownloadRateBytesPerSec: 0,
  maxUploadRateBytesPerSec: 0,
  ...more,
})

/** A machine: what is on its disk, what it told its tracker, and sessions of its own. */
export interface Machine {
  readonly disk: MemoryDisk.MemoryDisk
  readonly saved: Map<string, Bytes.Bytes>
  readonly announces: Array<AnnounceRequest>
  /** A session that ends with the scope. */
  readonly session: (
    options?: Partial<Session.SessionOptions>,
  ) => Effect.Effect<typeof Session.Session.Service, Session.SessionError, Scope.Scope>
}

/** A machine on the network; its tracker answers with `peers`, or not at all where they are undefined. */
export const machine = (network: MemoryNetwork.MemoryNetwork, peers?: ReadonlyArray<Address>): Machine => {
  const disk = MemoryDisk.make()
  const saved = new Map<string, Bytes.Bytes>()
  const announces: Array<AnnounceRequest> = []
  const ports = Layer.mergeAll(
    Transport.layerMemory(network),
    BlockStore.layerMemory(disk),
    Engine.layerTrackersOnly,
    Hasher.layerMemory,
    ResumeStore.layerMemory(saved),
    TrackerClient.layerMemory((_url, request) => {
      announces.push(request)
      return peers === undefined
        ? err(failure("Unreachable", "connection refused"))
        : ok({ intervalMs: 1_800_000, peers })
    }),
  )
  return {
    disk,
    saved,
    announces,
    session: (options = {}) =>
      Effect.map(
        Layer.build(Layer.provide(Session.layer({ ...sessionOptions, ...options }), ports)),
        Context.get(Session.Session),
      ),
  }
}

/** Puts the torrent's files on the disk, as a download leaves them. */
export const fill = ({ disk }: Machine, metainfo: Metainfo): void => {
  metainfo.files.forEach(({ path, bytes }, index) =>
    MemoryDisk.put(disk, `${DIRECTORY}/${path}`, contentAt(metainfo.geometry.files[index]!.offset, bytes))
  )
}

export const isWhole = ({ disk }: Pick<Machine, "disk">, metainfo: Metainfo): boolean =>
  metainfo.files.every(({ path, bytes }, index) => {
    const file = MemoryDisk.get(disk, `${DIRECTORY}/${path}`)
    return file !== undefined && Bytes.equals(file, contentAt(metainfo.geometry.files[index]!.offset, bytes))
  })

/** Lets virtual time pass in small steps until the effect is done: whatever is due in between happens. */
export const passing = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    for (;;) {
      const exit = yield* fiber.poll
      if (Option.isSome(exit)) return yield* exit.value
      yield* TestClock.adjust("250 millis")
    }
  })

/** The events up to the first with this tag. */
export const eventsUntil = (
  handle: Pick<Session.TorrentHandle, "events">,
  tag: Session.TorrentEvent["_tag"],
) =>
  Effect.map(
    passing(Stream.runCollect(Stream.takeUntil(handle.events, ({ _tag }) => _tag === tag))),
    (events) => Array.from(events),
  )
