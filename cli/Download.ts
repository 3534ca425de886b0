/** `shoal download`: everything that was asked for, verified and written; one session for all torrents. */
import * as Path from "@effect/platform/Path"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import { Session, type SessionOptions, type TorrentHandle, type TorrentRequest } from "../shell/Session.ts"
import type { Spec } from "./Command.ts"
import * as Events from "./Events.ts"
import { Failure, UsageError, verdict } from "./Exit.ts"
import * as Options from "./Options.ts"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as Progress from "./Progress.ts"
import * as Select from "./Select.ts"
import * as Source from "./Source.ts"
import * as Text from "./Text.ts"

export const spec = {
  name: "download",
  summary: "download torrents, verify every piece, and exit when all is there",
  argument: { name: "SOURCE", isRepeated: true, description: "a .torrent file or an http(s) URL of one" },
  flags: {
    out: Options.out,
    select: Options.select,
    sequential: Options.flag("sequential", "fetch pieces in order instead of rarest first"),
    peers: Options.peers,
    ...Options.network,
    noDht: Options.flag("no-dht", "no DHT; this version has none yet"),
    noPex: Options.flag("no-pex", "no peer exchange; this version has none yet"),
    noLsd: Options.flag("no-lsd", "no local peer discovery; this version has none yet"),
  },
  example: "shoal download -o ~/Downloads --select '*.iso' debian.torrent",
  interrupted: "interrupted; the same command resumes",
} satisfies Spec

export type DownloadOptions = Options.Values<typeof spec.flags>

/** What the session needs of the options. */
export const sessionOptions = (options: DownloadOptions): SessionOptions => ({
  port: options.port,
  bind: options.bind,
  maxPeers: options.maxPeers,
  maxDownloadRateBytesPerSec: options.maxDownloadRate,
  maxUploadRateBytesPerSec: options.maxUploadRate,
})

/** Loads the sources, without those that name the same torrent again. */
const loadAll = (sources: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const loaded = yield* Effect.forEach(sources, Source.load, { concurrency: 4 })
    const torrents = new Map<string, Metainfo>()
    for (const [index, metainfo] of loaded.entries()) {
      if (torrents.has(metainfo.infoHash)) {
        const message = `${sources[index]} is the same torrent as one before it`
        yield* Events.warn(output, metainfo.infoHash, message)
      } else torrents.set(metainfo.infoHash, metainfo)
    }
    return [...torrents.values()]
  })

const requestOf = (
  options: DownloadOptions,
  directory: string,
  metainfo: Metainfo,
): Effect.Effect<TorrentRequest, UsageError> => {
  const selection = options.select === undefined ? undefined : Select.resolve(options.select, metainfo)
  if (selection?.ok === false) {
    const message =
      `--select: ${selection.error} matches no file of ${metainfo.name}; 'shoal inspect' numbers them`
    return new UsageError({ message, command: spec.name })
  }
  return Effect.succeed({
    metainfo,
    directory,
    selection: selection?.value,
    strategy: options.sequential ? "sequential" : "rarest",
    peers: options.peers,
  })
}

/** A torrent on its way; without a handle while what is on the disk is being checked. */
interface Running {
  readonly metainfo: Metainfo
  handle: TorrentHandle | undefined
}

