/** What trackers go through that share a Redis: each other, and its absence. The rest is in tests/contract/PeerStore.ts. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { type AddressInfo, createServer } from "node:net"
import process from "node:process"
import type { TestContext } from "vitest"
import type { AnnounceQuery } from "../../core/tracker/Server.ts"
import * as NodeRedisPeerStore from "../../shell/node/NodeRedisPeerStore.ts"
import * as PeerStore from "../../shell/PeerStore.ts"
import { announce, hash, peer, peer6, peersOf, scrape, stats } from "../contract/PeerStore.ts"
import * as Clients from "../support/Clients.ts"
import * as Process from "../support/Process.ts"
import * as Redis from "../support/Redis.ts"

const UNREACHABLE = {
  reason: "Unreachable",
  message: "the tracker's store is unreachable, try again in a minute",
}

/** Short enough for a test, long enough for a machine that does other things too. */
const TIMES = { callTimeoutMs: 400, connectTimeoutMs: 400, maxBackOffMs: 100 }

const test = (title: string, body: () => Effect.Effect<void, unknown, Scope.Scope>): void =>
  it.scopedLive(title, (context) => {
    Clients.skipIf(context as unknown as TestContext, Redis.missing())
    return body()
  })

const server = (options: Redis.Options = {}) =>
  Effect.acquireRelease(Effect.promise(() => Redis.start(options)), (redis) => Effect.promise(redis.stop))

const store = (url: string, options: Partial<NodeRedisPeerStore.RedisOptions> = {}) =>
  Effect.map(
    Layer.build(NodeRedisPeerStore.layer({ url, ...TIMES, ...options })),
    (context) => Context.get(context, PeerStore.PeerStore),
  )

type Store = typeof PeerStore.PeerStore.Service

/** Asks until the store answers, as the tracker's clients do. */
const recovered = (one: Store, query = peer(1)) =>
  Effect.promise(() =>
    Process.until("the store answers again", async () => {
      const exit = await Effect.runPromiseExit(announce(one, query))
      return Exit.isSuccess(exit) ? exit.value : undefined
    })
  )

/** Asks until the store has noticed that its connection is gone. */
const lost = (one: Store) =>
  Effect.promise(() =>
    Process.until("the store says that it is unreachable", async () => {
      const error = await Effect.runPromise(Effect.either(stats(one)))
      return error._tag === "Left"
    })
  )

const warnings = Effect.map(
  Effect.sync(() => [] as Array<string>),
  (lines) => ({
    lines,
    layer: Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ message }) => void lines.push(String(message))),
    ),
  }),
)

