/**
 * Ports that fail, for testing what is built on them: each layer here stands before another one of the same port and asks
 * a plan before every operation whether that goes right.
 *
 *     const plan = Faulty.scripted([["write", 3, { _tag: "Fails", code: "ENOSPC" }]])
 *     const ports = Layer.mergeAll(
 *       Layer.provide(Faulty.blockStore(plan), NodeBlockStore.layer),
 *       Layer.provide(FaultyTransport.layer(plan), NodeTransport.layer),
 *       …
 *     )
 *
 * What fails is told in the port's own errors, as the layer below would tell it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Bytes } from "../core/base/Bytes.ts"
import * as Rng from "../core/base/Rng.ts"
import { BlockStore, type TorrentStore } from "./BlockStore.ts"
import { Hasher } from "./Hasher.ts"
import * as Layout from "./Layout.ts"
import { ResumeStore, ResumeStoreError } from "./ResumeStore.ts"
import * as StorageError from "./StorageError.ts"

/** What can go wrong: of a `BlockStore`, of a `Hasher`, of a `ResumeStore`, of a connection. */
export const OPERATIONS = [
  ...["check", "stats", "createEmpty", "write", "read", "sync"] as const,
  ...["hash"] as const,
  ...["load", "save", "remove"] as const,
  ...["connect", "send", "receive"] as const,
] as const

export type Operation = typeof OPERATIONS[number]

export type Fault =
  /** Nothing of it happens; `code` is an errno such as `EIO`. A connection is cut. */
  | { readonly _tag: "Fails"; readonly code: string }
  /** A part of it happens, and then it fails: what is written or sent ends somewhere in the middle. */
  | { readonly _tag: "Torn"; readonly code: string }
  /** It comes in two parts, as systems may do it, and nothing is wrong with that. */
  | { readonly _tag: "Short" }
  /** It begins so much later; for the disk, connections take no notice. */
  | { readonly _tag: "Slow"; readonly ms: number }

/** Decides over the operations of all layers that it is given to, in the order in which they begin. */
export interface Plan {
  /** Counts the operation, and says what is wrong with it. */
  readonly next: (operation: Operation) => Fault | undefined
  /** How many there have been of a kind. */
  readonly count: (operation: Operation) => number
  /** What went wrong so far, as in `write 3: Fails ENOSPC`. */
  readonly struck: ReadonlyArray<string>
}

const make = (decide: (operation: Operation, nth: number) => Fault | undefined): Plan => {
  const counts = new Map<Operation, number>()
  const struck: Array<string> = []
  return {
    next: (operation) => {
      const nth = (counts.get(operation) ?? 0) + 1
      counts.set(operation, nth)
      const fault = decide(operation, nth)
      if (fault !== undefined) struck.push(`${operation} ${nth}: ${describe(fault)}`)
      return fault
    },
    count: (operation) => counts.get(operation) ?? 0,
    struck,
  }
}

const describe = (fault: Fault): string =>
  `${fault._tag}${"code" in fault ? ` ${fault.code}` : "ms" in fault ? ` ${fault.ms} ms` : ""}`

/** Nothing goes wrong. */
export const none = (): Plan => make(() => undefined)

/** The n-th operation of its kind, counted from 1, has this fault, and no other has one. */
export const scripted = (script: ReadonlyArray<readonly [Operation, nth: number, Fault]>): Plan =>
  make((operation, nth) => script.find(([kind, number]) => kind === operation && number === nth)?.[2])

export interface Chances {
  /** The same seed gives the same faults to the same operations. */
  readonly seed: number
  /** From 0 to 1, for each operation. */
  readonly probability: number
  /** What may go wrong; everything where it is missing. */
  readonly operations?: ReadonlyArray<Operation>
  /** What it is, each as likely as the others; every kind where it is missing. */
  readonly faults?: ReadonlyArray<Fault>
  /** No more faults than this: a download must come to its end some time. */
  readonly most?: number
}

const FAULTS: ReadonlyArray<Fault> = [
  { _tag: "Fails", code: "EIO" },
  { _tag: "Fails", code: "ENOSPC" },
  { _tag: "Fails", code: "EMFILE" },
  { _tag: "Torn", code: "ENOSPC" },
  { _tag: "Torn", code: "ECONNRESET" },
  { _tag: "Short" },
  { _tag: "Slow", ms: 20 },
]

/** Faults by chance. */
export const drawn = (
  { seed, probability, operations = OPERATIONS, faults = FAULTS, most = Infinity }: Chances,
): Plan => {
  const rng = Rng.make(seed)
  let left = most
  return make((operation) => {
    if (left === 0 || !operations.includes(operation) || Rng.next(rng) / 2 ** 32 >= probability) {
      return undefined
    }
    left--
    return faults[Rng.below(rng, faults.length)]
  })
}

