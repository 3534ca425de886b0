/** What every layer of `PeerStore` does. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { TestContext } from "vitest"
import * as Bytes from "../../core/base/Bytes.ts"
import type { ScrapeEntry } from "../../core/tracker/Scrape.ts"
import type { AnnounceQuery, AnnounceReply } from "../../core/tracker/Server.ts"
import { JITTER, type Limits } from "../../core/tracker/ServerLimits.ts"
import { PeerStore, type Reply, type StoreError, type StoreStats } from "../../shell/PeerStore.ts"
import * as Clients from "../support/Clients.ts"

export interface Subject {
  readonly layer: Layer.Layer<PeerStore, unknown>
  /** Lets so much time pass, and whatever the store does in it. Needs the layer. */
  readonly pass: (seconds: number) => Effect.Effect<void, unknown>
}

/** An empty store. */
export type Make = (limits: Partial<Limits>) => Effect.Effect<Subject, unknown, Scope.Scope>

type Store = typeof PeerStore.Service

export const hash = (n: number): Bytes.Bytes =>
  Uint8Array.from({ length: 20 }, (_, i) => (n >> (8 * (i & 3))) & 255)

/** Peer `n`: a leecher of torrent 1 at 10.x.x.x that wants 50 peers. */
export const peer = (n: number, changes: Partial<AnnounceQuery> = {}): AnnounceQuery => ({
  infoHash: hash(1),
  peerId: idOf(n),
  ip: Uint8Array.of(10, n >> 16, n >> 8, n),
  port: 1000 + n % 60_000,
  leftBytes: 1,
  event: undefined,
  numWant: 50,
  ...changes,
})

export const peer6 = (n: number, changes: Partial<AnnounceQuery> = {}): AnnounceQuery =>
  peer(n, { ip: Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, n, 0, 0, 0, 0, 0, 0, 0, n >> 8, n), ...changes })

const SEED = { leftBytes: 0 } as const

const ARIA2 = Bytes.latin1("A2-1-36-0-0123456789")

const idOf = (n: number): Bytes.Bytes => Bytes.latin1(`-SH0100-${String(n).padStart(12, "0")}`)

const compactOf = ({ ip, port }: AnnounceQuery): string => Bytes.toHex(Uint8Array.of(...ip, port >> 8, port))

/** The compact peers of a reply, each in hexadecimal. */
export const peersOf = (reply: AnnounceReply, bytes = 6): ReadonlyArray<string> =>
  Array.from(
    { length: reply.peers.length / bytes },
    (_, i) => Bytes.toHex(reply.peers.subarray(i * bytes, (i + 1) * bytes)),
  )

/** Callbacks as an Effect; the reply's bytes are copied, since they don't outlive the callback. */
const ask = <A>(question: (reply: Reply<A>) => void): Effect.Effect<A, StoreError> =>
  Effect.async((resume) =>
    question((result) => resume(result.ok ? Effect.succeed(result.value) : Effect.fail(result.error)))
  )

export const announce = (
  store: Store,
  query: AnnounceQuery,
  withPeerIds = false,
): Effect.Effect<AnnounceReply, StoreError> =>
  ask((reply) =>
    store.announce(query, withPeerIds, (result) =>
      reply(
        result.ok
          ? {
            ok: true,
            value: {
              ...result.value,
              peers: result.value.peers.slice(),
              ...(result.value.peerIds && { peerIds: result.value.peerIds.map((id) => id.slice()) }),
            },
          }
          : result,
      ))
  )

export const scrape = (
  store: Store,
  ...hashes: ReadonlyArray<Bytes.Bytes>
): Effect.Effect<ReadonlyArray<ScrapeEntry>, StoreError> => ask((reply) => store.scrape(hashes, reply))

export const stats = (store: Store): Effect.Effect<StoreStats, StoreError> => ask(store.stats)

