/** `Hasher` of a simulated machine: real SHA-1 over what the store reads, at the speed of a worker thread. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Millis } from "../../core/base/Time.ts"
import { Hasher, layerMemory } from "../Hasher.ts"

/** SHA-1 of 1 GB/s, and the way to a thread and back. */
const BYTES_PER_MS = 1_000_000
const ROUND_TRIP_MS: Millis = 0.5

/** Pieces that are read and hashed at a time. */
const WORKERS = 2

export const layer: Layer.Layer<Hasher> = Layer.effect(
  Hasher,
  Effect.map(Hasher, (hasher) => {
    const workers = Effect.unsafeMakeSemaphore(WORKERS)
    return {
      sha1: (store, offset, bytes, blockBytes) =>
        workers.withPermits(1)(
          Effect.zipLeft(
            hasher.sha1(store, offset, bytes, blockBytes),
            Effect.sleep(ROUND_TRIP_MS + bytes / BYTES_PER_MS),
          ),
        ),
    }
  }),
).pipe(Layer.provide(layerMemory))
