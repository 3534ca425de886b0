/** Which files a path holds: itself, or everything below a folder, in the order of a torrent. */
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Create from "../core/metainfo/Create.ts"
import { MAX_PATH_DEPTH } from "../core/metainfo/Limits.ts"
import * as CreateError from "./CreateError.ts"
import { type Entry, FileTree } from "./FileTree.ts"

/** A file as it was found. */
export interface Found extends Create.File {
  /** Absolute: where its bytes are read, which is elsewhere for a link. */
  readonly place: string
  readonly isLink: boolean
  readonly modifiedMs: number
}

export interface Tree extends Create.Content {
  /** Absolute: the file or the folder itself. */
  readonly root: string
  readonly files: ReadonlyArray<Found>
  readonly warnings: ReadonlyArray<string>
}

type Failure = CreateError.CreateError

/**
 * Looks at everything below `path` without reading any file. Hidden and empty files belong to it, empty folders do not;
 * links are followed. Pipes, sockets and devices are left out with a warning.
 */
export const walk = (path: string): Effect.Effect<Tree, Failure, FileTree | Path.Path> =>
  Effect.gen(function* () {
    const tree = yield* FileTree
    const paths = yield* Path.Path
    const root = paths.resolve(path)
    const name = yield* checkName(paths.basename(root), root)
    const entry = (yield* tree.look([root]))[0]!
    switch (entry._tag) {
      case "Missing":
        return yield* CreateError.make("NotFound", `there is no file or folder ${root}`)
      case "Other":
        return yield* CreateError.make("NotAFile", `${root} is neither a file nor a folder`)
      case "File": {
        const files = [found(name, entry)]
        return { name, root, isDirectory: false, files, warnings: linkWarning(files) }
      }
      case "Directory": {
        const files: Array<Found> = []
        const skipped: Array<string> = []
        yield* enter(root, "", [entry.identity], files, skipped)
        const warnings = skipped.length === 0
          ? []
          : [`left out, neither files nor folders: ${skipped.length}, for example ${skipped[0]}`]
        return {
          name,
          root,
          isDirectory: true,
          files: Create.inOrder(files),
          warnings: [...linkWarning(files), ...warnings],
        }
      }
    }
  })

/** Fails with `Changed` unless every file still has the length and the time that it was found with. */
export const requireUnchanged = (files: ReadonlyArray<Found>): Effect.Effect<void, Failure, FileTree> =>
  Effect.gen(function* () {
    const tree = yield* FileTree
    const entries = yield* tree.look(files.map(({ place }) => place))
    const index = files.findIndex(({ bytes, modifiedMs }, index) => {
      const entry = entries[index]!
      return entry._tag !== "File" || entry.bytes !== bytes || entry.modifiedMs !== modifiedMs
    })
    if (index >= 0) return yield* changed(files[index]!.place)
  })

export const changed = (path: string): Failure =>
  CreateError.make(
    "Changed",
    `${path} changed while it was being hashed, so the torrent would be wrong; try again once nothing writes to it`,
  )

/** Adds what is below the folder `absolute`, whose paths in the torrent begin with `prefix`; `above` are those it lies in. */
const enter = (
  absolute: string,
  prefix: string,
  above: ReadonlyArray<string>,
  files: Array<Found>,
  skipped: Array<string>,
): Effect.Effect<void, Failure, FileTree | Path.Path> =>
  Effect.gen(function* () {
    const tree = yield* FileTree
    const paths = yield* Path.Path
    if (above.length > MAX_PATH_DEPTH) {
      return yield* CreateError.make(
        "DirectoryTooDeep",
        `${absolute} lies more than ${MAX_PATH_DEPTH} folders deep, which clients refuse`,
      )
    }
    const names = yield* tree.list(absolute)
    const places = names.map((name) => paths.join(absolute, name))
    const entries = yield* tree.look(places)
    for (const [index, entry] of entries.entries()) {
      const place = places[index]!
      const name = yield* checkName(names[index]!, place)
      if (entry._tag === "File") files.push(found(`${prefix}${name}`, entry))
      else if (entry._tag === "Missing") return yield* changed(place)
      else if (entry._tag === "Other") skipped.push(place)
      else if (above.includes(entry.identity)) {
        return yield* CreateError.make(
          "BadLink",
          `${place} lies in itself, through a symbolic link on its path; remove that link`,
        )
      } else yield* enter(place, `${prefix}${name}/`, [...above, entry.identity], files, skipped)
    }
  })

const found = (path: string, { _tag, ...entry }: Extract<Entry, { readonly _tag: "File" }>): Found => ({
  path,
  ...entry,
})

/** Windows has names that are no Unicode text. */
const checkName = (name: string, place: string): Effect.Effect<string, Failure> =>
  name === ""
    ? CreateError.make("BadName", `${place} has no name that a torrent could have`)
    : /\p{Cs}/u.test(name)
    ? CreateError.make(
      "BadName",
      `the name of ${place} is not valid Unicode, as a torrent needs it; rename it`,
    )
    : Effect.succeed(name)

const linkWarning = (files: ReadonlyArray<Found>): ReadonlyArray<string> => {
  const links = files.filter((file) => file.isLink)
  return links.length === 0 ? [] : [
    `symbolic links followed: ${links.length}, for example ${
      links[0]!.path
    }; to be seeded from here they must become files`,
  ]
}
