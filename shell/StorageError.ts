/** Why the disk could not do what was asked, in terms that a caller can act on. */
import * as Data from "effect/Data"

export type StorageReason =
  /** The device, or the user's quota on it, is full. */
  | "NoSpace"
  /** The operating system does not let this user do that here. */
  | "PermissionDenied"
  /** The file system is mounted read-only. */
  | "ReadOnly"
  /** The file, or the part of it that was asked for, is not there. */
  | "Missing"
  /** Something else stands where the file belongs: a directory, a link, a longer file. */
  | "Conflict"
  /** The process or the system has no file descriptor left. */
  | "TooManyOpenFiles"
  /** The file system has no files of this length. */
  | "FileTooLarge"
  /** The file system has no names of this length, or not with these characters. */
  | "BadName"
  /** The device failed, or anything else. */
  | "Io"

/** `message` says what failed, with which path, and what to do about it. */
export class StorageError extends Data.TaggedError("StorageError")<{
  readonly reason: StorageReason
  /** Absolute. */
  readonly path: string
  readonly message: string
}> {}

/** What went wrong, and the way out: the second half of every message. */
const EXPLANATIONS: { readonly [reason in StorageReason]: string } = {
  NoSpace: "the disk or the quota is full; make room and start again, what is there is kept",
  PermissionDenied: "permission denied; choose another directory, or change the owner or mode of this one",
  ReadOnly: "the file system is read-only; choose another directory, or mount it writable",
  Missing: "it is not there, or shorter than it should be; check the data again to download what is missing",
  Conflict: "something else is in its place; move that away, or choose another directory",
  TooManyOpenFiles: "too many open files; raise the limit (ulimit -n) or run fewer torrents",
  FileTooLarge: "the file system takes no file of that length (FAT32: 4 GiB); choose another one",
  BadName: "the file system does not accept this name; choose a directory on another one",
  Io: "the device or the file system reported an error; look at the system's log and check the disk",
}

/** An error for `reason`; `action` completes "cannot …", as in "write", and `detail` replaces the usual explanation. */
export const make = (reason: StorageReason, action: string, path: string, detail?: string): StorageError =>
  new StorageError({ reason, path, message: `cannot ${action} ${path}: ${detail ?? EXPLANATIONS[reason]}` })

/** Which of Deno's flags what is done to a file takes. */
const flagFor = (action: string): string =>
  action === "read" || action === "look at" ? "--allow-read" : "--allow-read and --allow-write"

/** An error for an errno code such as `ENOSPC`; a code without a reason of its own stands in the message. */
export const fromCode = (code: string | undefined, action: string, path: string): StorageError => {
  // The name of Deno's error, which has no code.
  if (code === "NotCapable") {
    return make(
      "PermissionDenied",
      action,
      path,
      `Deno does not permit it; run it again with ${flagFor(action)}`,
    )
  }
  const reason = REASONS.get(code ?? "")
  return reason === undefined
    ? make("Io", action, path, `${EXPLANATIONS.Io} (${code ?? "no error code"})`)
    : make(reason, action, path)
}

const REASONS: ReadonlyMap<string, StorageReason> = new Map([
  ["ENOSPC", "NoSpace"],
  ["EDQUOT", "NoSpace"],
  ["EACCES", "PermissionDenied"],
  ["EPERM", "PermissionDenied"],
  ["EROFS", "ReadOnly"],
  ["ENOENT", "Missing"],
  ["ENOTDIR", "Conflict"],
  ["EISDIR", "Conflict"],
  ["EEXIST", "Conflict"],
  ["ELOOP", "Conflict"],
  ["EMFILE", "TooManyOpenFiles"],
  ["ENFILE", "TooManyOpenFiles"],
  ["EFBIG", "FileTooLarge"],
  ["ENAMETOOLONG", "BadName"],
  ["EILSEQ", "BadName"],
])
