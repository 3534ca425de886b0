/** What commands with several torrents share: one session for all of them, one drawing, one verdict. */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as State from "../core/torrent/State.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import type { DhtOptions } from "../shell/Dht.ts"
import {
  Session,
  type SessionOptions,
  type TorrentEvent,
  type TorrentHandle,
  type TorrentRequest,
  type TorrentSnapshot,
} from "../shell/Session.ts"
import * as Background from "./Background.ts"
import * as Events from "./Events.ts"
import { Failure, verdict } from "./Exit.ts"
import * as Options from "./Options.ts"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as Progress from "./Progress.ts"
import * as Source from "./Source.ts"
import * as Text from "./Text.ts"

/** All torrents of one run; what a single torrent may have is `--max-peers`. */
const MAX_CONNECTIONS = 500

/**
 * What the session needs of the options. A port that was named must be free; where none was, any free one will do if the
 * usual one is taken.
 */
export const sessionOptions = (
  options: Options.Values<typeof Options.network> & Partial<Options.Values<typeof Options.discovery>>,
): SessionOptions => ({
  listen: {
    host: options.bind,
    port: options.port ?? Options.PORT,
    isFallbackAllowed: options.port === undefined,
  },
  bind: options.bind,
  maxPeers: options.maxPeers,
  maxConnections: Math.max(MAX_CONNECTIONS, options.maxPeers),
  maxDownloadRateBytesPerSec: options.maxDownloadRate,
  maxUploadRateBytesPerSec: options.maxUploadRate,
  isLanExempt: false,
  uploadSlots: State.defaults.choker.slots,
  isDhtEnabled: options.noDht !== true,
  isPexEnabled: options.noPex !== true,
  isLsdEnabled: options.noLsd !== true,
})

/** The DHT node of a session that stays; its table is kept with what else programs keep between runs. */
export const dhtOptions = (
  { bootstrap = [] }: Partial<Options.Values<typeof Options.discovery>>,
): DhtOptions => {
  const folder = Process.stateFolder()
  return { bootstrap, stateFile: folder === undefined ? undefined : `${folder}/dht.dat`, isReadOnly: false }
}

/** What a torrent is called before and after its metadata is there. */
export type Subject = Pick<Metainfo, "infoHash" | "name">

export const subjectOf = (loaded: Source.Loaded): Subject =>
  loaded._tag === "Torrent" ? loaded.metainfo : loaded.link

/** Loads the sources, without those that name the same torrent again. */
export const load = (sources: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const all = yield* Effect.forEach(sources, Source.resolve, { concurrency: 4 })
    const distinct = new Map<string, Source.Loaded>()
    for (const [index, loaded] of all.entries()) {
      const { infoHash } = subjectOf(loaded)
      if (distinct.has(infoHash)) {
        const message = `${sources[index]} is the same torrent as one before it`
        yield* Events.warn(output, message, infoHash)
      } else distinct.set(infoHash, loaded)
    }
    return [...distinct.values()]
  })

/** A torrent on its way; without a handle while it is being added. */
export interface Running {
  readonly subject: Subject
  handle: Pick<TorrentHandle, "snapshot"> | undefined
  /** Since it only uploads. */
  seeding: { readonly sinceMs: number; readonly goalRatio: number | undefined } | undefined
  /** What was told last as JSON, and when. */
  told: { readonly snapshot: TorrentSnapshot; readonly atMs: number } | undefined
}

/** What all torrents of a run share: those that are drawn, and what is to be printed of them, in its order. */
export interface Board {
  readonly running: Set<Running>
  readonly words: Queue.Queue<Effect.Effect<void>>
  /** This one has begun, or may take long to: the next one may begin. */
  readonly begun: Effect.Effect<void>
}

