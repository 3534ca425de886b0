/**
 * From a magnet link to what the torrent says: the metadata that an earlier run has kept, or that peers give (BEP 9).
 * The search has a torrent's number; the torrent that is added with it goes on with its connections.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Address } from "../core/base/Address.ts"
import * as Bytes from "../core/base/Bytes.ts"
import { sha1 } from "../core/base/Sha1.ts"
import * as Client from "../core/client/Client.ts"
import type { TorrentId } from "../core/client/Input.ts"
import * as Snapshot from "../core/client/Snapshot.ts"
import type * as FilePath from "../core/metainfo/FilePath.ts"
import * as InfoHash from "../core/metainfo/InfoHash.ts"
import * as MetainfoLimits from "../core/metainfo/Limits.ts"
import type * as Metainfo from "../core/metainfo/Metainfo.ts"
import * as Parse from "../core/metainfo/Parse.ts"
import type { Event } from "../core/torrent/Event.ts"
import * as Figures from "../core/torrent/metadata/Figures.ts"
import type { Driver } from "./Driver.ts"
import * as Engine from "./Engine.ts"
import { ResumeStore } from "./ResumeStore.ts"
import type { SessionOptions, TorrentEvent, TorrentSnapshot } from "./Session.ts"
import { SessionError } from "./SessionError.ts"

/** What a link says, and who asks. */
export interface MetadataRequest {
  readonly infoHash: Metainfo.InfoHash
  /** For people, in errors. */
  readonly name: string
  readonly trackers: ReadonlyArray<ReadonlyArray<string>>
  readonly webSeeds: ReadonlyArray<string>
  /** To be dialled besides those that trackers name. */
  readonly peers: ReadonlyArray<Address>
  /** One tracker of every tier hears of us, instead of the first that answers (BEP 12). */
  readonly announceToAllTiers?: boolean
  /** Absolute: what is found is kept there for the next run, with the resume data; `undefined`: it is not. */
  readonly directory: string | undefined
  /** For which systems file names must be fit. */
  readonly names?: FilePath.Names
}

export interface MetadataHandle {
  /** The search's number, for the torrent that takes it over. */
  readonly id: TorrentId
  /** For one reader; the oldest are dropped if nobody reads. Ends with the scope. */
  readonly events: Stream.Stream<TorrentEvent>
  readonly snapshot: Effect.Effect<TorrentSnapshot>
  /** What the torrent says, with the link's trackers and web seeds, once its hash is right. */
  readonly metainfo: Effect.Effect<Metainfo.Metainfo, SessionError>
}

/** Events kept for a slow reader. */
const EVENT_CAPACITY = 4_096

/** So many failures of every tracker and every address, and nobody ever reached: there is no swarm to wait for. */
const HOPELESS_AFTER = 3

/** How long leaving may take: a tracker that doesn't answer `stopped` must not keep the user waiting. */
const LEAVE_TIMEOUT = "3 seconds"

/** A search that ends with the scope, unless a torrent takes it over. */
export const open = (
  engine: Engine.Engine,
  options: SessionOptions,
  request: MetadataRequest,
  id: TorrentId,
) =>
  Effect.gen(function* () {
    const { driver } = engine
    const events = yield* Queue.sliding<TorrentEvent>(EVENT_CAPACITY)
    yield* Effect.addFinalizer(() => Queue.shutdown(events))
    const done = yield* Deferred.make<Metainfo.Metainfo, SessionError>()
    const tell = (event: TorrentEvent): void => {
      events.unsafeOffer(event)
    }
    const kept = yield* load(request, tell)
    if (kept !== undefined) yield* Deferred.done(done, parse(request, kept))
    else {
      const seed = yield* Random.nextInt
      const found = yield* Deferred.make<Bytes.Bytes>()
      const onEvent = (event: Event): void => {
        tell(event)
        if (event._tag === "MetadataComplete") Deferred.unsafeDone(found, Exit.succeed(event.infoBytes))
      }
      const begin = Effect.sync(() => {
        driver.listen(id, onEvent)
        const now = driver.now()
        const infoHash = InfoHash.toBytes(request.infoHash)
        const { announceToAllTiers = false, peers, trackers } = request
        const { maxPeers } = options
        const maxBytes = MetainfoLimits.MAX_BYTES
        driver.push({
          _tag: "AddMagnet",
          now,
          torrent: id,
          infoHash,
          options: { trackers, announceToAllTiers, maxPeers, seed, maxBytes },
        })
        driver.push({ _tag: "PeersFound", now, torrent: id, source: "user", addresses: peers })
      })
      yield* Effect.acquireRelease(begin, () => leave(driver, id))
      yield* Engine.meetNeighbours(engine, id, request.infoHash)
      Engine.enterDhtBy(engine, request.peers)
      const watching = Effect.repeat(giveUpIfHopeless(driver, id, request, done), Schedule.spaced("1 second"))
      yield* Effect.forkScoped(Effect.delay(watching, Engine.patienceMs(engine)))
      yield* Effect.forkScoped(Effect.flatMap(Deferred.await(found), (infoBytes) => {
        const metainfo = parse(request, infoBytes)
        const keep = metainfo._tag === "Success" ? save(request, infoBytes, tell) : Effect.void
        return Effect.zipRight(keep, Deferred.done(done, metainfo))
      }))
    }
    const handle: MetadataHandle = {
      id,
      events: Stream.fromQueue(events),
      snapshot: Effect.sync(() => Snapshot.fetching(lookAt(driver, id))),
      metainfo: Effect.raceFirst(Deferred.await(done), driver.crashed),
    }
    return handle
  })

