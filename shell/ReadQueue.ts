/**
 * Reads blocks for peers: those that are asked for in one turn are gathered, and read by the chunk rather than by the
 * block, since a call of the system costs more than the 16 KiB that it brings. What was read is kept for the next one who
 * asks, and views of it go out as they are. The memory is used again once neither the cache nor a connection has it.
 *
 *     ask ──(cached)──────────────────────────────────────────────────▶ answer
 *      └──▶ gathered ──flush──▶ queued ──(a place is free)──▶ loading ──▶ answer, cache
 */
import * as Effect from "effect/Effect"
import type { Bytes } from "../core/base/Bytes.ts"
import type { ConnId } from "../core/client/Input.ts"
import * as Geometry from "../core/metainfo/Geometry.ts"
import * as BlockCache from "./BlockCache.ts"
import type { TorrentStore } from "./BlockStore.ts"
import * as Slabs from "./Slabs.ts"
import type { StorageError } from "./StorageError.ts"
import type { Turns } from "./Turns.ts"

/** Pieces are read in parts of this size, counted from the start of the piece. */
export const CHUNK_BYTES = 256 * 1024

/** Kept of all torrents: a piece is wanted by several peers within seconds, or not for long. */
export const CACHE_BYTES = 32 * 1024 * 1024

/** Reads under way: enough to keep a disk busy, few enough that those of a peer who leaves are not begun. */
const MAX_LOADS = 8

/** So many chunks are remembered of which one block was read alone. */
const MAX_LONELY = 4_096

/** Part of a piece, for a peer. */
export interface Ask {
  readonly conn: ConnId
  readonly piece: Geometry.PieceIndex
  readonly begin: number
  readonly length: number
}

/** `bytes` is a view that others may share: it must not be written to. */
export type Answered = (asks: ReadonlyArray<Ask>, bytesOf: (ask: Ask) => Bytes) => void

/** The files of a torrent, and who hears what came of its asks. */
export interface Source {
  readonly geometry: Geometry.Geometry
  readonly store: TorrentStore
  readonly answered: Answered
  readonly failed: (asks: ReadonlyArray<Ask>, error: StorageError) => void
  /** Nothing waits or is under way any more. */
  readonly settled: () => void
}

export interface Reader {
  /** Answers at once if it can, otherwise once it was flushed. */
  readonly ask: (ask: Ask) => void
  readonly isIdle: () => boolean
  /** Nothing is answered, and no read begun, any more. */
  readonly close: () => void
}

export interface ReadQueue {
  readonly open: (source: Source) => Reader
  /** Begins to read what was gathered. */
  readonly flush: () => void
  /** Nobody will look at these bytes again, which were an answer. What is never given back costs a collection. */
  readonly giveBack: (bytes: Bytes) => void
  readonly stats: () => Stats
}

export interface Stats {
  /** Asks that were answered by what had been read, or was being read, for others or ahead. */
  readonly hits: number
  readonly misses: number
  readonly readBytes: number
  readonly cachedBytes: number
}

interface Torrent extends Source {
  /** Its chunks are numbered from here on, over all torrents. */
  readonly firstKey: number
  readonly chunksPerPiece: number
  pending: number
  isClosed: boolean
}

/** A part of a piece to be read, and who waits for it. */
interface Load {
  readonly torrent: Torrent
  /** Of the chunk that it is; `undefined`: it is not kept. */
  readonly key: number | undefined
  readonly piece: Geometry.PieceIndex
  readonly begin: number
  readonly bytes: number
  readonly asks: Array<Ask>
}