/** Adds a torrent until the scope ends; `onLeave` gets its last figures. Once that is over, everything is on disk and announced. */
export const add = (
  request: TorrentRequest,
  board: Board,
  onLeave: (handle: TorrentHandle) => Effect.Effect<void> = () => Effect.void,
) =>
  Effect.gen(function* () {
    const output = yield* Output
    const session = yield* Session
    const { metainfo } = request
    for (const warning of metainfo.warnings) yield* Events.warn(output, warning, metainfo.infoHash)
    const { entry, forget } = enter(metainfo, board)
    const handle = yield* Effect.onError(session.add(request), () => forget)
    entry.handle = handle
    // Runs before the session's own finaliser: a torrent that leaves has no figures any more.
    yield* Effect.addFinalizer(() => Effect.zipRight(onLeave(handle), forget))
    return { entry, handle }
  })

/** Draws a torrent, from now on. */
export const enter = (subject: Subject, { running }: Pick<Board, "running">) => {
  const entry: Running = { subject, handle: undefined, seeding: undefined, told: undefined }
  running.add(entry)
  return { entry, forget: Effect.sync(() => running.delete(entry)) }
}

/** Tells the events of what {@link add} has added, until it leaves, up to the one that is the last. */
export const tellEvents = (
  { entry, handle }: { readonly entry: Running; readonly handle: TorrentHandle },
  metainfo: Metainfo,
  { begun, running, words }: Board,
  last: TorrentEvent["_tag"],
) =>
  Effect.gen(function* () {
    const tell = Events.teller(yield* Output, metainfo)
    const told = yield* Deferred.make<void>()
    let isOver = false
    let isFirst = true
    const isClosed = () => !running.has(entry)
    handle.listen((event) => {
      if (isOver || isClosed()) return
      if (isFirst) words.unsafeOffer(begun)
      isFirst = false
      words.unsafeOffer(Effect.suspend(() => isClosed() ? Effect.void : tell(event)))
      if (event._tag !== last) return
      isOver = true
      words.unsafeOffer(Deferred.succeed(told, undefined))
    })
    /** What was told before the end is printed before the last line. */
    return Deferred.await(told).pipe(Effect.timeout("1 second"), Effect.ignore)
  })

/** Done when all that has happened until now is printed. */
export const told = ({ words }: Board): Effect.Effect<void> =>
  Effect.flatMap(Deferred.make<void>(), (done) => {
    words.unsafeOffer(Deferred.succeed(done, undefined))
    return Deferred.await(done)
  })

/** Draws all torrents of the board, until interrupted; in the background nobody looks. */
const drawing = (running: Board["running"]) =>
  Effect.gen(function* () {
    const output = yield* Output
    const background = yield* Background.Background
    const draw = Effect.gen(function* () {
      const rows: Array<Progress.Row> = []
      for (const { subject, handle, seeding } of running) {
        const snapshot = handle === undefined ? undefined : yield* handle.snapshot
        const seedingMs = seeding && Process.monotonicMs() - seeding.sinceMs
        rows.push({ name: subject.name, snapshot, seedingMs, goalRatio: seeding?.goalRatio })
      }
      if (rows.length > 0) yield* output.progress(Progress.draw(rows))
    })
    const tell = Effect.gen(function* () {
      for (const entry of running) {
        const snapshot = entry.handle === undefined ? undefined : yield* entry.handle.snapshot
        if (snapshot === undefined || isStill(entry, snapshot)) continue
        entry.told = { snapshot, atMs: Process.monotonicMs() }
        yield* Events.progress(output, entry.subject, snapshot)
      }
    })
    const report = Effect.gen(function* () {
      let done = 0
      let total = 0
      for (const { handle } of running) {
        const checked = handle === undefined ? undefined : (yield* handle.snapshot).checked
        done += checked?.doneBytes ?? 0
        total += checked?.totalBytes ?? 0
      }
      if (total > 0) yield* background.checking(done, total)
    })
    const [interval, step] = background.isDetached
      ? [REPORT_MS, report] as const
      : [output.progressIntervalMs, output.isJson ? tell : draw] as const
    yield* Effect.forever(Effect.zipRight(Effect.sleep(interval), step))
  })

const REPORT_MS = 500

/** A torrent that has nothing to download, and of which nothing changes, is told of this often. */
const STILL_MS = 30_000

/** Nothing is to be told of a torrent: a thousand idle ones are not to fill a log. */
const isStill = ({ told }: Running, snapshot: TorrentSnapshot): boolean =>
  told !== undefined && isQuiet(snapshot) && Process.monotonicMs() - told.atMs < STILL_MS &&
  FIGURES.every((figure) => told.snapshot[figure] === snapshot[figure])

