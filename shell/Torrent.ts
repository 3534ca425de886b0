/** One torrent of a session: from the check of what is there, through its swarm, to what is saved for the next run. */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Random from "effect/Random"
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
import * as Mailbox from "./Mailbox.ts"
import * as Resumption from "./Resumption.ts"
import type { ResumeStore } from "./ResumeStore.ts"
import type { RateLimits, SessionOptions, TorrentEvent, TorrentHandle, TorrentRequest } from "./Session.ts"
import { fromPort, SessionError } from "./SessionError.ts"

/** How long leaving may take: a tracker that doesn't answer `stopped` must not keep the user waiting. */
const LEAVE_TIMEOUT = "3 seconds"

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
  readonly events: Mailbox.Mailbox<TorrentEvent>
  /** Done when what is on the disk is known and the swarm is joined, or failed for good. */
  readonly started: Deferred.Deferred<void, SessionError>
  /** Done when every wanted piece is verified, or failed for good. */
  readonly done: Deferred.Deferred<void, SessionError>
  /** Done when a goal is reached, or failed for good. */
  readonly seeded: Deferred.Deferred<void, SessionError>
  /** When it joined the swarm; `undefined` before that, and from when it begins to leave. */
  joinedAt: Millis | undefined
  checked: Snapshot.Checked
  limits: RateLimits
  completedAt: Millis | undefined
  /** The files as they were when they were checked. */
  found: Resumption.Existing["files"]
  /** What the resume data that is there says; `undefined`: nothing, or something that is out of date. */
  saved: Saved | undefined
  /** Resume data is being saved, until this is done. */
  saving: Deferred.Deferred<void> | undefined
}

type Saved = { readonly piecesHave: number; readonly uploadedBytes: number; readonly downloadedBytes: number }

/** A torrent that is in no swarm yet; nothing is created on the disk. */
export const make = (
  engine: Engine.Engine,
  options: SessionOptions,
  request: TorrentRequest,
  store: TorrentStore,
  id: TorrentId,
): Torrent => ({
  id,
  engine,
  driver: engine.driver,
  options,
  request,
  store,
  events: Mailbox.make(),
  started: Deferred.unsafeMake(FiberId.none),
  done: Deferred.unsafeMake(FiberId.none),
  seeded: Deferred.unsafeMake(FiberId.none),
  joinedAt: undefined,
  checked: { doneBytes: 0, totalBytes: 0 },
  limits: {
    downloadRateBytesPerSec: request.maxDownloadRateBytesPerSec,
    uploadRateBytesPerSec: request.maxUploadRateBytesPerSec,
  },
  completedAt: undefined,
  found: [],
  saved: undefined,
  saving: undefined,
})

/** Finds out what is there, then joins the swarm; a disk that cannot be read is the torrent's end. */
export const enter = (torrent: Torrent) =>
  Effect.gen(function* () {
    const { request, store, events } = torrent
    const tell = (event: TorrentEvent): void => {
      if (event._tag === "Checking") torrent.checked = event
      Mailbox.push(events, event)
    }
    const existing = yield* Resumption.existing(store, request.metainfo, request.directory, tell)
    const { have, uploadedBytes, downloadedBytes } = existing
    torrent.found = existing.files
    if (existing.isSaved) torrent.saved = { piecesHave: have.count, uploadedBytes, downloadedBytes }
    if (request.mode === "seed") yield* tellFaults(torrent, have, tell)
    tell({ _tag: "Started", piecesHave: have.count, pieceCount: have.length })
    yield* join(torrent, existing)
    yield* Deferred.succeed(torrent.started, undefined)
  }).pipe(
    Effect.mapError((error) => error._tag === "SessionError" ? error : fromPort(error)),
    Effect.catchAllCause((cause) => Effect.sync(() => fail(torrent, cause))),
  )

/** The torrent's end, for whoever waits for anything of it. */
export const fail = ({ done, seeded, started }: Torrent, cause: Cause.Cause<SessionError>): void => {
  const failure = Exit.failCause(cause)
  for (const one of [started, done, seeded]) Deferred.unsafeDone(one, failure)
}

