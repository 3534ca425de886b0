/**
 * Where a tracker keeps its swarms: in this process, or where several trackers share them. The hot path takes callbacks,
 * not Effects: an announce is some microseconds, and a fiber would cost as much again.
 */
import * as Context from "effect/Context"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Bytes } from "../core/base/Bytes.ts"
import { err, ok, type Result } from "../core/base/Result.ts"
import { type Millis, SECOND } from "../core/base/Time.ts"
import type { ScrapeEntry } from "../core/tracker/Scrape.ts"
import * as Server from "../core/tracker/Server.ts"
import { EXPIRE_BUDGET, type Limits } from "../core/tracker/ServerLimits.ts"
import * as ServerSnapshot from "../core/tracker/ServerSnapshot.ts"

/**
 * - `Unreachable`: the store could not be asked, or did not answer in time; it may have counted the announce.
 * - `Overloaded`: more is waiting for the store than it will ever answer in time; it was not asked.
 * - `Refused`: the store won't serve this query, however often it is asked.
 */
export type StoreReason = "Unreachable" | "Overloaded" | "Refused"

export interface StoreError {
  readonly reason: StoreReason
  /** One line for the client's user: fit to be a tracker's failure reason, and without the operator's secrets. */
  readonly message: string
}

/** What a store holds at a moment. */
export interface StoreStats {
  /** Torrents that somebody is in; a torrent with peers of both families counts once for each. */
  readonly swarms: number
  readonly seeders: number
  readonly leechers: number
}

export type Reply<A> = (result: Result<A, StoreError>) => void

export class PeerStore extends Context.Tag("shoal/PeerStore")<PeerStore, {
  /**
   * Counts one announce and gives the peers for it. `reply` is called exactly once: before `announce` returns, or later, but
   * within a limited time. The query's bytes are the caller's again when `announce` returns; those of the reply are the
   * store's again when `reply` returns.
   */
  readonly announce: (
    query: Server.AnnounceQuery,
    withPeerIds: boolean,
    reply: Reply<Server.AnnounceReply>,
  ) => void
  /** The figures of these torrents in their order, both families together; zeros for those that nobody is in. */
  readonly scrape: (infoHashes: ReadonlyArray<Bytes>, reply: Reply<ReadonlyArray<ScrapeEntry>>) => void
  readonly stats: (reply: Reply<StoreStats>) => void
  /** All that a restart would lose, for {@link restore}; `undefined` where the store outlives this process anyway. */
  readonly snapshot: Effect.Effect<Bytes | undefined>
  /** Takes a snapshot's peers in, as far as it can be read and they have not expired; gives how many. Never fails. */
  readonly restore: (snapshot: Bytes) => Effect.Effect<number>
}>() {}

/** How late a peer may go that has expired. */
const EXPIRE_EVERY_MS: Millis = 10 * SECOND

/** Between two goes of forgetting as many peers as the core does at once, for those who wait for an answer. */
const EXPIRE_PAUSE_MS: Millis = 10

export interface MemoryOptions {
  readonly limits?: Partial<Limits>
  /** So many bytes that nobody can guess, asked for when the layer is built; a simulated world has its own. */
  readonly randomBytes?: (count: number) => Bytes
}

const unguessable = (count: number): Bytes => crypto.getRandomValues(new Uint8Array(count))

/** A store in this process: an announce is answered before `announce` returns. Empty each time the layer is built. */
export const layerMemory = (
  { randomBytes = unguessable, ...options }: MemoryOptions = {},
): Layer.Layer<PeerStore> =>
  Layer.scoped(
    PeerStore,
    Effect.gen(function* () {
      const clock = yield* Clock.clockWith(Effect.succeed)
      const now = (): Millis => Number(clock.unsafeCurrentTimeNanos() / 1_000_000n)
      const server = Server.make({
        now: now(),
        seed: new DataView(randomBytes(4).slice().buffer).getUint32(0),
        secret: randomBytes(8),
        ...options,
      })

      const pause = (): Millis =>
        Math.min(Math.max(Server.nextWake(server) - now(), EXPIRE_PAUSE_MS), EXPIRE_EVERY_MS)
      yield* Effect.suspend(() => Effect.sleep(pause())).pipe(
        Effect.andThen(Effect.sync(() => Server.expire(server, now(), EXPIRE_BUDGET))),
        Effect.forever,
        Effect.forkScoped,
      )

      return {
        announce: (query, withPeerIds, reply) => {
          const result = Server.announce(server, now(), query, withPeerIds)
          reply(result.ok ? result : err({ reason: "Refused", message: result.error }))
        },
        scrape: (infoHashes, reply) => reply(ok(Server.scrape(server, infoHashes))),
        stats: (reply) => reply(ok(Server.stats(server))),
        snapshot: Effect.sync(() => ServerSnapshot.snapshot(server, now())),
        restore: (snapshot) => Effect.sync(() => ServerSnapshot.restore(server, now(), snapshot)),
      }
    }),
  )