/** Runs the suite over a layer, or skips it, saying why. */
export const contract = (name: string, make: Make, missing?: string): void => {
  const test = (
    title: string,
    body: (store: Store, pass: Subject["pass"]) => Effect.Effect<void, unknown>,
    limits: Partial<Limits> = {},
  ): void =>
    it.scoped(title, (context) =>
      Effect.gen(function* () {
        Clients.skipIf(context as unknown as TestContext, missing)
        const { layer, pass } = yield* make(limits)
        yield* Effect.flatMap(PeerStore, (store) => body(store, pass)).pipe(Effect.provide(layer))
      }))

  const all = (store: Store, queries: ReadonlyArray<AnnounceQuery>) =>
    Effect.forEach(queries, (query) => announce(store, query), { concurrency: "unbounded" })

  const range = (count: number, from = 1): ReadonlyArray<number> =>
    Array.from({ length: count }, (_, i) => from + i)

  describe(`PeerStore: ${name}`, () => {
    test("tells the first peer that it is alone, and when to come back", (store) =>
      Effect.gen(function* () {
        const reply = yield* announce(store, peer(1))
        expect(reply).toMatchObject({ seeders: 0, leechers: 1, minIntervalSeconds: 500 })
        expect(reply.intervalSeconds).toBeLessThanOrEqual(1000)
        expect(reply.intervalSeconds).toBeGreaterThanOrEqual(1000 * (1 - JITTER))
        expect(peersOf(reply)).toEqual([])
        expect(reply.peerIds).toBeUndefined()
      }), { intervalSeconds: 1000, minIntervalSeconds: 500 })

    test("gives peers to each other, and nobody to himself", (store) =>
      Effect.gen(function* () {
        yield* announce(store, peer(1))
        expect(peersOf(yield* announce(store, peer(2)))).toEqual([compactOf(peer(1))])
        expect(peersOf(yield* announce(store, peer(1)))).toEqual([compactOf(peer(2))])
        const third = yield* announce(store, peer(3, SEED))
        expect(peersOf(third).toSorted()).toEqual([compactOf(peer(1)), compactOf(peer(2))])
        expect(third).toMatchObject({ seeders: 1, leechers: 2 })
      }))

    test("keeps torrents apart", (store) =>
      Effect.gen(function* () {
        yield* announce(store, peer(1))
        expect(peersOf(yield* announce(store, peer(2, { infoHash: hash(2) })))).toEqual([])
      }))

    test("gives seeders to leechers only", (store) =>
      Effect.gen(function* () {
        yield* all(store, [peer(1, SEED), peer(2, SEED), peer(3)])
        expect(peersOf(yield* announce(store, peer(4, SEED)))).toEqual([compactOf(peer(3))])
        expect(peersOf(yield* announce(store, peer(3))).toSorted())
          .toEqual([1, 2, 4].map((n) => compactOf(peer(n))))
      }))

    test("gives an aria2 that starts with left=0 seeders too, behind all leechers, as long as it wants more", (store) =>
      Effect.gen(function* () {
        yield* all(store, [peer(1, SEED), peer(2, SEED), peer(3), peer(4)])
        const start = (n: number, numWant = 50) =>
          Effect.map(
            announce(store, peer(n, { ...SEED, event: "started", numWant, peerId: ARIA2 })),
            (reply) => peersOf(reply),
          )
        const told = yield* start(5)
        expect(told.slice(0, 2).toSorted()).toEqual([3, 4].map((n) => compactOf(peer(n))))
        expect(told.slice(2).toSorted()).toEqual([1, 2].map((n) => compactOf(peer(n))))
        expect((yield* start(1)).toSorted()).toEqual([2, 3, 4, 5].map((n) => compactOf(peer(n))))
        expect(yield* start(1, 3)).toHaveLength(3)
        expect((yield* start(6, 2)).toSorted()).toEqual([3, 4].map((n) => compactOf(peer(n))))
        expect(yield* start(6, 0)).toEqual([])
      }))

    test("keeps IPv4 and IPv6 apart, but counts both in a scrape", (store) =>
      Effect.gen(function* () {
        yield* all(store, [peer(1), peer(2, SEED), peer6(1, SEED), peer6(2), peer6(3)])
        const reply = yield* announce(store, peer6(2))
        expect(peersOf(reply, 18).toSorted()).toEqual([compactOf(peer6(1)), compactOf(peer6(3))])
        expect(reply).toMatchObject({ seeders: 1, leechers: 2 })
        expect(yield* scrape(store, hash(1))).toEqual([{ seeders: 2, leechers: 3, downloads: 0 }])
      }))

    test("lets a peer go that stops, with no peers for it", (store) =>
      Effect.gen(function* () {
        yield* all(store, [peer(1), peer(2, SEED), peer(3)])
        const reply = yield* announce(store, peer(1, { event: "stopped" }))
        expect(peersOf(reply)).toEqual([])
        expect(reply).toMatchObject({ seeders: 1, leechers: 1 })
        expect(peersOf(yield* announce(store, peer(3)))).toEqual([compactOf(peer(2))])
        yield* announce(store, peer(2, { event: "stopped", leftBytes: 0 }))
        yield* announce(store, peer(3, { event: "stopped" }))
        expect(yield* stats(store)).toMatchObject({ swarms: 0, seeders: 0, leechers: 0 })
      }))

    test("takes a stop of somebody unknown for nothing", (store) =>
      Effect.gen(function* () {
        expect(yield* announce(store, peer(1, { event: "stopped" }))).toMatchObject({
          seeders: 0,
          leechers: 0,
        })
        yield* announce(store, peer(2))
        expect(yield* announce(store, peer(1, { event: "stopped" }))).toMatchObject({
          seeders: 0,
          leechers: 1,
        })
        expect(yield* stats(store)).toMatchObject({ swarms: 1, leechers: 1 })
      }))

    test("makes a leecher a seeder and back, and counts its download once", (store) =>
      Effect.gen(function* () {
        yield* announce(store, peer(1))
        const done = { event: "completed", leftBytes: 0 } as const
        expect(yield* announce(store, peer(1, done))).toMatchObject({ seeders: 1, leechers: 0 })
        yield* announce(store, peer(1, done))
        yield* announce(store, peer(1))
        expect(yield* announce(store, peer(1, done))).toMatchObject({ seeders: 1, leechers: 0 })
        // of these no download was seen
        yield* announce(store, peer(2, done))
        yield* announce(store, peer(3, SEED))
        yield* announce(store, peer(3, done))
        expect(yield* scrape(store, hash(1))).toEqual([{ seeders: 3, leechers: 0, downloads: 1 }])
        expect(yield* stats(store)).toMatchObject({ swarms: 1, seeders: 3, leechers: 0 })
      }))

    test("knows a peer by its address and port, whatever id it has", (store) =>
      Effect.gen(function* () {
        yield* announce(store, peer(1))
        yield* announce(store, peer(1, { peerId: idOf(99) }))
        const same = { ip: peer(1).ip }
        yield* announce(store, peer(2, same))
        const reply = yield* announce(store, peer(3), true)
        expect(peersOf(reply).toSorted()).toEqual([compactOf(peer(1)), compactOf(peer(2, same))])
        expect(reply.peerIds?.map(Bytes.toLatin1).toSorted()).toEqual([idOf(2), idOf(99)].map(Bytes.toLatin1))
      }))

    test("gives ids in the order of the addresses", (store) =>
      Effect.gen(function* () {
        yield* all(store, range(60).map((n) => peer(n, n % 3 === 0 ? SEED : {})))
        for (const wanted of [1, 7, 59, 200]) {
          const reply = yield* announce(store, peer(1, { numWant: wanted }), true)
          const ids = reply.peerIds!.map((id) => Number(Bytes.toLatin1(id).slice(8)))
          expect(ids.map((n) => compactOf(peer(n)))).toEqual(peersOf(reply))
          expect(ids.length).toBe(Math.min(wanted, 59))
        }
        expect((yield* announce(store, peer(1, { numWant: 0 }), true)).peerIds).toEqual([])
      }))

    // Few and many of small and large swarms take different ways through both layers.
    for (const [size, seeds] of [[3, 1], [60, 20], [60, 60], [600, 1], [600, 300], [600, 599]] as const) {
      test(`gives as many different peers as are wanted and there, of ${seeds} seeders among ${size}`, (store) =>
        Effect.gen(function* () {
          yield* all(store, range(size).map((n) => peer(n, n <= seeds ? SEED : {})))
          const everybody = new Set(range(size).map((n) => compactOf(peer(n))))
          for (const asker of [peer(size), peer(1), peer(size + 1), peer(size + 2, SEED)]) {
            for (const numWant of [0, 1, 2, 50, 150, 200]) {
              const reply = yield* announce(store, { ...asker, numWant })
              const peers = peersOf(reply)
              const isMember = everybody.has(compactOf(asker))
              if (!isMember) everybody.add(compactOf(asker))
              const others = reply.leechers + (asker.leftBytes === 0 ? 0 : reply.seeders - 1)
              expect(peers.length).toBe(Math.min(numWant, others))
              expect(new Set(peers).size).toBe(peers.length)
              for (const one of peers) expect(everybody).toContain(one)
              expect(peers).not.toContain(compactOf(asker))
            }
          }
        }))
    }

    test("chooses by chance, so that everybody is told of", (store) =>
      Effect.gen(function* () {
        yield* all(store, [...range(299).map((n) => peer(n)), peer(300, SEED)])
        const seen = new Map<string, number>()
        const rounds = 120
        for (const reply of yield* all(store, Array.from({ length: rounds }, () => peer(1)))) {
          for (const one of peersOf(reply)) seen.set(one, (seen.get(one) ?? 0) + 1)
        }
        // Each is expected 20 times; nine standard deviations from that are out of the question.
        const expected = rounds * 50 / 299
        expect(seen.size).toBe(299)
        for (const count of seen.values()) {
          expect(Math.abs(count - expected)).toBeLessThan(9 * Math.sqrt(expected))
        }
      }))

    test("leaves the query's bytes to the caller", (store) =>
      Effect.gen(function* () {
        const query = peer(1)
        const mine = { infoHash: query.infoHash.slice(), peerId: query.peerId.slice(), ip: query.ip.slice() }
        const asked = yield* Effect.fork(announce(store, { ...query, ...mine }))
        yield* Effect.yieldNow()
        for (const bytes of Object.values(mine)) bytes.fill(0)
        yield* asked
        const reply = yield* announce(store, peer(2), true)
        expect(peersOf(reply)).toEqual([compactOf(query)])
        expect(reply.peerIds!.map(Bytes.toHex)).toEqual([Bytes.toHex(query.peerId)])
      }))

    test("answers a burst in full, each with its own", (store) =>
      Effect.gen(function* () {
        const replies = yield* all(store, range(500).map((n) => peer(n, { infoHash: hash(n) })))
        expect(replies.every(({ leechers }) => leechers === 1)).toBe(true)
        expect(yield* stats(store)).toMatchObject({ swarms: 500, leechers: 500, seeders: 0 })
      }))

    test("scrapes in the order of the question, zeros for nobody", (store) =>
      Effect.gen(function* () {
        yield* all(store, [peer(1), peer(2, SEED), peer(3, { infoHash: hash(3) })])
        const none = { seeders: 0, leechers: 0, downloads: 0 }
        expect(yield* scrape(store)).toEqual([])
        expect(yield* scrape(store, hash(3), hash(2), hash(1), hash(3))).toEqual([
          { ...none, leechers: 1 },
          none,
          { ...none, leechers: 1, seeders: 1 },
          { ...none, leechers: 1 },
        ])
      }))

    test("refuses a peer that listens nowhere", (store) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(announce(store, peer(1, { port: 0 })))
        expect(error).toEqual({ reason: "Refused", message: "port must be from 1 to 65535" })
        expect(yield* stats(store)).toMatchObject({ swarms: 0 })
      }))

    test("forgets who is silent for two intervals", (store, pass) =>
      Effect.gen(function* () {
        yield* all(store, [peer(1), peer(2, SEED), peer6(3), peer(4, { infoHash: hash(2) })])
        yield* pass(600)
        yield* announce(store, peer(2, SEED))
        yield* pass(590)
        expect(yield* stats(store)).toMatchObject({ swarms: 3, seeders: 1, leechers: 3 })
        yield* pass(20)
        expect(yield* stats(store)).toMatchObject({ swarms: 1, seeders: 1, leechers: 0 })
        expect(peersOf(yield* announce(store, peer(5)))).toEqual([compactOf(peer(2))])
        yield* pass(1210)
        expect(yield* stats(store)).toMatchObject({ swarms: 0, seeders: 0, leechers: 0 })
        expect(yield* scrape(store, hash(2))).toEqual([{ seeders: 0, leechers: 0, downloads: 0 }])
      }), { intervalSeconds: 600 })

    test("counts the download of a peer anew that was forgotten", (store, pass) =>
      Effect.gen(function* () {
        const done = peer(1, { event: "completed", leftBytes: 0 })
        yield* announce(store, peer(2))
        yield* announce(store, peer(1))
        yield* announce(store, done)
        yield* announce(store, peer(1, { event: "stopped" }))
        yield* announce(store, peer(1))
        yield* announce(store, done)
        expect(yield* scrape(store, hash(1))).toMatchObject([{ downloads: 2 }])
        yield* pass(700)
        yield* announce(store, peer(2))
        yield* pass(600)
        yield* announce(store, peer(1))
        yield* announce(store, done)
        expect(yield* scrape(store, hash(1))).toMatchObject([{ downloads: 3 }])
      }), { intervalSeconds: 600 })

    it.scoped("has its peers again after a restart, by itself or from a snapshot", (context) =>
      Effect.gen(function* () {
        Clients.skipIf(context as unknown as TestContext, missing)
        const { layer } = yield* make({})
        const run = <A>(body: (store: Store) => Effect.Effect<A, StoreError>) =>
          Effect.flatMap(PeerStore, body).pipe(Effect.provide(layer))
        const snapshot = yield* run((store) =>
          all(store, [
            peer(1),
            peer(2, SEED),
            peer6(3),
            peer(1, { event: "completed", leftBytes: 0 }),
            peer(4, { infoHash: hash(2) }),
          ]).pipe(Effect.zipRight(store.snapshot))
        )
        yield* run((store) =>
          Effect.gen(function* () {
            if (snapshot !== undefined) expect(yield* store.restore(snapshot)).toBe(4)
            expect(yield* stats(store)).toMatchObject({ swarms: 3, seeders: 2, leechers: 2 })
            expect(yield* scrape(store, hash(1))).toEqual([{ seeders: 2, leechers: 1, downloads: 1 }])
            const reply = yield* announce(store, peer(5), true)
            expect(peersOf(reply).toSorted()).toEqual([compactOf(peer(1)), compactOf(peer(2))])
            expect(reply.peerIds!.map(Bytes.toHex).toSorted()).toEqual(
              [1, 2].map((n) => Bytes.toHex(idOf(n))),
            )
            expect(yield* store.restore(Bytes.latin1("no snapshot"))).toBe(0)
          })
        )
      }))

    test("answers whom it has no room for, but tells nobody of him", (store) =>
      Effect.gen(function* () {
        yield* all(store, [peer(1), peer(2), peer(3)])
        const reply = yield* announce(store, peer(4))
        expect(reply).toMatchObject({ leechers: 3 })
        expect(peersOf(reply).toSorted()).toEqual([1, 2, 3].map((n) => compactOf(peer(n))))
        expect(peersOf(yield* announce(store, peer(1))).toSorted()).toEqual(
          [2, 3].map((n) => compactOf(peer(n))),
        )
        yield* all(store, [5, 6].map((n) => peer(n, { infoHash: hash(2) })))
        expect(yield* announce(store, peer(7, { infoHash: hash(2) }))).toMatchObject({ leechers: 2 })
        expect(yield* Effect.flip(announce(store, peer(7, { infoHash: hash(3) })))).toEqual({
          reason: "Refused",
          message: "this tracker takes no more torrents",
        })
        expect(yield* stats(store)).toMatchObject({ swarms: 2, leechers: 5 })
      }), { maxPeersPerSwarm: 3, maxPeers: 5 })

    test("refuses more torrents than it has room for", (store) =>
      Effect.gen(function* () {
        // Two in each, or one could go to make room.
        yield* all(store, [1, 2].flatMap((n) => [peer(n), peer(n, { infoHash: hash(2) })]))
        const error = yield* Effect.flip(announce(store, peer(3, { infoHash: hash(3) })))
        expect(error).toEqual({ reason: "Refused", message: "this tracker takes no more torrents" })
        expect(yield* announce(store, peer(4))).toMatchObject({ leechers: 3 })
        expect(yield* stats(store)).toMatchObject({ swarms: 2, leechers: 5 })
      }), { maxSwarms: 2 })

    test("lets one address bring only so many peers and torrents", (store) =>
      Effect.gen(function* () {
        const from = (port: number, n: number) => peer(1, { port, infoHash: hash(n) })
        for (const port of [1, 2]) yield* announce(store, from(port, port))
        expect(yield* Effect.flip(announce(store, from(3, 3)))).toMatchObject({
          reason: "Refused",
          message: "too many new torrents from your address, try again later",
        })
        yield* announce(store, from(3, 1))
        expect(yield* Effect.flip(announce(store, from(4, 1)))).toMatchObject({
          reason: "Refused",
          message: "too many new peers from your address, try again later",
        })
        // who is known may come as often as he likes, and others are not concerned
        expect(yield* announce(store, from(3, 1))).toMatchObject({ leechers: 2 })
        expect(yield* announce(store, peer(2, { infoHash: hash(4) }))).toMatchObject({ leechers: 1 })
        // an IPv6 customer's addresses are one
        const v6 = (n: number, last: number) =>
          peer6(n, { ip: Uint8Array.of(...peer6(1).ip.subarray(0, 15), last) })
        for (const n of [1, 2, 3]) yield* announce(store, v6(n, n))
        expect(yield* Effect.flip(announce(store, v6(4, 4)))).toMatchObject({ reason: "Refused" })
        expect(yield* stats(store)).toMatchObject({ swarms: 4, leechers: 7 })
      }), { newPeersPerAddress: 3, newSwarmsPerAddress: 2 })
  })
}
