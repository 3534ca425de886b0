/** Makes torrents: finds the files, hashes their pieces on all processors, and gives the bytes of the `.torrent` file. */
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import { assert } from "../core/base/Assert.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import { HASH_BYTES } from "../core/base/Sha1.ts"
import * as Create from "../core/metainfo/Create.ts"
import * as Geometry from "../core/metainfo/Geometry.ts"
import { MAX_PIECES, MAX_TOTAL_BYTES } from "../core/metainfo/Limits.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import * as Parse from "../core/metainfo/Parse.ts"
import * as PieceSize from "../core/metainfo/PieceSize.ts"
import { BlockStore, type TorrentStore } from "./BlockStore.ts"
import * as CreateError from "./CreateError.ts"
import type { FileTree } from "./FileTree.ts"
import { Hasher } from "./Hasher.ts"
import * as PieceRuns from "./PieceRuns.ts"
import * as Walk from "./Walk.ts"

export interface CreateOptions extends Create.Options {
  /** A file or a folder; relative to the working directory. */
  readonly path: string
  /** Bytes of a piece, allowed by `PieceSize`; `undefined` chooses by the size of the content. */
  readonly pieceLength?: number | undefined
  readonly creationDate: number | undefined
  /** Bytes hashed and to hash, often; the last time both equal. */
  readonly onProgress: (doneBytes: number, totalBytes: number) => void
}

export interface Created {
  /** Of the `.torrent` file. */
  readonly bytes: Bytes
  /** What those bytes say. */
  readonly metainfo: Metainfo
  /** The absolute folder that holds the content: where a torrent store of `metainfo` finds it. */
  readonly directory: string
  /** What is worth knowing of the content, the metainfo's own warnings included. */
  readonly warnings: ReadonlyArray<string>
}

/** Runs of pieces asked for at once: enough to keep every hashing worker and the disk's queue busy. */
const CONCURRENCY = 8

/** Calls of `onProgress` at most, whatever the number of pieces. */
const PROGRESS_STEPS = 1_000

/**
 * Makes a torrent of a file or a folder and writes nothing. What no client would accept fails before anything is hashed;
 * a file that changes meanwhile fails with `Changed`.
 */
export const create = (
  options: CreateOptions,
): Effect.Effect<
  Created,
  CreateError.CreateError,
  BlockStore | Hasher | FileTree | Path.Path
> =>
  Effect.scoped(Effect.gen(function* () {
    const tree = yield* Walk.walk(options.path)
    const paths = yield* Path.Path
    const pieceBytes = options.pieceLength ?? PieceSize.choose(totalOf(tree.files))
    assert(PieceSize.isAllowed(pieceBytes), "the piece size is an allowed one")
    const parse = (pieceHashes: Bytes) => {
      const bytes = Create.encode(tree, { pieceBytes, pieceHashes }, options)
      const names = paths.sep === "/" ? "posix" : "portable"
      return { bytes, parsed: Parse.parse(bytes, { names }) }
    }

    const geometry = yield* geometryOf(tree, pieceBytes)
    const pieceHashes = new Uint8Array(geometry.pieceCount * HASH_BYTES)
    const draft = parse(pieceHashes).parsed
    if (!draft.ok) return yield* refused(tree.root, draft.error)

    const store = yield* open(tree, geometry, paths)
    yield* hash(store, geometry, pieceHashes, options.onProgress)
    yield* Walk.requireUnchanged(tree.files)

    const { bytes, parsed } = parse(pieceHashes)
    assert(parsed.ok, "the hashes change nothing of what was accepted")
    const metainfo = parsed.value
    return {
      bytes,
      metainfo,
      directory: paths.dirname(tree.root),
      warnings: [...tree.warnings, ...metainfo.warnings],
    }
  })).pipe(Effect.withSpan("Creation.create"))

const totalOf = (files: ReadonlyArray<Create.File>): number =>
  files.reduce((sum, { bytes }) => sum + bytes, 0)

/** The geometry, if it is one that can be held in memory. */
const geometryOf = (
  { files, root }: Walk.Tree,
  pieceBytes: number,
): Effect.Effect<Geometry.Geometry, CreateError.CreateError> => {
  const totalBytes = totalOf(files)
  if (totalBytes === 0) {
    const why = files.length === 0 ? "holds no file" : "has no content"
    return CreateError.make("Empty", `${root} ${why}, so there is nothing to make a torrent of`)
  }
  if (totalBytes > MAX_TOTAL_BYTES) {
    return refused(root, { reason: "TotalTooLarge", message: `it has over ${MAX_TOTAL_BYTES} bytes` })
  }
  const pieceCount = Math.ceil(totalBytes / pieceBytes)
  return pieceCount > MAX_PIECES
    ? refused(root, {
      reason: "TooManyPieces",
      message: `it has ${pieceCount} pieces, the limit is ${MAX_PIECES}`,
    })
    : Effect.succeed(Geometry.make(pieceBytes, files.map(({ bytes }) => bytes)))
}

const refused = (
  root: string,
  { reason, message }: { readonly reason: CreateError.CreateReason; readonly message: string },
): CreateError.CreateError => {
  const advice = reason === "TooLarge" || reason === "TooManyPieces" ? "; choose a larger piece size" : ""
  return CreateError.make(reason, `no client would accept a torrent of ${root}: ${message}${advice}`)
}

/** The files as a torrent's, read in the places where they were found. */
const open = ({ files, root }: Walk.Tree, geometry: Geometry.Geometry, paths: Path.Path) =>
  Effect.gen(function* () {
    const { open } = yield* BlockStore
    const directory = paths.dirname(root)
    return yield* open({
      directory,
      geometry,
      files: files.map(({ bytes, place }) => ({
        // A link's may lie anywhere: on a level with the directory, or above it.
        path: paths.relative(directory, place),
        bytes,
        isPadding: false,
        isWanted: true,
      })),
      partsFile: "",
    })
  }).pipe(Effect.mapError(({ reason, message }) => CreateError.make(reason, message)))

/** Fills `pieceHashes`. */
const hash = (
  store: TorrentStore,
  geometry: Geometry.Geometry,
  pieceHashes: Bytes,
  onProgress: CreateOptions["onProgress"],
): Effect.Effect<void, CreateError.CreateError, Hasher> =>
  Effect.gen(function* () {
    const hasher = yield* Hasher
    const { totalBytes } = geometry
    let doneBytes = 0
    let toldBytes = 0
    const advance = (bytes: number) => {
      doneBytes += bytes
      if (doneBytes < totalBytes && doneBytes - toldBytes < totalBytes / PROGRESS_STEPS) return
      toldBytes = doneBytes
      onProgress(doneBytes, totalBytes)
    }
    yield* Effect.forEach(PieceRuns.cut(geometry, Geometry.pieces(geometry)), (run) => {
      const { offset, bytes } = PieceRuns.span(geometry, run)
      return hasher.sha1(store, offset, bytes, geometry.pieceBytes).pipe(
        Effect.map((digests) => {
          pieceHashes.set(digests, run[0]! * HASH_BYTES)
          advance(bytes)
        }),
        Effect.mapError(({ reason, path, message }) =>
          reason === "Missing" ? Walk.changed(path) : CreateError.make(reason, message)
        ),
      )
    }, { concurrency: CONCURRENCY, discard: true })
  })