describe("NodeRedisPeerStore", () => {
  test("shows the peers of one tracker to the other, and keeps them when one goes", () =>
    Effect.gen(function* () {
      const redis = yield* server()
      const scope = yield* Scope.make()
      const first = yield* Scope.extend(store(redis.url), scope)
      const second = yield* store(redis.url)
      yield* announce(first, peer(1, { leftBytes: 0 }))
      const reply = yield* announce(second, peer(2))
      expect(reply).toMatchObject({ seeders: 1, leechers: 1 })
      expect(peersOf(reply)).toHaveLength(1)
      expect(peersOf(yield* announce(first, peer(1, { leftBytes: 0 })))).toHaveLength(1)
      yield* Scope.close(scope, Exit.void)
      expect(yield* Effect.flip(announce(first, peer(3)))).toEqual(UNREACHABLE)
      const third = yield* store(redis.url)
      expect(yield* announce(third, peer(3))).toMatchObject({ seeders: 1, leechers: 2 })
      expect(yield* stats(second)).toMatchObject({ swarms: 1, seeders: 1, leechers: 2 })
    }))

  test("keeps trackers with another prefix apart", () =>
    Effect.gen(function* () {
      const redis = yield* server()
      const first = yield* store(redis.url)
      const other = yield* store(redis.url, { prefix: "other:" })
      yield* announce(first, peer(1))
      expect(yield* announce(other, peer(2))).toMatchObject({ leechers: 1 })
    }))

  test("does what the store in memory does, whatever is announced in whatever order", () =>
    Effect.gen(function* () {
      const redis = yield* server()
      const query = fc.record({
        n: fc.integer({ min: 1, max: 5 }),
        torrent: fc.integer({ min: 1, max: 2 }),
        is6: fc.boolean(),
        leftBytes: fc.constantFrom(0, 0, 1),
        event: fc.constantFrom("started" as const, "completed" as const, "stopped" as const, undefined),
      })
      let runs = 0
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(fc.array(query, { minLength: 1, maxLength: 40 }), (steps) =>
            Effect.gen(function* () {
              // Room for all torrents: which one goes where there is none is for the store in memory alone to say.
              const limits = { maxPeers: 100, maxPeersPerSwarm: 4, maxSwarms: 4 }
              const shared = yield* store(redis.url, { limits, prefix: `run${++runs}:` })
              const own = Context.get(
                yield* Layer.build(PeerStore.layerMemory({ limits })),
                PeerStore.PeerStore,
              )
              for (const { event, is6, leftBytes, n, torrent } of steps) {
                const changes: Partial<AnnounceQuery> = { infoHash: hash(torrent), leftBytes, event }
                const asked = is6 ? peer6(n, changes) : peer(n, changes)
                const seen = (one: Store) =>
                  announce(one, asked, true).pipe(
                    Effect.either,
                    Effect.map((either) => {
                      if (either._tag === "Left") {
                        return either.left
                      }
                      const { leechers, peerIds, seeders } = either.right
                      const ids = peerIds?.map((id) =>
                        String.fromCharCode(...id)
                      ).toSorted()
                      const peers = peersOf(either.right, is6 ? 18 : 6).toSorted()
                      return { leechers, seeders, peers, ids: ids?.length ? ids : [] }
                    }),
                  )
                expect(yield* seen(shared)).toEqual(yield* seen(own))
              }
              const { leechers, seeders, swarms } = yield* stats(own)
              expect(yield* stats(shared)).toEqual({ leechers, seeders, swarms })
            }).pipe(Effect.scoped, Effect.runPromise)),
          { numRuns: 30 },
        )
      )
    }))

  test("fails at once while Redis is away, and works again when it is back", () =>
    Effect.gen(function* () {
      const redis = yield* server()
      const { layer, lines } = yield* warnings
      const one = yield* Effect.provide(store(redis.url), layer)
      yield* announce(one, peer(1))
      yield* Effect.promise(redis.stop)
      yield* lost(one)
      for (const n of [1, 2, 3]) expect(yield* Effect.flip(announce(one, peer(n)))).toEqual(UNREACHABLE)
      expect(yield* Effect.flip(scrape(one, hash(1)))).toEqual(UNREACHABLE)
      expect(yield* Effect.flip(stats(one))).toEqual(UNREACHABLE)
      yield* server({ port: redis.port })
      expect(yield* recovered(one)).toMatchObject({ leechers: 1 })
      // an outage is worth a line, not one for each announce
      expect(lines.length).toBeGreaterThan(0)
      expect(lines.length).toBeLessThan(4)
      expect(lines[0]).toContain(`the peer store at redis://127.0.0.1:${redis.port}: `)
    }))

  test("waits for a Redis that comes later than the tracker", () =>
    Effect.gen(function* () {
      const port = yield* Effect.promise(Process.freePort)
      const one = yield* store(`redis://127.0.0.1:${port}`)
      expect(yield* Effect.flip(announce(one, peer(1)))).toEqual(UNREACHABLE)
      yield* server({ port })
      expect(yield* recovered(one)).toMatchObject({ leechers: 1 })
    }))

  test("gives up on a Redis that hangs, and has it back when it goes on", () =>
    Effect.gen(function* () {
      const redis = yield* server()
      const one = yield* store(redis.url)
      yield* announce(one, peer(1))
      process.kill(redis.pid, "SIGSTOP")
      const started = performance.now()
      // all of them, not one after the other
      const errors = yield* Effect.forEach([1, 2, 3, 4], (n) => Effect.flip(announce(one, peer(n))), {
        concurrency: "unbounded",
      })
      expect(errors).toEqual([UNREACHABLE, UNREACHABLE, UNREACHABLE, UNREACHABLE])
      expect(performance.now() - started).toBeLessThan(2 * TIMES.callTimeoutMs)
      expect(yield* Effect.flip(announce(one, peer(1)))).toEqual(UNREACHABLE)
      process.kill(redis.pid, "SIGCONT")
      // what was sent before may have arrived: nobody is lost
      expect((yield* recovered(one)).leechers).toBeGreaterThanOrEqual(1)
    }))

  test("lets only so many wait", () =>
    Effect.gen(function* () {
      const redis = yield* server()
      const one = yield* store(redis.url, { maxPending: 3 })
      // the sweep that comes first is done with this
      yield* announce(one, peer(1))
      process.kill(redis.pid, "SIGSTOP")
      const reasons = yield* Effect.forEach(
        [1, 2, 3, 4, 5],
        (n) => Effect.map(Effect.flip(announce(one, peer(n))), ({ reason }) => reason),
        { concurrency: "unbounded" },
      )
      expect(reasons).toEqual(["Unreachable", "Unreachable", "Unreachable", "Overloaded", "Overloaded"])
      process.kill(redis.pid, "SIGCONT")
      yield* recovered(one)
    }))

  test("does not wait for a server that accepts and says nothing", () =>
    Effect.gen(function* () {
      const port = yield* Effect.acquireRelease(
        Effect.async<{ readonly port: number; readonly close: () => void }>((resume) => {
          const silent = createServer((socket) => void socket.on("error", () => {}).resume())
          silent.listen(0, "127.0.0.1", () => {
            const { port } = silent.address() as AddressInfo
            resume(Effect.succeed({ port, close: () => silent.close() }))
          })
        }),
        ({ close }) => Effect.sync(close),
      )
      // The server reads for ever, but the log-in asks for an answer only with a password or a database.
      const one = yield* store(`redis://:secret@127.0.0.1:${port.port}/1`)
      expect(yield* Effect.flip(announce(one, peer(1)))).toEqual(UNREACHABLE)
    }))

  test("sends a script again that Redis has forgotten", () =>
    Effect.gen(function* () {
      const redis = yield* server()
      const one = yield* store(redis.url)
      yield* announce(one, peer(1))
      yield* Effect.promise(() => redis.ask("SCRIPT FLUSH"))
      const replies = yield* Effect.forEach([2, 3, 4], (n) => announce(one, peer(n)), {
        concurrency: "unbounded",
      })
      expect(replies.map(({ leechers }) => leechers)).toEqual([2, 3, 4])
    }))

  test("says that it is overloaded when Redis has no memory left", () =>
    Effect.gen(function* () {
      const redis = yield* server()
      const one = yield* store(redis.url)
      yield* Effect.promise(() => redis.ask("CONFIG SET maxmemory 1"))
      expect(yield* Effect.flip(announce(one, peer(1)))).toEqual({
        reason: "Overloaded",
        message: "the tracker is overloaded, try again in a minute",
      })
      yield* Effect.promise(() => redis.ask("CONFIG SET maxmemory 0"))
      expect(yield* announce(one, peer(1))).toMatchObject({ leechers: 1 })
    }))

  test("logs in, and tells the operator where that fails, without the password", () =>
    Effect.gen(function* () {
      const redis = yield* server({ password: "right" })
      const { layer, lines } = yield* warnings
      const wrong = yield* Effect.provide(store(redis.url.replace("right", "wrong")), layer)
      expect(yield* Effect.flip(announce(wrong, peer(1)))).toEqual(UNREACHABLE)
      expect(lines.join("\n")).toContain("WRONGPASS")
      expect(lines.join("\n")).not.toContain(":wrong@")
      expect(yield* announce(yield* store(redis.url), peer(1))).toMatchObject({ leechers: 1 })
    }))

  test("does not take what is no URL of a Redis, nor say its password", () =>
    Effect.gen(function* () {
      for (const url of ["localhost:6379", "http://:secret@x", "redis://:secret@x/db", "redis:///1", ""]) {
        const error = yield* Effect.flip(store(url))
        expect(error._tag).toBe("RedisOptionsError")
        expect(error.message).toContain("as in redis://127.0.0.1:6379")
        expect(error.message).not.toContain("secret")
      }
      const error = yield* Effect.flip(store("redis://127.0.0.1", { prefix: "a'b" }))
      expect(error.message).toContain(`"a'b"`)
    }))

  test("sweeps any number of swarms, in turns that leave Redis to others", () =>
    Effect.gen(function* () {
      const redis = yield* server()
      const one = yield* store(redis.url, { sweepEveryMs: 20, callTimeoutMs: 10_000 })
      const count = 2_500
      yield* Effect.forEach(
        Array.from({ length: count }, (_, i) => i),
        (i) => announce(one, peer(i, { infoHash: hash(i < 1_000 ? i : 1_000) })),
        { concurrency: "unbounded" },
      )
      expect(yield* stats(one)).toMatchObject({ swarms: 1_001, leechers: count })
      yield* Effect.promise(() => redis.ask(Redis.age(NodeRedisPeerStore.PREFIX, 4_000)))
      yield* Effect.promise(() =>
        Process.until("everything is swept", async () => (await Effect.runPromise(stats(one))).swarms === 0)
      )
      expect(yield* stats(one)).toEqual({ swarms: 0, seeders: 0, leechers: 0 })
      const left = yield* Effect.promise(() => redis.ask("KEYS *"))
      // the totals, which are zeros, and what an address brought, which goes by itself
      expect(left).not.toContain(":4")
      expect(left).not.toContain("due")
    }))
})
