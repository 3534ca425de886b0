/** The public API: torrents go in, events, figures and a verdict come out. Closing a torrent's scope stops it cleanly. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Address } from "../core/base/Address.ts"
import { assert } from "../core/base/Assert.ts"
import { VERSION } from "../core/base/Version.ts"
import * as Client from "../core/client/Client.ts"
import type { TorrentId } from "../core/client/Input.ts"
import * as Snapshot from "../core/client/Snapshot.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import type * as Bitfield from "../core/torrent/Bitfield.ts"
import type { Event } from "../core/torrent/Event.ts"
import type { Strategy } from "../core/torrent/Picker.ts"
import * as State from "../core/torrent/State.ts"
import * as PeerId from "../core/wire/PeerId.ts"
import { BlockStore, type TorrentStore } from "./BlockStore.ts"
import * as Driver from "./Driver.ts"
import { Hasher } from "./Hasher.ts"
import * as Layout from "./Layout.ts"
import * as Resumption from "./Resumption.ts"
import { ResumeStore } from "./ResumeStore.ts"
import type { StorageError } from "./StorageError.ts"
import type { TrackerClient } from "./TrackerClient.ts"
import type { Transport } from "./Transport.ts"

export interface SessionOptions {
  /** Announced to trackers. */
  readonly port: number
  /** Local address of outgoing connections. */
  readonly bind: string | undefined
  /** For each torrent. */
  readonly maxPeers: number
  /** 0: unlimited. */
  readonly maxDownloadRateBytesPerSec: number
  readonly maxUploadRateBytesPerSec: number
}

export interface TorrentRequest {
  readonly metainfo: Metainfo
  /** Absolute; created when the first byte arrives. */
  readonly directory: string
  /** File indexes from 0; `undefined`: all. */
  readonly selection: ReadonlySet<number> | undefined
  readonly strategy: Strategy
  /** To be dialled besides those that trackers name. */
  readonly peers: ReadonlyArray<Address>
}

/** What a torrent tells; see `core/torrent/Event.ts` for what its swarm brings. */
export type TorrentEvent =
  | Resumption.Progress
  /** What is on the disk is known; the swarm is joined now. */
  | { readonly _tag: "Started"; readonly piecesHave: number; readonly pieceCount: number }
  | Event

export type TorrentSnapshot = Snapshot.Snapshot

/** Why a torrent cannot be downloaded; `message` says with which input and what to do. */
export class SessionError extends Data.TaggedError("SessionError")<{
  readonly reason: string
  readonly message: string
  readonly cause?: unknown
}> {}

export interface TorrentHandle {
  /** For one reader; the oldest are dropped if nobody reads. Ends with the scope. */
  readonly events: Stream.Stream<TorrentEvent>
  readonly snapshot: Effect.Effect<TorrentSnapshot>
  /** Succeeds when every wanted piece is verified on the disk. */
  readonly completed: Effect.Effect<void, SessionError>
}

export class Session extends Context.Tag("shoal/Session")<Session, {
  /** Checks what is there, then joins the swarm. When the scope closes the torrent leaves it and resume data is saved. */
  readonly add: (request: TorrentRequest) => Effect.Effect<TorrentHandle, SessionError, Scope.Scope>
}>() {}

/** How often resume data is saved while pieces arrive: what a power cut may cost is a recheck, never data. */
const SAVE_INTERVAL = "30 seconds"

/** How long leaving may take: a tracker that doesn't answer `stopped` must not keep the user waiting. */
const LEAVE_TIMEOUT = "3 seconds"

/** Events kept for a slow reader. */
const EVENT_CAPACITY = 16_384

/** So many failures of every tracker and every address, and nobody ever reached: there is no swarm to wait for. */
const HOPELESS_AFTER = 3

const CLIENT_NAME = `shoal ${VERSION}`

/** A session over the ports. */
export const layer = (
  options: SessionOptions,
): Layer.Layer<Session, never, Transport | BlockStore | Hasher | ResumeStore | TrackerClient> =>
  Layer.scoped(
    Session,
    Effect.gen(function* () {
      const blockStore = yield* BlockStore
      const hasher = yield* Hasher
      const resumeStore = yield* ResumeStore
      const driver = yield* makeDriver(options)
      let nextTorrent = 1
      return {
        add: (request) =>
          Effect.gen(function* () {
            const { metainfo, directory, selection } = request
            const store = yield* blockStore.open(Layout.of(metainfo, directory, selection))
            yield* store.check
            const torrent = yield* open(request, store, nextTorrent++)
            yield* Effect.forkScoped(enter(torrent, driver, options.maxPeers))
            return handle(torrent, driver)
          }).pipe(
            Effect.mapError(fromStorage),
            Effect.provideService(Hasher, hasher),
            Effect.provideService(ResumeStore, resumeStore),
          ),
      }
    }),
  )

const makeDriver = (options: SessionOptions) =>
  Effect.gen(function* () {
    const random = yield* Effect.replicateEffect(Random.nextIntBetween(0, 256), 12)
    const driver = yield* Driver.make({
      peerId: PeerId.make(Uint8Array.from(random)),
      port: options.port,
      key: yield* Random.nextIntBetween(0, 2 ** 32),
      clientName: CLIENT_NAME,
    }, { localAddress: options.bind })
    const rateBytesPerSec = options.maxDownloadRateBytesPerSec
    driver.push({ _tag: "DownloadLimit", now: driver.now(), rateBytesPerSec })
    return driver
  })

/** A torrent of this session and what belongs to it. */
interface Opened {
  readonly id: TorrentId
  readonly request: TorrentRequest
  readonly store: TorrentStore
  readonly events: Queue.Queue<TorrentEvent>
  /** Done when every wanted piece is verified, or failed for good. */
  readonly done: Deferred.Deferred<void, SessionError>
  checked: Snapshot.Checked
}

