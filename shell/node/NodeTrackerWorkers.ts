/**
 * A tracker in several processes of one machine. The first one holds the swarms and listens to nobody; the others share
 * its sockets (node:cluster), read requests and write answers, and ask it over a pipe for what is in between. Node only:
 * Deno has no sockets that processes share.
 */
import cluster, { type Worker } from "node:cluster"
import * as net from "node:net"
import process from "node:process"
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as PeerStoreWire from "../PeerStoreWire.ts"
import * as TrackerMetrics from "../TrackerMetrics.ts"
import type { Listening } from "../TrackerServer.ts"

/** Behind the three standard streams and node:cluster's own channel. */
const PIPE_FD = 4

/** A process that died is replaced, but not faster than that: it may die of the same cause again. */
const RESTART_MS = 1_000

/** What a process that is told to stop gets to finish its answers, before it is killed. */
const STOP_MS = 4_000

/** A worker could not begin; `message` is for people. */
export class WorkerError extends Data.TaggedError("WorkerError")<{
  readonly reason: string
  readonly message: string
}> {}

/** What the processes must have in common. */
export interface Begin {
  readonly _tag: "Begin"
  /** Of the connection ids, hexadecimal. */
  readonly secret: string
  readonly startedAtMs: number
  /** Where the others listen, for one that comes later: a free port is the same for all. */
  readonly listening: Listening | undefined
}

/** What the processes tell each other besides the pipe. */
type Message =
  /** A worker hears. */
  | { readonly _tag: "Ready" }
  | Begin
  | { readonly _tag: "Listening"; readonly listening: Listening }
  | { readonly _tag: "Failed"; readonly reason: string; readonly message: string }
  | { readonly _tag: "Warning"; readonly message: string }
  | { readonly _tag: "Reload" }
  | { readonly _tag: "Stop" }

/** True in a process that {@link start} has started. */
export const isWorker: boolean = cluster.isWorker

/** True where this runtime can have workers. */
export const isSupported: boolean = !("Deno" in globalThis)

const pipeOver = (socket: net.Socket): PeerStoreWire.Pipe => ({
  write: (bytes) => void socket.write(bytes),
  defer: (task) => void setImmediate(task),
})

export interface Workers {
  readonly listening: Listening
  /** The workers read their lists again. */
  readonly reload: Effect.Effect<void>
}

interface Running {
  readonly worker: Worker
  counters: TrackerMetrics.Counters
}

/**
 * Starts `count` processes that run this program with the same arguments, and answers them from `store`, unless they
 * have one that they share themselves. Succeeds when all of them listen; they end with the scope.
 */
export const start = (
  { begin, count, store, warn }: {
    readonly begin: Omit<Begin, "_tag" | "listening">
    readonly count: number
    readonly store: PeerStoreWire.HotStore | undefined
    readonly warn: (message: string) => Effect.Effect<void>
  },
): Effect.Effect<Workers, WorkerError, Scope.Scope> =>
  Effect.gen(function* () {
    const runtime = yield* Effect.runtime<never>()
    const ready = yield* Deferred.make<Listening, WorkerError>()
    const running = new Map<number, Running>()
    let past = TrackerMetrics.make()
    let isStopping = false
    let listening: Listening | undefined
    let listeners = 0

    cluster.setupPrimary({ stdio: ["ignore", "ignore", "inherit", "ipc", "pipe"] })

    const fork = (): void => {
      const worker = cluster.fork()
      const entry: Running = { worker, counters: TrackerMetrics.make() }
      running.set(worker.id, entry)
      const socket = worker.process.stdio[PIPE_FD] as net.Socket
      const answer = PeerStoreWire.server(store ?? NO_STORE, pipeOver(socket), (theirs) => {
        entry.counters = TrackerMetrics.fromArray(theirs)
        const all = [past, ...[...running.values()].map(({ counters }) => counters)]
        return TrackerMetrics.toArray(TrackerMetrics.sum(all))
      })
      socket.on("data", answer)
      // Its end is told by the process's end.
      socket.on("error", () => {})
      worker.on("message", (message: Message) => {
        if (message._tag === "Ready") tell(worker, { _tag: "Begin", ...begin, listening })
        else if (message._tag === "Failed") {
          Deferred.unsafeDone(ready, new WorkerError({ reason: message.reason, message: message.message }))
        } else if (message._tag === "Warning") {
          // What they share troubles all of them: one says it.
          if (running.keys().next().value === worker.id) Runtime.runFork(runtime)(warn(message.message))
        } else if (message._tag === "Listening" && ++listeners === count) {
          listening = message.listening
          Deferred.unsafeDone(ready, Effect.succeed(listening))
        }
      })
      worker.on("exit", (code, signal) => {
        running.delete(worker.id)
        past = TrackerMetrics.sum([past, entry.counters])
        if (isStopping) return
        const how = signal ?? `status ${code}`
        Deferred.unsafeDone(
          ready,
          new WorkerError({ reason: "worker", message: `a process of the tracker ended with ${how}` }),
        )
        Runtime.runFork(runtime)(
          warn(`a process of the tracker ended with ${how}; another one is started`),
        )
        setTimeout(() => isStopping || fork(), RESTART_MS)
      })
    }

    yield* Effect.addFinalizer(() =>
      Effect.async<void>((resume) => {
        isStopping = true
        const workers = [...running.values()].map(({ worker }) => worker)
        let left = workers.length
        if (left === 0) return resume(Effect.void)
        const kill = setTimeout(() => workers.forEach((worker) => worker.process.kill("SIGKILL")), STOP_MS)
        for (const worker of workers) {
          worker.once("exit", () => {
            if (--left > 0) return
            clearTimeout(kill)
            resume(Effect.void)
          })
          tell(worker, { _tag: "Stop" })
        }
      })
    )
    for (let i = 0; i < count; i++) fork()
    return {
      listening: yield* Deferred.await(ready),
      reload: Effect.sync(() => {
        for (const { worker } of running.values()) tell(worker, { _tag: "Reload" })
      }),
    }
  })

