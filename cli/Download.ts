/** `shoal download`: everything that was asked for, verified and written; one session for all torrents. */
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import type { TorrentRequest, TorrentSnapshot } from "../shell/Session.ts"
import * as Background from "./Background.ts"
import * as Batch from "./Batch.ts"
import type { Spec } from "./Command.ts"
import * as Events from "./Events.ts"
import { UsageError } from "./Exit.ts"
import * as Link from "./Link.ts"
import * as Options from "./Options.ts"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as Progress from "./Progress.ts"
import * as Select from "./Select.ts"
import type * as Source from "./Source.ts"
import * as Text from "./Text.ts"

export const spec = {
  name: "download",
  summary: "download torrents, verify every piece, and exit when all is there",
  argument: {
    name: "SOURCE",
    isRepeated: true,
    description: "a .torrent file, an http(s) URL of one, a magnet link or an info-hash",
  },
  flags: {
    out: Options.out,
    select: Options.select,
    sequential: Options.flag("sequential", "fetch pieces in order instead of rarest first"),
    peers: Options.peers,
    ...Options.network,
    ...Options.goals,
    ...Options.discovery,
    metadataOnly: Options.flag(
      "metadata-only",
      "write NAME.torrent to the output folder, with what the link says, and download nothing",
    ),
  },
  example: "shoal download -o ~/Downloads --select '*.iso' debian.torrent",
  interrupted: "interrupted; the same command resumes",
} satisfies Spec

export type DownloadOptions = Options.Values<typeof spec.flags>

/** What is asked of the session; `link`: where the metadata comes from, and what that says of files and peers. */
const requestOf = (
  options: DownloadOptions,
  directory: string,
  metainfo: Metainfo,
  link?: Link.Found,
): Effect.Effect<TorrentRequest, UsageError> => {
  const selection = options.select === undefined
    ? link && Link.selection(link, metainfo)
    : Select.resolve(options.select, metainfo)
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
    ...(link === undefined
      ? { peers: options.peers }
      : { peers: Link.peersOf(link.link, options), search: link.search }),
    mode: "download",
    superSeed: false,
    goals: { ratio: options.seedRatio, seedMs: options.seedTime },
    announceToAllTiers: options.allTiers,
    maxDownloadRateBytesPerSec: 0,
    maxUploadRateBytesPerSec: 0,
  })
}

/** What a torrent came to: after `seconds` all was there, and `seedSeconds` later the goal was reached, if there was one. */
interface Done {
  readonly metainfo: Metainfo
  readonly seconds: number
  readonly seedSeconds: number | undefined
  readonly snapshot: TorrentSnapshot
}

/** What is to be downloaded: a request, or a link of which nothing but the link is known. */
type Job =
  | { readonly _tag: "Torrent"; readonly request: TorrentRequest }
  | { readonly _tag: "Link"; readonly link: Source.Link }

const subjectOf = (job: Job): Batch.Subject => job._tag === "Torrent" ? job.request.metainfo : job.link

/** Follows one torrent to its end, in a scope of its own: once it closed, everything is on disk and announced. */
const follow = (options: DownloadOptions, directory: string) => (job: Job, board: Batch.Board) =>
  Effect.scoped(Effect.gen(function* () {
    const request = job._tag === "Torrent"
      ? job.request
      : yield* Effect.flatMap(Link.fetch(job.link, directory, options, board), (found) =>
        requestOf(options, directory, found.metainfo, found))
    const { metainfo, goals } = request
    const isSeeding = goals.ratio !== undefined || goals.seedMs !== undefined
    const startedMs = Process.monotonicMs()
    const added = yield* Batch.add(request, board)
    const { entry, handle } = added
    const last = isSeeding ? "SeedGoalReached" : "Completed"
    const told = yield* Batch.tellEvents(added, metainfo, board, last)
    yield* handle.completed
    const completedMs = Process.monotonicMs()
    const seconds = (completedMs - startedMs) / 1_000
    if (isSeeding) {
      entry.seeding = { sinceMs: completedMs, goalRatio: goals.ratio }
      yield* tellSeeding({ metainfo, seconds, seedSeconds: undefined, snapshot: yield* handle.snapshot })
      yield* handle.seeded
    }
    const seedSeconds = isSeeding ? (Process.monotonicMs() - completedMs) / 1_000 : undefined
    yield* told
    return { metainfo, seconds, seedSeconds, snapshot: yield* handle.snapshot }
  })).pipe(Effect.tap(tellDone))

