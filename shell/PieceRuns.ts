/** Pieces that are hashed together: to ask a hashing thread costs as much as some hundred KiB of hashing do. */
import * as Geometry from "../core/metainfo/Geometry.ts"

/** So much that asking is not felt, and so little that all threads end at about the same time. */
const MAX_BYTES = 4 * 1024 * 1024
/** Small pieces may be of a hundred files each, which have to be found and opened. */
const MAX_PIECES = 64
/** At least so many runs where there are as many pieces, so that small torrents occupy all threads, too, and show progress. */
const MIN_RUNS = 200

/** Pieces one after another, in the order that they come in: at least one, and all of them if they lie side by side. */
export type Run = ReadonlyArray<Geometry.PieceIndex>

/** Cuts pieces in ascending order into runs. */
export const cut = function* (
  geometry: Geometry.Geometry,
  pieces: Iterable<Geometry.PieceIndex>,
): Generator<Run> {
  const maxBytes = Math.min(MAX_BYTES, geometry.totalBytes / MIN_RUNS)
  const most = Math.min(MAX_PIECES, Math.max(1, Math.floor(maxBytes / geometry.pieceBytes)))
  let run: Array<Geometry.PieceIndex> = []
  for (const piece of pieces) {
    if (run.length === most || (run.length > 0 && piece !== run[run.length - 1]! + 1)) {
      yield run
      run = []
    }
    run.push(piece)
  }
  if (run.length > 0) yield run
}

/** Where a run begins in the torrent, and its bytes. */
export const span = (
  geometry: Geometry.Geometry,
  run: Run,
): { readonly offset: number; readonly bytes: number } => {
  const last = run[run.length - 1]!
  const offset = Geometry.pieceOffset(geometry, run[0]!)
  return {
    offset,
    bytes: Geometry.pieceOffset(geometry, last) + Geometry.pieceLength(geometry, last) - offset,
  }
}
