/**
 * `PeerStore` in Redis 6.2 or later (Valkey, KeyDB …), so that trackers of several processes and machines share one set
 * of swarms, which outlives them. An announce is one script, see redisScripts.ts; the connection is RedisLink.ts.
 */
import { Buffer } from "node:buffer"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { assert } from "../../core/base/Assert.ts"
import type { Bytes } from "../../core/base/Bytes.ts"
import { err, ok, type Result } from "../../core/base/Result.ts"
import { type Millis, SECOND } from "../../core/base/Time.ts"
import * as Choice from "../../core/tracker/Choice.ts"
import type { ScrapeEntry } from "../../core/tracker/Scrape.ts"
import type { AnnounceQuery, AnnounceReply } from "../../core/tracker/Server.ts"
import { JITTER, LIMITS, type Limits } from "../../core/tracker/ServerLimits.ts"
import { PeerStore, type StoreError } from "../PeerStore.ts"
import * as RedisLink from "./RedisLink.ts"
import * as Scripts from "./redisScripts.ts"

/** How late a peer may go that has expired. Each tracker sweeps; whoever comes first does the work. */
export const SWEEP_EVERY_MS: Millis = 10 * SECOND

/** The number is that of the data model: another model must not meet this one's keys. */
export const PREFIX = "shoal:1:"

export interface RedisOptions extends RedisLink.LinkOptions {
  /** The same for all trackers that share swarms, or they will count differently. */
  readonly limits?: Partial<Limits>
  /** Before every key: letters, digits and `:._-`. */
  readonly prefix?: string
  readonly sweepEveryMs?: Millis
}

/** The options can't be used; whether Redis is there is not asked. */
export class RedisOptionsError extends Data.TaggedError("RedisOptionsError")<{ readonly message: string }> {}

const PEER_ID_BYTES = 20

/** A store in Redis. While that is away, every call fails at once or within the time-out, and works again by itself. */
export const layer = (options: RedisOptions): Layer.Layer<PeerStore, RedisOptionsError> =>
  Layer.scoped(
    PeerStore,
    Effect.gen(function* () {
      const problem = problemOf(options)
      if (problem !== undefined) return yield* new RedisOptionsError({ message: problem })
      const prefix = options.prefix ?? PREFIX
      const limits: Limits = { ...LIMITS, ...options.limits }
      const scripts = Scripts.make(prefix, limits)
      const link = yield* RedisLink.make(options)

      const sweep: Effect.Effect<boolean> = Effect.async((resume) =>
        link.call(scripts.sweep, [], [], (reply) => resume(Effect.succeed(reply.ok && reply.value === 1)))
      )
      yield* sweep.pipe(
        Effect.repeat({ while: (hasMore) => hasMore }),
        Effect.repeat(Schedule.spaced(options.sweepEveryMs ?? SWEEP_EVERY_MS)),
        Effect.forkScoped,
      )

      return {
        announce: (query, withPeerIds, reply) => {
          if (query.port < 1 || query.port > 65_535) {
            return reply(err({ reason: "Refused", message: "port must be from 1 to 65535" }))
          }
          const swarm = `${prefix}${hex(query.infoHash)}:`
          const keys = [swarm + (query.ip.length === 4 ? "4" : "6"), `${swarm}n`]
          const args = [
            compact(query),
            Buffer.from(query.peerId),
            kindOf(query),
            String(query.numWant),
            withPeerIds ? "1" : "0",
            Choice.whom(query) === "leechers first" ? "1" : "0",
          ]
          link.call(scripts.announce, keys, args, (result) => {
            if (!result.ok) return reply(err(storeError(result.error)))
            const { value } = result
            if (value instanceof Buffer) return reply(err({ reason: "Refused", message: value.toString() }))
            reply(ok(announceReply(value as AnnounceValue, limits, withPeerIds)))
          })
        },
        scrape: (infoHashes, reply) => {
          if (infoHashes.length === 0) return reply(ok([]))
          const keys = infoHashes.map((infoHash) => `${prefix}${hex(infoHash)}:`)
          link.call(scripts.scrape, keys, [], (result) => reply(map(result, scrapeEntries)))
        },
        stats: (reply) =>
          link.call(scripts.stats, [], [], (result) =>
            reply(map(result, (value) => {
              const [swarms, seeders, leechers] = value as StatsValue
              return { swarms, seeders, leechers }
            }))),
        snapshot: Effect.succeed(undefined),
        restore: () => Effect.succeed(0),
      }
    }),
  )

