/**
 * Getting what a stranger's URL names: every step of the way, redirects included, is checked by
 * `core/tracker/Destination.ts`, first by the host's text and then by each address that it resolves to, which is the one
 * that is connected to: a name that resolves anew to something else gains nothing by it.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import type { Bytes } from "../core/base/Bytes.ts"
import { toLatin1, utf8 } from "../core/base/Bytes.ts"
import * as Destination from "../core/tracker/Destination.ts"

/** Moves to https and to another host are one each; the rest is patience. */
export const MAX_REDIRECTS = 5

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/**
 * A request was not made, or no further one.
 *
 * - `BadUrl`: not a URL that can be asked.
 * - `Forbidden`: it leads to where we don't send a request.
 * - `LookAlike`: its host's name may be made to look like another one.
 * - `Redirects`: there were more than {@link MAX_REDIRECTS}.
 */
export class Objection extends Data.TaggedError("HttpObjection")<{
  readonly reason: "BadUrl" | "Forbidden" | "LookAlike" | "Redirects"
  /** A line for the user that names no URL. */
  readonly message: string
  /** The URL that we were given is at fault, not one that it redirects to. */
  readonly isFirst: boolean
}> {}

/**
 * Asked by an `HttpClient` that resolves names itself for each address (4 or 16 bytes) before it connects to it: why it must
 * not, `undefined` if it may. The answer of those it refuses is {@link Refused}.
 */
export type Admit = (ip: Bytes) => string | undefined

/** What holds for the requests of a fiber; everything may be connected to unless somebody says otherwise. */
export class Admission extends Context.Reference<Admission>()("shoal/HttpAdmission", {
  defaultValue: (): Admit => () => undefined,
}) {}

/** The cause of a request's failure where {@link Admission} refused every address. */
export class Refused extends Error {
  override readonly name = "Refused"
}

/** Who is asking for whom. */
export interface Trust {
  /** The user typed the URL; otherwise a stranger's tracker is asked. */
  readonly isTyped: boolean
  /** Whether hosts that are not on the internet may be asked for anything. */
  readonly allowLocal: boolean
  /** Whether names may have letters beyond ASCII. */
  readonly allowIdna: boolean
  /** What the URL had after its `?` as it was given, without what we add. */
  readonly query: string
}

/**
 * Gets a URL and what it redirects to, and reads the last response. The connection is given up at once if the response is
 * not read to its end. User and password of a URL become a header, and stay with the origin that they were meant for.
 */
export const get = <A, E>(
  anyClient: HttpClient.HttpClient,
  start: string,
  headers: Readonly<Record<string, string>>,
  trust: Trust,
  read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E>,
): Effect.Effect<A, E | Objection | HttpClientError.HttpClientError> => {
  // Spans and trace headers would carry the passkey and tell the other side about us.
  const client = anyClient.pipe(
    HttpClient.withTracerDisabledWhen(() => true),
    HttpClient.withTracerPropagation(false),
    HttpClient.withScope,
  )

  const step = (
    url: string,
    from: Arrived | undefined,
    redirectsLeft: number,
  ): Effect.Effect<A, E | Objection | HttpClientError.HttpClientError> =>
    Effect.gen(function* () {
      const { hop, near, target } = yield* check(url, from, trust)
      // The farthest of the addresses that a connection may have been made to: what it sends us to must be no nearer.
      let reached: Destination.Reach | undefined
      const admit: Admit = (ip) => {
        const nearIp = Destination.nearer(near, Destination.reachOfIp(ip))
        const objection = trust.allowLocal ? undefined : Destination.objection(nearIp, hop)
        if (objection === undefined) {
          reached = reached === undefined || Destination.nearer(reached, nearIp) === reached
            ? nearIp
            : reached
        }
        return objection
      }
      const response = yield* client.execute(requestFor(target, headers)).pipe(
        Effect.provideService(Admission, admit),
        Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
        Effect.mapError((error) =>
          error.cause instanceof Refused
            ? new Objection({
              reason: "Forbidden",
              message: error.cause.message,
              isFirst: from === undefined,
            })
            : error
        ),
      )
      const { location } = response.headers
      if (!REDIRECTS.has(response.status) || location === undefined) return { answer: yield* read(response) }
      if (redirectsLeft === 0) {
        const message = `more than ${MAX_REDIRECTS} redirects`
        return yield* new Objection({ reason: "Redirects", message, isFirst: false })
      }
      return { location, from: { url: target, reach: reached ?? near } }
    }).pipe(
      Effect.scoped,
      Effect.flatMap((next) =>
        "answer" in next ? Effect.succeed(next.answer) : step(next.location, next.from, redirectsLeft - 1)
      ),
    )
  return step(start, undefined, MAX_REDIRECTS)
}

/** A place that answered with a redirect. */
interface Arrived {
  readonly url: URL
  readonly reach: Destination.Reach
}

/** The parsed URL, if a request may be sent there, going by its text. */
const check = (
  url: string,
  from: Arrived | undefined,
  { allowIdna, allowLocal, isTyped, query }: Trust,
): Effect.Effect<
  { readonly target: URL; readonly near: Destination.Reach; readonly hop: Destination.Hop },
  Objection
> =>
  Effect.suspend(() => {
    const isFirst = from === undefined
    const refuse = (reason: Objection["reason"], message: string) =>
      new Objection({ reason, message, isFirst })
    let target: URL
    try {
      target = new URL(url, from?.url)
    } catch {
      return refuse("BadUrl", isFirst ? "this is not a URL" : "it redirects to what is no URL")
    }
    if (target.protocol !== "http:" && target.protocol !== "https:") {
      return isFirst
        ? refuse("BadUrl", "this is no http or https URL")
        : refuse("Forbidden", `it redirects to ${target.protocol}`)
    }
    if (Destination.isBadPort(Number(target.port))) {
      return refuse("BadUrl", "its port is one that web requests must not go to")
    }
    const isKnown = (isTyped && isFirst) || target.hostname === from?.url.hostname
    if (!allowIdna && !isKnown && Destination.isLookAlike(url, target.hostname)) {
      return refuse("LookAlike", Destination.LOOK_ALIKE)
    }
    const near = Destination.reach(target.hostname)
    const hop = { path: target.pathname, query, from: from?.reach, isTyped }
    const objection = allowLocal ? undefined : Destination.objection(near, hop)
    if (objection !== undefined) return refuse("Forbidden", objection)
    if (from?.url.origin === target.origin && target.username === "" && target.password === "") {
      target.username = from.url.username
      target.password = from.url.password
    }
    return Effect.succeed({ target, near, hop })
  })

/** User and password move from the URL, where web requests must not have them, into a header. */
const requestFor = (
  target: URL,
  headers: Readonly<Record<string, string>>,
): HttpClientRequest.HttpClientRequest => {
  const bare = new URL(target)
  bare.username = ""
  bare.password = ""
  bare.hash = ""
  // As a string: of a URL object the query would be decoded as text, which an info-hash is not.
  const request = HttpClientRequest.get(bare.href, { headers })
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
