/** `shoal share`: makes a torrent of a file or a folder and seeds it, with a tracker beside it if need be. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Address from "../core/base/Address.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import * as Limits from "../core/metainfo/Limits.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import * as Parse from "../core/metainfo/Parse.ts"
import * as Bitfield from "../core/torrent/Bitfield.ts"
import { BlockStore } from "../shell/BlockStore.ts"
import * as Layout from "../shell/Layout.ts"
import { Machine } from "../shell/Machine.ts"
import * as NewFile from "../shell/NewFile.ts"
import { ResumeStore } from "../shell/ResumeStore.ts"
import * as Resumption from "../shell/Resumption.ts"
import { type HostOptions, TrackerHost } from "../shell/TrackerHost.ts"
import * as Background from "./Background.ts"
import type { Spec } from "./Command.ts"
import * as Create from "./Create.ts"
import * as Events from "./Events.ts"
import * as Options from "./Options.ts"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as ReadFile from "./ReadFile.ts"
import * as Seed from "./Seed.ts"
import * as Text from "./Text.ts"
import * as Value from "./Value.ts"

export const spec = {
  name: "share",
  summary: "make a torrent of a file or a folder, and seed it",
  argument: { name: "PATH", isRepeated: false, description: "a file or a folder" },
  flags: {
    out: Options.value(
      "out",
      "FILE",
      Value.text("a file"),
      undefined,
      "write the .torrent file here, too; it is kept in the state folder in any case",
      "o",
    ),
    trackerHere: Options.flag("tracker-here", "run a tracker, too, and name it in the torrent"),
    ...Create.flags,
    ...Options.seeding,
    ...Options.discovery,
  },
  example: "shoal share ~/holiday --tracker-here",
  interrupted: "stopped; the same command goes on",
} satisfies Spec

export type ShareOptions = Options.Values<typeof spec.flags>

/** What trackers have always listened on. */
const TRACKER_PORT = 6969
const INTERVAL_SECONDS = 300

/** Runs a tracker until the scope ends, on the usual port or on any free one; gives its URLs for others. */
const trackerHere = (bind: string | undefined) =>
  Effect.gen(function* () {
    const output = yield* Output
    const host = yield* TrackerHost
    const outer = yield* Effect.scope
    const warn = (message: string) => Events.warn(output, message)
    const start = (port: number) =>
      Effect.gen(function* () {
        // Of a tracker that got only one of its ports nothing may stay.
        const scope = yield* Scope.fork(outer, outer.strategy)
        const options: HostOptions = {
          host: bind,
          httpPort: port,
          udpPort: port,
          intervalSeconds: INTERVAL_SECONDS,
          lists: { allow: undefined, deny: undefined, keys: undefined },
          redisUrl: undefined,
          stateFile: undefined,
          workers: 1,
        }
        return yield* Effect.onError(
          Scope.extend(host.start(options, warn), scope),
          (cause) => Scope.close(scope, Exit.failCause(cause)),
        )
      })
    const { http, udp } = yield* Effect.catchAll(start(TRACKER_PORT), () => start(0))
    const name = bind ?? (yield* (yield* Machine).addresses)[0] ?? "127.0.0.1"
    const url = (scheme: string, address: Address.Address | undefined) =>
      address === undefined
        ? []
        : [`${scheme}://${Address.format({ host: name, port: address.port })}/announce`]
    return [...url("http", http), ...url("udp", udp)]
  })

/** The torrent that is in this file already; `undefined` where there is no file, or another one. */
const existing = (file: string) =>
  ReadFile.bytes(file, Limits.MAX_BYTES, "a .torrent file").pipe(
    Effect.map((bytes) => Parse.parse(bytes, { names: Process.names })),
    Effect.map((parsed) => parsed.ok ? parsed.value.infoHash : undefined),
    Effect.orElseSucceed(() => undefined),
  )

/** Writes a file anew as a whole. */
const replace = (file: string, bytes: Bytes) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    yield* fs.writeFile(`${file}.new`, bytes)
    yield* fs.rename(`${file}.new`, file)
  })

/**
 * Keeps the `.torrent` file in the state folder, and writes it to `out`: where the same torrent is already, so that the
 * command can be given again, but over nothing else. Gives the file that people are told of.
 */
const keep = (out: string | undefined, bytes: Bytes, { infoHash }: Metainfo) =>
  Effect.gen(function* () {
    const path = yield* Path.Path
    const kept = path.join(yield* Background.folder("torrents"), `${infoHash}.torrent`)
    yield* Effect.mapError(replace(kept, bytes), Background.unusable(kept))
    if (out === undefined) return kept
    if ((yield* existing(out)) !== infoHash) yield* NewFile.write(out, bytes)
    else yield* Effect.mapError(replace(out, bytes), Background.unusable(out))
    return out
  })

/** The pieces were hashed a moment ago, so that seeding need not hash them again. */
const remember = (directory: string, metainfo: Metainfo) =>
  Effect.scoped(Effect.gen(function* () {
    const resumeStore = yield* ResumeStore
    if ((yield* resumeStore.load(directory, metainfo.infoHash)) !== undefined) return
    const store = yield* (yield* BlockStore).open(Layout.of(metainfo, directory, undefined))
    const have = Bitfield.full(metainfo.geometry.pieceCount)
    yield* Resumption.save(store, metainfo, directory, { have, uploadedBytes: 0, downloadedBytes: 0 })
  })).pipe(Effect.catchAll((error) => Effect.logDebug(error.message)))

/** What is said of the torrent before it is seeded. */
const toldOf = (
  file: string,
  metainfo: Metainfo,
  own: ReadonlyArray<string>,
  warnings: ReadonlyArray<string>,
): ReadonlyArray<Background.Told> => {
  const { geometry, infoHash, name, trackers } = metainfo
  const magnet = Create.magnetOf(metainfo)
  return [
    {
      event: "created",
      fields: {
        file,
        name,
        infoHash,
        magnet,
        pieceLength: geometry.pieceBytes,
        pieceCount: geometry.pieceCount,
        totalLength: geometry.totalBytes,
        trackers,
        trackerHere: own.length === 0 ? undefined : own,
        warnings,
      },
    },
    { line: `torrent    ${Text.printable(file)}` },
    { line: `info-hash  ${infoHash}` },
    { line: `magnet     ${magnet}` },
    ...own.map((url) => ({ line: `tracker    ${url}` })),
  ]
}

export const run = (options: ShareOptions, argument: string) =>
  Effect.scoped(Effect.gen(function* () {
    const output = yield* Output
    const paths = yield* Path.Path
    const path = paths.resolve(argument)
    const out = options.out === undefined ? undefined : paths.resolve(options.out)
    // What is a torrent already may be this one.
    if (out !== undefined && (yield* existing(out)) === undefined) yield* NewFile.check(out, path)
    const own = options.trackerHere ? yield* trackerHere(options.bind) : []
    const trackers = own.length === 0 ? options.trackers : [own, ...options.trackers]
    const { bytes, directory, metainfo, warnings } = yield* Create.hash({ ...options, trackers }, path)
    const file = yield* keep(out, bytes, metainfo)
    yield* remember(directory, metainfo)
    const told = toldOf(file, metainfo, own, warnings)
    yield* Background.tell(output, told)
    yield* Seed.seedAll([Seed.requestOf(options, directory, metainfo)], told)
  }))
