/** What every layer of `TrackerClient` promises, whatever carries the announce. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Bytes from "../../core/base/Bytes.ts"
import { err, ok } from "../../core/base/Result.ts"
import type { AnnounceRequest, AnnounceResponse, TrackerFailure } from "../../core/tracker/Announce.ts"
import { type AnnounceHandler, type ScrapeHandler, TrackerClient } from "../../shell/TrackerClient.ts"
import { type Inside, outside } from "./Inside.ts"

export interface Subject {
  readonly layer: Layer.Layer<TrackerClient>
  /** Announce URL of the tracker that the handlers play; carries `passkey=secret`. */
  readonly url: string
}

/** A layer and a tracker for it that the handlers play, until the scope ends. */
export type Make = (
  onAnnounce: AnnounceHandler,
  onScrape?: ScrapeHandler,
) => Effect.Effect<Subject, never, Scope.Scope>

export interface Options {
  /** The protocol has room for no more than BEP 15 says: no tracker ids, warnings, or wishes for the next try. */
  readonly isUdp: boolean
  readonly inside?: Inside
}

export const request: AnnounceRequest = {
  // Every kind of byte that an encoding could get wrong.
  infoHash: Bytes.fromHex("00ff25262b2f3d3f20c3a47fc02d5f7e2e0a0d8081fe")!.subarray(0, 20),
  peerId: Bytes.latin1("-SH0100-0123456789ab"),
  port: 51_413,
  uploadedBytes: 2 ** 33,
  downloadedBytes: 0,
  leftBytes: 16_384,
  event: "started",
  numWant: 80,
  key: 0xfedcba98,
}

const plain: AnnounceResponse = { intervalMs: 1_800_000, peers: [] }

