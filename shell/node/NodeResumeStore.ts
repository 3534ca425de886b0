/**
 * `ResumeStore` in `<directory>/.shoal/<info-hash>.resume`, and `.info` for metadata. A save writes a file beside it, brings that to the device,
 * and puts it in place by renaming: at every moment the old or the new version is there as a whole.
 */
import { constants, promises as fs } from "node:fs"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Bytes } from "../../core/base/Bytes.ts"
import type { InfoHash } from "../../core/metainfo/Metainfo.ts"
import { ResumeStore, ResumeStoreError } from "../ResumeStore.ts"
import * as StorageError from "../StorageError.ts"
import * as Files from "./Files.ts"

/** Two million pieces are 256 KiB of bits, 100,000 files about 4 MB: whatever is larger is not ours. */
const MAX_BYTES = 32 * 1024 * 1024

const NO_FOLLOW = constants.O_NOFOLLOW ?? 0

const folderOf = (directory: string): string => `${directory.replace(/\/+$/, "")}/.shoal`

/** What is kept of a torrent. */
type Kind = "resume" | "info"

const fileOf = (directory: string, infoHash: InfoHash, kind: Kind): string =>
  `${folderOf(directory)}/${infoHash}.${kind}`

const load = async (directory: string, infoHash: InfoHash, kind: Kind): Promise<Bytes | undefined> => {
  const path = fileOf(directory, infoHash, kind)
  let file: fs.FileHandle
  try {
    file = await fs.open(path, constants.O_RDONLY | NO_FOLLOW)
  } catch (error) {
    const { code } = error as { readonly code?: string }
    if (code === "ENOENT" || code === "ENOTDIR") return undefined
    throw Files.describe(error, "read", path)
  }
  try {
    const { size } = await file.stat()
    if (size > MAX_BYTES) {
      throw StorageError.make("FileTooLarge", "read", path, "it is too large for resume data")
    }
    const bytes = new Uint8Array(size)
    await Files.readFully(file.fd, path, bytes, 0)
    return bytes
  } catch (error) {
    throw Files.describe(error, "read", path)
  } finally {
    await file.close()
  }
}

const save = async (directory: string, infoHash: InfoHash, kind: Kind, bytes: Bytes): Promise<void> => {
  const path = fileOf(directory, infoHash, kind)
  // One name, so that what a killed process left behind is overwritten and doesn't pile up.
  const draft = `${path}.new`
  try {
    await makeFolder(directory)
    const file = await fs.open(
      draft,
      constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | NO_FOLLOW,
      0o666,
    )
    try {
      await Files.writeFully(file.fd, draft, [bytes], 0)
      await file.sync()
    } finally {
      await file.close()
    }
    await fs.rename(draft, path)
  } catch (error) {
    await fs.rm(draft, { force: true }).catch(() => undefined)
    throw Files.describe(error, "save", path)
  }
  await syncFolder(folderOf(directory))
}

const remove = async (directory: string, infoHash: InfoHash): Promise<void> => {
  const path = fileOf(directory, infoHash, "resume")
  try {
    await fs.rm(path, { force: true })
    await fs.rm(`${path}.new`, { force: true })
  } catch (error) {
    throw Files.describe(error, "remove", path)
  }
  // It stays while it holds another torrent's data, or metadata.
  await fs.rmdir(folderOf(directory)).catch(() => undefined)
}

/** The folder must be one: a link could lead the resume data of one torrent into the files of another. */
const makeFolder = async (directory: string): Promise<void> => {
  const folder = folderOf(directory)
  await Files.makeDirectory(folder)
  const stats = await Files.lstat(folder)
  if (stats?.isDirectory() !== true) {
    throw StorageError.make("Conflict", "save to", folder, "it is a symbolic link")
  }
}

/** Makes the rename last through a power failure, on systems where a directory can be opened. */
const syncFolder = async (folder: string): Promise<void> => {
  try {
    const file = await fs.open(folder, constants.O_RDONLY)
    await file.sync().finally(() => file.close())
  } catch {
    // The file is safe in any case: what might be lost is which of the two versions is there.
  }
}

export const layer: Layer.Layer<ResumeStore> = Layer.sync(ResumeStore, () => {
  // One operation at a time: two saves would share a draft, and the later one must win.
  const turn = Effect.unsafeMakeSemaphore(1)

  const attempt = <A>(body: () => Promise<A>): Effect.Effect<A, ResumeStoreError> =>
    turn.withPermits(1)(Effect.uninterruptible(
      Effect.tryPromise({ try: body, catch: (error) => error }).pipe(
        Effect.catchAll((error) =>
          error instanceof StorageError.StorageError
            ? new ResumeStoreError({ reason: error.reason, path: error.path, message: error.message })
            : Effect.die(error)
        ),
      ),
    ))

  return {
    load: (directory, infoHash) => attempt(() => load(directory, infoHash, "resume")),
    save: (directory, infoHash, bytes) => attempt(() => save(directory, infoHash, "resume", bytes)),
    loadMetadata: (directory, infoHash) => attempt(() => load(directory, infoHash, "info")),
    saveMetadata: (directory, infoHash, bytes) => attempt(() => save(directory, infoHash, "info", bytes)),
    remove: (directory, infoHash) => attempt(() => remove(directory, infoHash)),
  }
})
