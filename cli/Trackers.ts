/** What `announce` and `scrape` share: which trackers are asked, and what is made of their answers. */
import * as Effect from "effect/Effect"
import type { Metainfo } from "../core/metainfo/Metainfo.ts"
import * as Result from "../core/base/Result.ts"
import type { TrackerFailure } from "../core/tracker/Announce.ts"
import * as Url from "../core/tracker/Url.ts"
import type { TrackerError } from "../shell/TrackerClient.ts"
import { Failure } from "./Exit.ts"
import * as Options from "./Options.ts"
import { type Fields, Output } from "./Output.ts"
import * as Source from "./Source.ts"
import * as Text from "./Text.ts"
import type * as Value from "./Value.ts"

/** Trackers asked at once; the rest follow, so that a torrent with a thousand of them is no burst. */
const CONCURRENCY = 50

const SCHEMES: ReadonlySet<string> = new Set(["http", "https", "udp"])

/** The URL of a tracker that we can ask. */
export const url: Value.Parser<string> = (text) =>
  SCHEMES.has(Url.split(text)?.scheme ?? "")
    ? Result.ok(text.trim())
    : Result.err("expected an http, https or udp URL such as udp://tracker.example:6969/announce")

export const flags = {
  trackers: Options.list("tracker", "URL", url, "ask this tracker instead of the torrent's; repeatable"),
  ...Options.trust,
} satisfies Options.Flags

export type TrackersOptions = Options.Values<typeof flags>

export const argument = {
  name: "TORRENT",
  isRepeated: false,
  description: "a .torrent file or an http(s) URL of one",
} as const

/** What came of one tracker. */
export interface Told {
  /** Beside `url` and `ok`. */
  readonly fields: Fields
  /** After the tracker's URL; the first one on its line. */
  readonly lines: ReadonlyArray<string>
}

/** A failure in the words of both outputs. */
const failed = ({ reason, message, retryInMs }: TrackerFailure, none: Fields): Told => {
  // What is wrong with a URL says for itself that another try cannot help.
  const wish = reason !== "Refused" || retryInMs === undefined
    ? ""
    : retryInMs === "never"
    ? "; it does not want to be asked again"
    : `; it does not want to be asked again for ${Text.duration(retryInMs)}`
  return {
    fields: {
      error: message,
      retrySeconds: typeof retryInMs === "number" ? Math.ceil(retryInMs / 1_000) : undefined,
      ...none,
    },
    lines: [`failed: ${message}${wish}`],
  }
}

/**
 * Asks the trackers of the TORRENT, or those of `options`, all at once, and prints what they say: to people each as it
 * comes, to scripts one object at the end, with the fields `none` for a tracker that failed. Fails with reason `trackers` if none answered, `no-trackers` if there is none.
 */
export const askAll = <A, R>(
  options: Pick<TrackersOptions, "trackers">,
  source: string,
  ask: (url: string, metainfo: Metainfo) => Effect.Effect<A, TrackerError, R>,
  tell: (answer: A) => Told,
  none: Fields,
) =>
  Effect.gen(function* () {
    const output = yield* Output
    const metainfo = yield* Source.load(source)
    const urls = [...new Set(options.trackers.length > 0 ? options.trackers : metainfo.trackers.flat())]
    if (urls.length === 0) {
      return yield* new Failure({
        reason: "no-trackers",
        message: `${metainfo.name} names no tracker; --tracker URL asks one`,
      })
    }
    const results = yield* Effect.forEach(urls, (url) =>
      Effect.gen(function* () {
        const result = yield* Effect.either(ask(url, metainfo))
        const isOk = result._tag === "Right"
        const { fields, lines } = isOk ? tell(result.right) : failed(result.left.failure, none)
        // One write, for other trackers may answer in between.
        yield* output.result(lines.map((line, i) => i === 0 ? `${Url.redact(url)}: ${line}` : `  ${line}`))
        if (!isOk) yield* Effect.logDebug(result.left)
        return { isOk, url, fields, failure: isOk ? undefined : result.left }
      }), { concurrency: CONCURRENCY })
    yield* output.object({
      infoHash: metainfo.infoHash,
      name: metainfo.name,
      trackers: results.map(({ isOk, url, fields }) => ({ url, ok: isOk, ...fields })),
    })
    const first = results[0]!.failure
    if (first === undefined || results.some(({ isOk }) => isOk)) return
    return yield* new Failure({
      reason: "trackers",
      isTold: true,
      message: urls.length === 1
        ? first.message
        : `none of the ${urls.length} trackers answered; the first, ${first.message}`,
      cause: first,
    })
  })
