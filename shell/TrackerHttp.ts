/**
 * The tracker over HTTP (BEP 3, 7, 23, 24, 48) and its pages: which request gets which answer. One callback a request and
 * one back, as over UDP; what a request means is `core/tracker/ServerHttp.ts`.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import type { Access } from "../core/tracker/Access.ts"
import * as ServerHttp from "../core/tracker/ServerHttp.ts"
import * as ServerHttpReply from "../core/tracker/ServerHttpReply.ts"
import * as PeerAddresses from "./PeerAddresses.ts"
import type { StoreError } from "./PeerStore.ts"
import type { HotStore } from "./PeerStoreWire.ts"
import * as TrackerGuard from "./TrackerGuard.ts"
import * as TrackerMetrics from "./TrackerMetrics.ts"
import * as TrackerPage from "./TrackerPage.ts"
import type { ListenError } from "./Transport.ts"

export interface HttpRequest {
  readonly method: string
  /** Path and query as they came: an info-hash is no text, and a URL object would make it one. */
  readonly target: string
  /** The header `Accept`. */
  readonly accept: string | undefined
  /** Where it came from, an IP literal. */
  readonly host: string
  /** What only the pages with figures want to know. */
  readonly origin: () => TrackerGuard.Origin
}

export interface HttpReply {
  readonly status: number
  /** Names in lower case; lengths are the listener's affair. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Bytes | string
}

/** Answers a request, by calling `reply` once, at once or later. */
export type HttpServe = (request: HttpRequest, reply: (reply: HttpReply) => void) => void

/** A server for many small requests, which keeps connections alive, and cuts those that bring nothing in time. */
export class HttpListener extends Context.Tag("shoal/HttpListener")<HttpListener, {
  /**
   * Listens until the scope ends, which lets what is under way end first; gives where. `onMalformed` is called for what is
   * no HTTP, too long, or never whole; the sender is told in the listener's own words.
   */
  readonly listen: (
    at: { readonly host: string | undefined; readonly port: number },
    serve: HttpServe,
    onMalformed: () => void,
  ) => Effect.Effect<Address, ListenError, Scope.Scope>
}>() {}

export interface Options {
  readonly store: HotStore
  readonly counters: TrackerMetrics.Counters
  /** Asked for each request, since lists change while the tracker runs. */
  readonly access: () => Access
  /** The figures of all processes together. */
  readonly snapshot: (reply: (snapshot: TrackerMetrics.Snapshot) => void) => void
  /** The figures are for everyone, not for this machine alone; `/health` always is. */
  readonly hasPublicStats?: boolean
}

/** As trackers have always called it; clients don't look. */
const BENCODED = { "content-type": "text/plain" }
const PLAIN = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }
const JSON_TYPE = { "content-type": "application/json", "cache-control": "no-store" }
const METRICS = { "content-type": TrackerMetrics.CONTENT_TYPE, "cache-control": "no-store" }

const NOT_FOUND: HttpReply = { status: 404, headers: PLAIN, body: "not found\n" }
const WRONG_METHOD: HttpReply = {
  status: 405,
  headers: { ...PLAIN, allow: "GET, HEAD" },
  body: "a tracker takes GET\n",
}

const REFUSED: Readonly<Record<Exclude<TrackerGuard.Verdict, "Allowed">, HttpReply>> = {
  NotFromHere: {
    status: 403,
    headers: PLAIN,
    body: "the figures are for this machine alone; shoal tracker --public-stats shows them to everyone\n",
  },
  NotMeantForHere: {
    status: 421,
    headers: PLAIN,
    body: "no name of this machine; ask for localhost or an address, or run with --public-stats\n",
  },
}

const bencoded = (body: Bytes): HttpReply => ({ status: 200, headers: BENCODED, body })

/** What answers every request of a tracker. */
export const make = (options: Options): HttpServe => {
  const { counters, store } = options
  const addresses = PeerAddresses.make()
  let reading: ServerHttp.Options = { access: options.access(), trustsIp: false }

  const failed = (reason: string): HttpReply => {
    counters.httpRefusals++
    return bencoded(ServerHttpReply.failed(reason))
  }
  const storeFailed = (error: StoreError): HttpReply => {
    if (error.reason !== "Refused") counters.storeFailures++
    return failed(error.message)
  }

  const page = ({ accept, origin, target }: HttpRequest, reply: (reply: HttpReply) => void): void => {
    const mark = target.indexOf("?")
    const path = mark < 0 ? target : target.slice(0, mark)
    const draw = pages.get(path)
    if (draw === undefined) {
      counters.httpErrors++
      return reply(NOT_FOUND)
    }
    const verdict = path === HEALTH
      ? "Allowed"
      : TrackerGuard.judge(options.hasPublicStats === true, origin())
    if (verdict !== "Allowed") {
      counters.httpErrors++
      return reply(REFUSED[verdict])
    }
    counters.httpPages++
    options.snapshot((snapshot) => reply(draw(snapshot, accept)))
  }

  return (request, reply) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      counters.httpErrors++
      return reply(WRONG_METHOD)
    }
    const access = options.access()
    if (access !== reading.access) reading = { ...reading, access }
    const ip = PeerAddresses.bytesOf(addresses, request.host)
    const read = ip === undefined ? undefined : ServerHttp.parse(request.target, ip, reading)
    if (read === undefined) return page(request, reply)
    if (!read.ok) {
      // Counted as an announce or a scrape, as the path says.
      if (request.target.startsWith("/a")) counters.httpAnnounces++
      else counters.httpScrapes++
      return reply(failed(read.error))
    }
    const asked = read.value
    if (asked._tag === "Announce") {
      counters.httpAnnounces++
      return store.announce(asked.query, asked.withPeerIds, (result) => {
        reply(
          result.ok ? bencoded(ServerHttpReply.announced(asked, result.value)) : storeFailed(result.error),
        )
      })
    }
    counters.httpScrapes++
    store.scrape(asked.infoHashes, (result) => {
      reply(
        result.ok
          ? bencoded(ServerHttpReply.scraped(asked.infoHashes, result.value))
          : storeFailed(result.error),
      )
    })
  }
}

/** Says that it is alive, and nothing that others should not know. */
const HEALTH = "/health"

type Draw = (snapshot: TrackerMetrics.Snapshot, accept: string | undefined) => HttpReply

const statsJson: Draw = (snapshot) => ({
  status: 200,
  headers: JSON_TYPE,
  body: `${JSON.stringify(TrackerMetrics.json(snapshot))}\n`,
})

const pages: ReadonlyMap<string, Draw> = new Map<string, Draw>([
  [
    "/stats",
    (snapshot, accept) =>
      accept?.includes("application/json") === true
        ? statsJson(snapshot, accept)
        : { status: 200, headers: TrackerPage.HEADERS, body: TrackerPage.html(snapshot) },
  ],
  ["/stats.json", statsJson],
  ["/metrics", (snapshot) => ({ status: 200, headers: METRICS, body: TrackerMetrics.prometheus(snapshot) })],
  [
    HEALTH,
    ({ store }) =>
      store === undefined
        ? { status: 503, headers: PLAIN, body: "the store of the swarms does not answer\n" }
        : { status: 200, headers: PLAIN, body: "ok\n" },
  ],
])
