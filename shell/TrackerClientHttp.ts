/** {@link TrackerClient} over HTTP and HTTPS. Every reply is hostile until read: time, bytes and redirects have limits. */
import * as Arr from "effect/Array"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { VERSION } from "../core/base/Version.ts"
import { type Bytes, concat, empty } from "../core/base/Bytes.ts"
import type { Result } from "../core/base/Result.ts"
import { type Millis, SECOND } from "../core/base/Time.ts"
import * as Announce from "../core/tracker/Announce.ts"
import * as Http from "../core/tracker/Http.ts"
import * as Scrape from "../core/tracker/Scrape.ts"
import * as Url from "../core/tracker/Url.ts"
import * as HttpFollow from "./HttpFollow.ts"
import {
  isTyped,
  makeError,
  STOPPED_TIMEOUT_MS,
  TrackerClient,
  type TrackerError,
  type Trust,
} from "./TrackerClient.ts"

/** From the call to the last byte of the reply, redirects included: busy trackers do take ten seconds and more. */
export const TIMEOUT_MS: Millis = 30 * SECOND
/** Of a reply after inflating: 500 peers are 3 KB compact and 40 KB as dictionaries. */
export const MAX_REPLY_BYTES = 1_048_576

const HEADERS = { "user-agent": `shoal/${VERSION}` }

/** Asks through the `HttpClient` that is there, which must not follow redirects (`fetch` is told). */
export const layer = (trust: Trust = {}): Layer.Layer<TrackerClient, never, HttpClient.HttpClient> =>
  Layer.effect(
    TrackerClient,
    Effect.map(HttpClient.HttpClient, (client) => {
      const getWithin = <A extends object>(
        limitMs: Millis,
        tracker: string,
        url: Result<string, Announce.TrackerFailure>,
        decode: Decode<A>,
      ): Effect.Effect<A, TrackerError> => {
        if (!url.ok) return makeError(tracker, url.error)
        const trusted: HttpFollow.Trust = {
          isTyped: isTyped(trust, tracker),
          allowLocal: trust.allowLocal ?? false,
          allowIdna: trust.allowIdna ?? false,
          query: Url.split(tracker)?.query ?? "",
        }
        return HttpFollow.get(
          client,
          url.value,
          HEADERS,
          trusted,
          (response) => read(tracker, response, decode),
        ).pipe(
          Effect.catchTags({
            HttpObjection: (objection) => refused(tracker, objection),
            RequestError: (error) => unreachable(tracker, error),
            ResponseError: (error) => unreachable(tracker, error),
          }),
          Effect.timeoutFail({
            duration: limitMs,
            onTimeout: () => fail(tracker, "Timeout", `no whole answer within ${limitMs / SECOND} seconds`),
          }),
        )
      }

      const announce = Effect.fn("TrackerClient.announce")(
        function* (tracker: string, request: Announce.AnnounceRequest) {
          const url = Http.announceUrl(tracker, request)
          const limitMs = request.event === "stopped" ? STOPPED_TIMEOUT_MS : TIMEOUT_MS
          return yield* getWithin(limitMs, tracker, url, Http.decodeAnnounce)
        },
      )

      const scrape = Effect.fn("TrackerClient.scrape")(
        function* (tracker: string, infoHashes: ReadonlyArray<Bytes>) {
          const answers = yield* Effect.forEach(
            Arr.chunksOf(infoHashes, Scrape.MAX_HASHES),
            (part) =>
              getWithin(
                TIMEOUT_MS,
                tracker,
                Scrape.scrapeUrl(tracker, part),
                (body) => Scrape.decodeScrape(body, part),
              ),
          )
          return answers.flat()
        },
      )
      return { announce, scrape }
    }),
  )

const fail = (
  tracker: string,
  reason: Announce.FailureReason,
  message: string,
  retryInMs?: Millis | "never",
): TrackerError => makeError(tracker, Announce.failure(reason, message, retryInMs))

/** What is wrong with the tracker's own URL stays wrong; what it redirects to may be mended. */
const refused = (tracker: string, { isFirst, message, reason }: HttpFollow.Objection): TrackerError =>
  fail(tracker, reason === "Redirects" ? "BadReply" : reason, message, isFirst ? "never" : undefined)

type Decode<A> = (body: Bytes) => Result<A, Announce.TrackerFailure>

