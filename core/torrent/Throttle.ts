/**
 * The rates that a user allows: one pair of token buckets for the whole client, one for each torrent. Everything counts,
 * the protocol's own bytes too. Downloads are held by not reading from connections (`Client.ts`), uploads by not reading
 * from the disk (`Uploads.ts`): what was read is always sent, so nothing piles up.
 *
 * Torrents that find the client's upload bucket shut stand in a queue and take turns of one block, so that none of them
 * gets more by asking more often.
 */
import * as Address from "../base/Address.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as TokenBucket from "../base/TokenBucket.ts"
import type { TorrentId } from "./Input.ts"

/** What all torrents of a client share. Mutable. */
export interface Throttle {
  readonly download: TokenBucket.TokenBucket
  readonly upload: TokenBucket.TokenBucket
  /** Peers on this machine and its local network don't count. */
  isLanExempt: boolean
  /** Torrents that wait for the upload bucket, next first. */
  readonly uploadQueue: Set<TorrentId>
  /** The torrent that may send one block although others wait. */
  turnOf: TorrentId | undefined
}

/** What one torrent may use. Mutable. */
export interface Buckets {
  readonly download: TokenBucket.TokenBucket
  readonly upload: TokenBucket.TokenBucket
}

/** Everything unlimited. */
export const make = (now: Millis): Throttle => ({
  download: TokenBucket.make(0, now),
  upload: TokenBucket.make(0, now),
  isLanExempt: false,
  uploadQueue: new Set(),
  turnOf: undefined,
})

export const makeBuckets = (
  rates: { readonly maxDownloadRateBytesPerSec: number; readonly maxUploadRateBytesPerSec: number },
  now: Millis,
): Buckets => ({
  download: TokenBucket.make(rates.maxDownloadRateBytesPerSec, now),
  upload: TokenBucket.make(rates.maxUploadRateBytesPerSec, now),
})

/** True if what goes to and from this address counts. */
export const isMetered = (throttle: Throttle, address: Address.Address): boolean =>
  !throttle.isLanExempt || !Address.isLocal(address)

/** True if uploads of this torrent are limited at all. */
export const isUploadLimited = (throttle: Throttle, buckets: Buckets): boolean =>
  throttle.upload.rateBytesPerSec > 0 || buckets.upload.rateBytesPerSec > 0

/** True if downloads of this torrent are limited at all. */
export const isDownloadLimited = (throttle: Throttle, buckets: Buckets): boolean =>
  throttle.download.rateBytesPerSec > 0 || buckets.download.rateBytesPerSec > 0

/**
 * When a bucket opens, if nothing more is taken: whatever time it is now, so that a tick before then finds it shut, and
 * one at that time open.
 */
const opensAt = (bucket: TokenBucket.TokenBucket): Millis => TokenBucket.availableAt(bucket, bucket.updatedAt)

/** When the torrent's own limit lets the next block through. */
export const ownUploadOpensAt = (buckets: Buckets): Millis => opensAt(buckets.upload)

/** What this torrent's upload may use at most, bytes a second; 0: unlimited. */
export const uploadLimit = (throttle: Throttle, buckets: Buckets): number => {
  const all = throttle.upload.rateBytesPerSec
  const own = buckets.upload.rateBytesPerSec
  return all === 0 || own === 0 ? Math.max(all, own) : Math.min(all, own)
}

/**
 * Whether this torrent may send another block now. If only the client's bucket or other torrents stand in the way, it
 * is put into the queue, from which the client wakes it.
 */
export const mayUpload = (throttle: Throttle, buckets: Buckets, id: TorrentId, now: Millis): boolean => {
  if (now < opensAt(buckets.upload)) return false
  const { uploadQueue } = throttle
  const isFirst = uploadQueue.size === 0 || throttle.turnOf === id
  if (isFirst && now >= opensAt(throttle.upload)) return true
  uploadQueue.add(id)
  return false
}

/** Counts bytes of this torrent that go out, or are about to; negative: they will not after all. */
export const takeUpload = (throttle: Throttle, buckets: Buckets, now: Millis, bytes: number): void => {
  TokenBucket.take(throttle.upload, now, bytes)
  TokenBucket.take(buckets.upload, now, bytes)
  throttle.turnOf = undefined
}

/** When the first torrent of the queue may go on. */
export const nextTurnAt = (throttle: Throttle): Millis =>
  throttle.uploadQueue.size === 0 ? NEVER : opensAt(throttle.upload)

/** The torrent whose turn it is now, if there is one; it leaves the queue and comes back in if it wants more. */
export const nextTurn = (throttle: Throttle, now: Millis): TorrentId | undefined => {
  throttle.turnOf = undefined
  if (nextTurnAt(throttle) > now) return undefined
  for (const id of throttle.uploadQueue) {
    throttle.uploadQueue.delete(id)
    throttle.turnOf = id
    return id
  }
  return undefined
}

/** Counts bytes that came in. True if a bucket is in debt now, so that reading has to pause. */
export const takeDownload = (throttle: Throttle, buckets: Buckets, now: Millis, bytes: number): boolean => {
  TokenBucket.take(throttle.download, now, bytes)
  TokenBucket.take(buckets.download, now, bytes)
  return downloadOpensAt(throttle, buckets) > now
}

/** When reading may go on. */
export const downloadOpensAt = (throttle: Throttle, buckets: Buckets): Millis =>
  Math.max(opensAt(throttle.download), opensAt(buckets.download))
