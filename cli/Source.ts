/** SOURCE and TORRENT on the command line: from a path or a URL to what the torrent says. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Bytes from "../core/base/Bytes.ts"
import * as Limits from "../core/metainfo/Limits.ts"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import * as Parse from "../core/metainfo/Parse.ts"
import { Failure } from "./Exit.ts"
import * as Process from "./Process.ts"
import * as Text from "./Text.ts"

export const TIMEOUT = Duration.seconds(30)

/** What a SOURCE is, told from its text alone. */
export type Kind = "file" | "url" | "magnet"

/** A bare info-hash counts as a magnet link; a file of such a name is reached as `./NAME`. */
export const kindOf = (source: string): Kind =>
  /^magnet:/i.test(source) || /^[0-9a-f]{40}$/i.test(source)
    ? "magnet"
    : /^https?:\/\//i.test(source)
    ? "url"
    : "file"

/** Loads and parses a SOURCE. Fails with reason `not-found`, `unreadable`, `too-large`, `http`, `timeout`, `invalid` or `unsupported`. */
export const load = (
  source: string,
): Effect.Effect<Metainfo, Failure, FileSystem.FileSystem | HttpClient.HttpClient> =>
  Effect.flatMap(read(source), (bytes) => {
    const parsed = Parse.parse(bytes, { names: Process.names })
    return parsed.ok ? Effect.succeed(parsed.value) : new Failure({
      reason: "invalid",
      message: `${Text.printable(source)} is not a valid .torrent file: ${parsed.error.message}`,
      cause: parsed.error,
    })
  })

const read = (
  source: string,
): Effect.Effect<Bytes.Bytes, Failure, FileSystem.FileSystem | HttpClient.HttpClient> => {
  switch (kindOf(source)) {
    case "file":
      return readFile(source)
    case "url":
      return readUrl(source)
    case "magnet":
      return new Failure({
        reason: "unsupported",
        message: "magnet links need DHT and metadata exchange, which this version does not have yet",
      })
  }
}

const readFile = (path: string): Effect.Effect<Bytes.Bytes, Failure, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const shown = Text.printable(path)
    const info = yield* fs.stat(path)
    if (info.type === "Directory") {
      return yield* new Failure({
        reason: "unreadable",
        message: `${shown} is a folder, not a .torrent file`,
      })
    }
    if (info.size > Limits.MAX_BYTES) {
      return yield* new Failure({ reason: "too-large", message: `${shown} is too large for a .torrent file` })
    }
    return yield* fs.readFile(path)
  }).pipe(
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

const readUrl = (url: string): Effect.Effect<Bytes.Bytes, Failure, HttpClient.HttpClient> => {
  const shown = Text.printable(url)
  return Effect.gen(function* () {
    if (!URL.canParse(url)) {
      return yield* new Failure({ reason: "http", message: `${shown} is not a valid URL` })
    }
    const client = yield* HttpClient.HttpClient
    const response = yield* client.get(url)
    if (response.status < 200 || response.status > 299) {
      return yield* new Failure({
        reason: "http",
        message: `${shown} answered with HTTP status ${response.status}`,
      })
    }
    const parts: Array<Bytes.Bytes> = []
    let length = 0
    yield* Stream.runForEach(response.stream, (part) => {
      length += part.length
      parts.push(part)
      return length <= Limits.MAX_BYTES ? Effect.void : new Failure({
        reason: "too-large",
        message: `${shown} sends more than ${Text.bytes(Limits.MAX_BYTES)}, too much for a .torrent file`,
      })
    })
    return Bytes.concat(parts)
  }).pipe(
    Effect.timeoutFail({
      duration: TIMEOUT,
      onTimeout: () =>
        new Failure({
          reason: "timeout",
          message: `${shown} did not answer within ${Duration.toSeconds(TIMEOUT)} s; try again later`,
        }),
    }),
    Effect.catchTags({
      RequestError: (error) =>
        new Failure({ reason: "http", message: `${shown}: ${causeOf(error)}`, cause: error }),
      ResponseError: (error) =>
        new Failure({ reason: "http", message: `${shown}: ${causeOf(error)}`, cause: error }),
    }),
  )
}

/** `fetch` wraps what happened: the innermost message, such as `connect ECONNREFUSED`, is the one that helps. */
const causeOf = (error: unknown): string => {
  let at = error
  let message = "the request failed"
  for (let depth = 0; depth < 5 && at instanceof Error; depth++) {
    if (at.message !== "") message = at.message
    at = at.cause
  }
  return message
}
