/** Asking a tracker: one question, one answer. When to announce to whom is `core/tracker/Schedule.ts`. */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Bytes } from "../core/base/Bytes.ts"
import { err, type Result } from "../core/base/Result.ts"
import { type Millis, SECOND } from "../core/base/Time.ts"
import {
  type AnnounceRequest,
  type AnnounceResponse,
  failure,
  type TrackerFailure,
} from "../core/tracker/Announce.ts"
import type { ScrapeEntry } from "../core/tracker/Scrape.ts"
import * as Url from "../core/tracker/Url.ts"

/** The most that a `stopped` takes, which a user waits for and whose loss the tracker makes up for by itself. */
export const STOPPED_TIMEOUT_MS: Millis = 5 * SECOND

/** Which trackers are asked that a torrent or a link of strangers had better not name; none unless it says so. */
export interface Trust {
  /** Those that are not on the internet, whatever is asked of them there, by redirects too. */
  readonly allowLocal?: boolean
  /** Those whose names have letters beyond ASCII, and may look like others. */
  readonly allowIdna?: boolean
  /** URLs that the user typed: he knows where they lead, but not where they are redirected to. */
  readonly typed?: ReadonlyArray<string>
}

/** Whether the user typed this tracker's URL. */
export const isTyped = ({ typed }: Trust, url: string): boolean =>
  typed?.some((each) => each.trim() === url.trim()) === true

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
   * Announces once to the tracker at `url`, as a torrent gives it: no retries but those of lost packets, and an end within
   * a limited time. Interruption drops the connection. Announces may run at the same time.
   */
  readonly announce: (url: string, request: AnnounceRequest) => Effect.Effect<AnnounceResponse, TrackerError>
  /**
   * Asks the tracker at the announce URL `url` for the figures of torrents, under the same rules: one entry for each
   * info-hash (20 bytes) in their order, `undefined` where it knows nothing of it; none asked, none given.
   */
  readonly scrape: (
    url: string,
    infoHashes: ReadonlyArray<Bytes>,
  ) => Effect.Effect<ReadonlyArray<ScrapeEntry | undefined>, TrackerError>
}>() {}

/** An error for the tracker at `url`, which is redacted here. */
export const makeError = (url: string, failure: TrackerFailure, cause?: unknown): TrackerError =>
  new TrackerError({ url: Url.redact(url), failure, ...(cause === undefined ? {} : { cause }) })

/** Those two together: `udp` URLs go to the one, all others, right or wrong, to the other. */
export const layerByScheme = <R1, R2>(layers: {
  readonly http: Layer.Layer<TrackerClient, never, R1>
  readonly udp: Layer.Layer<TrackerClient, never, R2>
}): Layer.Layer<TrackerClient, never, R1 | R2> =>
  Layer.scoped(
    TrackerClient,
    Effect.gen(function* () {
      const http = Context.get(yield* Layer.build(layers.http), TrackerClient)
      const udp = Context.get(yield* Layer.build(layers.udp), TrackerClient)
      const clientOf = (url: string): typeof http => Url.split(url)?.scheme === "udp" ? udp : http
      return {
        announce: (url, request) => clientOf(url).announce(url, request),
        scrape: (url, infoHashes) => clientOf(url).scrape(url, infoHashes),
      }
    }),
  )

export type AnnounceHandler = (
  url: string,
  request: AnnounceRequest,
) => Result<AnnounceResponse, TrackerFailure>

export type ScrapeHandler = (
  url: string,
  infoHashes: ReadonlyArray<Bytes>,
) => Result<ReadonlyArray<ScrapeEntry | undefined>, TrackerFailure>

const noScrape: ScrapeHandler = () => err(failure("NoScrape", "this tracker cannot be scraped", "never"))

/** A tracker in memory: the handlers play it. What they throw is a defect. */
export const layerMemory = (
  onAnnounce: AnnounceHandler,
  onScrape: ScrapeHandler = noScrape,
): Layer.Layer<TrackerClient> => {
  const answer = <A>(url: string, ask: () => Result<A, TrackerFailure>): Effect.Effect<A, TrackerError> =>
    Effect.suspend(() => {
      const result = ask()
      return result.ok ? Effect.succeed(result.value) : makeError(url, result.error)
    })
  return Layer.succeed(TrackerClient, {
    announce: (url, request) => answer(url, () => onAnnounce(url, request)),
    scrape: (url, infoHashes) => answer(url, () => onScrape(url, infoHashes)),
  })
}
