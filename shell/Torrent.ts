/** One torrent of a session: from the check of what is there, through its swarm, to what is saved for the next run. */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { assert } from "../core/base/Assert.ts"
import { type Millis, SECOND } from "../core/base/Time.ts"
import * as Client from "../core/client/Client.ts"
import type { TorrentId } from "../core/client/Input.ts"
import * as Snapshot from "../core/client/Snapshot.ts"
import * as Bitfield from "../core/torrent/Bitfield.ts"
import type { Event } from "../core/torrent/Event.ts"
import * as State from "../core/torrent/State.ts"
import type { TorrentStore } from "./BlockStore.ts"
import type { Driver } from "./Driver.ts"
import * as Engine from "./Engine.ts"
import * as Faults from "./Faults.ts"
import * as Resumption from "./Resumption.ts"
import type { RateLimits, SessionOptions, TorrentEvent, TorrentHandle, TorrentRequest } from "./Session.ts"
import { fromPort, SessionError } from "./SessionError.ts"

/** How often resume data is saved while something changes: what a power cut may cost is a recheck, never data. */
const SAVE_INTERVAL = "30 seconds"

/** How long leaving may take: a tracker that doesn't answer `stopped` must not keep the user waiting. */
const LEAVE_TIMEOUT = "3 seconds"

/** Events kept for a slow reader. */
const EVENT_CAPACITY = 16_384

/** So many failures of every tracker and every address, and nobody ever reached: there is no swarm to wait for. */
const HOPELESS_AFTER = 3

/** A download that stays for longer than this after its end has stayed to seed. */
const SEEDING_AFTER: Millis = 10 * SECOND

export interface Torrent {
  readonly id: TorrentId
  readonly engine: Engine.Engine
  readonly driver: Driver
  readonly options: SessionOptions
  readonly request: TorrentRequest
  readonly store: TorrentStore
  readonly events: Queue.Queue<TorrentEvent>
  /** Done when every wanted piece is verified, or failed for good. */
  readonly done: Deferred.Deferred<void, SessionError>
  /** Done when a goal is reached, or failed for good. */
  readonly seeded: Deferred.Deferred<void, SessionError>
  checked: Snapshot.Checked
  limits: RateLimits
  completedAt: Millis | undefined
  /** The files as they were when they were checked. */
  found: Resumption.Existing["files"]
  /** What the resume data that is there says; `undefined`: nothing, or something that is out of date. */
  saved: Saved | undefined
}

type Saved = { readonly piecesHave: number; readonly uploadedBytes: number; readonly downloadedBytes: number }

/** A torrent that is in no swarm yet; nothing is created on the disk. */
export const open = (
  engine: Engine.Engine,
  options: SessionOptions,
  request: TorrentRequest,
  store: TorrentStore,
  id: TorrentId,
) =>
  Effect.gen(function* () {
    const events = yield* Queue.sliding<TorrentEvent>(EVENT_CAPACITY)
    yield* Effect.addFinalizer(() => Queue.shutdown(events))
    const torrent: Torrent = {
      id,
      engine,
      driver: engine.driver,
      options,
      request,
      store,
      events,
      done: yield* Deferred.make<void, SessionError>(),
      seeded: yield* Deferred.make<void, SessionError>(),
      checked: { doneBytes: 0, totalBytes: 0 },
      limits: {
        downloadRateBytesPerSec: request.maxDownloadRateBytesPerSec,
        uploadRateBytesPerSec: request.maxUploadRateBytesPerSec,
      },
      completedAt: undefined,
      found: [],
      saved: undefined,
    }
    return torrent
  })

/** Finds out what is there, then joins the swarm; a disk that cannot be read is the torrent's end. */
export const enter = (torrent: Torrent) =>
  Effect.gen(function* () {
    const { request, store, events } = torrent
    const tell = (event: TorrentEvent): void => {
      if (event._tag === "Checking") torrent.checked = event
      events.unsafeOffer(event)
    }
    const existing = yield* Resumption.existing(store, request.metainfo, request.directory, tell)
    const { have, uploadedBytes, downloadedBytes } = existing
    torrent.found = existing.files
    if (existing.isSaved) torrent.saved = { piecesHave: have.count, uploadedBytes, downloadedBytes }
    if (request.mode === "seed") yield* tellFaults(torrent, have, tell)
    tell({ _tag: "Started", piecesHave: have.count, pieceCount: have.length })
    yield* join(torrent, existing)
  }).pipe(
    Effect.mapError((error) => error._tag === "SessionError" ? error : fromPort(error)),
    Effect.catchAllCause((cause) =>
      Effect.zipRight(Deferred.failCause(torrent.done, cause), Deferred.failCause(torrent.seeded, cause))
    ),
  )