/** Follows one torrent to its end, in a scope of its own: once it closed, everything is on disk and announced. */
const follow = (request: TorrentRequest, running: Set<Running>) =>
  Effect.scoped(Effect.gen(function* () {
    const output = yield* Output
    const session = yield* Session
    const { metainfo } = request
    for (const warning of metainfo.warnings) yield* Events.warn(output, metainfo.infoHash, warning)
    const startedMs = Process.monotonicMs()
    const entry: Running = { metainfo, handle: undefined }
    const forget = Effect.sync(() => running.delete(entry))
    running.add(entry)
    const handle = yield* Effect.onError(session.add(request), () => forget)
    entry.handle = handle
    // Runs before the session's own finaliser: a torrent that leaves has no figures any more.
    yield* Effect.addFinalizer(() => forget)
    const events = yield* handle.events.pipe(
      Stream.takeUntil(({ _tag }) => _tag === "Completed"),
      Stream.runForEach(Events.teller(output, metainfo)),
      Effect.forkScoped,
    )
    yield* handle.completed
    const seconds = (Process.monotonicMs() - startedMs) / 1_000
    // What was told before completion is printed before the last line.
    yield* Fiber.join(events).pipe(Effect.timeout("1 second"), Effect.ignore)
    const snapshot = yield* handle.snapshot
    return { metainfo, seconds, snapshot }
  })).pipe(
    Effect.tap(({ metainfo, seconds, snapshot }) =>
      Effect.gen(function* () {
        const output = yield* Output
        const averageRate = seconds > 0 ? Math.round(snapshot.downloadedBytes / seconds) : 0
        yield* output.event("complete", {
          infoHash: metainfo.infoHash,
          name: metainfo.name,
          bytes: snapshot.wantedBytes,
          seconds: Math.round(seconds * 1_000) / 1_000,
          averageRate,
          downloaded: snapshot.downloadedBytes,
          uploaded: snapshot.uploadedBytes,
          wasted: snapshot.wastedBytes,
          hashFailures: snapshot.hashFailures,
        })
        const amount = `done: ${Text.printable(metainfo.name)}, ${Text.bytes(snapshot.wantedBytes)}`
        yield* output.result(
          snapshot.downloadedBytes === 0
            ? `${amount} were already there, verified`
            : `${amount} in ${Text.duration(seconds * 1_000)} (${Text.rate(averageRate)}), verified`,
        )
      })
    ),
  )

/** Draws all running torrents, until interrupted. */
const drawing = (running: ReadonlySet<Running>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const draw = Effect.gen(function* () {
      const rows: Array<Progress.Row> = []
      for (const { metainfo, handle } of running) {
        const snapshot = handle === undefined ? undefined : yield* handle.snapshot
        rows.push({ name: metainfo.name, snapshot })
        if (snapshot !== undefined) yield* Events.progress(output, metainfo, snapshot)
      }
      if (rows.length > 0) yield* output.progress(Progress.draw(rows))
    })
    yield* Effect.forever(Effect.zipRight(Effect.sleep(output.progressIntervalMs), draw))
  })

/**
 * Downloads every source into `options.out`. A torrent that fails does not stop the others; afterwards the first
 * failure is the run's, and each one is an `error` event.
 */
export const run = (options: DownloadOptions, sources: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const path = yield* Path.Path
    const torrents = yield* loadAll(sources)
    const directory = path.resolve(options.out)
    const requests = yield* Effect.forEach(torrents, (metainfo) => requestOf(options, directory, metainfo))
    const running = new Set<Running>()
    const progress = yield* Effect.fork(drawing(running))
    const exits = yield* Effect.forEach(requests, (request) => Effect.exit(follow(request, running)), {
      concurrency: "unbounded",
    }).pipe(Effect.ensuring(Effect.zipRight(Fiber.interrupt(progress), output.clear)))

    const failures = exits.flatMap((exit, index) =>
      Exit.isFailure(exit) ? [{ cause: exit.cause, index }] : []
    )
    if (failures.length === 0) return
    if (failures.length > 1) {
      // Each torrent's own event; the verdict on the whole run prints the last one.
      for (const { cause, index } of failures) {
        const { error } = verdict(cause)
        if (error !== undefined) {
          yield* output.event("error", { infoHash: torrents[index]!.infoHash, ...error })
        }
      }
      const first = verdict(failures[0]!.cause).error
      if (first !== undefined) {
        const message = `${failures.length} of ${requests.length} torrents failed; the first, ${
          torrents[failures[0]!.index]!.name
        }: ${first.message}`
        return yield* new Failure({ reason: first.reason, message, cause: failures[0]!.cause })
      }
    }
    return yield* Effect.failCause(failures[0]!.cause as Cause.Cause<Failure>)
  })
