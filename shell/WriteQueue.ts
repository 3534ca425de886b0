/**
 * Gathers the fragments of pieces into few large positional writes. Fragments refer to the sockets' buffers and are
 * never copied; a piece goes out when it is whole, when enough of it has gathered, or when it has waited for a while,
 * since a fragment that waits keeps the whole buffer that it came in alive.
 *
 * What becomes ready while writes are under way goes out together, so that small pieces don't cost a call of the system
 * each.
 */
import type { Bytes } from "../core/base/Bytes.ts"
import * as Geometry from "../core/metainfo/Geometry.ts"

/** A run of this size costs little more per byte than a larger one. */
export const RUN_BYTES = 1024 * 1024

/** Beyond this much unwritten data everything goes out, whatever its size. */
export const GATHER_LIMIT_BYTES = 8 * 1024 * 1024

/** So much is written at a time, if it is ready while others are under way. */
const BATCH_BYTES = 1024 * 1024

/** Writes under way, one for each thread that Node writes with. */
const MAX_WRITES = 4

/** How long a fragment may wait for its neighbours. */
export const LINGER_MS = 500

interface Fragment {
  /** Counted from the start of the torrent. */
  readonly offset: number
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

/** What goes out of one piece. */
interface Taken {
  readonly piece: Geometry.PieceIndex
  readonly queue: PieceQueue
  readonly fragments: ReadonlyArray<Fragment>
  readonly bytes: number
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

/** A queue over one torrent. `write` is called for each piece at most once at a time. */
export const make = (
  geometry: Geometry.Geometry,
  write: WriteRuns,
  { onHandedOver, onWritten }: Listeners,
): WriteQueue => {
  const pieces = new Map<Geometry.PieceIndex, PieceQueue>()
  /** Those that are to go out, and go on gathering while another write is under way. */
  const ready = new Map<Geometry.PieceIndex, PieceQueue>()
  let writing = 0
  let gatheredBytes = 0
  let pendingBytes = 0

  const flush = (piece: Geometry.PieceIndex, queue: PieceQueue): void => {
    if (queue.fragments.length === 0) return
    ready.set(piece, queue)
    writeReady()
  }

  const writeReady = (): void => {
    while (writing < MAX_WRITES && ready.size > 0) {
      const taken = take()
      if (taken.length === 0) return
      writing++
      const batchBytes = taken.reduce((sum, { bytes }) => sum + bytes, 0)
      write(toRuns(taken.flatMap(({ fragments }) => fragments)), (isWritten) => {
        writing--
        pendingBytes -= batchBytes
        for (const { queue } of taken) queue.isWriting = false
        // Before anybody hears of it: what that brings is for the writes after.
        if (isWritten) writeReady()
        for (const { bytes, piece } of isWritten ? taken : []) onWritten(piece, bytes)
      })
    }
  }

  /** What goes out as the next write. */
  const take = (): ReadonlyArray<Taken> => {
    const taken: Array<Taken> = []
    let bytes = 0
    for (const [piece, queue] of ready) {
      if (bytes >= BATCH_BYTES) break
      if (queue.isWriting) continue
      ready.delete(piece)
      taken.push({ piece, queue, fragments: queue.fragments, bytes: queue.gatheredBytes })
      bytes += queue.gatheredBytes
      queue.handedBytes += queue.gatheredBytes
      queue.fragments = []
      queue.gatheredBytes = 0
      queue.isWriting = true
      onHandedOver(piece)
    }
    gatheredBytes -= bytes
    return taken
  }

  const isDue = (piece: Geometry.PieceIndex, queue: PieceQueue): boolean =>
    queue.gatheredBytes >= RUN_BYTES ||
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
      queue.fragments.push({ offset: Geometry.pieceOffset(geometry, piece) + begin, bytes })
      queue.gatheredBytes += bytes.length
      gatheredBytes += bytes.length
      pendingBytes += bytes.length
      if (gatheredBytes > GATHER_LIMIT_BYTES) flushAll()
      else if (isDue(piece, queue)) flush(piece, queue)
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
const toRuns = (fragments: ReadonlyArray<Fragment>): ReadonlyArray<Run> => {
  const sorted = fragments.toSorted((a, b) => a.offset - b.offset)
  const runs: Array<{ offset: number; buffers: Array<Bytes> }> = []
  let end = -1
  for (const { offset, bytes } of sorted) {
    if (offset < end) return fragments.map((one) => ({ offset: one.offset, buffers: [one.bytes] }))
    if (offset === end) runs[runs.length - 1]!.buffers.push(bytes)
    else runs.push({ offset, buffers: [bytes] })
    end = offset + bytes.length
  }
  return runs
}
