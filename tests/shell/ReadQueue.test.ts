import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import type { TorrentStore } from "../../shell/BlockStore.ts"
import * as ReadQueue from "../../shell/ReadQueue.ts"
import * as StorageError from "../../shell/StorageError.ts"
import { expectBytes } from "../contract/BlockStore.ts"
import { contentAt } from "../support/CoreSwarm.ts"

const BLOCK = Geometry.BLOCK_BYTES
const CHUNK = 4 * BLOCK
/** Four chunks a piece, and a last piece of one and a half. */
const small = Geometry.make(4 * CHUNK, [9 * 4 * CHUNK + CHUNK + 2 * BLOCK])

interface Read {
  readonly offset: number
  readonly bytes: number
  readonly finish: (failure?: StorageError.StorageError) => void
}

/** A queue over a disk whose reads end when they are told to. */
const make = (
  { geometry = small, ...options }: {
    readonly geometry?: Geometry.Geometry
    readonly cacheBytes?: number
    readonly chunkBytes?: number
  } = {},
) => {
  const reads: Array<Read> = []
  const answers: Array<{ readonly ask: ReadQueue.Ask; readonly bytes: Uint8Array }> = []
  const failures: Array<string> = []
  const gone = new Set<number>()
  let settled = 0
  const store = {
    read: (offset: number, bytes: number, into: Uint8Array) =>
      Effect.gen(function* () {
        const done = yield* Deferred.make<void, StorageError.StorageError>()
        reads.push({
          offset,
          bytes,
          finish: (failure) =>
            Deferred.unsafeDone(done, failure === undefined ? Effect.void : Effect.fail(failure)),
        })
        yield* Deferred.await(done)
        into.set(contentAt(offset, bytes))
        return into
      }),
  } as unknown as TorrentStore
  const queue = ReadQueue.make(
    { run: (effect) => Effect.runFork(effect) },
    (conn) => !gone.has(conn),
    { cacheBytes: 64 * CHUNK, chunkBytes: CHUNK, ...options },
  )
  const reader = queue.open({
    geometry,
    store,
    answered: (asks, bytesOf) => {
      for (const ask of asks) answers.push({ ask, bytes: bytesOf(ask) })
    },
    failed: (asks, { message }) => {
      for (const ask of asks) failures.push(`${ask.conn} ${message}`)
    },
    settled: () => settled++,
  })
  const ask = (conn: number, piece: number, begin: number, length = BLOCK): void =>
    reader.ask({ conn, piece: Geometry.pieceIndex(geometry, piece)!, begin, length })
  /** Ends every read that is under way, and those that follow. */
  const finish = Effect.gen(function* () {
    for (let read = reads.shift(); read !== undefined; read = reads.shift()) {
      read.finish()
      yield* Effect.yieldNow()
      yield* Effect.promise(() => Promise.resolve())
    }
  })
  return { queue, reader, ask, reads, answers, failures, gone, finish, settledCount: () => settled }
}

const ranges = (reads: ReadonlyArray<Read>): ReadonlyArray<readonly [number, number]> =>
  reads.map(({ offset, bytes }) => [offset, bytes])

const expectRight = (
  answers: ReadonlyArray<{ readonly ask: ReadQueue.Ask; readonly bytes: Uint8Array }>,
  { pieceBytes } = small,
) => {
  for (const { ask, bytes } of answers) {
    expectBytes(bytes, contentAt(ask.piece * pieceBytes + ask.begin, ask.length))
  }
}

