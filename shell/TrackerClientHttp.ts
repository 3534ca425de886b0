/** {@link TrackerClient} over HTTP and HTTPS. Every reply is hostile until read: time, bytes and redirects have limits. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { VERSION } from "../core/base/Version.ts"
import { type Bytes, concat, empty, toLatin1, utf8 } from "../core/base/Bytes.ts"
import type { Result } from "../core/base/Result.ts"
import { type Millis, SECOND } from "../core/base/Time.ts"
import * as Announce from "../core/tracker/Announce.ts"
import * as Destination from "../core/tracker/Destination.ts"
import * as Http from "../core/tracker/Http.ts"
import * as Scrape from "../core/tracker/Scrape.ts"
import { makeError, STOPPED_TIMEOUT_MS, TrackerClient, type TrackerError } from "./TrackerClient.ts"

/** From the call to the last byte of the reply, redirects included: busy trackers do take ten seconds and more. */
export const TIMEOUT_MS: Millis = 30 * SECOND
/** Of a reply after inflating: 500 peers are 3 KB compact and 40 KB as dictionaries. */
export const MAX_REPLY_BYTES = 1_048_576
/** Moves to https and to another host are one each; the rest is patience. */
export const MAX_REDIRECTS = 5

const USER_AGENT = `shoal/${VERSION}`

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Asks through the `HttpClient` that is there, which must not follow redirects (`fetch` is told). */
export const layerHttp: Layer.Layer<TrackerClient, never, HttpClient.HttpClient> = Layer.effect(
  TrackerClient,
  Effect.map(HttpClient.HttpClient, (anyClient) => {
    // Spans and trace headers would carry the passkey and tell the tracker about us.
    const client = anyClient.pipe(
      HttpClient.withTracerDisabledWhen(() => true),
      HttpClient.withTracerPropagation(false),
      HttpClient.withScope,
    )

    /** One GET, redirects followed; the connection is given up at once if the reply is not read to its end. */
    const get = <A extends object>(
      tracker: string,
      url: string,
      decode: Decode<A>,
      redirectsLeft: number,
      from?: URL,
    ): Effect.Effect<A, TrackerError> =>
      Effect.gen(function* () {
        const target = yield* destination(tracker, url, from)
        const response = yield* client.execute(requestFor(target)).pipe(
          Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
          Effect.mapError((error) => unreachable(tracker, error)),
        )
        const { location } = response.headers
        if (!REDIRECTS.has(response.status) || location === undefined) {
          return { answer: yield* read(tracker, response, decode) }
        }
        if (redirectsLeft === 0) {
          return yield* fail(tracker, "BadReply", `more than ${MAX_REDIRECTS} redirects`)
        }
        return { location, target }
      }).pipe(
        Effect.scoped,
        Effect.flatMap((next) =>
          "location" in next
            ? get(tracker, next.location, decode, redirectsLeft - 1, next.target)
            : Effect.succeed(next.answer)
        ),
      )

    const getWithin = <A extends object>(
      limitMs: Millis,
      tracker: string,
      url: Result<string, Announce.TrackerFailure>,
      decode: Decode<A>,
    ): Effect.Effect<A, TrackerError> =>
      !url.ok ? makeError(tracker, url.error) : get(tracker, url.value, decode, MAX_REDIRECTS).pipe(
        Effect.timeoutFail({
          duration: limitMs,
          onTimeout: () => fail(tracker, "Timeout", `no whole answer within ${limitMs / SECOND} seconds`),
        }),
      )

    const announce = Effect.fn("TrackerClient.announce")(
      function* (tracker: string, request: Announce.AnnounceRequest) {
        const url = Http.announceUrl(tracker, request)
        const limitMs = request.event === "stopped" ? STOPPED_TIMEOUT_MS : TIMEOUT_MS
        return yield* getWithin(limitMs, tracker, url, Http.decodeAnnounce)
      },
    )

    const scrape = Effect.fn("TrackerClient.scrape")(
      function* (tracker: string, infoHashes: ReadonlyArray<Bytes>) {
        const parts: Array<ReadonlyArray<Bytes>> = []
        for (let at = 0; at < infoHashes.length; at += Scrape.MAX_HASHES) {
          parts.push(infoHashes.slice(at, at + Scrape.MAX_HASHES))
        }
        const answers = yield* Effect.forEach(
          parts,
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

/** Asks through `fetch`, which Node and Deno share. */
export const layer: Layer.Layer<TrackerClient> = Layer.provide(layerHttp, FetchHttpClient.layer)

const fail = (
  tracker: string,
  reason: Announce.FailureReason,
  message: string,
  retryInMs?: Millis | "never",
): TrackerError => makeError(tracker, Announce.failure(reason, message, retryInMs))

/** The parsed URL, if we may send a request there. What is wrong with the tracker's own URL stays wrong. */
const destination = (tracker: string, url: string, from?: URL): Effect.Effect<URL, TrackerError> =>
  Effect.suspend(() => {
    const retryInMs = from === undefined ? "never" : undefined
    let target: URL
    try {
      target = new URL(url, from)
    } catch {
      const message = from === undefined ? "this is not a URL" : "the tracker redirects to what is no URL"
      return fail(tracker, "BadUrl", message, retryInMs)
    }
    if (target.protocol !== "http:" && target.protocol !== "https:") {
      return fail(tracker, "Forbidden", `the tracker redirects to ${target.protocol}`, retryInMs)
    }
    const objection = Destination.objection(placeOf(target), from && placeOf(from))
    if (objection !== undefined) return fail(tracker, "Forbidden", objection, retryInMs)
    if (from?.origin === target.origin && target.username === "") {
      target.username = from.username
      target.password = from.password
    }
    return Effect.succeed(target)
  })

const placeOf = (url: URL): Destination.Place => ({ host: url.hostname, path: url.pathname })

/** User and password move from the URL, where `fetch` refuses them, into a header. */
const requestFor = (target: URL): HttpClientRequest.HttpClientRequest => {
  const bare = new URL(target)
  bare.username = ""
  bare.password = ""
  // As a string: of a URL object the query would be decoded as text, which an info-hash is not.
  const request = HttpClientRequest.get(bare.href, { headers: { "user-agent": USER_AGENT } })
  return target.username === "" && target.password === ""
    ? request
    : HttpClientRequest.basicAuth(request, decodeText(target.username), decodeText(target.password))
}

/** As UTF-8 (RFC 7617), one character a byte. */
const decodeText = (text: string): string => {
  try {
    return toLatin1(utf8(decodeURIComponent(text)))
  } catch {
    return toLatin1(utf8(text))
  }
}

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
  [/bad port|port \d+ are blocked/i, "BadUrl", "its port is one that web requests must not go to"],
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
