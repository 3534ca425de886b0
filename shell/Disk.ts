/**
 * The files of one driver's torrents: gathering writes and reads, hashing, and back-pressure. What is read from the network must
 * find its way to the disk and through the hasher, or reading stops.
 */
import * as Effect from "effect/Effect"
import type { Bytes } from "../core/base/Bytes.ts"
import type { Millis } from "../core/base/Time.ts"
import type { ConnId, TorrentId } from "../core/client/Input.ts"
import * as Geometry from "../core/metainfo/Geometry.ts"
import type { TorrentStore } from "./BlockStore.ts"
import type { Hasher } from "./Hasher.ts"
import * as PieceDigests from "./PieceDigests.ts"
import * as ReadQueue from "./ReadQueue.ts"
import type { StorageError } from "./StorageError.ts"
import type { Turns } from "./Turns.ts"
import * as WriteQueue from "./WriteQueue.ts"

/**
 * Reads stop above the first and go on below the second: a slow disk must not fill the memory. More gains nothing, since
 * what waits for long has left the processor's cache by the time it is written.
 */
const HIGH_WATER_BYTES = 12 * 1024 * 1024
const LOW_WATER_BYTES = 6 * 1024 * 1024

/** Likewise for what is on the disk and not hashed: it takes no memory, but the user waits for it in the end. */
const HASH_BACKLOG_BYTES = 256 * 1024 * 1024

export interface Files {
  readonly geometry: Geometry.Geometry
  readonly store: TorrentStore
}

export interface Disk {
  readonly attach: (torrent: TorrentId, files: Files) => void
  readonly write: (
    torrent: TorrentId,
    piece: Geometry.PieceIndex,
    begin: number,
    bytes: Bytes,
    at: Millis,
  ) => void
  /** Reads for a peer, from what was read before if it can. */
  readonly read: (torrent: TorrentId, ask: ReadQueue.Ask) => void
  /** Begins the reads that were asked for since the last time. */
  readonly flushReads: () => void
  /** What was read has been sent: its memory may be used again. */
  readonly giveBack: (bytes: Bytes) => void
  readonly hash: (torrent: TorrentId, piece: Geometry.PieceIndex) => void
  readonly hashBlocks: (torrent: TorrentId, piece: Geometry.PieceIndex) => void
  /** Sends out what is still being gathered. */
  readonly flush: (torrent: TorrentId) => void
  /** Nothing of this torrent is on its way to the disk, from it, or to the hasher. */
  readonly isIdle: (torrent: TorrentId) => boolean
  readonly detach: (torrent: TorrentId) => void
}

interface Attached extends Files {
  readonly queue: WriteQueue.WriteQueue
  readonly reader: ReadQueue.Reader
  readonly digests: PieceDigests.PieceDigests | undefined
  hashingBytes: number
}

export interface Listeners {
  /** Reading has to stop, or may go on. */
  readonly onPressure: (isFull: boolean) => void
  /** Some work for this torrent has ended, one way or the other. */
  readonly onSettled: (torrent: TorrentId) => void
  /** The disk has these bytes: the buffer is not looked at again. */
  readonly onWritten: (bytes: Bytes) => void
  /** Whether anybody would hear what is read for this connection. */
  readonly isConnected: (conn: ConnId) => boolean
}

