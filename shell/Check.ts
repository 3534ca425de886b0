/** Compares what is on the disk with the hashes: the same loop for `verify` and before a download. */
import * as Effect from "effect/Effect"
import * as Geometry from "../core/metainfo/Geometry.ts"
import { type Metainfo, pieceHash } from "../core/metainfo/Metainfo.ts"
import * as Bytes from "../core/base/Bytes.ts"
import * as Bitfield from "../core/torrent/Bitfield.ts"
import type { FileStat } from "../core/torrent/Resume.ts"
import { HASH_BYTES } from "../core/base/Sha1.ts"
import type { TorrentStore } from "./BlockStore.ts"
import { Hasher } from "./Hasher.ts"
import * as PieceRuns from "./PieceRuns.ts"
import type { StorageError } from "./StorageError.ts"

/** Runs of pieces asked for at once: enough to keep every hashing worker and the disk's queue busy, and no more. */
const CONCURRENCY = 8

/** Calls of `onProgress` at most, whatever the number of pieces. */
const PROGRESS_STEPS = 200

/**
 * Which of `pieces` are there and match their hash. A file that is missing or too short makes its pieces bad, without
 * reading; only a disk that cannot be read is an error. `onProgress` gets bytes done and to do, the last time both equal.
 * `known`: what `store.stats` has said just now.
 */
export const check = (
  store: TorrentStore,
  metainfo: Metainfo,
  pieces: Bitfield.Bitfield,
  onProgress: (doneBytes: number, totalBytes: number) => void = () => undefined,
  known?: ReadonlyArray<FileStat | undefined>,
): Effect.Effect<Bitfield.Bitfield, StorageError, Hasher> =>
  Effect.gen(function* () {
    const { geometry } = metainfo
    const hasher = yield* Hasher
    const stats = known ?? (yield* store.stats)
    const asked = [...Bitfield.pieces(pieces)]
    const totalBytes = asked.reduce((sum, piece) => sum + Geometry.pieceLength(geometry, piece), 0)
    const good = Bitfield.make(geometry.pieceCount)
    let doneBytes = 0
    let toldBytes = 0
    const advance = (bytes: number) => {
      doneBytes += bytes
      if (doneBytes < totalBytes && doneBytes - toldBytes < totalBytes / PROGRESS_STEPS) return
      toldBytes = doneBytes
      onProgress(doneBytes, totalBytes)
    }
    const isHere = (piece: Geometry.PieceIndex) => isThere(metainfo, stats, piece)
    /** Hashes pieces side by side, all of which are there. */
    const hash = (run: PieceRuns.Run) => {
      const { offset, bytes } = PieceRuns.span(geometry, run)
      return hasher.sha1(store, offset, bytes, geometry.pieceBytes).pipe(
        Effect.map((digests) => {
          for (const [i, piece] of run.entries()) {
            const digest = digests.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)
            if (Bytes.equals(digest, pieceHash(metainfo, piece))) Bitfield.set(good, piece)
          }
        }),
        Effect.andThen(Effect.sync(() => advance(bytes))),
      )
    }
    const single = (piece: Geometry.PieceIndex) => {
      const gone = Effect.sync(() => advance(Geometry.pieceLength(geometry, piece)))
      if (!isHere(piece)) return gone
      return Effect.catchIf(hash([piece]), isMissing, () => gone)
    }
    const together = (run: PieceRuns.Run) => {
      const singly = Effect.forEach(run, single, { discard: true })
      // Gone, or cut off, since its length was asked: then that is one file, and what lies beside it may be there.
      return run.every(isHere) ? Effect.catchIf(hash(run), isMissing, () => singly) : singly
    }
    const runs = PieceRuns.cut(geometry, asked)
    yield* Effect.forEach(runs, together, { concurrency: CONCURRENCY, discard: true })
    return good
  })

const isMissing = (error: StorageError): boolean => error.reason === "Missing"

/** True if the files that a piece lies in are long enough to hold it; padding always is. */
const isThere = (
  { geometry, files }: Metainfo,
  stats: ReadonlyArray<FileStat | undefined>,
  piece: Geometry.PieceIndex,
): boolean => {
  const { offset, bytes } = PieceRuns.span(geometry, [piece])
  return Geometry.segments(geometry, offset, bytes).every((segment) =>
    files[segment.fileIndex]!.isPadding ||
    segment.offset + segment.bytes <= (stats[segment.fileIndex]?.bytes ?? 0)
  )
}