/** A seed need not have everything, but something: fails if not even one piece is right. */
const tellFaults = (
  { request, store }: Torrent,
  have: Bitfield.Bitfield,
  tell: (event: TorrentEvent) => void,
) =>
  Effect.gen(function* () {
    const { directory, metainfo, selection } = request
    const stats = yield* store.stats
    const faults = Faults.of(metainfo, have, stats, selection)
    if (faults.length === 0) return
    if (Bitfield.isEmpty(have)) {
      const isMissing = faults.every(({ problem }) => problem === "missing")
      return yield* new SessionError({
        reason: "NothingToSeed",
        message: isMissing
          ? `${metainfo.name}: none of its files is in ${directory}; name the directory that they are in, or download them first`
          : `${metainfo.name}: no piece of what is in ${directory} is right; it may be another version, or a download that has just begun`,
      })
    }
    tell({ _tag: "FilesFaulty", faults })
  })

/** Joins the swarm, and leaves it when the scope ends. */
const join = (
  torrent: Torrent,
  { have, uploadedBytes, downloadedBytes }: Resumption.Existing,
) =>
  Effect.gen(function* () {
    const { driver, id, request, store } = torrent
    const { metainfo, mode, selection, strategy, peers, superSeed, goals } = request
    const { maxPeers, uploadSlots } = torrent.options
    const seed = yield* Random.nextInt
    const begin = Effect.sync(() => {
      driver.attach(id, { geometry: metainfo.geometry, store, onEvent: (event) => onEvent(torrent, event) })
      const options: State.Options = {
        have,
        ...(selection === undefined ? {} : { selection }),
        strategy,
        maxPeers,
        seed,
        choker: { ...State.defaults.choker, slots: uploadSlots, ...request.choker },
        mode,
        superSeed,
        maxDownloadRateBytesPerSec: torrent.limits.downloadRateBytesPerSec,
        maxUploadRateBytesPerSec: torrent.limits.uploadRateBytesPerSec,
        goals,
        announceToAllTiers: request.announceToAllTiers ?? false,
        isPexEnabled: torrent.options.isPexEnabled ?? true,
        uploadedBytes,
        downloadedBytes,
      }
      driver.push({ _tag: "Add", now: driver.now(), torrent: id, metainfo, options })
      driver.push({ _tag: "PeersFound", now: driver.now(), torrent: id, source: "user", addresses: peers })
    })
    yield* Effect.acquireRelease(begin, () => leave(torrent))
    if (!metainfo.isPrivate) {
      yield* Engine.meetNeighbours(torrent.engine, id, metainfo.infoHash)
      Engine.enterDhtBy(torrent.engine, metainfo.nodes ?? [])
    }
    const watching = Effect.repeat(giveUpIfHopeless(torrent), Schedule.spaced("1 second"))
    const patience = request.metainfo.isPrivate ? Duration.zero : Engine.patience(torrent.engine)
    yield* Effect.forkScoped(Effect.delay(watching, patience))
    const saving = Effect.catchAll(save(torrent), (error) => Effect.logDebug(error.message))
    // What was checked just now need not be checked again, whatever comes.
    if (mode === "seed") yield* saving
    yield* Effect.forkScoped(Effect.schedule(saving, Schedule.spaced(SAVE_INTERVAL)))
  })

const onEvent = (torrent: Torrent, event: Event): void => {
  const { done, driver, events, seeded } = torrent
  events.unsafeOffer(event)
  if (event._tag === "Completed") {
    torrent.completedAt = driver.now()
    Deferred.unsafeDone(done, Exit.void)
  }
  if (event._tag === "SeedGoalReached") Deferred.unsafeDone(seeded, Exit.void)
  if (event._tag === "Failed") {
    const failure = Exit.fail(new SessionError(event))
    Deferred.unsafeDone(done, failure)
    Deferred.unsafeDone(seeded, failure)
  }
}

/** `undefined` while what is on the disk is being checked. */
const lookAt = ({ driver, id }: Torrent): State.Torrent | undefined =>
  Client.torrents(driver.client()).get(id)