/** No files yet. */
export const make = (
  hasher: Hasher["Type"],
  { now, push, pushAll, run }: Turns,
  { onPressure, onSettled, onWritten, isConnected }: Listeners,
): Disk => {
  const files = new Map<TorrentId, Files>()
  /** Those of which something was read, written or hashed: an idle torrent needs no queues. */
  const torrents = new Map<TorrentId, Attached>()
  const reads = ReadQueue.make({ run }, isConnected)
  let isFull = false
  let isLingering = false

  const balance = (): void => {
    let pendingBytes = 0
    let hashingBytes = 0
    for (const torrent of torrents.values()) {
      pendingBytes += torrent.queue.pendingBytes()
      hashingBytes += torrent.hashingBytes
    }
    const wasFull = isFull
    if (isFull) isFull = pendingBytes > LOW_WATER_BYTES || hashingBytes > HASH_BACKLOG_BYTES / 2
    else isFull = pendingBytes > HIGH_WATER_BYTES || hashingBytes > HASH_BACKLOG_BYTES
    if (isFull === wasFull) return
    onPressure(isFull)
    // Nothing more comes that anything could wait for.
    if (isFull) { for (const torrent of torrents.values()) torrent.queue.flushAll() }
  }

  const failed = (torrent: TorrentId, { message, reason }: StorageError): void =>
    push({ _tag: "StorageFailed", now: now(), torrent, reason, message })

  const find = (id: TorrentId): Attached | undefined => {
    const torrent = torrents.get(id)
    if (torrent !== undefined) return torrent
    const known = files.get(id)
    return known && open(id, known)
  }

  const open = (id: TorrentId, { geometry, store }: Files): Attached => {
    const write: WriteQueue.WriteRuns = (runs, settled) => {
      const writes = Effect.forEach(runs, (one) => store.write(one.offset, one.buffers), { discard: true })
      run(Effect.match(writes, {
        onFailure: (error) => {
          settled(false)
          failed(id, error)
          onSettled(id)
        },
        onSuccess: () => {
          for (const { buffers } of runs) buffers.forEach(onWritten)
          settled(true)
        },
      }))
    }
    const digests = hasher.rolling === undefined ? undefined : PieceDigests.make(hasher.rolling)
    const queue = WriteQueue.make(geometry, write, {
      onHandedOver: (piece) => digests?.handedOver(piece),
      onWritten: (piece, bytes) => {
        balance()
        push({ _tag: "Written", now: now(), torrent: id, piece, bytes })
        onSettled(id)
      },
    })
    const reader = reads.open({
      geometry,
      store,
      answered: (asks, bytesOf) => {
        const blocks = asks.map((ask) => {
          const { conn, piece, begin } = ask
          return { conn, piece, begin, bytes: bytesOf(ask) }
        })
        push({ _tag: "BlocksRead", now: now(), torrent: id, blocks })
      },
      failed: (asks, { message, reason }) => {
        const at = now()
        pushAll(asks.map(({ conn, piece, begin }) => {
          return { _tag: "ReadFailed", now: at, torrent: id, conn, piece, begin, reason, message }
        }))
      },
      settled: () => onSettled(id),
    })
    const torrent: Attached = { geometry, store, queue, reader, digests, hashingBytes: 0 }
    torrents.set(id, torrent)
    return torrent
  }

  /** While anything waits for its neighbours, one timer looks after all of it. */
  const linger = (): void => {
    if (isLingering) return
    isLingering = true
    run(Effect.flatMap(Effect.sleep(WriteQueue.LINGER_MS), () =>
      Effect.sync(() => {
        isLingering = false
        let waits = false
        for (const torrent of torrents.values()) waits = torrent.queue.flushStale(now()) || waits
        if (waits) linger()
      })))
  }

  const hash = (id: TorrentId, piece: Geometry.PieceIndex): void => {
    const torrent = find(id)
    if (torrent === undefined) return
    torrent.queue.restart(piece)
    const { offset, bytes } = rangeOf(torrent, piece)
    const digest = torrent.digests?.take(piece, bytes)
    if (digest !== undefined) return push({ _tag: "PieceHashed", now: now(), torrent: id, piece, digest })
    digesting(id, torrent, bytes, hasher.sha1(torrent.store, offset, bytes), (digest) => {
      push({ _tag: "PieceHashed", now: now(), torrent: id, piece, digest })
    })
  }

  const hashBlocks = (id: TorrentId, piece: Geometry.PieceIndex): void => {
    const torrent = find(id)
    if (torrent === undefined) return
    const { offset, bytes } = rangeOf(torrent, piece)
    const digests = hasher.sha1(torrent.store, offset, bytes, Geometry.BLOCK_BYTES)
    digesting(id, torrent, bytes, digests, (digests) => {
      push({ _tag: "BlocksHashed", now: now(), torrent: id, piece, digests })
    })
  }

  const digesting = (
    id: TorrentId,
    torrent: Attached,
    bytes: number,
    digest: Effect.Effect<Bytes, StorageError>,
    done: (digest: Bytes) => void,
  ): void => {
    const returned = (tell: () => void): void => {
      torrent.hashingBytes -= bytes
      balance()
      tell()
      onSettled(id)
    }
    torrent.hashingBytes += bytes
    run(Effect.match(digest, {
      onFailure: (error) => returned(() => failed(id, error)),
      onSuccess: (digest) => returned(() => done(digest)),
    }))
  }

  return {
    attach: (id, { geometry, store }) => void files.set(id, { geometry, store }),
    write: (id, piece, begin, bytes, at) => {
      const torrent = find(id)
      torrent?.digests?.push(piece, begin, bytes)
      torrent?.queue.push(piece, begin, bytes, at)
      balance()
      linger()
    },
    read: (id, ask) => find(id)?.reader.ask(ask),
    flushReads: reads.flush,
    giveBack: reads.giveBack,
    hash,
    hashBlocks,
    flush: (id) => torrents.get(id)?.queue.flushAll(),
    isIdle: (id) => {
      const torrent = torrents.get(id)
      return torrent === undefined ||
        (torrent.hashingBytes === 0 && torrent.queue.pendingBytes() === 0 && torrent.reader.isIdle())
    },
    detach: (id) => {
      files.delete(id)
      torrents.get(id)?.reader.close()
      if (torrents.delete(id)) balance()
    },
  }
}

const rangeOf = ({ geometry }: Files, piece: Geometry.PieceIndex) => ({
  offset: Geometry.pieceOffset(geometry, piece),
  bytes: Geometry.pieceLength(geometry, piece),
})
