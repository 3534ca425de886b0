/** What a run leaves for the next one, and what the next one believes of it. */
import * as Effect from "effect/Effect"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import * as Bitfield from "../core/torrent/Bitfield.ts"
import * as Resume from "../core/torrent/Resume.ts"
import type { TorrentStore } from "./BlockStore.ts"
import * as Check from "./Check.ts"
import type { Hasher } from "./Hasher.ts"
import { ResumeStore, type ResumeStoreError } from "./ResumeStore.ts"
import type { StorageError } from "./StorageError.ts"

export type Progress =
  /** Existing data is being hashed. */
  | { readonly _tag: "Checking"; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly _tag: "Warning"; readonly message: string }

/** What earlier runs have left. */
export interface Existing {
  readonly have: Bitfield.Bitfield
  /** Payload of earlier runs, as far as it is known. */
  readonly uploadedBytes: number
  readonly downloadedBytes: number
  /** The files as they were just before that was found out, one entry a file. */
  readonly files: Resume.Resume["files"]
  /** Resume data says all of this already: saving it again would change nothing. */
  readonly isSaved: boolean
}

/**
 * The pieces that are on the disk already: believed where resume data and files agree in size and time, hashed where
 * they don't. Resume data that cannot be used costs time, never data.
 */
export const existing = (
  store: TorrentStore,
  metainfo: Metainfo,
  directory: string,
  tell: (progress: Progress) => void,
): Effect.Effect<Existing, StorageError, Hasher | ResumeStore> =>
  Effect.gen(function* () {
    const stats = yield* store.stats
    const resume = yield* load(metainfo, directory, tell)
    const { believed, recheck } = Resume.believe(resume, stats, metainfo.geometry)
    if (!Bitfield.isEmpty(recheck)) {
      const onProgress = (doneBytes: number, totalBytes: number) =>
        tell({ _tag: "Checking", doneBytes, totalBytes })
      const good = yield* Check.check(store, metainfo, recheck, onProgress, stats)
      for (const piece of Bitfield.pieces(good)) Bitfield.set(believed, piece)
    }
    return {
      have: believed,
      uploadedBytes: resume?.uploadedBytes ?? 0,
      downloadedBytes: resume?.downloadedBytes ?? 0,
      files: stats,
      isSaved: resume !== undefined && Bitfield.isEmpty(recheck) && resume.have.count === believed.count,
    }
  })

const load = (metainfo: Metainfo, directory: string, tell: (progress: Progress) => void) =>
  Effect.gen(function* () {
    const bytes = yield* (yield* ResumeStore).load(directory, metainfo.infoHash)
    if (bytes === undefined) return undefined
    const resume = Resume.decode(bytes, metainfo.geometry, metainfo.infoHash)
    if (resume.ok) return resume.value
    tell({ _tag: "Warning", message: `resume data is unusable (${resume.error}); checking the data instead` })
    return undefined
  }).pipe(Effect.catchAll((error) =>
    Effect.sync(() => {
      tell({ _tag: "Warning", message: `${error.message}; checking the data instead` })
      return undefined
    })
  ))

/** What a run has come to. `files`: how they were when that was last true; without it, as they are now. */
export type Outcome = Pick<Resume.Resume, "have" | "uploadedBytes" | "downloadedBytes"> & {
  readonly files?: Resume.Resume["files"]
}

/** Remembers the verified pieces, once all that was written is on the device: a claim must not outlive its data. */
export const save = (
  store: TorrentStore,
  metainfo: Metainfo,
  directory: string,
  outcome: Outcome,
): Effect.Effect<void, StorageError | ResumeStoreError, ResumeStore> =>
  Effect.gen(function* () {
    // What is verified while the disk catches up belongs to the next time.
    const have = Bitfield.copy(outcome.have)
    yield* store.sync
    const files = outcome.files ?? (yield* store.stats)
    const bytes = Resume.encode({ ...outcome, have, infoHash: metainfo.infoHash, files })
    yield* (yield* ResumeStore).save(directory, metainfo.infoHash, bytes)
  })

/** Nothing is left to resume. */
export const forget = (
  metainfo: Metainfo,
  directory: string,
): Effect.Effect<void, ResumeStoreError, ResumeStore> =>
  Effect.flatMap(ResumeStore, (resumeStore) => resumeStore.remove(directory, metainfo.infoHash))