/** A seed need not have everything, but something: fails if not even one piece is right. */
const tellFaults = (
  { request, store }: Torrent,
  have: Bitfield.Bitfield,
  tell: (event: TorrentEvent) => void,
) =>
  Effect.gen(function* () {
    const { directory, metainfo, selection } = request
    if (Bitfield.isFull(have)) return
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

/** Joins the swarm; {@link close} leaves it. */
const join = (
  torrent: Torrent,
  { have, uploadedBytes, downloadedBytes }: Resumption.Existing,
) =>
  Effect.gen(function* () {
    const { driver, id, request, store } = torrent
    const { metainfo, mode, selection, strategy, peers, superSeed, goals } = request
    const { maxPeers, uploadSlots } = torrent.options
    const seed = yield* Random.nextInt
    torrent.joinedAt = driver.now()
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
    if (!metainfo.isPrivate) {
      yield* Engine.meetNeighbours(torrent.engine, id, metainfo.infoHash)
      Engine.enterDhtBy(torrent.engine, metainfo.nodes ?? [])
    }
  })

const onEvent = (torrent: Torrent, event: Event): void => {
  const { done, driver, events, seeded } = torrent
  Mailbox.push(events, event)
  if (event._tag === "Completed") {
    torrent.completedAt = driver.now()
    Deferred.unsafeDone(done, Exit.void)
  }
  if (event._tag === "SeedGoalReached") Deferred.unsafeDone(seeded, Exit.void)
  if (event._tag === "Failed") fail(torrent, Cause.fail(new SessionError(event)))
}

/** `undefined` while what is on the disk is being checked. */
const lookAt = ({ driver, id }: Torrent): State.Torrent | undefined =>
  Client.torrents(driver.client()).get(id)

const stateOf = (torrent: Torrent): State.Torrent => {
  const state = lookAt(torrent)
  assert(state !== undefined, "a torrent is there until its scope ends")
  return state
}

/**
 * Saves what has changed since the last time, without keeping anybody waiting if that fails. Only while the torrent is in
 * its swarm: what is saved at the end is the last word.
 */
export const keep = (torrent: Torrent): Effect.Effect<void, never, ResumeStore> =>
  Effect.suspend(() => {
    if (torrent.joinedAt === undefined || torrent.saving !== undefined) return Effect.void
    const saving = Deferred.unsafeMake<void>(FiberId.none)
    torrent.saving = saving
    return Effect.catchAll(save(torrent), (error) => Effect.logDebug(error.message)).pipe(
      Effect.ensuring(Effect.suspend(() => {
        torrent.saving = undefined
        return Deferred.succeed(saving, undefined)
      })),
    )
  })

/** What there is to save: nothing before something was received or given, so that who found nobody leaves nothing behind. */
const toSave = (torrent: Torrent): Saved | undefined => {
  const { have, earlier, uploadRate, downloadRate } = stateOf(torrent)
  if (torrent.request.mode === "download" && downloadRate.totalBytes + uploadRate.totalBytes === 0) {
    return undefined
  }
  const uploadedBytes = earlier.uploadedBytes + uploadRate.totalBytes
  const downloadedBytes = earlier.downloadedBytes + downloadRate.totalBytes
  const { saved } = torrent
  return saved?.piecesHave === have.count && saved.uploadedBytes === uploadedBytes &&
      saved.downloadedBytes === downloadedBytes
    ? undefined
    : { piecesHave: have.count, uploadedBytes, downloadedBytes }
}

/** Whether {@link keep} has something to do. */
export const isChanged = (torrent: Torrent): boolean =>
  torrent.joinedAt !== undefined && toSave(torrent) !== undefined

const save = (torrent: Torrent) =>
  Effect.suspend(() => {
    const { directory, metainfo } = torrent.request
    const { have, downloadRate } = stateOf(torrent)
    const saved = toSave(torrent)
    if (saved === undefined) return Effect.void
    const outcome = {
      have,
      uploadedBytes: saved.uploadedBytes,
      downloadedBytes: saved.downloadedBytes,
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

/** The torrent's end: leaves the swarm if it was joined, and tells nothing more. */
export const close = (torrent: Torrent): Effect.Effect<void, never, ResumeStore> =>
  Effect.zipRight(
    torrent.joinedAt === undefined ? Effect.void : leave(torrent),
    Mailbox.close(torrent.events),
  )

/** Tells the trackers, lets what is under way come to its end, and saves what the next run needs. */
const leave = (torrent: Torrent) =>
  Effect.gen(function* () {
    const { driver, id, request } = torrent
    const isForgotten = State.isComplete(stateOf(torrent)) && !isSeeding(torrent)
    torrent.joinedAt = undefined
    driver.push({ _tag: "Stop", now: driver.now(), torrent: id })
    yield* Effect.timeoutOption(Effect.interruptible(driver.idle(id)), LEAVE_TIMEOUT)
    if (torrent.saving !== undefined) yield* Deferred.await(torrent.saving)
    yield* isForgotten ? Resumption.forget(request.metainfo, request.directory) : save(torrent)
  }).pipe(
    Effect.catchAll((error) => Effect.logWarning(`resume data could not be saved: ${error.message}`)),
    Effect.ensuring(Effect.sync(() => {
      const { driver, id } = torrent
      driver.push({ _tag: "Remove", now: driver.now(), torrent: id })
      driver.detach(id)
    })),
  )

/** Gives up a torrent that has nobody to download from, and won't have. */
export const giveUpIfHopeless = (torrent: Torrent): void => {
  const { driver, engine, joinedAt, request: { metainfo } } = torrent
  if (joinedAt === undefined) return
  const reason = Snapshot.hopeless(stateOf(torrent), HOPELESS_AFTER)
  if (reason === undefined) return
  const patienceMs = metainfo.isPrivate ? 0 : Engine.patienceMs(engine)
  if (driver.now() - joinedAt < patienceMs) return
  fail(torrent, Cause.fail(new SessionError({ reason: "NoPeers", message: `${metainfo.name}: ${reason}` })))
}

/** What the user of the session holds of a torrent. */
export const handle = (torrent: Torrent): TorrentHandle => {
  const { done, driver, events, id, request, seeded, started, store } = torrent
  const finished = request.mode === "seed"
    ? Deferred.await(done)
    : Effect.andThen(Deferred.await(done), Effect.mapError(store.createEmpty, fromPort))
  return {
    events: Mailbox.stream(events),
    listen: (listener) => Mailbox.read(events, listener),
    started: Deferred.await(started),
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
    completed: finished,
    seeded: Deferred.await(seeded),
    setLimits: (limits) =>
      Effect.sync(() => {
        torrent.limits = limits
        driver.push({ _tag: "TorrentLimits", now: driver.now(), torrent: id, ...limits })
      }),
  }
}
