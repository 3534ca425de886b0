/**
 * Torrents whose files lie in the same place. Where two that are open have a file of one path, the one that was opened
 * first may write to it: what it has there is not the other's to change. A file that is right for both is shared all the
 * same, because nobody has to write to it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { TorrentStore } from "./BlockStore.ts"
import * as Layout from "./Layout.ts"
import * as StorageError from "./StorageError.ts"

type Open = (layout: Layout.Layout) => Effect.Effect<TorrentStore, StorageError.StorageError, Scope.Scope>

/** An open torrent; its paths are only listed if somebody else has files near them. */
interface Holder {
  readonly layout: Layout.Layout
  paths: ReadonlySet<string> | undefined
}

/** Stores as `open` gives them, of which one alone may write to a path at a time: for all torrents of a layer. */
export const guard = (open: Open): Open => {
  const holders = new Set<Holder>()
  return (layout) =>
    Effect.gen(function* () {
      const self: Holder = { layout, paths: undefined }
      const store = yield* open(layout)
      yield* Effect.acquireRelease(
        Effect.sync(() => holders.add(self)),
        () => Effect.sync(() => holders.delete(self)),
      )
      return {
        ...store,
        write: (offset, buffers) =>
          Effect.suspend(() => {
            const taken = takenBy(holders, self, store, offset, Layout.totalBytes(buffers))
            if (taken === undefined) return store.write(offset, buffers)
            const why =
              "another torrent that is open has this file, too; stop that one, or choose another directory"
            return StorageError.make("Conflict", "write", taken, why)
          }),
      }
    })
}

/** The first path of a range of which another torrent is the first holder. */
const takenBy = (
  holders: ReadonlySet<Holder>,
  self: Holder,
  store: TorrentStore,
  offset: number,
  bytes: number,
): string | undefined => {
  for (const other of holders) {
    if (other === self) return undefined
    if (isSameTorrent(other, self) || !areNear(other.layout.directory, self.layout.directory)) continue
    const paths = other.paths ??= pathsOf(other.layout)
    const taken = store.locate(offset, bytes).find(({ path }) =>
      path !== undefined && paths.has(nameOf(path))
    )
    if (taken !== undefined) return taken.path
  }
  return undefined
}

/** Opened twice, it still says the same of every byte. */
const isSameTorrent = ({ layout: one }: Holder, { layout: other }: Holder): boolean =>
  one.directory === other.directory && one.partsFile === other.partsFile

/** Files of torrents in these directories can meet: one is the other, or lies in it. */
const areNear = (a: string, b: string): boolean => {
  const [one, other] = [`${a}/`, `${b}/`].map((directory) => nameOf(directory).replace(/\/+$/, "/"))
  return one!.startsWith(other!) || other!.startsWith(one!)
}

const pathsOf = (layout: Layout.Layout): ReadonlySet<string> =>
  new Set(
    layout.files
      .filter(({ bytes, isPadding, isWanted }) => isWanted && !isPadding && bytes > 0)
      .map(({ path }) => nameOf(Layout.absolute(layout, path))),
  )

/** Many file systems take upper and lower case for the same: too much caution costs an error, too little a file. */
const nameOf = (path: string): string => path.toLowerCase()
