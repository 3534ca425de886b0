/**
 * Gathers the fragments of pieces into few large positional writes. Fragments refer to the sockets' buffers and are
 * never copied; a piece goes out when it is whole, when enough of it has gathered, or when it has waited for a while,
 * since a fragment that waits keeps the whole buffer that it came in alive.
 */
import type { Bytes } from "../core/base/Bytes.ts"
import * as Geometry from "../core/metainfo/Geometry.ts"

/** A run of this size costs little more per byte than a larger one. */
export const RUN_BYTES = 1024 * 1024

/** Beyond this much unwritten data everything goes out, whatever its size. */
export const GATHER_LIMIT_BYTES = 8 * 1024 * 1024

/** How long a fragment may wait for its neighbours. */
export const LINGER_MS = 500

interface Fragment {
  readonly begin: number
  readonly bytes: Bytes
}

interface PieceQueue {
  fragments: Array<Fragment>
  gatheredBytes: number
  /** Bytes handed over since the piece was begun; with those gathered it says when the piece is whole. */
  handedBytes: number
  /** One write at a time for each piece, so that the later of two fragments for the same place wins. */
  isWriting: boolean
  since: number
}

/** Writes the runs in order, then says whether that worked; what to do about a failure is the owner's business. */
export type WriteRuns = (runs: ReadonlyArray<Run>, settled: (isWritten: boolean) => void) => void

export interface Run {
  /** First byte, counted from the start of the torrent. */
  readonly offset: number
  readonly buffers: ReadonlyArray<Bytes>
}

export interface WriteQueue {
  readonly push: (piece: Geometry.PieceIndex, begin: number, bytes: Bytes, now: number) => void
  /** Sends out everything that has waited since before `now - LINGER_MS`; true if something still waits. */
  readonly flushStale: (now: number) => boolean
  readonly flushAll: () => void
  /** The piece is being hashed: whatever comes for it later begins anew. */
  readonly restart: (piece: Geometry.PieceIndex) => void
  /** Bytes pushed and not yet on the disk, nor given up after a failure. */
  readonly pendingBytes: () => number
}

export interface Listeners {
  /** All that was gathered of the piece is given to `write`. */
  readonly onHandedOver: (piece: Geometry.PieceIndex) => void
  /** A write of so many bytes has succeeded. */
  readonly onWritten: (piece: Geometry.PieceIndex, bytes: number) => void
}

/** A queue over one torrent. `write` is called at most once at a time for each piece. */
export const make = (
  geometry: Geometry.Geometry,
  write: WriteRuns,
  { onHandedOver, onWritten }: Listeners,
): WriteQueue => {
  const pieces = new Map<Geometry.PieceIndex, PieceQueue>()
  let gatheredBytes = 0
  let pendingBytes = 0

  const flush = (piece: Geometry.PieceIndex, queue: PieceQueue): void => {
    if (queue.isWriting || queue.fragments.length === 0) return
    const runs = toRuns(Geometry.pieceOffset(geometry, piece), queue.fragments)
    const bytes = queue.gatheredBytes
    queue.fragments = []
    queue.gatheredBytes = 0
    queue.handedBytes += bytes
    gatheredBytes -= bytes
    queue.isWriting = true
    onHandedOver(piece)
    write(runs, (isWritten) => {
      queue.isWriting = false
      pendingBytes -= bytes
      if (!isWritten) return
      if (isReady(piece, queue)) flush(piece, queue)
      onWritten(piece, bytes)
    })
  }

  const isReady = (piece: Geometry.PieceIndex, queue: PieceQueue): boolean =>
    queue.gatheredBytes >= RUN_BYTES || gatheredBytes > GATHER_LIMIT_BYTES ||
    queue.gatheredBytes + queue.handedBytes >= Geometry.pieceLength(geometry, piece)

  const flushAll = (): void => {
    for (const [piece, queue] of pieces) flush(piece, queue)
  }

  return {
    push: (piece, begin, bytes, now) => {
      let queue = pieces.get(piece)
      if (queue === undefined) {
        queue = { fragments: [], gatheredBytes: 0, handedBytes: 0, isWriting: false, since: now }
        pieces.set(piece, queue)
      }
      if (queue.fragments.length === 0) queue.since = now
      queue.fragments.push({ begin, bytes })
      queue.gatheredBytes += bytes.length
      gatheredBytes += bytes.length
      pendingBytes += bytes.length
      if (gatheredBytes > GATHER_LIMIT_BYTES) flushAll()
      else if (isReady(piece, queue)) flush(piece, queue)
    },
    flushStale: (now) => {
      let waits = false
      for (const [piece, queue] of pieces) {
        if (queue.fragments.length === 0) continue
        if (queue.since <= now - LINGER_MS) flush(piece, queue)
        if (queue.fragments.length > 0) waits = true
      }
      return waits
    },
    flushAll,
    restart: (piece) => {
      pieces.delete(piece)
    },
    pendingBytes: () => pendingBytes,
  }
}

/** Neighbouring fragments as one run. Where two overlap, the later one keeps its place in the order of writing. */
const toRuns = (pieceOffset: number, fragments: ReadonlyArray<Fragment>): ReadonlyArray<Run> => {
  const sorted = fragments.toSorted((a, b) => a.begin - b.begin)
  const runs: Array<{ offset: number; buffers: Array<Bytes> }> = []
  let end = -1
  for (const { begin, bytes } of sorted) {
    if (begin < end) {
      return fragments.map((one) => ({ offset: pieceOffset + one.begin, buffers: [one.bytes] }))
    }
    if (begin === end) runs[runs.length - 1]!.buffers.push(bytes)
    else runs.push({ offset: pieceOffset + begin, buffers: [bytes] })
    end = begin + bytes.length
  }
  return runs
}
