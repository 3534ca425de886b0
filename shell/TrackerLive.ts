/** Where a tracker is put together: stores, sockets, lists and processes. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Bytes from "../core/base/Bytes.ts"
import * as NodeRedisPeerStore from "./node/NodeRedisPeerStore.ts"
import * as NodeSignals from "./node/NodeSignals.ts"
import * as NodeTrackerHttp from "./node/NodeTrackerHttp.ts"
import * as Workers from "./node/NodeTrackerWorkers.ts"
import * as NodeUdpListener from "./node/NodeUdpListener.ts"
import * as PeerStore from "./PeerStore.ts"
import type { HotStore } from "./PeerStoreWire.ts"
import { type HostError, type HostOptions, TrackerHost } from "./TrackerHost.ts"
import * as TrackerLists from "./TrackerLists.ts"
import * as TrackerMetrics from "./TrackerMetrics.ts"
import * as TrackerServer from "./TrackerServer.ts"
import * as TrackerState from "./TrackerState.ts"

type Warn = (message: string) => Effect.Effect<void>

const sockets = Layer.merge(NodeTrackerHttp.layer, NodeUdpListener.layer)

/** Where the swarms are, with what was there before. */
const openStore = (options: HostOptions, warn: Warn) =>
  Effect.gen(function* () {
    // Not below half of it, as the usual 30 and 15 minutes are.
    const limits = {
      intervalSeconds: options.intervalSeconds,
      minIntervalSeconds: Math.max(1, Math.floor(options.intervalSeconds / 2)),
    }
    const layer: Layer.Layer<PeerStore.PeerStore, NodeRedisPeerStore.RedisOptionsError> =
      options.redisUrl === undefined
        ? PeerStore.layerMemory({ limits })
        : NodeRedisPeerStore.layer({ url: options.redisUrl, limits, warn })
    const context = yield* Effect.mapError(
      Layer.build(layer),
      ({ message }): HostError => ({ reason: "redis", message }),
    )
    const store = Context.get(context, PeerStore.PeerStore)
    if (options.stateFile !== undefined) {
      yield* Effect.provide(TrackerState.keep(options.stateFile, warn), context)
    }
    return store
  })

/** How far the counters of other processes may lag behind. */
const REPORT_EVERY = "1 second"

const serve = (
  options: HostOptions,
  store: HotStore,
  access: TrackerServer.Options["access"],
  common: Pick<TrackerServer.Options, "secret" | "startedAtMs" | "total">,
) =>
  Effect.provide(
    TrackerServer.serve({
      store,
      access,
      host: options.host,
      httpPort: options.httpPort,
      udpPort: options.udpPort,
      intervalSeconds: options.intervalSeconds,
      hasPublicStats: options.hasPublicStats === true,
      ...common,
    }),
    sockets,
  )

/** Everything in this process. */
const alone = (options: HostOptions, warn: Warn) =>
  Effect.gen(function* () {
    const lists = yield* TrackerLists.watch(options.lists, warn)
    yield* NodeSignals.onHangup(lists.reload)
    const store = yield* openStore(options, warn)
    const secret = yield* TrackerServer.makeSecret
    const startedAtMs = yield* Clock.currentTimeMillis
    const { listening } = yield* serve(options, store, lists.access, { secret, startedAtMs })
    return listening
  })

/** The process that holds the swarms for the others. With Redis there is nothing to hold but the counters. */
const first = (options: HostOptions, warn: Warn) =>
  Effect.gen(function* () {
    // Only to warn once, instead of once in each process.
    const lists = yield* TrackerLists.watch(options.lists, warn)
    const store = options.redisUrl === undefined ? yield* openStore(options, warn) : undefined
    const secret = yield* TrackerServer.makeSecret
    const workers = yield* Workers.start({
      count: options.workers,
      store,
      begin: { secret: Bytes.toHex(secret), startedAtMs: yield* Clock.currentTimeMillis },
      warn,
    })
    yield* NodeSignals.onHangup(Effect.zipRight(lists.reload, workers.reload))
    return workers.listening
  })

/** A process that serves for the first one, until that tells it to stop; then it is over. */
const worker = (options: HostOptions): Effect.Effect<never, never, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const parent = yield* Workers.parent
    yield* Effect.scoped(Effect.gen(function* () {
      const lists = yield* TrackerLists.watch(options.lists, () => Effect.void)
      yield* NodeSignals.onHangup(Effect.void)
      yield* parent.onReload(lists.reload)
      const store = options.redisUrl === undefined
        ? parent.client.store
        : yield* openStore(options, parent.warn)
      const total = (own: TrackerMetrics.Counters, reply: (all: TrackerMetrics.Counters) => void): void =>
        parent.client.counters(
          TrackerMetrics.toArray(own),
          (result) => reply(result.ok ? TrackerMetrics.fromArray(result.value) : own),
        )
      const { http, udp } = parent.begin.listening ?? {}
      const at = {
        ...options,
        httpPort: http?.port ?? options.httpPort,
        udpPort: udp?.port ?? options.udpPort,
      }
      const { counters, listening } = yield* serve(at, store, lists.access, {
        secret: Bytes.fromHex(parent.begin.secret)!,
        startedAtMs: parent.begin.startedAtMs,
        total,
      })
      const report = Effect.sync(() => total(counters, () => {}))
      yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(REPORT_EVERY), report)))
      yield* parent.tellListening(listening)
      yield* parent.stopped
    })).pipe(Effect.catchAll(parent.tellFailed))
    return yield* Workers.exit
  }).pipe(
    // A terminal interrupts all its processes; these ones end when the first one has no more use for them.
    Effect.interruptible,
    Effect.forkDaemon,
    Effect.flatMap(Fiber.join),
    Effect.uninterruptible,
  )

const start = (
  options: HostOptions,
  warn: Warn,
): Effect.Effect<TrackerServer.Listening, HostError, Scope.Scope | FileSystem.FileSystem> => {
  if (Workers.isWorker) return worker(options)
  if (options.workers === 1) return alone(options, warn)
  return Workers.isSupported ? first(options, warn) : Effect.fail({
    reason: "workers",
    message: "--workers needs Node: Deno has no sockets that processes share",
  })
}

/** Trackers on this machine's sockets and files. */
export const layer: Layer.Layer<TrackerHost, never, FileSystem.FileSystem> = Layer.effect(
  TrackerHost,
  Effect.map(FileSystem.FileSystem, (fs) => ({
    start: (options, warn) => Effect.provideService(start(options, warn), FileSystem.FileSystem, fs),
  })),
)
