/** Asking a tracker: one announce, one answer. When to announce to whom is `core/tracker/Schedule.ts`. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Result } from "../core/base/Result.ts"
import type { AnnounceRequest, AnnounceResponse, TrackerFailure } from "../core/tracker/Announce.ts"
import * as Http from "../core/tracker/Http.ts"

/** The tracker could not be asked, or it refused; `failure.reason` says which. */
export class TrackerError extends Data.TaggedError("TrackerError")<{
  /** Redacted: fit for logs. */
  readonly url: string
  readonly failure: TrackerFailure
  /** What the system said, URLs in it redacted; for debugging. */
  readonly cause?: unknown
}> {
  override get message(): string {
    return `tracker ${this.url}: ${this.failure.message}`
  }
}

export class TrackerClient extends Context.Tag("shoal/TrackerClient")<TrackerClient, {
  /**
   * Announces once to the tracker at `url`, as a torrent gives it: no retries, and an end within a limited time.
   * Interruption drops the connection. Announces may run at the same time.
   */
  readonly announce: (url: string, request: AnnounceRequest) => Effect.Effect<AnnounceResponse, TrackerError>
}>() {}

/** An error for the tracker at `url`, which is redacted here. */
export const makeError = (url: string, failure: TrackerFailure, cause?: unknown): TrackerError =>
  new TrackerError({ url: Http.redact(url), failure, ...(cause === undefined ? {} : { cause }) })

/** A tracker in memory: `handler` plays it. What it throws is a defect. */
export const layerMemory = (
  handler: (url: string, request: AnnounceRequest) => Result<AnnounceResponse, TrackerFailure>,
): Layer.Layer<TrackerClient> =>
  Layer.succeed(TrackerClient, {
    announce: (url, request) =>
      Effect.suspend(() => {
        const answer = handler(url, request)
        return answer.ok ? Effect.succeed(answer.value) : Effect.fail(makeError(url, answer.error))
      }),
  })
