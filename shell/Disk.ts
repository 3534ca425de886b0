/**
 * The files of one driver's torrents: gathering writes, hashing, and back-pressure. What is read from the network must
 * find its way to the disk and through the hasher, or reading stops.
 */
import * as Effect from "effect/Effect"
import type { Bytes } from "../core/base/Bytes.ts"
import type { Millis } from "../core/base/Time.ts"
import type { TorrentId } from "../core/client/Input.ts"
import * as Geometry from "../core/metainfo/Geometry.ts"
import type { TorrentStore } from "./BlockStore.ts"
import type { Hasher } from "./Hasher.ts"
import type { StorageError } from "./StorageError.ts"
import type { Turns } from "./Turns.ts"
import * as WriteQueue from "./WriteQueue.ts"

/** Reads stop above the first and go on below the second: a slow disk must not fill the memory. */
const HIGH_WATER_BYTES = 48 * 1024 * 1024
const LOW_WATER_BYTES = 24 * 1024 * 1024

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
  readonly hash: (torrent: TorrentId, piece: Geometry.PieceIndex) => void
  /** Sends out what is still being gathered. */
  readonly flush: (torrent: TorrentId) => void
  /** Nothing of this torrent is on its way to the disk or to the hasher. */
  readonly isIdle: (torrent: TorrentId) => boolean
  readonly detach: (torrent: TorrentId) => void
}

interface Attached extends Files {
  readonly queue: WriteQueue.WriteQueue
  hashingBytes: number
}

export interface Listeners {
  /** Reading has to stop, or may go on. */
  readonly onPressure: (isFull: boolean) => void
  /** Some work for this torrent has ended, one way or the other. */
  readonly onSettled: (torrent: TorrentId) => void
  /** The disk has these bytes: the buffer is not looked at again. */
  readonly onWritten: (bytes: Bytes) => void
}

/** No files yet. */
export const make = (
  hasher: Hasher["Type"],
  { now, push, run }: Turns,
  { onPressure, onSettled, onWritten }: Listeners,
): Disk => {
  const torrents = new Map<TorrentId, Attached>()
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
    if (isFull !== wasFull) onPressure(isFull)
  }

  const failed = (torrent: TorrentId, { message, reason }: StorageError): void =>
    push({ _tag: "StorageFailed", now: now(), torrent, reason, message })

  const attach = (id: TorrentId, { geometry, store }: Files): void => {
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
    const queue = WriteQueue.make(geometry, write, (piece, bytes) => {
      balance()
      push({ _tag: "Written", now: now(), torrent: id, piece, bytes })
      onSettled(id)
    })
    torrents.set(id, { geometry, store, queue, hashingBytes: 0 })
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
    const torrent = torrents.get(id)
    if (torrent === undefined) return
    const bytes = Geometry.pieceLength(torrent.geometry, piece)
    const returned = (): void => {
      torrent.hashingBytes -= bytes
      balance()
    }
    torrent.queue.restart(piece)
    torrent.hashingBytes += bytes
    const digest = hasher.sha1(torrent.store, Geometry.pieceOffset(torrent.geometry, piece), bytes)
    run(Effect.match(digest, {
      onFailure: (error) => {
        returned()
        failed(id, error)
        onSettled(id)
      },
      onSuccess: (sha1) => {
        returned()
        push({ _tag: "PieceHashed", now: now(), torrent: id, piece, digest: sha1 })
        onSettled(id)
      },
    }))
  }

  return {
    attach,
    write: (id, piece, begin, bytes, at) => {
      torrents.get(id)?.queue.push(piece, begin, bytes, at)
      balance()
      linger()
    },
    hash,
    flush: (id) => torrents.get(id)?.queue.flushAll(),
    isIdle: (id) => {
      const torrent = torrents.get(id)
      return torrent === undefined || (torrent.hashingBytes === 0 && torrent.queue.pendingBytes() === 0)
    },
    detach: (id) => {
      torrents.delete(id)
      balance()
    },
  }
}