/** The whole body, then what it says. A tracker may put a refusal of its own into an HTTP error. */
const read = <A>(
  tracker: string,
  response: HttpClientResponse.HttpClientResponse,
  decode: Decode<A>,
): Effect.Effect<A, TrackerError> => {
  const body = readBody(tracker, response)
  if (response.status >= 200 && response.status <= 299) {
    return Effect.flatMap(body, (bytes) => {
      const answer = decode(bytes)
      return answer.ok ? Effect.succeed(answer.value) : makeError(tracker, answer.error)
    })
  }
  // Whatever is wrong with the page that comes with an error, the error says more.
  return Effect.flatMap(Effect.orElseSucceed(body, () => empty), (bytes) => {
    const answer = decode(bytes)
    return !answer.ok && answer.error.reason === "Refused" ? makeError(tracker, answer.error) : fail(
      tracker,
      "HttpStatus",
      `HTTP ${response.status}${explain(response.status)}`,
      retryAfter(response),
    )
  })
}

const readBody = (
  tracker: string,
  response: HttpClientResponse.HttpClientResponse,
): Effect.Effect<Bytes, TrackerError> =>
  Effect.suspend(() => {
    const parts: Array<Bytes> = []
    let length = 0
    return response.stream.pipe(
      Stream.runForEach((part) => {
        length += part.length
        if (length > MAX_REPLY_BYTES) {
          return fail(tracker, "TooLarge", `the reply is longer than ${MAX_REPLY_BYTES} bytes`)
        }
        parts.push(part)
        return Effect.void
      }),
      Effect.catchTag("ResponseError", (error) =>
        error.reason === "EmptyBody" ? Effect.void : makeError(
          tracker,
          Announce.failure("BadReply", "the reply breaks off, or is compressed wrongly"),
          describe(error),
        )),
      Effect.map(() => concat(parts)),
    )
  })

const explain = (status: number): string => {
  switch (status) {
    case 401:
    case 403:
      return ": the tracker wants a valid passkey, or user and password in its URL"
    case 404:
    case 410:
      return ": there is no tracker at this URL"
    case 429:
      return ": too many requests"
    default:
      return status >= 500 ? ": the tracker has a problem of its own" : ""
  }
}

/** `Retry-After` in seconds; its other form, a date, would need the wall clock. */
const retryAfter = ({ headers }: HttpClientResponse.HttpClientResponse): Millis | undefined =>
  /^\d{1,12}$/.test(headers["retry-after"] ?? "")
    ? Announce.clampInterval(Number(headers["retry-after"]))
    : undefined

const unreachable = (tracker: string, error: HttpClientError.HttpClientError): TrackerError => {
  const cause = describe(error)
  const [, reason, message] = EXPLANATIONS.find(([pattern]) => pattern.test(cause)) ?? UNEXPLAINED
  return makeError(
    tracker,
    Announce.failure(reason, message, reason === "BadUrl" ? "never" : undefined),
    cause,
  )
}

type Explanation = readonly [pattern: RegExp, reason: Announce.FailureReason, message: string]

/** Node's error codes and Deno's words for the same. */
const EXPLANATIONS: ReadonlyArray<Explanation> = [
  [/NotCapable|run again with the --allow-net/, "Unreachable", "Deno does not permit it: add --allow-net"],
  [/ECONNREFUSED|connection refused/i, "Unreachable", "connection refused: nothing listens there"],
  [/ENOTFOUND|EAI_|dns error|failed to lookup/i, "Unreachable", "its name does not resolve to an address"],
  [/CERT|SSL|TLS|InvalidContentType/i, "Unreachable", "no TLS: certificate expired, or not for this host?"],
  [/HPE_|HTTPParser|invalid HTTP|parse error/i, "BadReply", "what answers there does not speak HTTP"],
  [/UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT|timed out/i, "Unreachable", "no connection in time"],
  [/ENETUNREACH|EHOSTUNREACH|unreachable/i, "Unreachable", "no route to it"],
  [/ECONNRESET|EPIPE|UND_ERR_SOCKET|reset|closed/i, "Unreachable", "the connection closed without an answer"],
]
const UNEXPLAINED: Explanation = [/^/, "Unreachable", "no connection"]

/** An error and its causes in one line, without URLs: they have the passkey, and words that mean something else. */
const describe = (error: unknown): string => {
  const parts: Array<string> = []
  for (let at = error; at instanceof Error && parts.length < 8; at = at.cause) {
    const code = "code" in at ? `${at.code} ` : ""
    parts.push(`${code}${at.message.replace(/\b\w+:\/\/[^\s)]+/g, "(URL)")}`)
  }
  return Announce.printable(parts.join(": "))
}
