/**
 * `ResumeStore` of a process on a simulated disk, which writes a draft, forces it to the device and renames it: a save that
 * is cut short leaves the old data or the new. That a file was removed is only known for sure while the power stays on.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Bytes } from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import type { InfoHash } from "../../core/metainfo/Metainfo.ts"
import { ResumeStore, ResumeStoreError } from "../ResumeStore.ts"
import * as StorageError from "../StorageError.ts"
import type * as Process from "./Process.ts"
import * as SimDisk from "./SimDisk.ts"
import * as World from "./World.ts"

export const layer = (disk: SimDisk.SimDisk, process: Process.Process): Layer.Layer<ResumeStore> =>
  Layer.sync(ResumeStore, () => {
    process.onGone.push(() => SimDisk.processGone(disk, process))
    // One operation at a time, as on a real disk: two saves would share a draft.
    const turn = Effect.unsafeMakeSemaphore(1)
    const keyOf = (directory: string, infoHash: InfoHash): string => `${directory}/${infoHash}`
    const metadataKeyOf = (directory: string, infoHash: InfoHash): string =>
      `${keyOf(directory, infoHash)}.info`

    const operation = <A>(
      bytes: number,
      land: () => Effect.Effect<A, ResumeStoreError>,
      cutShort = () => {},
    ) =>
      turn.withPermits(1)(Effect.uninterruptible(Effect.async<A, ResumeStoreError>((resume) => {
        disk.underWay.set(cutShort, process)
        World.at(disk.world, SimDisk.dueAt(disk, bytes), () => {
          if (!process.isAlive) return
          disk.underWay.delete(cutShort)
          resume(land())
        })
      })))

    const failing = (kind: "read" | "write", key: string): ResumeStoreError | undefined => {
      const reason = SimDisk.failure(disk, kind)
      return reason === undefined ? undefined : new ResumeStoreError(StorageError.make(reason, kind, key))
    }

    const load = (key: string) =>
      operation(0, () => failing("read", key) ?? Effect.sync(() => disk.resume.get(key)?.slice()))

    const save = (key: string, bytes: Bytes) =>
      Effect.suspend(() => {
        const copy: Bytes = bytes.slice()
        const replace = (): void => {
          disk.removed.delete(key)
          disk.resume.set(key, copy)
        }
        return operation(copy.length, () => {
          const error = failing("write", key)
          World.note(disk.world, `${process.name} saves resume data: ${error?.reason ?? "done"}`)
          return error ?? Effect.sync(replace)
        }, () => {
          if (Rng.below(disk.rng, 2) === 0) replace()
        })
      })

    return {
      load: (directory, infoHash) => load(keyOf(directory, infoHash)),
      save: (directory, infoHash, bytes) => save(keyOf(directory, infoHash), bytes),
      loadMetadata: (directory, infoHash) => load(metadataKeyOf(directory, infoHash)),
      saveMetadata: (directory, infoHash, bytes) => save(metadataKeyOf(directory, infoHash), bytes),
      remove: (directory, infoHash) => {
        const key = keyOf(directory, infoHash)
        return operation(0, () =>
          Effect.sync(() => {
            const bytes = disk.resume.get(key)
            if (bytes !== undefined) disk.removed.set(key, bytes)
            disk.resume.delete(key)
          }))
      },
    }
  })
