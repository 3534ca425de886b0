/**
 * {@link TrackerClient} over UDP (BEP 15). Names are resolved anew for each question, as the system does it, and where a
 * name has addresses of both families both are asked: each tells about peers of its own (BEP 7).
 */
import * as Arr from "effect/Array"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { assert } from "../core/base/Assert.ts"
import * as IpBytes from "../core/base/IpBytes.ts"
import { type Millis, SECOND } from "../core/base/Time.ts"
import * as Announce from "../core/tracker/Announce.ts"
import * as Destination from "../core/tracker/Destination.ts"
import type { ScrapeEntry } from "../core/tracker/Scrape.ts"
import * as Udp from "../core/tracker/Udp.ts"
import type * as UdpAnswer from "../core/tracker/UdpAnswer.ts"
import * as UdpClient from "../core/tracker/UdpClient.ts"
import * as Url from "../core/tracker/Url.ts"
import { Datagram } from "./Datagram.ts"
import {
  isTyped,
  makeError,
  STOPPED_TIMEOUT_MS,
  TrackerClient,
  type TrackerError,
  type Trust,
} from "./TrackerClient.ts"
import * as UdpQuestions from "./UdpQuestions.ts"

/**
 * Where one question gives up, from the call on: two copies of a packet, 15 + 30 seconds. BEP 15 would go on for two
 * hours; but then the tracker after this one would not get its turn, and the schedule comes back by its own back-off.
 */
export const TIMEOUT_MS: Millis = UdpClient.patienceMs(2)

/** The wall clock may jump while a name is resolved. */
const monotonicMs = Effect.map(Clock.currentTimeNanos, (nanos): Millis => Number(nanos / 1_000n) / 1_000)

/** How long the answer of one family waits for the other's, so that an IPv6 that leads nowhere does not hold up peers. */
export const OTHER_FAMILY_MS: Millis = 2 * SECOND

/** Packets of one scrape that are under way at once. */
const SCRAPE_CONCURRENCY = 4

/** Asks trackers through the `Datagram` that is there. */
export const layer = (
  options: UdpQuestions.Options & Trust = {},
): Layer.Layer<TrackerClient, never, Datagram> =>
  Layer.scoped(
    TrackerClient,
    Effect.gen(function* () {
      const { resolve } = yield* Datagram
      const ask = yield* UdpQuestions.make(options)

      /** What the tracker's addresses say, at least one of them. */
      const askAll = (
        url: string,
        limitMs: Millis,
        questionFor: (urlData: Uint8Array) => UdpClient.Question,
      ): Effect.Effect<ReadonlyArray<UdpAnswer.Answer>, TrackerError> =>
        Effect.gen(function* () {
          const tracker = Url.udpTracker(url)
          if (!tracker.ok) return yield* Effect.fail(tracker.error)
          const { address: { host, port }, urlData } = tracker.value
          const isTrusted = isTyped(options, url)
          if (!isTrusted && options.allowIdna !== true && Destination.isLookAlike(url, host)) {
            return yield* Effect.fail(lookAlike)
          }
          const startedAt = yield* monotonicMs
          const hosts = yield* resolve(host).pipe(
            Effect.mapError(({ message }) => Announce.failure("Unreachable", message)),
            Effect.timeoutFail({ duration: limitMs, onTimeout: () => tooSlow(limitMs) }),
          )
          const leftMs = startedAt + limitMs - (yield* monotonicMs)
          const allowed = isTrusted || options.allowLocal === true ? hosts : hosts.filter(mayBeAsked)
          if (allowed.length === 0 && hosts.length > 0) return yield* Effect.fail(nowhere)
          const chosen = oneOfEachFamily(allowed, options.bind)
          if (chosen.length === 0) return yield* Effect.fail(noAddress)
          return yield* whoAnswers(chosen.map((host) => ask({ host, port }, questionFor(urlData), leftMs)))
        }).pipe(Effect.mapError((failure) => makeError(url, failure)))

      const announce = Effect.fn("TrackerClient.announce")(
        function* (url: string, request: Announce.AnnounceRequest) {
          const limitMs = request.event === "stopped" ? STOPPED_TIMEOUT_MS : TIMEOUT_MS
          const replies = yield* askAll(url, limitMs, (urlData) => ({ _tag: "Announce", request, urlData }))
          const responses = replies.map((reply) => {
            assert(reply._tag === "Announced", "an announce is answered by an announce response")
            return reply.response
          })
          return Announce.merge(responses)
        },
      )

      const scrape = Effect.fn("TrackerClient.scrape")(
        function* (url: string, infoHashes: ReadonlyArray<Uint8Array>) {
          const answers = yield* Effect.forEach(
            Arr.chunksOf(infoHashes, Udp.MAX_SCRAPE_HASHES),
            (infoHashes) => askAll(url, TIMEOUT_MS, () => ({ _tag: "Scrape", infoHashes })),
            { concurrency: SCRAPE_CONCURRENCY },
          )
          return answers.flatMap(largest)
        },
      )
      return { announce, scrape }
    }),
  )

