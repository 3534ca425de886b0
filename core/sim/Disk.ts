/**
 * A node's disk as its client knows it: what is asked for is answered in order, at once from the system's cache or later,
 * and may fail; hashing goes on beside it. What is written is on the disk soon: a crash loses some of the latest.
 */
import type { Bytes } from "../base/Bytes.ts"
import type { Rng } from "../base/Rng.ts"
import { type Millis, NEVER, SECOND } from "../base/Time.ts"
import type { Command } from "../client/Command.ts"
import type { Input } from "../client/Input.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import * as Bitfield from "../torrent/Bitfield.ts"
import * as Chance from "./Chance.ts"
import type { Content } from "./Content.ts"
import * as Store from "./Store.ts"

export type Order = Extract<Command, { readonly _tag: "Read" | "Write" | "Hash" | "HashBlocks" }>

/** What goes wrong with the next order. */
export type Failure = "IoError" | "DiskFull"

/** Mutable, owned by its node. */
export interface Disk {
  readonly store: Store.Store
  readonly rng: Rng
  /** On top of everything, on average. */
  readonly extraMs: Millis
  /** Bytes that go to the disk between two flipped bits, on average; Infinity: none is. */
  readonly bytesPerFlip: number
  bytesToFlip: number
  readonly transfers: Lane
  readonly hashes: Lane
  /** When the disk will next be looked at; NEVER if it need not be. */
  armedAt: Millis
  failure: Failure | undefined
  /** Verified, and known for that after a crash. */
  readonly safe: Bitfield.Bitfield
  /** Verified since the last time that everything was forced to the disk. */
  readonly unsafe: Array<number>
  syncedAt: Millis
}

/** What was asked for and not answered, from `head` on, and when each is. */
interface Lane {
  readonly orders: Array<Order>
  readonly dueAt: Array<Millis>
  head: number
}

const makeLane = (): Lane => ({ orders: [], dueAt: [], head: 0 })

/** SHA-1 of a piece, on a thread of its own: 1 GB/s, and the way there and back. */
const HASH_BYTES_PER_MS = 1_000_000
const HASH_MS: Millis = 0.5

/** How often what is verified is made safe. */
const SYNC_MS: Millis = 10 * SECOND

const GIB = 2 ** 30

export const make = (
  content: Content,
  isWhole: boolean,
  faults: { readonly diskLatencyMs: Millis; readonly bitFlipsPerGiB: number },
  rng: Rng,
): Disk => {
  // A seeder's disk is sound: of what only a broken disk has, no swarm could get a copy.
  const bytesPerFlip = isWhole || faults.bitFlipsPerGiB === 0 ? Infinity : GIB / faults.bitFlipsPerGiB
  const { pieceCount } = content.metainfo.geometry
  return {
    store: Store.make(content, isWhole),
    rng,
    extraMs: faults.diskLatencyMs,
    bytesPerFlip,
    bytesToFlip: bytesPerFlip === Infinity ? Infinity : Chance.exponential(rng, bytesPerFlip),
    transfers: makeLane(),
    hashes: makeLane(),
    armedAt: NEVER,
    failure: undefined,
    safe: isWhole ? Bitfield.full(pieceCount) : Bitfield.make(pieceCount),
    unsafe: [],
    syncedAt: 0,
  }
}

/** Takes an order; a write's bytes are not needed afterwards. Without extra latency a transfer is answered at once. */
export const ask = (disk: Disk, order: Order, isWrong: boolean, now: Millis): void => {
  if (order._tag === "Write") write(disk, order.piece, order.begin, order.bytes, isWrong)
  const isTransfer = order._tag === "Write" || order._tag === "Read"
  const lane = isTransfer ? disk.transfers : disk.hashes
  let at = isTransfer
    ? now
    : now + HASH_MS + disk.store.content.metainfo.geometry.pieceBytes / HASH_BYTES_PER_MS
  if (disk.extraMs > 0) at += Chance.exponential(disk.rng, disk.extraMs)
  const last = lane.dueAt.length - 1
  if (last >= lane.head && lane.dueAt[last]! > at) at = lane.dueAt[last]!
  lane.orders.push(order)
  lane.dueAt.push(at)
}

const write = (
  disk: Disk,
  piece: Geometry.PieceIndex,
  begin: number,
  bytes: Bytes,
  isWrong: boolean,
): void => {
  Store.write(disk.store, piece, begin, bytes, isWrong)
  disk.bytesToFlip -= bytes.length
  if (disk.bytesToFlip > 0) return
  disk.bytesToFlip = Chance.exponential(disk.rng, disk.bytesPerFlip)
  // Among the pieces that were good once: silently, which is why somebody has to hash what comes from others.
  const { count } = disk.safe
  if (count === 0) return
  let nth = Math.floor(Chance.unit(disk.rng) * count)
  for (const victim of Bitfield.pieces(disk.safe)) {
    if (nth-- > 0) continue
    Store.flip(disk.store, Geometry.blockAt(disk.store.content.metainfo.geometry, victim, 0))
    return
  }
}

