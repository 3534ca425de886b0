/** Which files of a torrent are not as its hashes say, told from the pieces that are right and the files' lengths. */
import * as Geometry from "../core/metainfo/Geometry.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import * as Bitfield from "../core/torrent/Bitfield.ts"
import type { FileStat } from "../core/torrent/Resume.ts"

export type Problem =
  /** It is not there, or is no regular file. */
  | "missing"
  /** It ends too early. */
  | "short"
  /** Its bytes are others. */
  | "different"
  /** What of it lies in pieces of its own is right, but a piece that it shares with a file of another fault is not. */
  | "unverifiable"

export interface FileFault {
  readonly fileIndex: number
  /** Relative to the directory. */
  readonly path: string
  readonly problem: Problem
  /** Of the pieces that the file lies in. */
  readonly piecesHave: number
  readonly pieceCount: number
}

/** The faults of the selected files (`undefined`: all), in their order; `stats` has one entry a file. */
export const of = (
  metainfo: Metainfo,
  have: Bitfield.Bitfield,
  stats: ReadonlyArray<FileStat | undefined>,
  selection: ReadonlySet<number> | undefined,
): ReadonlyArray<FileFault> => {
  const { files, geometry } = metainfo
  const faults: Array<FileFault> = []
  for (const [fileIndex, { path, bytes, isPadding }] of files.entries()) {
    if (isPadding || bytes === 0 || selection?.has(fileIndex) === false) continue
    const { first, last } = Geometry.piecesOfFile(geometry, fileIndex)!
    const missing: Array<Geometry.PieceIndex> = []
    for (let index = first as number; index <= last; index++) {
      if (!Bitfield.get(have, index)) missing.push(Geometry.pieceIndex(geometry, index)!)
    }
    if (missing.length === 0) continue
    const stat = stats[fileIndex]
    const pieceCount = last - first + 1
    const problem: Problem = stat === undefined
      ? "missing"
      : stat.bytes < bytes
      ? "short"
      : missing.every((piece) => isShared(metainfo, piece))
      ? "unverifiable"
      : "different"
    faults.push({ fileIndex, path, problem, piecesHave: pieceCount - missing.length, pieceCount })
  }
  return blame(faults)
}

/** Where every file's only fault is its neighbour's, one of them must be different: then all of them are. */
const blame = (faults: ReadonlyArray<FileFault>): ReadonlyArray<FileFault> =>
  faults.every(({ problem }) => problem === "unverifiable")
    ? faults.map((fault) => ({ ...fault, problem: "different" }))
    : faults

/** Bytes of more than one file lie in it; padding is never wrong. */
const isShared = ({ files, geometry }: Metainfo, piece: Geometry.PieceIndex): boolean => {
  const offset = Geometry.pieceOffset(geometry, piece)
  const segments = Geometry.segments(geometry, offset, Geometry.pieceLength(geometry, piece))
  return segments.filter(({ fileIndex }) => !files[fileIndex]!.isPadding).length > 1
}