const rounded = (seconds: number): number => Math.round(seconds * 1_000) / 1_000

/** Bytes a second, of what was received. */
const averageRate = ({ seconds, snapshot }: Done): number =>
  seconds > 0 ? Math.round(snapshot.downloadedBytes / seconds) : 0

/** `NAME, 1.0 MiB in 2.0 s (512.0 KiB/s), verified`. */
const sentence = (done: Done): string => {
  const { metainfo, seconds, snapshot } = done
  const amount = `${Text.printable(metainfo.name)}, ${Text.bytes(snapshot.wantedBytes)}`
  return snapshot.downloadedBytes === 0
    ? `${amount} were already there, verified`
    : `${amount} in ${Text.duration(seconds * 1_000)} (${Text.rate(averageRate(done))}), verified`
}

/** All is there, and the torrent goes on uploading. */
const tellSeeding = (done: Done) =>
  Effect.gen(function* () {
    const output = yield* Output
    const { metainfo, seconds, snapshot } = done
    yield* output.event("seeding", {
      infoHash: metainfo.infoHash,
      name: metainfo.name,
      bytes: snapshot.wantedBytes,
      seconds: rounded(seconds),
    })
    yield* output.result(`done: ${sentence(done)}; seeding`)
  })

const tellDone = (done: Done) =>
  Effect.gen(function* () {
    const output = yield* Output
    const { metainfo, seconds, seedSeconds, snapshot } = done
    yield* output.event("complete", {
      infoHash: metainfo.infoHash,
      name: metainfo.name,
      bytes: snapshot.wantedBytes,
      seconds: rounded(seconds),
      averageRate: averageRate(done),
      downloaded: snapshot.downloadedBytes,
      uploaded: snapshot.uploadedBytes,
      wasted: snapshot.wastedBytes,
      hashFailures: snapshot.hashFailures,
      ratio: Events.ratio(snapshot),
      seedSeconds: seedSeconds === undefined ? undefined : rounded(seedSeconds),
    })
    yield* output.result(
      seedSeconds === undefined
        ? `done: ${sentence(done)}`
        : `seeded: ${Text.printable(metainfo.name)}, ${Text.bytes(snapshot.uploadedBytes)} in ${
          Text.duration(seedSeconds * 1_000)
        }, ratio ${Progress.ratio(snapshot.ratio)}`,
    )
  })

/** Writes the `.torrent` file of one source. */
const onlyMetadata =
  (options: DownloadOptions, directory: string) => (loaded: Source.Loaded, board: Batch.Board) =>
    Effect.gen(function* () {
      const output = yield* Output
      const metainfo = loaded._tag === "Torrent" ? loaded.metainfo : yield* Effect.map(
        Effect.scoped(Link.fetch(loaded.link, undefined, options, board)),
        (found) => found.metainfo,
      )
      const file = yield* Link.write(directory, metainfo)
      const { geometry, infoHash, name } = metainfo
      yield* output.event("complete", { infoHash, name, file, totalLength: geometry.totalBytes })
      yield* output.result(`wrote ${Text.printable(file)}`)
    })

/** Downloads every source into `options.out`. */
export const run = (options: DownloadOptions, sources: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const path = yield* Path.Path
    const loaded = yield* Batch.load(sources)
    const directory = path.resolve(options.out)
    if (options.metadataOnly) {
      return yield* Batch.followAll(loaded, Batch.subjectOf, onlyMetadata(options, directory))
    }
    const jobs = yield* Effect.forEach(loaded, (one): Effect.Effect<Job, UsageError> =>
      one._tag === "Link" ? Effect.succeed(one) : Effect.map(
        requestOf(options, directory, one.metainfo),
        (request) => ({ _tag: "Torrent", request }),
      ))
    yield* Batch.followAll(jobs, subjectOf, follow(options, directory))
  }).pipe(Effect.provideService(Background.Background, Background.foreground))