/** A queue for all torrents, in which `isConnected` says whose asks still matter. */
export const make = (
  { run }: Pick<Turns, "run">,
  isConnected: (conn: ConnId) => boolean,
  { cacheBytes = CACHE_BYTES, chunkBytes = CHUNK_BYTES } = {},
): ReadQueue => {
  const slabs = Slabs.make(chunkBytes)
  const cache = BlockCache.make(cacheBytes, (chunk) => slabs.close(chunk))
  const gathered = new Map<number, { readonly torrent: Torrent; readonly asks: Array<Ask> }>()
  const queued = new Set<Load>()
  /** The chunks among those queued and loading. */
  const coming = new Map<number, Load>()
  /** Chunks of which one block was read alone, in that order. */
  const lonely = new Set<number>()
  let loading = 0
  let nextKey = 0
  let hits = 0
  let misses = 0
  let readBytes = 0

  const ask = (torrent: Torrent, one: Ask): void => {
    const index = Math.floor(one.begin / chunkBytes)
    const key = torrent.firstKey + one.piece * torrent.chunksPerPiece + index
    const chunk = cache.get(key)
    const load = coming.get(key)
    if (one.begin + one.length > (index + 1) * chunkBytes) {
      // Nobody asks so, as blocks divide chunks; but a peer may.
      misses++
      queue({ torrent, key: undefined, piece: one.piece, begin: one.begin, bytes: one.length, asks: [one] })
    } else if (chunk !== undefined) {
      hits++
      torrent.answered([one], viewOf(chunk, index * chunkBytes))
    } else if (load !== undefined) {
      hits++
      load.asks.push(one)
    } else {
      misses++
      const group = gathered.get(key)
      if (group === undefined) gathered.set(key, { torrent, asks: [one] })
      else group.asks.push(one)
    }
  }

  /** All of the chunk, or only what was asked for: one block alone may be all that is ever wanted of it. */
  const plan = (key: number, torrent: Torrent, asks: Array<Ask>): Load => {
    const { piece, begin, length } = asks[0]!
    // A second block of it, or the one behind the chunk before: there will be more.
    const isWanted = asks.length > 1 || lonely.delete(key) || cache.has(key - 1) || coming.has(key - 1)
    if (isWanted) {
      const start = begin - begin % chunkBytes
      const bytes = Math.min(chunkBytes, Geometry.pieceLength(torrent.geometry, piece) - start)
      return { torrent, key, piece, begin: start, bytes, asks }
    }
    lonely.add(key)
    if (lonely.size > MAX_LONELY) lonely.delete(lonely.values().next().value!)
    return { torrent, key: undefined, piece, begin, bytes: length, asks }
  }

  const queue = (load: Load): void => {
    queued.add(load)
    load.torrent.pending++
    if (load.key !== undefined) coming.set(load.key, load)
  }

  const start = (): void => {
    for (const load of queued) {
      if (loading >= MAX_LOADS) return
      queued.delete(load)
      if (load.torrent.isClosed || !load.asks.some(({ conn }) => isConnected(conn))) done(load)
      else read(load)
    }
  }

  const read = (load: Load): void => {
    const { torrent, key, piece, begin, bytes, asks } = load
    loading++
    readBytes += bytes
    const offset = Geometry.pieceOffset(torrent.geometry, piece) + begin
    const reading = Effect.suspend(() => torrent.store.read(offset, bytes, slabs.open(bytes)))
    const settle = (tell: (asks: ReadonlyArray<Ask>) => void): void => {
      loading--
      done(load)
      const heard = asks.filter(({ conn }) => isConnected(conn))
      if (heard.length > 0 && !torrent.isClosed) tell(heard)
      start()
    }
    run(Effect.match(reading, {
      onFailure: (error) => settle((heard) => torrent.failed(heard, error)),
      onSuccess: (read) => {
        // Kept before anybody hears of it: the answers bring the next asks, which find it.
        const isKept = key !== undefined && !torrent.isClosed && bytes <= cacheBytes
        if (isKept) cache.put(key, read)
        settle((heard) => torrent.answered(heard, viewOf(read, begin)))
        if (!isKept) slabs.close(read)
      },
    }))
  }

  const viewOf = (read: Bytes, begin: number) => ({ begin: from, length }: Ask): Bytes => {
    slabs.taken(read, length)
    return read.subarray(from - begin, from - begin + length)
  }

  const done = ({ key, torrent }: Load): void => {
    torrent.pending--
    if (key !== undefined) coming.delete(key)
    if (torrent.pending === 0) torrent.settled()
  }

  const close = (torrent: Torrent): void => {
    torrent.isClosed = true
    for (const [key, group] of gathered) if (group.torrent === torrent) gathered.delete(key)
    const chunks = torrent.geometry.pieceCount * torrent.chunksPerPiece
    cache.drop(torrent.firstKey, torrent.firstKey + chunks)
  }

  return {
    open: (source) => {
      const chunksPerPiece = Math.ceil(source.geometry.pieceBytes / chunkBytes)
      const torrent: Torrent = { ...source, firstKey: nextKey, chunksPerPiece, pending: 0, isClosed: false }
      // One number is left out: no torrent's first chunk lies behind another's last.
      nextKey += source.geometry.pieceCount * chunksPerPiece + 1
      return {
        ask: (one) => ask(torrent, one),
        isIdle: () => torrent.pending === 0,
        close: () => close(torrent),
      }
    },
    flush: () => {
      // In the order in which they lie on the disk.
      for (const key of [...gathered.keys()].sort((a, b) => a - b)) {
        const { torrent, asks } = gathered.get(key)!
        queue(plan(key, torrent, asks))
      }
      gathered.clear()
      start()
    },
    giveBack: (bytes) => slabs.giveBack(bytes.buffer, bytes.length),
    stats: () => ({ hits, misses, readBytes, cachedBytes: cache.bytes() }),
  }
}
