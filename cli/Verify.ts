/** `shoal verify`: is everything there, and is it right? */
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Geometry from "../core/metainfo/Geometry.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import * as Bitfield from "../core/torrent/Bitfield.ts"
import type { FileStat } from "../core/torrent/Resume.ts"
import { BlockStore } from "../shell/BlockStore.ts"
import * as Layout from "../shell/Layout.ts"
import * as Check from "../shell/Check.ts"
import type { Spec } from "./Command.ts"
import { Failure } from "./Exit.ts"
import * as Inspect from "./Inspect.ts"
import * as Options from "./Options.ts"
import { Output } from "./Output.ts"
import * as Progress from "./Progress.ts"
import * as Source from "./Source.ts"
import * as Text from "./Text.ts"

export const spec = {
  name: "verify",
  summary: "check data on disk against a torrent's hashes, file by file",
  argument: { name: "TORRENT", isRepeated: false, description: "a .torrent file or an http(s) URL of one" },
  flags: { data: Options.data },
  example: "shoal verify debian.torrent --data ~/Downloads",
  interrupted: "interrupted",
} satisfies Spec

/** What was found of one file. */
export interface Verdict {
  /** From 1, as `inspect` numbers files. */
  readonly index: number
  readonly path: string
  readonly state: "ok" | "bad" | "missing"
}

/** A file is `ok` if it is there and every piece that it lies in is good. Symbolic links, never created, are left out. */
export const judge = (
  metainfo: Metainfo,
  stats: ReadonlyArray<FileStat | undefined>,
  good: Bitfield.Bitfield,
): ReadonlyArray<Verdict> =>
  Inspect.numbered(metainfo).flatMap(({ index, path }): ReadonlyArray<Verdict> => {
    if (metainfo.files[index - 1]!.isSymlink === true) return []
    if (stats[index - 1] === undefined) return [{ index, path, state: "missing" }]
    const range = Geometry.piecesOfFile(metainfo.geometry, index - 1)
    let isGood = true
    for (let piece = range?.first ?? 0; isGood && range !== undefined && piece <= range.last; piece++) {
      isGood = Bitfield.get(good, piece)
    }
    return [{ index, path, state: isGood ? "ok" : "bad" }]
  })

/** The indexes of files that are there. */
const present = (stats: ReadonlyArray<unknown>): ReadonlySet<number> =>
  new Set(stats.flatMap((stat, index) => stat === undefined ? [] : [index]))

/** Checks everything below `directory`, drawing its progress. */
const examine = (metainfo: Metainfo, directory: string) =>
  Effect.scoped(Effect.gen(function* () {
    const output = yield* Output
    const blockStore = yield* BlockStore
    const whole = yield* blockStore.open(Layout.of(metainfo, directory, undefined))
    const stats = yield* whole.stats
    // A file that was not selected for download is missing, but what its neighbours' pieces need of it may be kept.
    const store = yield* blockStore.open(Layout.of(metainfo, directory, present(stats)))
    let done = 0
    let total = metainfo.geometry.totalBytes
    const progress = yield* Effect.fork(Effect.forever(Effect.zipRight(
      Effect.sleep(output.progressIntervalMs),
      Effect.suspend(() => output.progress(Progress.drawCheck(metainfo.name, done, total))),
    )))
    const good = yield* Check.check(
      store,
      metainfo,
      Bitfield.full(metainfo.geometry.pieceCount),
      (doneBytes, totalBytes) => {
        done = doneBytes
        total = totalBytes
      },
    ).pipe(Effect.ensuring(Effect.zipRight(Fiber.interrupt(progress), output.clear)))
    return { good, files: judge(metainfo, stats, good) }
  }))

/** Fails with reason `incomplete` unless every file is there and right. */
export const run = ({ data }: { readonly data: string }, source: string) =>
  Effect.gen(function* () {
    const output = yield* Output
    const path = yield* Path.Path
    const metainfo = yield* Source.load(source)
    const { good, files } = yield* examine(metainfo, path.resolve(data))
    const wrong = files.filter(({ state }) => state !== "ok")
    const pieces = metainfo.geometry.pieceCount
    yield* output.event("complete", {
      ok: wrong.length === 0,
      infoHash: metainfo.infoHash,
      name: metainfo.name,
      pieces,
      piecesOk: good.count,
      files: files.map(({ state, ...file }) => ({
        ...file,
        ok: state === "ok",
        missing: state === "missing",
      })),
    })
    const width = String(files.at(-1)?.index ?? 0).length
    for (const { index, path, state } of files) {
      yield* output.result(`${state.padEnd(7)}  ${String(index).padStart(width)}  ${Text.printable(path)}`)
    }
    yield* output.result(`${good.count} of ${Text.count(pieces, "piece")} verified`)
    if (wrong.length > 0) {
      return yield* new Failure({
        reason: "incomplete",
        isTold: true,
        message: `${metainfo.name}: ${wrong.length} of ${
          Text.count(files.length, "file")
        } incomplete or damaged; 'shoal download' fetches what is wrong`,
      })
    }
  })