/** Whether it still hears us its end will tell: without somebody to take the error, it would be this process's end too. */
const tell = (worker: Worker, message: Message): void => {
  if (worker.isConnected()) worker.send(message, undefined, undefined, () => {})
}

/** For workers that have a store of their own, which ask only for counters. */
const NO_STORE: PeerStoreWire.HotStore = {
  announce: (_query, _withPeerIds, reply) => reply({ ok: false, error: NOT_HERE }),
  scrape: (_infoHashes, reply) => reply({ ok: false, error: NOT_HERE }),
  stats: (reply) => reply({ ok: false, error: NOT_HERE }),
}
const NOT_HERE = { reason: "Refused", message: "the swarms are kept elsewhere" } as const

/** What a worker has of the first process. */
export interface Parent {
  readonly client: PeerStoreWire.Client
  readonly begin: Begin
  readonly tellListening: (listening: Listening) => Effect.Effect<void>
  readonly tellFailed: (error: { readonly reason: string; readonly message: string }) => Effect.Effect<void>
  readonly warn: (message: string) => Effect.Effect<void>
  /** Runs `onReload` whenever the lists are to be read again, until the scope ends. */
  readonly onReload: (onReload: Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
  /** Succeeds when the first process says so, or is gone. */
  readonly stopped: Effect.Effect<void>
}

const send = (message: Message): Effect.Effect<void> =>
  Effect.async((resume) => {
    // Nobody is there to be told any more.
    if (!process.connected) return resume(Effect.void)
    process.send!(message, undefined, undefined, () => resume(Effect.void))
  })

/** The worker's end of what {@link start} began. */
export const parent: Effect.Effect<Parent> = Effect.gen(function* () {
  const runtime = yield* Effect.runtime<never>()
  const begun = yield* Deferred.make<Begin>()
  const stopped = yield* Deferred.make<void>()
  const reloads = new Set<() => void>()
  const socket = new net.Socket({ fd: PIPE_FD })
  const client = PeerStoreWire.client(pipeOver(socket))
  const stop = (): void => Deferred.unsafeDone(stopped, Effect.void)
  socket.on("data", client.onBytes)
  socket.on("error", () => {})
  socket.on("close", () => {
    client.close()
    stop()
  })
  process.on("message", (message: Message) => {
    if (message._tag === "Begin") Deferred.unsafeDone(begun, Effect.succeed(message))
    else if (message._tag === "Reload") reloads.forEach((reload) => reload())
    else if (message._tag === "Stop") stop()
  })
  process.on("disconnect", stop)
  yield* send({ _tag: "Ready" })
  return {
    client,
    begin: yield* Deferred.await(begun),
    tellListening: (listening) => send({ _tag: "Listening", listening }),
    tellFailed: ({ reason, message }) => send({ _tag: "Failed", reason, message }),
    warn: (message) => send({ _tag: "Warning", message }),
    onReload: (onReload) => {
      const reload = () => void Runtime.runFork(runtime)(onReload)
      return Effect.acquireRelease(
        Effect.sync(() => reloads.add(reload)),
        () => Effect.sync(() => reloads.delete(reload)),
      )
    },
    stopped: Deferred.await(stopped),
  }
})

/**
 * Ends a worker's process, with nothing to say: the first process tells how the tracker ended. The signals that a terminal
 * sends to all are the first process's affair.
 */
export const exit: Effect.Effect<never> = Effect.sync(() => process.exit(0))
