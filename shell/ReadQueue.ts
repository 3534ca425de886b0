/**
 * Reads blocks for peers: those that are asked for in one turn are gathered, and read by the chunk rather than by the
 * block, since a call of the system costs more than the 16 KiB that it brings. What was read is kept for the next one who
 * asks, and views of it go out as they are. The memory is used again once neither the cache nor a connection has it.
 *
 *     ask ──▶ gathered ──flush──(cached)──────────────────────────────▶ answer
 *                          └──▶ queued ──(a place is free)──▶ loading ──▶ answer, cache
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

/**
 * Pieces are read in parts of this size, counted from the start of the piece, or whole if they are smaller. A read costs
 * some 0.1 ms besides its bytes, and as much again until a thread has time for it.
 */
export const CHUNK_BYTES = 1024 * 1024

/** Kept of all torrents: a piece is wanted by several peers at once, or not for long; slow ones come back to it block by block. */
export const CACHE_BYTES = 16 * 1024 * 1024

/** Reads under way, one for each thread that Node reads with: few enough that those of a peer who leaves are not begun. */
const MAX_LOADS = 4

/** Of who has asked for so much of a chunk the rest is expected to follow; who gets less may not keep all of it here. */
const WANTED_SHARE = 1 / 8

/** So many chunks are remembered of which a few blocks were read by themselves. */
const MAX_LONELY = 4_096

/** Part of a piece, for a peer. */
export interface Ask {
  readonly conn: ConnId
  readonly piece: Geometry.PieceIndex
  readonly begin: number
  readonly length: number
}

/** The bytes may be a view that others share: they must not be written to. */
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
  /** Gathers it, to be answered once it was flushed. */
  readonly ask: (ask: Ask) => void
  readonly isIdle: () => boolean
  /** Nothing is answered, and no read begun, any more. */
  readonly close: () => void
}

export interface ReadQueue {
  readonly open: (source: Source) => Reader
  /** Answers what was gathered and is here, and begins to read the rest. */
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
  readonly chunkBytes: number
  readonly slabs: Slabs.Slabs
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
  /** By the size of chunks, of which there are as many as there are sizes of small pieces. */
  const slabsOfSize = new Map<number, Slabs.Slabs>()
  const cache = BlockCache.make(cacheBytes, (chunk) => slabsOfSize.get(chunk.buffer.byteLength)?.close(chunk))
  const gathered = new Map<number, { readonly torrent: Torrent; readonly asks: Array<Ask> }>()
  const queued = new Set<Load>()
  /** The chunks among those queued and loading. */
  const coming = new Map<number, Load>()
  /** Chunks of which a few blocks were read by themselves, in that order, and how many. */
  const lonely = new Map<number, number>()
  let loading = 0
  let nextKey = 0
  let hits = 0
  let misses = 0
  let readBytes = 0

  const ask = (torrent: Torrent, one: Ask): void => {
    const index = Math.floor(one.begin / torrent.chunkBytes)
    const key = torrent.firstKey + one.piece * torrent.chunksPerPiece + index
    if (one.begin + one.length > (index + 1) * torrent.chunkBytes) {
      // Nobody asks so, as blocks divide chunks; but a peer may.
      misses++
      queue({ torrent, key: undefined, piece: one.piece, begin: one.begin, bytes: one.length, asks: [one] })
    } else {
      const group = gathered.get(key)
      if (group === undefined) gathered.set(key, { torrent, asks: [one] })
      else group.asks.push(one)
    }
  }

  /** What was gathered of a chunk is answered together where it is here, or waits for it, or has it read. */
  const serve = (key: number, torrent: Torrent, asks: Array<Ask>): void => {
    const chunk = cache.get(key)
    const load = coming.get(key)
    if (chunk !== undefined) {
      hits += asks.length
      const begin = (key - torrent.firstKey) % torrent.chunksPerPiece * torrent.chunkBytes
      torrent.answered(asks, bytesOf(torrent, chunk, begin, asks))
    } else if (load !== undefined) {
      hits += asks.length
      for (const one of asks) load.asks.push(one)
    } else {
      misses += asks.length
      queue(plan(key, torrent, asks))
    }
  }

  /** All of the chunk, or only what was asked for: a few blocks may be all that is ever wanted of it. */
  const plan = (key: number, torrent: Torrent, asks: Array<Ask>): Load => {
    const { chunkBytes, geometry } = torrent
    const { piece, begin } = asks[0]!
    const askedCount = asks.length + (lonely.get(key) ?? 0)
    lonely.delete(key)
    // Who goes on behind the chunk before will go on with this one.
    const isWanted = askedCount >= Math.max(2, chunkBytes / Geometry.BLOCK_BYTES * WANTED_SHARE) ||
      cache.has(key - 1) || coming.has(key - 1)
    if (isWanted) {
      const start = begin - begin % chunkBytes
      const bytes = Math.min(chunkBytes, Geometry.pieceLength(geometry, piece) - start)
      return { torrent, key, piece, begin: start, bytes, asks }
    }
    lonely.set(key, askedCount)
    if (lonely.size > MAX_LONELY) lonely.delete(lonely.keys().next().value!)
    const start = Math.min(...asks.map(({ begin }) => begin))
    const end = Math.max(...asks.map(({ begin, length }) => begin + length))
    return { torrent, key: undefined, piece, begin: start, bytes: end - start, asks }
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
    const reading = Effect.suspend(() => torrent.store.read(offset, bytes, torrent.slabs.open(bytes)))
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
        settle((heard) => torrent.answered(heard, bytesOf(torrent, read, begin, heard)))
        if (!isKept) torrent.slabs.close(read)
      },
    }))
  }

  /** Views; copies for who takes little of it, since a peer that stops reading must not hold a chunk by each block. */
  const bytesOf = ({ slabs }: Torrent, read: Bytes, begin: number, asks: ReadonlyArray<Ask>) => {
    const shares = new Map<ConnId, number>()
    for (const { conn, length } of asks) shares.set(conn, (shares.get(conn) ?? 0) + length)
    return ({ begin: from, conn, length }: Ask): Bytes => {
      const [start, end] = [from - begin, from - begin + length]
      if (shares.get(conn)! < read.length * WANTED_SHARE) return read.slice(start, end)
      slabs.taken(read, length)
      return read.subarray(start, end)
    }
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
      const { pieceBytes } = source.geometry
      const ownChunkBytes = Math.min(chunkBytes, pieceBytes)
      const chunksPerPiece = Math.ceil(pieceBytes / ownChunkBytes)
      const slabs = slabsOfSize.get(ownChunkBytes) ?? Slabs.make(ownChunkBytes)
      slabsOfSize.set(ownChunkBytes, slabs)
      const torrent: Torrent = {
        ...source,
        chunkBytes: ownChunkBytes,
        slabs,
        firstKey: nextKey,
        chunksPerPiece,
        pending: 0,
        isClosed: false,
      }
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
      const groups = [...gathered].sort(([a], [b]) => a - b)
      gathered.clear()
      for (const [key, { torrent, asks }] of groups) serve(key, torrent, asks)
      start()
    },
    giveBack: ({ buffer, length }) => slabsOfSize.get(buffer.byteLength)?.giveBack(buffer, length),
    stats: () => ({ hits, misses, readBytes, cachedBytes: cache.bytes() }),
  }
}