const lookAt = (driver: Driver, id: TorrentId) => Client.fetchings(driver.client()).get(id)

/** What the `info` dictionary says: its hash is right, and still it may not be one that anybody could use. */
const parse = (
  { infoHash, names, trackers, webSeeds }: MetadataRequest,
  infoBytes: Bytes.Bytes,
): Exit.Exit<Metainfo.Metainfo, SessionError> => {
  const parsed = Parse.parseInfo(infoBytes, { trackers, webSeeds }, names === undefined ? {} : { names })
  return parsed.ok ? Exit.succeed(parsed.value) : Exit.fail(
    new SessionError({
      reason: parsed.error.reason,
      message: `the metadata of ${infoHash} cannot be used: ${parsed.error.message}`,
      cause: parsed.error,
    }),
  )
}

/** What an earlier run has kept, if it is what the link asks for. */
const load = ({ directory, infoHash }: MetadataRequest, tell: (event: TorrentEvent) => void) =>
  Effect.gen(function* () {
    if (directory === undefined) return undefined
    const bytes = yield* (yield* ResumeStore).loadMetadata(directory, infoHash)
    if (bytes === undefined) return undefined
    if (InfoHash.fromBytes(sha1(bytes)) === infoHash) return bytes
    tell({ _tag: "Warning", message: "the metadata that was kept is damaged; fetching it again" })
    return undefined
  }).pipe(Effect.catchAll((error) =>
    Effect.sync(() => {
      tell({ _tag: "Warning", message: `${error.message}; fetching the metadata again` })
      return undefined
    })
  ))

const save = (
  { directory, infoHash }: MetadataRequest,
  infoBytes: Bytes.Bytes,
  tell: (event: TorrentEvent) => void,
) =>
  directory === undefined ? Effect.void : ResumeStore.pipe(
    Effect.flatMap((store) => store.saveMetadata(directory, infoHash, infoBytes)),
    Effect.catchAll((error) =>
      Effect.sync(() =>
        tell({ _tag: "Warning", message: `the metadata could not be kept: ${error.message}` })
      )
    ),
  )

/** Tells the trackers and lets go; nothing is left to do where a torrent has taken the search over. */
const leave = (driver: Driver, id: TorrentId) =>
  Effect.suspend(() => {
    if (lookAt(driver, id) === undefined) return Effect.void
    driver.push({ _tag: "Stop", now: driver.now(), torrent: id })
    return Effect.timeoutOption(Effect.interruptible(driver.idle(id)), LEAVE_TIMEOUT).pipe(
      Effect.ensuring(Effect.sync(() => {
        driver.push({ _tag: "Remove", now: driver.now(), torrent: id })
        driver.detach(id)
      })),
    )
  })

const giveUpIfHopeless = (
  driver: Driver,
  id: TorrentId,
  request: MetadataRequest,
  done: Deferred.Deferred<Metainfo.Metainfo, SessionError>,
) =>
  Effect.suspend(() => {
    const search = lookAt(driver, id)
    const reason = search && Figures.hopeless(search, HOPELESS_AFTER, driver.now())
    if (reason === undefined) return Effect.void
    return Deferred.fail(done, new SessionError({ reason: "NoPeers", message: `${request.name}: ${reason}` }))
  })
