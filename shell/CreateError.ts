/** Why no torrent could be made, in terms that a caller can act on. */
import type { PlatformError } from "@effect/platform/Error"
import * as Data from "effect/Data"
import type { MetainfoReason } from "../core/metainfo/MetainfoError.ts"
import * as StorageError from "./StorageError.ts"

export type CreateReason =
  /** Nothing is at the path. */
  | "NotFound"
  /** A device, a pipe or a socket. */
  | "NotAFile"
  /** There is no file, or no byte in any of them. */
  | "Empty"
  /** A name that is not UTF-8, or none at all. */
  | "BadName"
  /** A symbolic link to nothing, or to a folder that it lies in. */
  | "BadLink"
  /** A file is not what it was when the work began. */
  | "Changed"
  /** The file that is to be written is there already. */
  | "Exists"
  /** The file that is to be written would lie in the folder that it describes. */
  | "InsideContent"
  /** Nobody would accept this torrent: too many pieces, too deep a folder. */
  | MetainfoReason
  | StorageError.StorageReason

/** `message` says what failed, with which path, and what to do about it. */
export class CreateError extends Data.TaggedError("CreateError")<{
  readonly reason: CreateReason
  readonly message: string
  readonly cause?: unknown
}> {}

/** An error that fails an Effect where it is yielded or returned. */
export const make = (reason: CreateReason, message: string): CreateError =>
  new CreateError({ reason, message })

/** Where the usual words are those of a download. */
const DETAILS: ReadonlyMap<string, readonly [StorageError.StorageReason, string]> = new Map([
  ["ENOENT", ["Missing", "it is not there"]],
  ["ENOTDIR", ["Conflict", "a part of its path is no folder"]],
  ["EACCES", ["PermissionDenied", "permission denied; change its owner or mode"]],
  ["EPERM", ["PermissionDenied", "permission denied; change its owner or mode"]],
  ["ENOSPC", ["NoSpace", "the disk or the quota is full; make room and start again"]],
])

/** What an errno code such as `EACCES` says; `action` completes "cannot …", as in "read". */
export const fromCode = (
  code: string | undefined,
  action: string,
  path: string,
  cause: unknown,
): CreateError => {
  const [known, detail] = DETAILS.get(code ?? "") ?? []
  const { reason, message } = known === undefined
    ? StorageError.fromCode(code, action, path)
    : StorageError.make(known, action, path, detail)
  return new CreateError({ reason, message, cause })
}

/** The same for an error of `FileSystem`. */
export const fromPlatform = (action: string, path: string) => (error: PlatformError): CreateError =>
  fromCode((error.cause as { readonly code?: string } | undefined)?.code, action, path, error)
