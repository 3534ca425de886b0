/**
 * The disk of a simulated machine: the files as the system shows them, and what of them is not on the device yet. A
 * process that dies leaves of each write under way the beginning of it. A power failure leaves of each write since the
 * last `sync` all, nothing, or the beginning.
 */
import { assert } from "../../core/base/Assert.ts"
import type { Bytes } from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import type { Millis } from "../../core/base/Time.ts"
import * as Chance from "../../core/sim/Chance.ts"
import type { Extent } from "../BlockStore.ts"
import * as MemoryDisk from "../MemoryDisk.ts"
import type { StorageReason } from "../StorageError.ts"
import type { Process } from "./Process.ts"
import * as World from "./World.ts"

export interface Options {
  /** On top of the transfer, on average; each operation has its own. */
  readonly latencyMs: Millis
  /** Of all operations together; 0: unlimited. */
  readonly rateBytesPerSec: number
  /** Share of reads and writes that fail, from 0 to 1. */
  readonly errorPart: number
  /** Bytes written between two that come to the disk with a wrong bit, on average; Infinity: none does. */
  readonly bytesPerFlip: number
  /** What there is room for. */
  readonly freeBytes: number
  /** Says that everything is on the device when it is asked to sync, and does nothing. */
  readonly isLying: boolean
}

/** A disk that answers at once and never fails. */
export const SOUND: Options = {
  latencyMs: 0,
  rateBytesPerSec: 0,
  errorPart: 0,
  bytesPerFlip: Infinity,
  freeBytes: Infinity,
  isLying: false,
}

/** What was there before a write that is not on the device yet. */
interface Undo {
  readonly path: string
  readonly offset: number
  readonly before: Bytes
  readonly mtimeMs: number
}

/** Mutable, owned by its machine; it outlives every process. */
export interface SimDisk {
  readonly world: World.World
  readonly files: MemoryDisk.MemoryDisk
  readonly rng: Rng.Rng
  latencyMs: Millis
  rateBytesPerSec: number
  errorPart: number
  bytesPerFlip: number
  readonly isLying: boolean
  /** Every write fails so, or every read, until it is taken away. */
  failing: { readonly read?: StorageReason; readonly write?: StorageReason }
  busyUntil: Millis
  readonly undo: Array<Undo>
  /** What becomes of operations that are under way when their process dies. */
  readonly underWay: Map<() => void, Process>
  /** Resume data by `directory/infoHash`. */
  readonly resume: Map<string, Bytes>
  /** Resume data that was removed since the last power failure, which may bring it back. */
  readonly removed: Map<string, Bytes>
  /** Figures of the disk's whole life. */
  readonly stats: { readBytes: number; writtenBytes: number }
}

export const make = (world: World.World, index: number, options: Partial<Options> = {}): SimDisk => {
  const { bytesPerFlip, errorPart, freeBytes, isLying, latencyMs, rateBytesPerSec } = { ...SOUND, ...options }
  return {
    world,
    files: MemoryDisk.make(freeBytes),
    rng: World.chance(world, "disk", index),
    latencyMs,
    rateBytesPerSec,
    errorPart,
    bytesPerFlip,
    isLying,
    failing: {},
    busyUntil: 0,
    undo: [],
    underWay: new Map(),
    resume: new Map(),
    removed: new Map(),
    stats: { readBytes: 0, writtenBytes: 0 },
  }
}

/** When an operation that begins now is done; those that transfer bytes queue for the device. */
export const dueAt = (disk: SimDisk, bytes: number): Millis => {
  const now = World.now(disk.world)
  const transferMs = disk.rateBytesPerSec === 0 ? 0 : bytes * 1_000 / disk.rateBytesPerSec
  disk.busyUntil = Math.max(now, disk.busyUntil) + transferMs
  return disk.busyUntil + (disk.latencyMs === 0 ? 0 : Chance.exponential(disk.rng, disk.latencyMs))
}

/** Why the next operation of a kind fails; `undefined`: it doesn't. */
export const failure = (disk: SimDisk, kind: "read" | "write"): StorageReason | undefined =>
  disk.failing[kind] ??
    (disk.errorPart > 0 && Chance.isLucky(disk.rng, disk.errorPart) ? "Io" : undefined)

/** Remembers what is at these places, which are about to be written: zeros where nothing is. */
export const remember = (disk: SimDisk, extents: ReadonlyArray<Extent>): void => {
  for (const { bytes, offset, path } of extents) {
    if (path === undefined) continue
    const node = disk.files.nodes.get(path)
    const before = new Uint8Array(bytes)
    if (node?._tag === "File") before.set(node.bytes.subarray(offset, offset + bytes))
    disk.undo.push({ path, offset, before, mtimeMs: node?._tag === "File" ? node.mtimeMs : 0 })
  }
}

/** Turns a bit of what was just written, once in a while. */
export const wear = (disk: SimDisk, extents: ReadonlyArray<Extent>): void => {
  if (disk.bytesPerFlip === Infinity) return
  for (const { bytes, offset, path } of extents) {
    const file = path === undefined ? undefined : disk.files.nodes.get(path)
    if (file?._tag !== "File" || !Chance.isLucky(disk.rng, Math.min(1, bytes / disk.bytesPerFlip))) continue
    file.bytes[offset + Rng.below(disk.rng, bytes)]! ^= 1 << Rng.below(disk.rng, 8)
    World.note(disk.world, `a bit of ${path} is wrong`)
  }
}

/** A process that works with this disk dies. */
export const processGone = (disk: SimDisk, process: Process): void => {
  for (const [cutShort, owner] of [...disk.underWay]) {
    if (owner !== process) continue
    disk.underWay.delete(cutShort)
    cutShort()
  }
}

/** How much of a write under way lands: nothing, all, or any part of its beginning. */
export const landedPart = (disk: SimDisk): number => {
  const kind = Rng.below(disk.rng, 3)
  return kind === 0 ? 0 : kind === 1 ? 1 : Chance.unit(disk.rng)
}

/** The power fails, once its processes are gone: each write that is not on the device is there, lost or torn. */
export const powerGone = (disk: SimDisk): void => {
  const times = new Map<MemoryDisk.File, Array<number>>()
  for (const { before, mtimeMs, offset, path } of disk.undo.splice(0).reverse()) {
    const node = disk.files.nodes.get(path)
    if (node?._tag !== "File") continue
    const kept = Math.floor(landedPart(disk) * before.length)
    node.bytes.set(before.subarray(kept), offset + kept)
    times.set(node, [...times.get(node) ?? [], mtimeMs])
  }
  // The time is in another block of the device: the latest is there, or any of those before.
  for (const [file, earlier] of times) {
    if (Rng.below(disk.rng, 2) === 0) file.mtimeMs = earlier[Rng.below(disk.rng, earlier.length)]!
  }
  for (const [key, bytes] of disk.removed) {
    if (!disk.resume.has(key) && Rng.below(disk.rng, 2) === 0) disk.resume.set(key, bytes)
  }
  disk.removed.clear()
}

/** All that was written until a sync began is on the device when it ends: `count` is `undo.length` at its beginning. */
export const synced = (disk: SimDisk, count: number): void => {
  assert(count <= disk.undo.length, "only a power failure forgets more, and no sync survives it")
  if (!disk.isLying) disk.undo.splice(0, count)
}
