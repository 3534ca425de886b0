/** `shoal seed`: uploads what is there, until a goal is reached or somebody stops it. */
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Address from "../core/base/Address.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import { Session, type TorrentRequest, type TorrentSnapshot } from "../shell/Session.ts"
import { Background, tell, type Told } from "./Background.ts"
import * as Batch from "./Batch.ts"
import type { Spec } from "./Command.ts"
import * as Events from "./Events.ts"
import * as Link from "./Link.ts"
import * as Options from "./Options.ts"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as Progress from "./Progress.ts"
import * as Text from "./Text.ts"

export const spec = {
  name: "seed",
  summary: "check data that is there, and upload it until it is stopped",
  argument: {
    name: "TORRENT",
    isRepeated: true,
    description: "a .torrent file, an http(s) URL of one, or a magnet link",
  },
  flags: { data: Options.data, ...Options.seeding, ...Options.discovery },
  example: "shoal seed debian.torrent --data ~/Downloads --seed-ratio 2",
  interrupted: "stopped; the same command goes on",
} satisfies Spec

export type SeedOptions = Options.Values<typeof Options.seeding>

/** A request to upload what of `metainfo` lies below the absolute `directory`. */
export const requestOf = (options: SeedOptions, directory: string, metainfo: Metainfo): TorrentRequest => ({
  metainfo,
  directory,
  selection: undefined,
  strategy: "rarest",
  peers: options.peers,
  mode: "seed",
  superSeed: options.super,
  goals: { ratio: options.seedRatio, seedMs: options.seedTime },
  announceToAllTiers: options.allTiers,
  maxDownloadRateBytesPerSec: 0,
  maxUploadRateBytesPerSec: 0,
})

/** Where others on this machine can connect to; who listens everywhere is here, too. */
const reachable = ({ host, port }: Address.Address): Address.Address =>
  host === "::" || host === "0.0.0.0" ? { host: "127.0.0.1", port } : { host, port }

/** What is said of a torrent once peers can connect. */
const listeningOf = (
  { infoHash, name }: Metainfo,
  address: Address.Address | undefined,
): ReadonlyArray<Told> => {
  const line = `seeding ${Text.printable(name)}`
  if (address === undefined) return [{ line }]
  const place = reachable(address)
  return [
    { event: "listening", fields: { ...place, infoHash, name } },
    { line: `${line}, listening on ${Address.format(place)}` },
  ]
}

/** How it ended, for the last line. */
interface Ending {
  readonly snapshot: TorrentSnapshot
  readonly seconds: number
}

/** Tells what came of a torrent: `complete` if a goal was reached, `stopped` if somebody stopped it. */
const tellEnding = (metainfo: Metainfo, word: "complete" | "stopped", { seconds, snapshot }: Ending) =>
  Effect.gen(function* () {
    const output = yield* Output
    yield* output.event(word, {
      infoHash: metainfo.infoHash,
      name: metainfo.name,
      uploaded: snapshot.uploadedBytes,
      ratio: Events.ratio(snapshot),
      seconds: Math.round(seconds * 1_000) / 1_000,
    })
    yield* output.result(
      `${word === "complete" ? "seeded" : "stopped"}: ${Text.printable(metainfo.name)}, ${
        Text.bytes(snapshot.uploadedBytes)
      } in ${Text.duration(seconds * 1_000)}, ratio ${Progress.ratio(snapshot.ratio)}`,
    )
  })

/** Follows one torrent to its end, in a scope of its own: once it closed, the trackers know. */
const follow =
  (onListening: (told: ReadonlyArray<Told>) => Effect.Effect<void>) =>
  (request: TorrentRequest, board: Batch.Board) =>
    Effect.gen(function* () {
      let sinceMs: number | undefined
      let ending: Ending | undefined
      const { metainfo, goals } = request
      const body = Effect.gen(function* () {
        const { listening } = yield* Session
        const added = yield* Batch.add(request, board, ({ snapshot }) =>
          sinceMs === undefined ? Effect.void : Effect.map(snapshot, (snapshot) => {
            ending = { snapshot, seconds: (Process.monotonicMs() - sinceMs!) / 1_000 }
          }))
        const { entry, handle } = added
        const told = yield* Batch.tellEvents(added, metainfo, board, "SeedGoalReached")
        // Data of which nothing is right, or a disk that cannot be read, is the torrent's end.
        yield* handle.started
        sinceMs = Process.monotonicMs()
        entry.seeding = { sinceMs, goalRatio: goals.ratio }
        yield* Batch.told(board)
        yield* onListening(listeningOf(metainfo, listening))
        yield* handle.seeded
        yield* told
      })
      // Not before the scope has closed: who reads the last line may take it that all is saved.
      const tell = (word: "complete" | "stopped") =>
        Effect.suspend(() =>
          ending === undefined ? Effect.void : tellEnding(metainfo, word, ending)
        )
      yield* Effect.onInterrupt(Effect.scoped(body), () =>
        tell("stopped"))
      yield* tell("complete")
    })

/** Seeds all of them, and says so once each can be reached, to who started this in the background once all can. */
export const seedAll = (requests: ReadonlyArray<TorrentRequest>, first: ReadonlyArray<Told> = []) =>
  Effect.gen(function* () {
    const output = yield* Output
    const background = yield* Background
    yield* background.claim(requests.map(({ metainfo }) => metainfo))
    const all: Array<Told> = [...first]
    let waiting = requests.length
    const settled = Effect.suspend(() =>
      --waiting === 0 && all.length > first.length ? background.ready(all) : Effect.void
    )
    const onListening = (told: ReadonlyArray<Told>) =>
      Effect.gen(function* () {
        all.push(...told)
        yield* tell(output, told)
        yield* settled
      })
    yield* Batch.followAll(
      requests,
      ({ metainfo }) => metainfo,
      (request, board) =>
        Effect.suspend(() => {
          let isListening = false
          return follow((told) => {
            isListening = true
            return onListening(told)
          })(request, board).pipe(Effect.tapErrorCause(() => isListening ? Effect.void : settled))
        }),
    )
  })

/** Seeds every torrent from `data`. */
export const run = (options: SeedOptions & { readonly data: string }, sources: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const path = yield* Path.Path
    const directory = path.resolve(options.data)
    const torrents = yield* Effect.forEach(
      yield* Batch.load(sources),
      (loaded) =>
        loaded._tag === "Torrent" ? Effect.succeed(loaded.metainfo) : Effect.map(
          Effect.scoped(Link.fetch(loaded.link, directory, options)),
          ({ metainfo }) => metainfo,
        ),
      { concurrency: 4 },
    )
    yield* seedAll(torrents.map((metainfo) => requestOf(options, directory, metainfo)))
  })
