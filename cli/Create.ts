/** `shoal create`: a `.torrent` file from a file or a folder. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "../core/base/Result.ts"
import * as Magnet from "../core/metainfo/Magnet.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import * as PieceSize from "../core/metainfo/PieceSize.ts"
import * as Url from "../core/tracker/Url.ts"
import * as Creation from "../shell/Creation.ts"
import * as NewFile from "../shell/NewFile.ts"
import type { Spec } from "./Command.ts"
import * as Options from "./Options.ts"
import { Output, type Progress as Drawing } from "./Output.ts"
import * as Progress from "./Progress.ts"
import * as Text from "./Text.ts"
import * as Value from "./Value.ts"

/** WebSocket trackers are for clients in browsers: shoal cannot ask them, others can. */
const TRACKER_SCHEMES: ReadonlySet<string> = new Set(["http", "https", "udp", "ws", "wss"])
const WEB_SEED_SCHEMES: ReadonlySet<string> = new Set(["http", "https"])

const isUrl = (text: string, schemes: ReadonlySet<string>): boolean =>
  schemes.has(Url.split(text)?.scheme ?? "") && URL.canParse(text)

/** The trackers of one tier, separated by commas. */
export const tier: Value.Parser<ReadonlyArray<string>> = (text) => {
  const urls = text.split(",").map((url) => url.trim())
  return urls.every((url) => isUrl(url, TRACKER_SCHEMES))
    ? Result.ok(urls)
    : Result.err("expected an http, https, udp, ws or wss URL such as udp://tracker.example:6969/announce")
}

export const webSeed: Value.Parser<string> = (text) =>
  isUrl(text.trim(), WEB_SEED_SCHEMES)
    ? Result.ok(text.trim())
    : Result.err("expected an http or https URL such as https://mirror.example/pub/")

export const pieceSize: Value.Parser<number> = (text) => {
  const size = Value.size(text)
  return size.ok && PieceSize.isAllowed(size.value)
    ? size
    : Result.err("expected a power of two from 16K to 64M, such as 256K or 1M")
}

/** Options that say what a new torrent holds. */
export const flags = {
  trackers: Options.list(
    "tracker",
    "URL",
    tier,
    "announce to this tracker; repeat for more tiers, separate the URLs of one tier by commas",
    "t",
  ),
  pieceSize: Options.value(
    "piece-size",
    "SIZE",
    pieceSize,
    undefined,
    "bytes of a piece, a power of two from 16K to 64M (default: by the size of the content)",
  ),
  private: Options.flag("private", "peers from its trackers only: no DHT, no peer exchange"),
  comment: Options.value("comment", "TEXT", Value.text("a text"), undefined, "a comment for people"),
  source: Options.value(
    "source",
    "TEXT",
    Value.text("a text"),
    undefined,
    "a mark that gives the torrent an info-hash of its own",
  ),
  webSeeds: Options.list("web-seed", "URL", webSeed, "the content is here, too; repeatable", "w"),
  noDate: Options.flag("no-date", "leave the date out: the same content gives the same file"),
} satisfies Options.Flags

export const spec = {
  name: "create",
  summary: "make a .torrent file from a file or a folder",
  argument: { name: "PATH", isRepeated: false, description: "a file or a folder" },
  flags: {
    out: Options.value(
      "out",
      "FILE",
      Value.text("a file"),
      undefined,
      "the file to write, or the folder that it goes to (default NAME.torrent)",
      "o",
    ),
    ...flags,
  },
  example: "shoal create ~/holiday -t udp://tracker.example:6969/announce -o holiday.torrent",
  interrupted: "interrupted; nothing was written",
} satisfies Spec