describe("ReadQueue", () => {
  it.effect("gathers the blocks of a turn into chunks, in the order of the disk", () =>
    Effect.gen(function* () {
      const { ask, queue, reads, answers, finish } = make()
      for (const begin of [3, 1, 5, 4]) ask(1, 2, begin * BLOCK)
      ask(2, 0, 2 * BLOCK)
      ask(2, 0, 3 * BLOCK)
      expect(reads).toEqual([])
      queue.flush()
      const piece = 2 * small.pieceBytes
      expect(ranges(reads)).toEqual([[0, CHUNK], [piece, CHUNK], [piece + CHUNK, CHUNK]])
      yield* finish
      expect(answers.length).toBe(6)
      expectRight(answers)
    }))

  it.effect("reads a piece once for ten peers, whenever they ask", () =>
    Effect.gen(function* () {
      const { ask, queue, reads, answers, finish } = make()
      for (let conn = 1; conn <= 5; conn++) for (let at = 0; at < 4; at++) ask(conn, 1, at * BLOCK)
      queue.flush()
      // While it is being read …
      for (let conn = 6; conn <= 8; conn++) for (let at = 0; at < 4; at++) ask(conn, 1, at * BLOCK)
      queue.flush()
      expect(reads.length).toBe(1)
      yield* finish
      // … and afterwards.
      for (let conn = 9; conn <= 10; conn++) for (let at = 0; at < 4; at++) ask(conn, 1, at * BLOCK)
      queue.flush()
      expect(reads.length).toBe(0)
      expect(answers.length).toBe(40)
      expectRight(answers)
      expect(queue.stats()).toMatchObject({ hits: 20, misses: 20, readBytes: CHUNK, cachedBytes: CHUNK })
    }))

  it.effect("reads ahead for who goes on, and a block alone for who does not", () =>
    Effect.gen(function* () {
      const { ask, queue, reads, finish } = make()
      const readsFor = (piece: number, begin: number) =>
        Effect.gen(function* () {
          ask(1, piece, begin)
          queue.flush()
          const found = ranges(reads)
          yield* finish
          return found
        })
      expect(yield* readsFor(0, 0)).toEqual([[0, BLOCK]])
      expect(yield* readsFor(5, BLOCK)).toEqual([[5 * small.pieceBytes + BLOCK, BLOCK]])
      // The second block of that chunk: the whole of it, and from then on whole chunks.
      expect(yield* readsFor(0, BLOCK)).toEqual([[0, CHUNK]])
      expect(yield* readsFor(0, 2 * BLOCK)).toEqual([])
      expect(yield* readsFor(0, CHUNK)).toEqual([[CHUNK, CHUNK]])
      // What follows on the last chunk of a piece is the first of the next.
      expect(yield* readsFor(0, 3 * CHUNK)).toEqual([[3 * CHUNK, BLOCK]])
      expect(yield* readsFor(0, 3 * CHUNK + BLOCK)).toEqual([[3 * CHUNK, CHUNK]])
      expect(yield* readsFor(1, 0)).toEqual([[small.pieceBytes, CHUNK]])
    }))

  it.effect("reads a few blocks of a large chunk by themselves", () =>
    Effect.gen(function* () {
      const { ask, queue, reads, answers, finish } = make({ chunkBytes: 16 * CHUNK })
      // Of a piece, which is smaller: a chunk of 16 blocks, of which two make a whole read.
      ask(1, 0, 3 * BLOCK)
      queue.flush()
      expect(ranges(reads)).toEqual([[3 * BLOCK, BLOCK]])
      yield* finish
      ask(1, 0, 4 * BLOCK)
      queue.flush()
      expect(ranges(reads)).toEqual([[0, 4 * CHUNK]])
      yield* finish
      expectRight(answers)
    }))

  it.effect("reads all of a large chunk once an eighth of it was asked for", () =>
    Effect.gen(function* () {
      const large = Geometry.make(64 * BLOCK, [4 * 64 * BLOCK])
      const { ask, queue, reads, answers, finish } = make({ geometry: large, chunkBytes: 64 * BLOCK })
      for (const at of [9, 2, 4]) ask(1, 1, at * BLOCK)
      queue.flush()
      expect(ranges(reads)).toEqual([[(64 + 2) * BLOCK, 8 * BLOCK]])
      yield* finish
      expect(answers.map(({ ask }) => ask.begin / BLOCK)).toEqual([9, 2, 4])
      for (let at = 10; at < 15; at++) ask(1, 1, at * BLOCK)
      queue.flush()
      expect(ranges(reads)).toEqual([[64 * BLOCK, 64 * BLOCK]])
      yield* finish
      expectRight(answers, large)
    }))

  it.effect("lends a chunk to who takes much of it, and copies for who takes little", () =>
    Effect.gen(function* () {
      const large = Geometry.make(64 * BLOCK, [4 * 64 * BLOCK])
      const { ask, queue, answers, finish } = make({ geometry: large, chunkBytes: 64 * BLOCK })
      for (let at = 0; at < 8; at++) ask(1, 2, at * BLOCK)
      ask(2, 2, 3 * BLOCK)
      queue.flush()
      yield* finish
      ask(3, 2, 5 * BLOCK)
      queue.flush()
      expectRight(answers, large)
      expect(answers.map(({ ask, bytes }) => [ask.conn, bytes.buffer.byteLength / BLOCK])).toEqual([
        ...Array.from({ length: 8 }, () => [1, 64]),
        [2, 1],
        [3, 1],
      ])
    }))

  it.effect("reads what there is of a last chunk, and odd ranges as they are", () =>
    Effect.gen(function* () {
      const { ask, queue, reads, answers, finish } = make()
      const last = 9 * small.pieceBytes
      ask(1, 9, CHUNK)
      ask(1, 9, CHUNK + BLOCK)
      ask(1, 0, CHUNK - 10, 20)
      ask(1, 3, 5, 7)
      queue.flush()
      expect(ranges(reads).toSorted((a, b) => a[0] - b[0])).toEqual([
        [CHUNK - 10, 20],
        [3 * small.pieceBytes + 5, 7],
        [last + CHUNK, 2 * BLOCK],
      ])
      yield* finish
      expect(answers.length).toBe(4)
      expectRight(answers)
    }))

  it.effect("does not read for who has left, nor tell them anything", () =>
    Effect.gen(function* () {
      const { ask, queue, reads, answers, gone, finish, reader, settledCount } = make()
      for (let piece = 0; piece < 5; piece++) {
        ask(1, piece, 0)
        ask(2, piece, BLOCK)
      }
      gone.add(2)
      queue.flush()
      // So many at a time; the fifth waits.
      expect(reads.length).toBe(4)
      gone.add(1)
      yield* finish
      expect(reads.length).toBe(0)
      expect(answers).toEqual([])
      expect(reader.isIdle()).toBe(true)
      expect(settledCount()).toBe(1)
      // Nothing is begun for them, and still it is said that nothing is left.
      ask(1, 0, CHUNK)
      queue.flush()
      expect(reads.length).toBe(0)
      expect(settledCount()).toBe(2)
    }))

  it.effect("tells everyone who waited when the disk fails, and tries again for the next", () =>
    Effect.gen(function* () {
      const { ask, queue, reads, answers, failures, finish, settledCount } = make()
      for (const conn of [1, 2]) ask(conn, 0, 0)
      queue.flush()
      reads.shift()!.finish(StorageError.make("Io", "read", "/d/file"))
      yield* Effect.yieldNow()
      expect(failures.map((failure) => failure.slice(0, 2))).toEqual(["1 ", "2 "])
      expect(failures[0]).toContain("/d/file")
      expect(settledCount()).toBe(1)
      for (const conn of [1, 2]) ask(conn, 0, 0)
      queue.flush()
      yield* finish
      expect(answers.length).toBe(2)
      expectRight(answers)
    }))

  it.effect("never writes over an answer that has not been given back, and allocates nothing once all are", () =>
    Effect.gen(function* () {
      const { ask, queue, answers, finish } = make({ cacheBytes: 2 * CHUNK })
      const buffers = new Set<ArrayBufferLike>()
      const read = (piece: number) =>
        Effect.gen(function* () {
          answers.length = 0
          for (let at = 0; at < 16; at++) ask(1, piece, at * BLOCK)
          queue.flush()
          yield* finish
          expect(answers.length).toBe(16)
          return [...answers]
        })
      const held = yield* read(0)
      for (let piece = 1; piece < 9; piece++) {
        const given = yield* read(piece)
        expectRight(given)
        for (const { bytes } of given) {
          if (piece > 2) buffers.add(bytes.buffer)
          queue.giveBack(bytes)
        }
      }
      expectRight(held)
      // Those of the cache, and of the piece that is being read while they leave it.
      expect(buffers.size).toBeLessThanOrEqual(6)
      expect(queue.stats().cachedBytes).toBe(2 * CHUNK)
    }))

  it.effect("forgets a torrent that is closed", () =>
    Effect.gen(function* () {
      const { ask, queue, reader, reads, answers, finish } = make()
      ask(1, 0, 0)
      ask(1, 0, BLOCK)
      queue.flush()
      ask(1, 4, 0)
      reader.close()
      yield* finish
      queue.flush()
      expect(reads.length).toBe(0)
      expect(answers).toEqual([])
      expect(queue.stats().cachedBytes).toBe(0)
      expect(reader.isIdle()).toBe(true)
    }))
})
