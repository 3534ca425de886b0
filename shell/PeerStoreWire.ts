/**
 * `PeerStore` for the processes of a tracker that has several: one of them holds the swarms, the others ask it. What one
 * turn of the event loop brings leaves in one write.
 */
import type { Bytes } from "../core/base/Bytes.ts"
import { err, ok } from "../core/base/Result.ts"
import type { PeerStore, Reply, StoreError, StoreStats } from "./PeerStore.ts"
import * as Frames from "./PeerStoreFrames.ts"

/** What a tracker asks of a store for each request. */
export type HotStore = Pick<typeof PeerStore.Service, "announce" | "scrape" | "stats">

/** Questions on their way at a time: more than a second's worth, so that the answers would come too late. */
export const MAX_PENDING = 100_000

/** One end of a stream between two processes. */
export interface Pipe {
  /** Sends bytes, which nobody changes any more. */
  readonly write: (bytes: Bytes) => void
  /** Runs the task when the events that are there now have been handled, so that their frames leave together. */
  readonly defer: (task: () => void) => void
}

const makeSender = (pipe: Pipe): { readonly writer: Frames.Writer; readonly wake: () => void } => {
  const writer = Frames.makeWriter()
  let isWoken = false
  const flush = (): void => {
    isWoken = false
    if (writer.length > 0) pipe.write(Frames.take(writer))
  }
  return {
    writer,
    wake: () => {
      if (isWoken) return
      isWoken = true
      pipe.defer(flush)
    },
  }
}

export interface Client {
  readonly store: HotStore
  /** Sends this process's counters and gets the sums of all. */
  readonly counters: (own: ReadonlyArray<number>, reply: Reply<ReadonlyArray<number>>) => void
  /** Takes what came from the pipe. */
  readonly onBytes: (bytes: Bytes) => void
  /** Answers everything that is under way with a failure; the pipe is gone. */
  readonly close: () => void
}

type Pending = (kind: number, bytes: Uint8Array, view: DataView, from: number, to: number) => void

const GONE: StoreError = { reason: "Unreachable", message: "the tracker is shutting down" }
const FULL: StoreError = { reason: "Overloaded", message: "the tracker is overloaded, try again later" }

/** The end that asks. */
export const client = (pipe: Pipe): Client => {
  const { writer, wake } = makeSender(pipe)
  const pending = new Map<number, Pending>()
  let nextId = 0
  let isOpen = true

  /** Registers who waits for an answer, and gives its id; `undefined` where the question can't be asked. */
  const expect = <A>(
    reply: Reply<A>,
    read: (bytes: Uint8Array, view: DataView, from: number, to: number) => A,
  ): number | undefined => {
    if (!isOpen || pending.size >= MAX_PENDING) {
      reply(err(isOpen ? FULL : GONE))
      return undefined
    }
    const id = nextId
    nextId = (nextId + 1) >>> 0
    pending.set(id, (kind, bytes, view, from, to) => {
      reply(
        kind === Frames.FAILED
          ? err(Frames.readError(bytes, view, from, to))
          : ok(read(bytes, view, from, to)),
      )
    })
    wake()
    return id
  }

  return {
    store: {
      announce: (query, withPeerIds, reply) => {
        const ipBytes = query.ip.length
        const id = expect(
          reply,
          (bytes, view, from) => Frames.readReply(bytes, view, from, ipBytes, withPeerIds),
        )
        if (id !== undefined) Frames.writeQuery(writer, id, query, withPeerIds)
      },
      scrape: (infoHashes, reply) => {
        const id = expect(reply, Frames.readEntries)
        if (id === undefined) return
        let at = Frames.begin(writer, Frames.SCRAPE, id, infoHashes.length * Frames.HASH_BYTES)
        for (const hash of infoHashes) {
          writer.bytes.set(hash, at)
          at += Frames.HASH_BYTES
        }
      },
      stats: (reply) => {
        const id = expect(reply, (_, view, from): StoreStats => ({
          swarms: view.getFloat64(from),
          seeders: view.getFloat64(from + 8),
          leechers: view.getFloat64(from + 16),
        }))
        if (id !== undefined) Frames.begin(writer, Frames.STATS, id, 0)
      },
    },
    counters: (own, reply) => {
      const id = expect(reply, Frames.readNumbers)
      if (id !== undefined) Frames.writeNumbers(writer, Frames.COUNTERS, id, own)
    },
    onBytes: Frames.makeReader((kind, id, bytes, view, from, to) => {
      const settle = pending.get(id)
      pending.delete(id)
      settle?.(kind, bytes, view, from, to)
    }),
    close: () => {
      isOpen = false
      const waiting = [...pending.values()]
      pending.clear()
      const message = new TextEncoder().encode(GONE.message)
      const bytes = new Uint8Array(1 + message.length)
      bytes.set(message, 1)
      for (const settle of waiting) settle(Frames.FAILED, bytes, new DataView(bytes.buffer), 0, bytes.length)
    },
  }
}

/** The end that answers from a store; `counters` gets the other process's and gives the sums of all. */
export const server = (
  store: HotStore,
  pipe: Pipe,
  counters: (theirs: ReadonlyArray<number>) => ReadonlyArray<number>,
): (bytes: Bytes) => void => {
  const { writer, wake } = makeSender(pipe)
  const answer = <A>(id: number, write: (value: A) => void): Reply<A> => (result) => {
    if (result.ok) write(result.value)
    else Frames.writeError(writer, id, result.error)
    wake()
  }
  return Frames.makeReader((kind, id, bytes, view, from, to) => {
    switch (kind) {
      case Frames.ANNOUNCE: {
        const flags = view.getUint8(from)
        const withPeerIds = (flags & Frames.WITH_PEER_IDS) !== 0
        const query = Frames.readQuery(flags, bytes, view, from, to)
        return store.announce(query, withPeerIds, answer(id, (reply) => Frames.writeReply(writer, id, reply)))
      }
      case Frames.SCRAPE: {
        const hashes: Array<Bytes> = []
        for (let at = from; at + Frames.HASH_BYTES <= to; at += Frames.HASH_BYTES) {
          hashes.push(bytes.subarray(at, at + Frames.HASH_BYTES))
        }
        return store.scrape(hashes, answer(id, (entries) => Frames.writeEntries(writer, id, entries)))
      }
      case Frames.STATS:
        return store.stats(answer(id, ({ swarms, seeders, leechers }) => {
          Frames.writeNumbers(writer, Frames.STATS, id, [swarms, seeders, leechers])
        }))
      case Frames.COUNTERS:
        Frames.writeNumbers(writer, Frames.COUNTERS, id, counters(Frames.readNumbers(bytes, view, from, to)))
        return wake()
    }
  })
}