/** Hashes the content of `path` as the options say, drawing the progress; what is worth knowing is told as warnings. */
export const hash = (options: Options.Values<typeof flags>, path: string) =>
  Effect.gen(function* () {
    const output = yield* Output
    const nowMs = yield* Clock.currentTimeMillis
    const shown = (yield* Path.Path).basename(path)
    let done = 0
    let total = 0
    const progress = yield* Effect.fork(Effect.forever(Effect.zipRight(
      Effect.sleep(output.progressIntervalMs),
      // Before the files are found there is nothing to draw.
      Effect.suspend(() => total > 0 ? output.progress(draw(shown, done, total)) : Effect.void),
    )))
    const created = yield* Creation.create({
      path,
      pieceLength: options.pieceSize,
      trackers: options.trackers,
      webSeeds: options.webSeeds,
      isPrivate: options.private,
      source: options.source,
      comment: options.comment,
      creationDate: options.noDate ? undefined : Math.floor(nowMs / 1_000),
      onProgress: (doneBytes, totalBytes) => {
        done = doneBytes
        total = totalBytes
      },
    }).pipe(Effect.ensuring(Effect.zipRight(Fiber.interrupt(progress), output.clear)))
    const warnings = [
      ...created.warnings,
      ...(options.private && options.trackers.length === 0
        ? ["a private torrent without a tracker finds no peers; --tracker URL adds one"]
        : []),
    ]
    for (const warning of warnings) yield* output.note(`warning: ${Text.printable(warning)}`)
    return { ...created, warnings }
  })

/** Progress of hashing, in bytes. */
const draw = (name: string, done: number, total: number): Drawing => {
  const text = `hashing ${Text.printable(name)}: ${Text.bytes(done)} of ${Text.bytes(total)}`
  const fraction = Progress.share(done, total)
  const label = Progress.percent(fraction)
  return {
    block: (columns) => [
      Text.fit(text, columns),
      `${Progress.bar(fraction, Math.max(0, Math.min(24, columns - 8)))}${label.padStart(7)}`,
    ],
    lines: () => [`${label} ${text}`],
  }
}

/** The magnet link that a client without the file needs. */
export const magnetOf = ({ infoHash, name, trackers, webSeeds }: Metainfo): string =>
  Magnet.format({ infoHash, name, trackers: trackers.flat(), webSeeds, peers: [] })

/** Where the file goes: `out` itself, or into it where it is a folder. */
const target = (out: string | undefined, path: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const paths = yield* Path.Path
    const own = `${paths.basename(path)}.torrent`
    if (out === undefined) return paths.resolve(own)
    const isFolder = yield* fs.stat(out).pipe(
      Effect.map((info) => info.type === "Directory"),
      Effect.orElseSucceed(() => false),
    )
    return isFolder ? paths.resolve(out, own) : paths.resolve(out)
  })

/** Writes the `.torrent` file of `argument` as a whole or not at all, and never over another file. */
export const run = (options: Options.Values<typeof spec.flags>, argument: string) =>
  Effect.gen(function* () {
    const output = yield* Output
    const path = (yield* Path.Path).resolve(argument)
    const file = yield* target(options.out, path)
    yield* NewFile.check(file, path)
    const { bytes, metainfo, warnings } = yield* hash(options, path)
    yield* NewFile.write(file, bytes)
    const { geometry, infoHash } = metainfo
    const magnet = magnetOf(metainfo)
    yield* output.event("complete", {
      file,
      name: metainfo.name,
      infoHash,
      magnet,
      pieceLength: geometry.pieceBytes,
      pieceCount: geometry.pieceCount,
      totalLength: geometry.totalBytes,
      files: metainfo.files.length,
      warnings,
    })
    const content = `${Text.count(metainfo.files.length, "file")}, ${Text.bytes(geometry.totalBytes)}`
    const pieces = `${Text.count(geometry.pieceCount, "piece")} of ${Text.bytes(geometry.pieceBytes)}`
    yield* output.result(`wrote ${Text.printable(file)}: ${content}, ${pieces}`)
    yield* output.result(`info-hash  ${infoHash}`)
    yield* output.result(`magnet     ${magnet}`)
  })