const tooSlow = (limitMs: Millis): Announce.TrackerFailure =>
  Announce.failure("Timeout", `no name server answered within ${limitMs / SECOND} seconds`)

const noAddress = Announce.failure("Unreachable", "it has no address of the family of the local address")

const lookAlike = Announce.failure("LookAlike", Destination.LOOK_ALIKE, "never")

/**
 * Elsewhere, this machine included, 16 bytes of which a torrent can choose none do no harm; but a link-local address is for
 * the machine's own affairs, and one packet to a group would be answered by many.
 */
const mayBeAsked = (host: string): boolean => {
  const ip = IpBytes.fromText(host.split("%", 1)[0]!)
  return ip === undefined || Destination.reachOfIp(ip) !== "never"
}

const nowhere = Announce.failure(
  "Forbidden",
  "no tracker is at a link-local or a multicast address; --allow-local lifts this",
  "never",
)

const isV6 = (host: string): boolean => host.includes(":")

/** The best address of each family; with a local address, of its family alone. */
const oneOfEachFamily = (hosts: ReadonlyArray<string>, bind: string | undefined): ReadonlyArray<string> =>
  [false, true].flatMap((v6) => {
    const host = bind === undefined || isV6(bind) === v6 ? hosts.find((host) => isV6(host) === v6) : undefined
    return host === undefined ? [] : [host]
  })

/**
 * What those give that succeed, in the order of `asks`: all of them, or those that have answered when the first answer is
 * {@link OTHER_FAMILY_MS} old. If none does, the failure that says most.
 */
const whoAnswers = <A>(
  asks: ReadonlyArray<Effect.Effect<A, Announce.TrackerFailure>>,
): Effect.Effect<ReadonlyArray<A>, Announce.TrackerFailure> =>
  Effect.gen(function* () {
    const answers = new Map<number, A>()
    const failures: Array<Announce.TrackerFailure> = []
    const hasAnswer = yield* Deferred.make<void>()
    const all = Effect.forEach(asks, (ask, i) =>
      Effect.matchEffect(ask, {
        onSuccess: (answer) => {
          answers.set(i, answer)
          return Deferred.succeed(hasAnswer, undefined)
        },
        onFailure: (failure) => Effect.sync(() => failures.push(failure)),
      }), { concurrency: "unbounded", discard: true })
    const enough = Effect.zipRight(Deferred.await(hasAnswer), Effect.sleep(OTHER_FAMILY_MS))
    yield* Effect.raceFirst(all, enough)
    if (answers.size === 0) {
      // A refusal is an answer; silence still says more than a family that this machine does not have.
      const first = (
        ...reasons: ReadonlyArray<Announce.FailureReason>
      ): Announce.TrackerFailure | undefined => failures.find(({ reason }) => reasons.includes(reason))
      return yield* Effect.fail(first("Refused", "BadReply") ?? first("Timeout") ?? failures[0]!)
    }
    return asks.flatMap((_, i) => answers.has(i) ? [answers.get(i)!] : [])
  })

/** The larger figures of two families, whose swarms share most of their peers. */
const largest = (replies: ReadonlyArray<UdpAnswer.Answer>): ReadonlyArray<ScrapeEntry> => {
  const [first = [], ...rest] = replies.map((reply) => {
    assert(reply._tag === "Scraped", "a scrape is answered by a scrape response")
    return reply.entries
  })
  return first.map((entry, i) =>
    rest.reduce((a, { [i]: b }) => ({
      seeders: Math.max(a.seeders, b!.seeders),
      leechers: Math.max(a.leechers, b!.leechers),
      downloads: Math.max(a.downloads, b!.downloads),
    }), entry)
  )
}