/** Carries out `body` unless the plan has something against it; `half` is its first part, and what is left of it after that. */
const guarded = <A, E, R>(
  plan: Plan,
  operation: Operation,
  fail: (code: string) => Effect.Effect<never, E>,
  body: Effect.Effect<A, E, R>,
  half?: readonly [first: Effect.Effect<unknown, E, R>, rest: Effect.Effect<A, E, R>],
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    const fault = plan.next(operation)
    switch (fault?._tag) {
      case undefined:
        return body
      case "Fails":
        return fail(fault.code)
      case "Torn":
        return half === undefined ? fail(fault.code) : Effect.zipRight(half[0], fail(fault.code))
      case "Short":
        return half === undefined ? body : Effect.zipRight(half[0], half[1])
      case "Slow":
        return Effect.delay(body, fault.ms)
    }
  })

/** A `BlockStore` over another one. A write that is torn has written its first half. */
export const blockStore = (plan: Plan): Layer.Layer<BlockStore, never, BlockStore> =>
  Layer.effect(
    BlockStore,
    Effect.map(BlockStore, (below) => ({
      open: (layout) => Effect.map(below.open(layout), (store) => faultyStore(plan, layout, store)),
    })),
  )

/** What is done to the whole directory, as messages say it. */
const ACTIONS = {
  check: "write to",
  stats: "look at",
  createEmpty: "create a file in",
  sync: "save",
} as const

const faultyStore = (plan: Plan, layout: Layout.Layout, store: TorrentStore): TorrentStore => {
  const failing = (action: string, path: string) => (code: string) =>
    StorageError.fromCode(code, action, path)
  const whole = <A>(
    operation: keyof typeof ACTIONS,
    body: Effect.Effect<A, StorageError.StorageError>,
  ) => guarded(plan, operation, failing(ACTIONS[operation], layout.directory), body)
  const pathOf = (offset: number, bytes: number): string =>
    store.locate(offset, bytes).find(({ path }) => path !== undefined)?.path ?? layout.directory
  return {
    check: whole("check", store.check),
    stats: whole("stats", store.stats),
    createEmpty: whole("createEmpty", store.createEmpty),
    sync: whole("sync", store.sync),
    locate: store.locate,
    write: (offset, buffers) => {
      const bytes = Layout.totalBytes(buffers)
      const cut = Math.floor(bytes / 2)
      const [first, rest] = [slice(buffers, 0, cut), slice(buffers, cut, bytes)]
      return guarded(plan, "write", failing("write", pathOf(offset, bytes)), store.write(offset, buffers), [
        store.write(offset, first),
        store.write(offset + cut, rest),
      ])
    },
    read: (offset, bytes, into) => {
      const cut = Math.floor(bytes / 2)
      const memory = into ?? new Uint8Array(bytes)
      return guarded(plan, "read", failing("read", pathOf(offset, bytes)), store.read(offset, bytes, into), [
        store.read(offset, cut, memory.subarray(0, cut)),
        Effect.as(store.read(offset + cut, bytes - cut, memory.subarray(cut)), memory),
      ])
    },
  }
}

/** The bytes of the buffers from `start` to `end`, counted over all of them. */
const slice = (buffers: ReadonlyArray<Bytes>, start: number, end: number): Array<Bytes> => {
  let at = 0
  return buffers.flatMap((buffer) => {
    const part = buffer.subarray(Math.max(0, start - at), Math.max(0, end - at))
    at += buffer.length
    return part.length > 0 ? [part] : []
  })
}

/** A `Hasher` over another one, which reads the files without the store. */
export const hasher = (plan: Plan): Layer.Layer<Hasher, never, Hasher> =>
  Layer.effect(
    Hasher,
    Effect.map(Hasher, (below) => ({
      sha1: (store, offset, bytes, blockBytes) => {
        const path = store.locate(offset, bytes).find(({ path }) => path !== undefined)?.path ?? ""
        const fail = (code: string) => StorageError.fromCode(code, "read", path)
        return guarded(plan, "hash", fail, below.sha1(store, offset, bytes, blockBytes))
      },
    })),
  )

/** A `ResumeStore` over another one: a save that fails has replaced nothing. Metadata goes through as it is. */
export const resumeStore = (plan: Plan): Layer.Layer<ResumeStore, never, ResumeStore> =>
  Layer.effect(
    ResumeStore,
    Effect.map(ResumeStore, (below) => {
      const fail = (action: string, directory: string) => (code: string) => {
        const { reason, path, message } = StorageError.fromCode(code, action, directory)
        return new ResumeStoreError({ reason, path, message })
      }
      return {
        ...below,
        load: (directory, infoHash) =>
          guarded(plan, "load", fail("read", directory), below.load(directory, infoHash)),
        save: (directory, infoHash, bytes) =>
          guarded(plan, "save", fail("save", directory), below.save(directory, infoHash, bytes)),
        remove: (directory, infoHash) =>
          guarded(plan, "remove", fail("remove", directory), below.remove(directory, infoHash)),
      }
    }),
  )