/** Nothing is created on the disk yet. */
const open = (request: TorrentRequest, store: TorrentStore, id: TorrentId) =>
  Effect.gen(function* () {
    const events = yield* Queue.sliding<TorrentEvent>(EVENT_CAPACITY)
    yield* Effect.addFinalizer(() => Queue.shutdown(events))
    const done = yield* Deferred.make<void, SessionError>()
    const opened: Opened = { id, request, store, events, done, checked: { doneBytes: 0, totalBytes: 0 } }
    return opened
  })

/** Finds out what is there, then joins the swarm; a disk that cannot be read is the torrent's end. */
const enter = (torrent: Opened, driver: Driver.Driver, maxPeers: number) =>
  Effect.gen(function* () {
    const { request, store, events } = torrent
    const tell = (event: TorrentEvent): void => {
      if (event._tag === "Checking") torrent.checked = event
      events.unsafeOffer(event)
    }
    const have = yield* Resumption.existing(store, request.metainfo, request.directory, tell)
    tell({ _tag: "Started", piecesHave: have.count, pieceCount: have.length })
    yield* join(torrent, driver, have, maxPeers)
  }).pipe(
    Effect.mapError(fromStorage),
    Effect.catchAllCause((cause) => Deferred.failCause(torrent.done, cause)),
  )

/** Joins the swarm, and leaves it when the scope ends. */
const join = (torrent: Opened, driver: Driver.Driver, have: Bitfield.Bitfield, maxPeers: number) =>
  Effect.gen(function* () {
    const { id, request, store } = torrent
    const { metainfo, selection, strategy, peers } = request
    const seed = yield* Random.nextInt
    const begin = Effect.sync(() => {
      driver.attach(id, { geometry: metainfo.geometry, store, onEvent: (event) => onEvent(torrent, event) })
      const options = { have, strategy, maxPeers, seed, ...(selection === undefined ? {} : { selection }) }
      driver.push({ _tag: "Add", now: driver.now(), torrent: id, metainfo, options })
      driver.push({ _tag: "PeersFound", now: driver.now(), torrent: id, source: "user", addresses: peers })
    })
    yield* Effect.acquireRelease(begin, () => leave(torrent, driver))
    yield* Effect.forkScoped(Effect.repeat(giveUpIfHopeless(torrent, driver), Schedule.spaced("1 second")))
    yield* Effect.forkScoped(
      Effect.schedule(Effect.ignore(save(torrent, driver)), Schedule.spaced(SAVE_INTERVAL)),
    )
  })

const onEvent = ({ events, done }: Opened, event: Event): void => {
  events.unsafeOffer(event)
  if (event._tag === "Completed") Deferred.unsafeDone(done, Exit.void)
  if (event._tag === "Failed") Deferred.unsafeDone(done, Exit.fail(new SessionError(event)))
}

const stateOf = ({ id }: Opened, driver: Driver.Driver): State.Torrent => {
  const state = Client.torrents(driver.client()).get(id)
  assert(state !== undefined, "a torrent is there until its scope ends")
  return state
}

/** Nothing is saved before something was received: a torrent that found nobody leaves nothing behind. */
const save = (torrent: Opened, driver: Driver.Driver) =>
  Effect.suspend(() => {
    const { have, uploadedBytes, downloadRate } = stateOf(torrent, driver)
    if (downloadRate.totalBytes === 0) return Effect.void
    const { metainfo, directory } = torrent.request
    const progress = { have, uploadedBytes, downloadedBytes: downloadRate.totalBytes }
    return Resumption.save(torrent.store, metainfo, directory, progress)
  })

/** Tells the trackers, lets what is under way come to its end, and saves what the next run needs. */
const leave = (torrent: Opened, driver: Driver.Driver) =>
  Effect.gen(function* () {
    const { id, request } = torrent
    driver.push({ _tag: "Stop", now: driver.now(), torrent: id })
    yield* Effect.timeoutOption(Effect.interruptible(driver.idle(id)), LEAVE_TIMEOUT)
    if (State.isComplete(stateOf(torrent, driver))) {
      yield* Resumption.forget(request.metainfo, request.directory)
    } else {
      yield* save(torrent, driver)
    }
  }).pipe(
    Effect.catchAll((error) => Effect.logWarning(`resume data could not be saved: ${error.message}`)),
    Effect.ensuring(Effect.sync(() => {
      driver.push({ _tag: "Remove", now: driver.now(), torrent: torrent.id })
      driver.detach(torrent.id)
    })),
  )

const giveUpIfHopeless = (torrent: Opened, driver: Driver.Driver) =>
  Effect.suspend(() => {
    const reason = Snapshot.hopeless(stateOf(torrent, driver), HOPELESS_AFTER)
    if (reason === undefined) return Effect.void
    const message = `${torrent.request.metainfo.name}: ${reason}`
    return Deferred.fail(torrent.done, new SessionError({ reason: "NoPeers", message }))
  })

const handle = (torrent: Opened, driver: Driver.Driver): TorrentHandle => {
  const { done, events, id, request, store } = torrent
  const finished = Effect.andThen(Deferred.await(done), Effect.mapError(store.createEmpty, fromStorage))
  return {
    events: Stream.fromQueue(events),
    snapshot: Effect.sync(() => {
      const state = Client.torrents(driver.client()).get(id)
      return state === undefined
        ? Snapshot.checking(request.metainfo, request.selection, torrent.checked)
        : Snapshot.of(state, driver.now())
    }),
    completed: Effect.raceFirst(finished, driver.crashed),
  }
}

const fromStorage = (error: StorageError): SessionError =>
  new SessionError({ reason: error.reason, message: error.message, cause: error })