/** Runs the suite over a layer. */
export const contract = (name: string, make: Make, { inside = outside, isUdp }: Options): void => {
  const test = (title: string, body: () => Effect.Effect<void, unknown, Scope.Scope>): void =>
    it.scopedLive(title, () => inside(Effect.scoped(body())))
  const announce = (subject: Subject, asked: AnnounceRequest) =>
    Effect.flatMap(TrackerClient, (client) => client.announce(subject.url, asked)).pipe(
      Effect.provide(subject.layer),
    )

  describe(`TrackerClient: ${name}`, () => {
    test("tells the tracker all that the request says", () =>
      Effect.gen(function* () {
        const seen: Array<AnnounceRequest> = []
        const subject = yield* make((_, asked) => {
          seen.push(asked)
          return ok(plain)
        })
        const requests: ReadonlyArray<AnnounceRequest> = [
          request,
          { ...request, event: undefined, ...(isUdp ? {} : { trackerId: "a b&\xff%" }) },
          { ...request, event: "completed", leftBytes: 0, key: 7 },
          { ...request, event: "stopped", numWant: 0 },
        ]
        for (const asked of requests) yield* announce(subject, asked)
        expect(seen).toEqual(requests)
      }))

    test("gives all that the tracker says", () =>
      Effect.gen(function* () {
        const common: AnnounceResponse = {
          intervalMs: 900_000,
          peers: [{ host: "10.1.2.3", port: 1 }, { host: "10.1.2.4", port: 65_535 }],
          seeders: 3,
          leechers: 0,
        }
        const full: AnnounceResponse = isUdp ? common : {
          ...common,
          minIntervalMs: 300_000,
          peers: [...common.peers, { host: "2001:db8::7", port: 65_535 }],
          downloads: 12,
          trackerId: "\x00\xff",
          warning: "soon over",
          externalIp: "198.51.100.7",
        }
        const subject = yield* make(() => ok(full))
        expect(yield* announce(subject, request)).toEqual(full)
      }))

    test("gives a minimal answer as it is", () =>
      Effect.gen(function* () {
        const answer: AnnounceResponse = isUdp ? { ...plain, seeders: 0, leechers: 0 } : plain
        const subject = yield* make(() => ok(answer))
        expect(yield* announce(subject, request)).toEqual(answer)
      }))

    test("fails with the tracker's refusal and its wish for the next try", () =>
      Effect.gen(function* () {
        const wishes = isUdp ? [] : [{ retryInMs: 300_000 }, { retryInMs: "never" as const }]
        for (const retry of [{}, ...wishes]) {
          const failure: TrackerFailure = { reason: "Refused", message: "unregistered torrent", ...retry }
          const subject = yield* make(() => err(failure))
          const error = yield* Effect.flip(announce(subject, request))
          expect(error._tag).toBe("TrackerError")
          expect(error.failure).toEqual(failure)
        }
      }))

    test("names the tracker in its error, but not its passkey", () =>
      Effect.gen(function* () {
        const subject = yield* make(() => err({ reason: "Refused", message: "go away" }))
        const error = yield* Effect.flip(announce(subject, request))
        expect(subject.url).toContain("secret")
        expect(error.message).toBe(`tracker ${error.url}: go away`)
        expect(error.url).toMatch(/^(http|udp):\/\/.*\/announce\?passkey=\*\*\*$/)
        expect(JSON.stringify(error)).not.toContain("secret")
      }))

    test("keeps announces that run at the same time apart", () =>
      Effect.gen(function* () {
        const subject = yield* make((_, { port }) => ok({ ...plain, seeders: port }))
        const ports = Array.from({ length: 20 }, (_, i) => i + 1)
        const answers = yield* Effect.forEach(ports, (port) => announce(subject, { ...request, port }), {
          concurrency: "unbounded",
        })
        expect(answers.map(({ seeders }) => seeders)).toEqual(ports)
      }))

    test("does nothing before it is run, and announces again when run again", () =>
      Effect.gen(function* () {
        let count = 0
        const subject = yield* make(() => ok({ ...plain, seeders: ++count }))
        const once = announce(subject, request)
        expect(count).toBe(0)
        yield* once
        expect((yield* once).seeders).toBe(2)
      }))

    test("can be interrupted", () =>
      Effect.gen(function* () {
        const arrived = yield* Deferred.make<void>()
        const subject = yield* make(() => {
          Deferred.unsafeDone(arrived, Effect.void)
          return ok(plain)
        })
        // The answer may come before the interruption does: either way the fiber ends, and the layer still works.
        const fiber = yield* Effect.fork(announce(subject, request))
        yield* Deferred.await(arrived)
        yield* Fiber.interrupt(fiber)
        expect((yield* announce(subject, request)).intervalMs).toEqual(plain.intervalMs)
      }))

    const hashes = (count: number): ReadonlyArray<Bytes.Bytes> =>
      Array.from({ length: count }, (_, i) => Uint8Array.from({ length: 20 }, (_, k) => i * 20 + k))
    const scrape = (subject: Subject, infoHashes: ReadonlyArray<Bytes.Bytes>) =>
      Effect.flatMap(TrackerClient, (client) => client.scrape(subject.url, infoHashes)).pipe(
        Effect.provide(subject.layer),
      )
    const entryOf = (infoHash: Bytes.Bytes) => ({
      seeders: infoHash[0]!,
      leechers: infoHash[1]!,
      downloads: 7,
    })

    test("scrapes any number of torrents, each figure with its own", () =>
      Effect.gen(function* () {
        const seen: Array<string> = []
        const subject = yield* make(() => ok(plain), (_, infoHashes) => {
          seen.push(...infoHashes.map(Bytes.toHex))
          return ok(infoHashes.map(entryOf))
        })
        for (const count of [0, 1, 2, 49, 50, 51, 74, 75, 200]) {
          seen.length = 0
          expect(yield* scrape(subject, hashes(count))).toEqual(hashes(count).map(entryOf))
          expect(seen.sort()).toEqual(hashes(count).map(Bytes.toHex).sort())
        }
      }))

    test("fails with the tracker's refusal to be scraped", () =>
      Effect.gen(function* () {
        const failure: TrackerFailure = { reason: "Refused", message: "no scraping" }
        const subject = yield* make(() => ok(plain), () => err(failure))
        const error = yield* Effect.flip(scrape(subject, hashes(1)))
        expect(error.failure).toEqual(failure)
        expect(JSON.stringify(error)).not.toContain("secret")
      }))
  })
}
