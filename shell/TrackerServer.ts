/**
 * The tracker: sockets in front of a {@link PeerStore}, for as long as a scope is open. When that closes it takes no more
 * requests and finishes those that are under way, before the store goes.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import type { Access } from "../core/tracker/Access.ts"
import type { BindError, Datagram } from "./Datagram.ts"
import type { HotStore } from "./PeerStoreWire.ts"
import * as TrackerHttp from "./TrackerHttp.ts"
import * as TrackerMetrics from "./TrackerMetrics.ts"
import * as TrackerUdp from "./TrackerUdp.ts"
import type { ListenError } from "./Transport.ts"

export interface Options {
  readonly store: HotStore
  /** An IP literal; every address of both families if absent. */
  readonly host: string | undefined
  /** 0: any free one; `undefined`: no HTTP. */
  readonly httpPort: number | undefined
  /** 0: any free one; `undefined`: no UDP. */
  readonly udpPort: number | undefined
  /** What clients are told, for the pages; the store is what tells them. */
  readonly intervalSeconds: number
  /** Asked for each request, since lists change while the tracker runs. */
  readonly access: () => Access
  /** The figures are for everyone, not for this machine alone. */
  readonly hasPublicStats?: boolean
  /** Of the connection ids over UDP, 16 secret bytes: the same in all processes that share a socket. */
  readonly secret: Bytes
  /** When the tracker as a whole began, milliseconds since 1970. */
  readonly startedAtMs: number
  /** Turns this process's counters into the sums of all; the identity where there is one. */
  readonly total?: (own: TrackerMetrics.Counters, reply: (all: TrackerMetrics.Counters) => void) => void
}

/** Where it listens. */
export interface Listening {
  readonly http: Address | undefined
  readonly udp: Address | undefined
}

export interface TrackerServer {
  readonly listening: Listening
  /** This process's own; they go on counting. */
  readonly counters: TrackerMetrics.Counters
}

/** 16 bytes that nobody can guess. */
export const makeSecret: Effect.Effect<Bytes> = Effect.sync(() => crypto.getRandomValues(new Uint8Array(16)))

/** Serves until the scope ends. */
export const serve = (
  options: Options,
): Effect.Effect<
  TrackerServer,
  BindError | ListenError,
  Scope.Scope | Datagram | TrackerHttp.HttpListener
> =>
  Effect.gen(function* () {
    const { access, host, httpPort, intervalSeconds, secret, startedAtMs, store, udpPort } = options
    const counters = TrackerMetrics.make()
    const clock = yield* Clock.clockWith(Effect.succeed)
    const total = options.total ?? ((own, reply) => reply(own))

    const snapshot = (reply: (snapshot: TrackerMetrics.Snapshot) => void): void =>
      total(counters, (all) =>
        store.stats((result) =>
          reply({
            counters: all,
            store: result.ok ? result.value : undefined,
            startedAtMs,
            nowMs: clock.unsafeCurrentTimeMillis(),
            intervalSeconds,
          })
        ))

    const listener = yield* TrackerHttp.HttpListener
    const http = httpPort === undefined ? undefined : yield* listener.listen(
      { host, port: httpPort },
      TrackerHttp.make({
        store,
        counters,
        access,
        snapshot,
        hasPublicStats: options.hasPublicStats === true,
      }),
      () => {
        counters.httpErrors++
      },
    )
    const udp = udpPort === undefined
      ? undefined
      : yield* TrackerUdp.serve({ host, port: udpPort, store, counters, access, secret })
    return { listening: { http, udp }, counters }
  })
