/**
 * Files that the command line names, read up to a limit: a file that grows, one of many gigabytes, a pipe that nobody
 * writes to and a device that never ends are all refused instead of filling the memory or hanging.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Bytes from "../core/base/Bytes.ts"
import { Failure } from "./Exit.ts"
import * as Text from "./Text.ts"

/** Of a config file, a key or a scenario: written by hand, or by `shoal simulate --print`. */
export const MAX_TEXT_BYTES = 1024 * 1024

/**
 * The bytes of a regular file. Fails with reason `not-found`, `unreadable` or `too-large`; `what` names in an error what
 * the file should be: `a .torrent file`.
 */
export const bytes = (
  path: string,
  maxBytes: number,
  what: string,
): Effect.Effect<Bytes.Bytes, Failure, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const shown = Text.printable(path)
    // Looked at before it is opened, since to open a pipe is to wait for whoever writes to it.
    const info = yield* fs.stat(path)
    if (info.type !== "File") {
      return yield* new Failure({
        reason: "unreadable",
        message: info.type === "Directory"
          ? `${shown} is a folder, not ${what}`
          : `${shown} is no regular file; save what comes from it as ${what} first`,
      })
    }
    const tooLarge = new Failure({
      reason: "too-large",
      message: `${shown} is too large for ${what}: the limit is ${Text.bytes(maxBytes)}`,
    })
    if (info.size > maxBytes) return yield* tooLarge
    const file = yield* fs.open(path)
    // One more than there was, and than is allowed: it may have grown.
    const whole = yield* readUpTo(file, Number(info.size) + 1)
    if (whole.length <= info.size) return whole
    const grown = Bytes.concat([whole, yield* readUpTo(file, maxBytes + 1 - whole.length)])
    return grown.length > maxBytes ? yield* tooLarge : grown
  }).pipe(
    Effect.scoped,
    Effect.catchTags({
      SystemError: (error) =>
        error.reason === "NotFound"
          ? new Failure({
            reason: "not-found",
            message: `there is no file ${Text.printable(path)}`,
            cause: error,
          })
          : new Failure({
            reason: "unreadable",
            message: `${Text.printable(path)} cannot be read: ${error.description ?? error.reason}`,
            cause: error,
          }),
      BadArgument: (error) =>
        new Failure({
          reason: "unreadable",
          message: `${Text.printable(path)} cannot be read`,
          cause: error,
        }),
    }),
  )

/** What the file still has, up to so many bytes. */
const readUpTo = (file: FileSystem.File, maxBytes: number) =>
  Effect.gen(function* () {
    const buffer = new Uint8Array(maxBytes)
    let length = 0
    while (length < maxBytes) {
      const count = Number(yield* file.read(buffer.subarray(length)))
      if (count === 0) break
      length += count
    }
    // A copy, if it is not nearly all: what is kept of a file must not keep more.
    return length < maxBytes - 1 ? buffer.slice(0, length) : buffer.subarray(0, length)
  })

/** {@link bytes} as UTF-8, for small files. */
export const text = (path: string, what: string): Effect.Effect<string, Failure, FileSystem.FileSystem> =>
  Effect.map(bytes(path, MAX_TEXT_BYTES, what), (content) => new TextDecoder().decode(content))
