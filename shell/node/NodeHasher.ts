/**
 * `Hasher` on worker threads that read the files themselves, so that neither the bytes nor the hashing pass through the
 * thread of the protocol.
 */
import { createHash } from "node:crypto"
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Bytes } from "../../core/base/Bytes.ts"
import type { Extent } from "../BlockStore.ts"
import { Hasher, type RollingHash } from "../Hasher.ts"
import * as StorageError from "../StorageError.ts"

/** Beyond this the memory or the disk is the limit. */
const MAX_WORKERS = 4
/** Up to so many processors the protocol's own thread hashes what arrives: a thread for it would only take its place. */
const ROLLING_MAX_CORES = 2
/** Jobs a worker has at once: one that runs and one so that it need not wait for the next (7 to 30 % with one worker). */
const DEPTH = 2

interface Job {
  readonly id: number
  readonly extents: ReadonlyArray<Extent>
  /** One digest for so many bytes each; of all together where it is missing. */
  readonly blockBytes: number | undefined
  readonly resume: (outcome: Effect.Effect<Bytes, StorageError.StorageError>) => void
  isRetry: boolean
}

/** What comes back from `hashWorker.mjs`. */
type Answer =
  | { readonly id: number; readonly digest: Bytes }
  | { readonly id: number; readonly path: string; readonly code: string | undefined }

interface Thread {
  readonly worker: Worker
  readonly jobs: Map<number, Job>
}

const rolling = (): RollingHash => {
  const hash = createHash("sha1")
  return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) }
}

/** A pool of at most `workerCount` threads, which are started when they are needed and end with the scope. */
export const layerWith = (
  { isRolling = false, workerCount, workerUrl }: {
    readonly workerCount: number
    readonly workerUrl: URL
    /** Whether the caller's thread hashes what is at hand. */
    readonly isRolling?: boolean
  },
): Layer.Layer<Hasher> =>
  Layer.scoped(
    Hasher,
    Effect.gen(function* () {
      const threads = new Set<Thread>()
      // In order of asking. A set, so that a job which is interrupted while it waits leaves without a search.
      const waiting = new Set<Job>()
      let nextId = 0

      const dispatch = (): void => {
        for (const job of waiting) {
          const thread = choose()
          if (thread === undefined) return
          waiting.delete(job)
          // Only work keeps the process up, an idle pool does not.
          if (thread.jobs.size === 0) thread.worker.ref()
          thread.jobs.set(job.id, job)
          thread.worker.postMessage({ id: job.id, extents: job.extents, blockBytes: job.blockBytes })
        }
      }

      /**
       * The thread with the least to do; `undefined` where all have enough. A new one only then: a download keeps one
       * busy, and each costs memory and a place on the processors.
       */
      const choose = (): Thread | undefined => {
        let best: Thread | undefined
        for (const thread of threads) {
          if (thread.jobs.size < (best?.jobs.size ?? DEPTH)) best = thread
        }
        return best ?? (threads.size < workerCount ? start() : undefined)
      }

      const start = (): Thread => {
        // It reads no environment, and on Deno a copy of it would take the permission to read all of it.
        const worker = new Worker(workerUrl, { env: {} })
        const thread: Thread = { worker, jobs: new Map() }
        threads.add(thread)
        worker.unref()
        worker.on("message", (answer: Answer) => settle(thread, answer))
        worker.on("error", (error) => lost(thread, error))
        worker.on("messageerror", (error) => lost(thread, error))
        worker.on("exit", (code) => lost(thread, new Error(`a hashing thread ended with status ${code}`)))
        return thread
      }

      const settle = (thread: Thread, answer: Answer): void => {
        const job = thread.jobs.get(answer.id)
        thread.jobs.delete(answer.id)
        if (thread.jobs.size === 0) thread.worker.unref()
        dispatch()
        job?.resume(
          "digest" in answer
            ? Effect.succeed(answer.digest)
            : Effect.fail(StorageError.fromCode(answer.code, "read", answer.path)),
        )
      }

      /** A thread that ends before the pool does is a fault of the machine or of ours: its jobs get one more try. */
      const lost = (thread: Thread, cause: Error): void => {
        if (!threads.delete(thread)) return
        thread.worker.unref()
        for (const job of thread.jobs.values()) {
          if (job.isRetry) job.resume(Effect.die(cause))
          else {
            job.isRetry = true
            waiting.add(job)
          }
        }
        dispatch()
      }

      yield* Effect.addFinalizer(() =>
        Effect.promise(async () => {
          const ending = [...threads]
          threads.clear()
          const jobs = [...waiting, ...ending.flatMap((thread) => [...thread.jobs.values()])]
          waiting.clear()
          for (const job of jobs) job.resume(Effect.interrupt)
          await Promise.all(ending.map((thread) => thread.worker.terminate()))
        })
      )

      return {
        ...(isRolling && { rolling }),
        sha1: (store, offset, bytes, blockBytes) =>
          Effect.async<Bytes, StorageError.StorageError>((resume) => {
            const extents = store.locate(offset, bytes)
            const job: Job = { id: nextId++, extents, blockBytes, resume, isRetry: false }
            waiting.add(job)
            dispatch()
            // What a thread has begun runs to its end; its answer finds nobody.
            return Effect.sync(() => waiting.delete(job))
          }),
      }
    }),
  )

/** As many threads as the machine runs at once, up to 4. The worker's file lies beside this one, or beside the bundle. */
export const layer: Layer.Layer<Hasher> = layerWith({
  isRolling: availableParallelism() <= ROLLING_MAX_CORES,
  workerCount: Math.min(availableParallelism(), MAX_WORKERS),
  workerUrl: new URL("./hashWorker.mjs", import.meta.url),
})