const stateOf = (torrent: Torrent): State.Torrent => {
  const state = lookAt(torrent)
  assert(state !== undefined, "a torrent is there until its scope ends")
  return state
}

/** Nothing is saved before something was received or given: a torrent that found nobody leaves nothing behind. */
const save = (torrent: Torrent) =>
  Effect.suspend(() => {
    const { directory, metainfo, mode } = torrent.request
    const { have, earlier, uploadRate, downloadRate } = stateOf(torrent)
    if (mode === "download" && downloadRate.totalBytes + uploadRate.totalBytes === 0) return Effect.void
    const uploadedBytes = earlier.uploadedBytes + uploadRate.totalBytes
    const downloadedBytes = earlier.downloadedBytes + downloadRate.totalBytes
    const saved: Saved = { piecesHave: have.count, uploadedBytes, downloadedBytes }
    const { saved: before } = torrent
    if (
      before?.piecesHave === saved.piecesHave && before.uploadedBytes === uploadedBytes &&
      before.downloadedBytes === downloadedBytes
    ) return Effect.void
    const outcome = {
      have,
      uploadedBytes,
      downloadedBytes,
      // Who writes nothing vouches for the files as they were checked: somebody else may have written to them since.
      ...(downloadRate.totalBytes === 0 ? { files: torrent.found } : {}),
    }
    return Effect.map(
      Resumption.save(torrent.store, metainfo, directory, outcome),
      () => {
        torrent.saved = saved
      },
    )
  })

/** Whether a complete torrent is one that somebody seeds: then what it has given is worth remembering. */
const isSeeding = ({ completedAt, driver, request, saved }: Torrent): boolean => {
  const { goals, mode, metainfo } = request
  return mode === "seed" || goals.ratio !== undefined || goals.seedMs !== undefined ||
    saved?.piecesHave === metainfo.geometry.pieceCount ||
    (completedAt !== undefined && driver.now() - completedAt > SEEDING_AFTER)
}

/** Tells the trackers, lets what is under way come to its end, and saves what the next run needs. */
const leave = (torrent: Torrent) =>
  Effect.gen(function* () {
    const { driver, id, request } = torrent
    const isForgotten = State.isComplete(stateOf(torrent)) && !isSeeding(torrent)
    driver.push({ _tag: "Stop", now: driver.now(), torrent: id })
    yield* Effect.timeoutOption(Effect.interruptible(driver.idle(id)), LEAVE_TIMEOUT)
    yield* isForgotten ? Resumption.forget(request.metainfo, request.directory) : save(torrent)
  }).pipe(
    Effect.catchAll((error) => Effect.logWarning(`resume data could not be saved: ${error.message}`)),
    Effect.ensuring(Effect.sync(() => {
      const { driver, id } = torrent
      driver.push({ _tag: "Remove", now: driver.now(), torrent: id })
      driver.detach(id)
    })),
  )

const giveUpIfHopeless = (torrent: Torrent) =>
  Effect.suspend(() => {
    const reason = Snapshot.hopeless(stateOf(torrent), HOPELESS_AFTER)
    if (reason === undefined) return Effect.void
    const message = `${torrent.request.metainfo.name}: ${reason}`
    const error = new SessionError({ reason: "NoPeers", message })
    return Effect.zipRight(Deferred.fail(torrent.done, error), Deferred.fail(torrent.seeded, error))
  })

/** What the user of the session holds of a torrent. */
export const handle = (torrent: Torrent): TorrentHandle => {
  const { done, driver, events, id, request, seeded, store } = torrent
  const finished = request.mode === "seed"
    ? Deferred.await(done)
    : Effect.andThen(Deferred.await(done), Effect.mapError(store.createEmpty, fromPort))
  return {
    events: Stream.fromQueue(events),
    snapshot: Effect.sync(() => {
      const state = lookAt(torrent)
      return state === undefined
        ? Snapshot.checking(request.metainfo, request.selection, torrent.checked)
        : Snapshot.of(state, driver.now())
    }),
    peers: Effect.sync(() => {
      const state = lookAt(torrent)
      return state === undefined ? [] : Snapshot.peers(state, driver.now())
    }),
    completed: Effect.raceFirst(finished, driver.crashed),
    seeded: Effect.raceFirst(Deferred.await(seeded), driver.crashed),
    setLimits: (limits) =>
      Effect.sync(() => {
        torrent.limits = limits
        driver.push({ _tag: "TorrentLimits", now: driver.now(), torrent: id, ...limits })
      }),
  }
}
