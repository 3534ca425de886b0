/** What the users of a session hear of failures. */
import * as Data from "effect/Data"
import type { BindError } from "./Datagram.ts"
import type { StorageError } from "./StorageError.ts"
import type { ListenError } from "./Transport.ts"

/** Why a torrent cannot be downloaded or seeded, or a session not be had; `message` says with which input and what to do. */
export class SessionError extends Data.TaggedError("SessionError")<{
  readonly reason: string
  readonly message: string
  readonly cause?: unknown
}> {}

export const fromPort = (error: StorageError | ListenError | BindError): SessionError =>
  new SessionError({ reason: error.reason, message: error.message, cause: error })
