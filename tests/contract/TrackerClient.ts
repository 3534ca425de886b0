/** What every layer of `TrackerClient` promises, whatever carries the announce. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Bytes from "../../core/base/Bytes.ts"
import { err, ok, type Result } from "../../core/base/Result.ts"
import type { AnnounceRequest, AnnounceResponse, TrackerFailure } from "../../core/tracker/Announce.ts"
import { TrackerClient } from "../../shell/TrackerClient.ts"

/** Plays the tracker: what it answers to each announce that arrives. */
export type Handler = (url: string, request: AnnounceRequest) => Result<AnnounceResponse, TrackerFailure>

export interface Subject {
  readonly layer: Layer.Layer<TrackerClient>
  /** Announce URL of the tracker that `handler` plays; carries `passkey=secret`. */
  readonly url: string
}

/** A layer and a tracker for it that `handler` plays, until the scope ends. */
export type Make = (handler: Handler) => Effect.Effect<Subject, never, Scope.Scope>

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
export const contract = (name: string, make: Make): void => {
  const announce = (subject: Subject, asked: AnnounceRequest) =>
    Effect.flatMap(TrackerClient, (client) => client.announce(subject.url, asked)).pipe(
      Effect.provide(subject.layer),
    )

  describe(`TrackerClient: ${name}`, () => {
    it.scopedLive("tells the tracker all that the request says", () =>
      Effect.gen(function* () {
        const seen: Array<AnnounceRequest> = []
        const subject = yield* make((_, asked) => {
          seen.push(asked)
          return ok(plain)
        })
        const requests: ReadonlyArray<AnnounceRequest> = [
          request,
          { ...request, event: undefined, trackerId: "a b&\xff%" },
          { ...request, event: "completed", leftBytes: 0, key: 7 },
          { ...request, event: "stopped", numWant: 0 },
        ]
        for (const asked of requests) yield* announce(subject, asked)
        expect(seen).toEqual(requests)
      }))

    it.scopedLive("gives all that the tracker says", () =>
      Effect.gen(function* () {
        const full: AnnounceResponse = {
          intervalMs: 900_000,
          minIntervalMs: 300_000,
          peers: [{ host: "10.1.2.3", port: 1 }, { host: "2001:db8::7", port: 65_535 }],
          seeders: 3,
          leechers: 0,
          downloads: 12,
          trackerId: "\x00\xff",
          warning: "soon over",
          externalIp: "198.51.100.7",
        }
        const subject = yield* make(() => ok(full))
        expect(yield* announce(subject, request)).toEqual(full)
      }))

    it.scopedLive("gives a minimal answer as it is", () =>
      Effect.gen(function* () {
        const subject = yield* make(() => ok(plain))
        expect(yield* announce(subject, request)).toEqual(plain)
      }))

    it.scopedLive("fails with the tracker's refusal and its wish for the next try", () =>
      Effect.gen(function* () {
        for (const retry of [{}, { retryInMs: 300_000 }, { retryInMs: "never" as const }]) {
          const failure: TrackerFailure = { reason: "Refused", message: "unregistered torrent", ...retry }
          const subject = yield* make(() => err(failure))
          const error = yield* Effect.flip(announce(subject, request))
          expect(error._tag).toBe("TrackerError")
          expect(error.failure).toEqual(failure)
        }
      }))

    it.scopedLive("names the tracker in its error, but not its passkey", () =>
      Effect.gen(function* () {
        const subject = yield* make(() => err({ reason: "Refused", message: "go away" }))
        const error = yield* Effect.flip(announce(subject, request))
        expect(subject.url).toContain("secret")
        expect(error.message).toBe(`tracker ${error.url}: go away`)
        expect(error.url).toMatch(/^http:\/\/.*\/announce\?passkey=\*\*\*$/)
        expect(JSON.stringify(error)).not.toContain("secret")
      }))

    it.scopedLive("keeps announces that run at the same time apart", () =>
      Effect.gen(function* () {
        const subject = yield* make((_, { port }) => ok({ ...plain, seeders: port }))
        const ports = Array.from({ length: 20 }, (_, i) => i + 1)
        const answers = yield* Effect.forEach(ports, (port) => announce(subject, { ...request, port }), {
          concurrency: "unbounded",
        })
        expect(answers.map(({ seeders }) => seeders)).toEqual(ports)
      }))

    it.scopedLive("does nothing before it is run, and announces again when run again", () =>
      Effect.gen(function* () {
        let count = 0
        const subject = yield* make(() => ok({ ...plain, seeders: ++count }))
        const once = announce(subject, request)
        expect(count).toBe(0)
        yield* once
        expect((yield* once).seeders).toBe(2)
      }))

    it.scopedLive("can be interrupted", () =>
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
        expect(yield* announce(subject, request)).toEqual(plain)
      }))
  })
}
