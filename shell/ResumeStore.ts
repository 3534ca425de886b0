/** Where resume data is kept between runs: one small file a torrent, replaced as a whole or not at all. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Bytes } from "../core/base/Bytes.ts"
import type { InfoHash } from "../core/metainfo/Metainfo.ts"
import type { StorageReason } from "./StorageError.ts"

/** `message` says what failed, with which path, and what to do about it. */
export class ResumeStoreError extends Data.TaggedError("ResumeStoreError")<{
  readonly reason: StorageReason
  /** Absolute. */
  readonly path: string
  readonly message: string
}> {}

export class ResumeStore extends Context.Tag("shoal/ResumeStore")<ResumeStore, {
  /** What was saved last for a torrent in this download directory; `undefined` if nothing was. To be distrusted. */
  readonly load: (directory: string, infoHash: InfoHash) => Effect.Effect<Bytes | undefined, ResumeStoreError>
  /** Replaces what was saved before; whatever happens on the way, `load` gives either the old bytes or the new. */
  readonly save: (
    directory: string,
    infoHash: InfoHash,
    bytes: Bytes,
  ) => Effect.Effect<void, ResumeStoreError>
  /** Forgets a torrent, its metadata apart; nothing saved is no error. */
  readonly remove: (directory: string, infoHash: InfoHash) => Effect.Effect<void, ResumeStoreError>
  /** The `info` dictionary that a magnet link came to in an earlier run, as `load`. It outlives the resume data. */
  readonly loadMetadata: (
    directory: string,
    infoHash: InfoHash,
  ) => Effect.Effect<Bytes | undefined, ResumeStoreError>
  /** Keeps the `info` dictionary of a magnet link, so that the next run needs nobody to have it; as `save`. */
  readonly saveMetadata: (
    directory: string,
    infoHash: InfoHash,
    infoBytes: Bytes,
  ) => Effect.Effect<void, ResumeStoreError>
}>() {}

/** Resume data in memory, by `directory/infoHash`: empty each time the layer is built, or a map to look at or change. */
export const layerMemory = (shared?: Map<string, Bytes>): Layer.Layer<ResumeStore> =>
  Layer.sync(ResumeStore, () => {
    const saved = shared ?? new Map<string, Bytes>()
    const key = (directory: string, infoHash: InfoHash) => `${directory}/${infoHash}`
    const load = (name: string) => Effect.sync(() => saved.get(name)?.slice())
    const save = (name: string, bytes: Bytes) =>
      Effect.sync(() => {
        saved.set(name, bytes.slice())
      })
    return {
      load: (directory, infoHash) => load(key(directory, infoHash)),
      save: (directory, infoHash, bytes) => save(key(directory, infoHash), bytes),
      loadMetadata: (directory, infoHash) => load(`${key(directory, infoHash)}.info`),
      saveMetadata: (directory, infoHash, bytes) => save(`${key(directory, infoHash)}.info`, bytes),
      remove: (directory, infoHash) =>
        Effect.sync(() => {
          saved.delete(key(directory, infoHash))
        }),
    }
  })
