/** Magnet links: their metadata from peers, and the `.torrent` file that comes of it. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as Address from "../core/base/Address.ts"
import * as Result from "../core/base/Result.ts"
import * as Create from "../core/metainfo/Create.ts"
import * as Limits from "../core/metainfo/Limits.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import * as Parse from "../core/metainfo/Parse.ts"
import * as NewFile from "../shell/NewFile.ts"
import { type MetadataHandle, Session } from "../shell/Session.ts"
import * as Batch from "./Batch.ts"
import * as Events from "./Events.ts"
import type * as Options from "./Options.ts"
import { Output } from "./Output.ts"
import * as Process from "./Process.ts"
import * as ReadFile from "./ReadFile.ts"
import type { Link } from "./Source.ts"
import * as Text from "./Text.ts"

/** What of a command's options the search needs. */
export type SearchOptions =
  & { readonly peers: ReadonlyArray<Address.Address> }
  & Pick<Options.Values<typeof Options.network>, "allTiers">

/** Metadata of a link, and the search that found it. */
export interface Found {
  readonly link: Link
  readonly metainfo: Metainfo
  readonly search: MetadataHandle
}

/** The files that the link selects (BEP 53), from 0; `undefined`: all, also if none of them is there. */
export const selection = (
  { link: { magnet } }: Pick<Found, "link">,
  { files }: Metainfo,
): Result.Result<ReadonlySet<number>, never> | undefined => {
  const chosen = magnet.select?.filter((index) => files[index]?.isPadding === false) ?? []
  return chosen.length === 0 ? undefined : Result.ok(new Set(chosen))
}

/** The peers of the link and those of the command line, each once. */
export const peersOf = (
  { magnet }: Link,
  { peers }: Pick<SearchOptions, "peers">,
): ReadonlyArray<Address.Address> => [
  ...new Map([...peers, ...magnet.peers].map((peer) => [Address.format(peer), peer])).values(),
]

/**
 * The metadata, and the search that found it, which goes on until the scope ends or a torrent takes it over. What is found
 * is kept in the absolute `directory` for the next run; `undefined`: it is not.
 */
export const fetch = (
  link: Link,
  directory: string | undefined,
  options: SearchOptions,
  board: Pick<Batch.Board, "begun" | "running"> = { begun: Effect.void, running: new Set() },
) =>
  Effect.gen(function* () {
    const output = yield* Output
    const session = yield* Session
    const { infoHash, magnet, name } = link
    for (const warning of magnet.warnings) yield* Events.warn(output, warning, infoHash)
    const startedMs = Process.monotonicMs()
    const { entry, forget } = Batch.enter(link, board)
    yield* board.begun
    yield* Effect.addFinalizer(() => forget)
    const search = yield* session.fetch({
      infoHash,
      name: Text.printable(name),
      trackers: magnet.trackers.map((url) => [url]),
      webSeeds: magnet.webSeeds,
      peers: peersOf(link, options),
      announceToAllTiers: options.allTiers,
      directory,
      names: Process.names,
    })
    entry.handle = search
    const told = yield* search.events.pipe(
      Stream.takeUntil(({ _tag }) => _tag === "MetadataComplete"),
      Stream.runForEach(Events.searchTeller(output, link)),
      Effect.forkScoped,
    )
    const metainfo = yield* search.metainfo
    // What was kept by an earlier run comes without a last event.
    if ((yield* search.snapshot).metadata !== undefined) {
      yield* Fiber.join(told).pipe(Effect.timeout("1 second"), Effect.ignore)
    }
    yield* forget
    yield* tellFound(metainfo, (Process.monotonicMs() - startedMs) / 1_000)
    const found: Found = { link, metainfo, search }
    return found
  })

const tellFound = (metainfo: Metainfo, seconds: number) =>
  Effect.gen(function* () {
    const output = yield* Output
    const { files, geometry, infoBytes, infoHash, name } = metainfo
    yield* output.event("metadata", {
      infoHash,
      ok: true,
      name,
      bytes: infoBytes.length,
      totalLength: geometry.totalBytes,
      files: files.length,
      seconds: Math.round(seconds * 1_000) / 1_000,
    })
    yield* output.note(
      `metadata: ${Text.printable(name)}, ${Text.count(files.length, "file")}, ${
        Text.bytes(geometry.totalBytes)
      }`,
    )
  })

/**
 * Writes `NAME.torrent` into the absolute `directory`, as a whole, and never over another file: where the same torrent is
 * already, it stays as it is. Gives the path.
 */
export const write = (directory: string, metainfo: Metainfo) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const file = path.join(directory, `${metainfo.name}.torrent`)
    const existing = yield* Effect.option(ReadFile.bytes(file, Limits.MAX_BYTES, "a .torrent file"))
    const parsed = existing._tag === "Some"
      ? Parse.parse(existing.value, { names: Process.names })
      : undefined
    if (parsed?.ok === true && parsed.value.infoHash === metainfo.infoHash) return file
    yield* Effect.ignore(fs.makeDirectory(directory, { recursive: true }))
    yield* NewFile.write(file, Create.wrap(metainfo.infoBytes, metainfo))
    return file
  })