const problemOf = ({ prefix = PREFIX, url }: RedisOptions): string | undefined => {
  if (!/^[\w:.-]*$/.test(prefix)) {
    return `"${prefix}" can't stand before keys in Redis: use letters, digits and : . _ -`
  }
  const problem = RedisLink.urlProblem(url)
  return problem === undefined
    ? undefined
    : `not the URL of a Redis server: ${problem}, as in redis://127.0.0.1:6379`
}

type AnnounceValue = readonly [seeders: number, leechers: number, peers: Buffer, peerIds?: Buffer]
type StatsValue = readonly [swarms: number, seeders: number, leechers: number]

const hex = (bytes: Bytes): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")

const compact = ({ ip, port }: AnnounceQuery): Buffer => {
  assert(ip.length === 4 || ip.length === 16, "an address has 4 or 16 bytes")
  const address = Buffer.allocUnsafe(ip.length + 2)
  address.set(ip)
  address[ip.length] = port >> 8
  address[ip.length + 1] = port
  return address
}

const kindOf = ({ event, leftBytes }: AnnounceQuery): string =>
  event === "stopped"
    ? Scripts.KIND.stopped
    : leftBytes > 0
    ? Scripts.KIND.leecher
    : event === "completed"
    ? Scripts.KIND.completed
    : Scripts.KIND.seeder

const announceReply = (
  [seeders, leechers, peers, peerIds]: AnnounceValue,
  limits: Limits,
  withPeerIds: boolean,
): AnnounceReply => {
  // Spread, so that peers that came together don't come back together.
  const spread = Math.floor(limits.intervalSeconds * JITTER) + 1
  const intervalSeconds = limits.intervalSeconds - Math.floor(Math.random() * spread)
  const minIntervalSeconds = Math.min(limits.minIntervalSeconds, intervalSeconds)
  const reply = { seeders, leechers, intervalSeconds, minIntervalSeconds, peers }
  if (!withPeerIds) return reply
  const ids: Array<Bytes> = []
  for (let at = 0; peerIds !== undefined && at < peerIds.length; at += PEER_ID_BYTES) {
    ids.push(peerIds.subarray(at, at + PEER_ID_BYTES))
  }
  return { ...reply, peerIds: ids }
}

const scrapeEntries = (value: RedisLink.Value): ReadonlyArray<ScrapeEntry> => {
  const counts = value as ReadonlyArray<number>
  const entries: Array<ScrapeEntry> = []
  for (let i = 0; i < counts.length; i += 3) {
    entries.push({ seeders: counts[i]!, leechers: counts[i + 1]!, downloads: counts[i + 2]! })
  }
  return entries
}

const map = <A>(
  result: Result<RedisLink.Value, RedisLink.LinkFailure>,
  f: (value: RedisLink.Value) => A,
): Result<A, StoreError> => result.ok ? ok(f(result.value)) : err(storeError(result.error))

/** In the words of a tracker to a client's user, who need not know what Redis is. */
const storeError = ({ reason }: RedisLink.LinkFailure): StoreError => {
  switch (reason) {
    case "Away":
      return { reason: "Unreachable", message: "the tracker's store is unreachable, try again in a minute" }
    case "Full":
      return { reason: "Overloaded", message: "the tracker is overloaded, try again in a minute" }
    case "Failed":
      return { reason: "Unreachable", message: "the tracker's store has a problem, try again in a minute" }
  }
}