const isQuiet = ({ state }: TorrentSnapshot): boolean => state !== "downloading" && state !== "metadata"

/** What changes of one that downloads nothing. */
const FIGURES = [
  "state",
  "uploadedBytes",
  "uploadRateBytesPerSec",
  "downloadedBytes",
  "downloadRateBytesPerSec",
  "wastedBytes",
  "peersConnected",
  "peersKnown",
] as const satisfies ReadonlyArray<keyof TorrentSnapshot>

/**
 * Follows every torrent to its end, all at once. One that fails is told at once and does not stop the others; afterwards
 * the first failure is the run's.
 */
export const followAll = <Job, A, E, R>(
  jobs: ReadonlyArray<Job>,
  subject: (job: Job) => Subject,
  follow: (job: Job, board: Board) => Effect.Effect<A, E, R>,
) =>
  Effect.gen(function* () {
    const output = yield* Output
    const { warnings } = yield* Session
    for (const warning of warnings) yield* Events.warn(output, warning)
    const running: Board["running"] = new Set()
    const words = yield* Queue.unbounded<Effect.Effect<void>>()
    const progress = yield* Effect.fork(drawing(running))
    const telling = yield* Effect.fork(Effect.forever(Effect.flatten(Queue.take(words))))
    const one = (job: Job, begun: Effect.Effect<void>) =>
      follow(job, { running, words, begun }).pipe(
        Effect.tapErrorCause((cause) => jobs.length > 1 ? tellFailure(subject(job), cause) : Effect.void),
        Effect.exit,
      )
    const exits = yield* together(jobs, one)
      .pipe(Effect.ensuring(Effect.zipRight(Fiber.interruptAll([progress, telling]), output.clear)))

    const failures = exits.flatMap((exit, index) =>
      Exit.isFailure(exit) ? [{ cause: exit.cause, name: subject(jobs[index]!).name }] : []
    )
    const [first] = failures
    if (first === undefined) return
    const error = verdict(first.cause).error
    if (failures.length > 1 && error !== undefined) {
      const message =
        `${failures.length} of ${jobs.length} torrents failed; the first, ${first.name}: ${error.message}`
      return yield* new Failure({ reason: error.reason, message, cause: first.cause })
    }
    return yield* Effect.failCause(first.cause)
  })

/** Of a thousand torrents that all begin together none begins sooner, but all of their memory is needed at once. */
const BEGINNING = 16

/**
 * Runs all at once, but for those that wait to begin. `Effect.forEach` would gather how each one was interrupted in one
 * cause, at a cost that grows with the square of their number: forty seconds for a thousand.
 */
const together = <Job, A, R>(
  jobs: ReadonlyArray<Job>,
  run: (job: Job, begun: Effect.Effect<void>) => Effect.Effect<A, never, R>,
) =>
  Effect.suspend(() => {
    const places = Effect.unsafeMakeSemaphore(BEGINNING)
    const fibers: Array<Fiber.RuntimeFiber<A>> = []
    const begin = (job: Job) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.gen(function* () {
          yield* restore(places.take(1))
          let hasBegun = false
          const begun = Effect.suspend(() => {
            if (hasBegun) return Effect.void
            hasBegun = true
            return places.release(1)
          })
          fibers.push(yield* Effect.forkDaemon(restore(Effect.ensuring(run(job, begun), begun))))
        })
      )
    return Effect.zipRight(
      Effect.forEach(jobs, begin, { discard: true }),
      Effect.forEach(fibers, (fiber) => Fiber.join(fiber)),
    ).pipe(Effect.onInterrupt(() => Fiber.interruptAll(fibers)))
  })

/** Of one torrent of several; the verdict on the whole run comes when all have ended. */
const tellFailure = (subject: Subject, cause: Cause.Cause<unknown>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const { error } = verdict(cause)
    if (error === undefined) return
    yield* output.event("error", { infoHash: subject.infoHash, ...error })
    yield* output.note(`failed: ${Text.printable(subject.name)}: ${error.message}`)
  })