/** The next answer that is due, on the node's own clock; several writes of one piece in a row are answered as one. */
export const answer = (disk: Disk, now: Millis, localNow: Millis): Input | undefined => {
  const { hashes, transfers } = disk
  if (laneAt(transfers) <= now) return answerOf(disk, transfers, now, localNow)
  if (laneAt(hashes) <= now) return answerOf(disk, hashes, now, localNow)
  return undefined
}

const answerOf = (disk: Disk, lane: Lane, now: Millis, localNow: Millis): Input => {
  const order = shift(lane)
  if (disk.failure !== undefined) return fail(disk, order, localNow)
  const { piece, torrent } = order
  switch (order._tag) {
    case "Write": {
      let bytes = order.bytes.length
      for (;;) {
        const next = lane.orders[lane.head]
        if (next?._tag !== "Write" || next.piece !== piece || laneAt(lane) > now) break
        bytes += next.bytes.length
        shift(lane)
      }
      return { _tag: "Written", now: localNow, torrent, piece, bytes }
    }
    case "Read": {
      const { begin, conn, length } = order
      const bytes = Store.read(disk.store, piece, begin, length)
      return { _tag: "BlockRead", now: localNow, torrent, conn, piece, begin, bytes }
    }
    case "Hash":
      return { _tag: "PieceHashed", now: localNow, torrent, piece, digest: Store.digest(disk.store, piece) }
    case "HashBlocks": {
      const digests = Store.blockDigests(disk.store, piece)
      return { _tag: "BlocksHashed", now: localNow, torrent, piece, digests }
    }
  }
}

/** When the next answer is due; NEVER if nothing was asked for. */
export const nextAt = ({ hashes, transfers }: Disk): Millis => Math.min(laneAt(transfers), laneAt(hashes))

const laneAt = ({ dueAt, head }: Lane): Millis => head === dueAt.length ? NEVER : dueAt[head]!

const shift = (lane: Lane): Order => {
  const order = lane.orders[lane.head++]!
  if (lane.head === lane.orders.length) empty(lane)
  else if (lane.head >= 64 && lane.head * 2 >= lane.orders.length) {
    lane.orders.splice(0, lane.head)
    lane.dueAt.splice(0, lane.head)
    lane.head = 0
  }
  return order
}

const empty = (lane: Lane): void => {
  // One by one: setting an array's length gives its memory back, which the next order would have to take again.
  while (lane.orders.length > 0) {
    lane.orders.pop()
    lane.dueAt.pop()
  }
  lane.head = 0
}

const fail = (disk: Disk, order: Order, now: Millis): Input => {
  const reason = disk.failure!
  const message = reason === "DiskFull" ? "the disk is full" : "the disk does not answer"
  disk.failure = undefined
  const { torrent } = order
  if (order._tag !== "Read") return { _tag: "StorageFailed", now, torrent, reason, message }
  const { begin, conn, piece } = order
  return { _tag: "ReadFailed", now, torrent, conn, piece, begin, reason, message }
}

/** The client has verified a piece. */
export const verified = (disk: Disk, piece: number, now: Millis): void => {
  if (now - disk.syncedAt >= SYNC_MS) sync(disk, now)
  disk.unsafe.push(piece)
}

/** Everything is forced to the disk. */
export const sync = (disk: Disk, now: Millis): void => {
  for (const piece of disk.unsafe) Bitfield.set(disk.safe, piece)
  disk.unsafe.length = 0
  disk.syncedAt = now
}

/**
 * The node crashes: what was asked for is never answered, and of the pieces that were not yet safe each survives or
 * doesn't. What survives is found by hashing when the node comes back.
 */
export const crash = (disk: Disk, rng: Rng): void => {
  clear(disk)
  for (const piece of disk.unsafe) {
    const index = piece as Geometry.PieceIndex
    const survives = Chance.isLucky(rng, 0.5)
    if (survives && Store.isRight(disk.store, index)) Bitfield.set(disk.safe, piece)
    else if (!survives) {
      Store.flip(disk.store, Geometry.blockAt(disk.store.content.metainfo.geometry, index, 0))
    }
  }
  disk.unsafe.length = 0
}

/** Nobody waits for answers any more. */
export const clear = (disk: Disk): void => {
  empty(disk.transfers)
  empty(disk.hashes)
  disk.armedAt = NEVER
  disk.failure = undefined
}
