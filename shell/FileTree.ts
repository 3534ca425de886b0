/** What stands in a file system, without reading any file: what a new torrent is made of is found through this port. */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { CreateError } from "./CreateError.ts"

/** What a path leads to, links followed. */
export type Entry =
  | {
    readonly _tag: "File"
    readonly bytes: number
    readonly modifiedMs: number
    /** Absolute: the path itself, or where it leads if it is a link. */
    readonly place: string
    readonly isLink: boolean
  }
  | {
    readonly _tag: "Directory"
    /** The same for every path to this directory, and for no other. */
    readonly identity: string
  }
  /** A pipe, a socket, a device. */
  | { readonly _tag: "Other" }
  | { readonly _tag: "Missing" }

export class FileTree extends Context.Tag("shoal/FileTree")<FileTree, {
  /**
   * What each of these absolute paths leads to. Fails with `BadLink` for a link that leads nowhere, and for what this
   * user may not read.
   */
  readonly look: (paths: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Entry>, CreateError>
  /** The names in a directory, in no order. Fails with `BadName` where one is not UTF-8. */
  readonly list: (directory: string) => Effect.Effect<ReadonlyArray<string>, CreateError>
}>() {}
