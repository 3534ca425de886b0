/**
 * Streams of bytes between peers: TCP, or a network in memory. Callbacks instead of Effects where the bytes flow, because
 * a socket read must reach the protocol without a fiber in between.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Address, format } from "../core/base/Address.ts"
import type {
  Connection,
  ConnectionHandlers,
  ConnectOptions,
  Listener,
  ListenOptions,
  OnConnection,
} from "./Connection.ts"
import * as MemoryNetwork from "./MemoryNetwork.ts"

export { DRAIN_BYTES } from "./Connection.ts"
export type {
  Connection,
  ConnectionHandlers,
  ConnectOptions,
  Listener,
  ListenOptions,
  OnConnection,
} from "./Connection.ts"

export type ConnectReason =
  /** Nobody listens there. */
  | "Refused"
  | "Timeout"
  /** No route, or a router said no. */
  | "Unreachable"
  /** The name has no address, or no name server answered. */
  | "Dns"
  /** The peer's side cut the connection while it was being made. */
  | "Reset"
  /** This machine does not have the address that was to be connected from. */
  | "BadLocalAddress"
  /** A firewall or a sandbox of this machine forbids it. */
  | "Denied"
  | "TooManyOpenFiles"
  | "Other"

/** `message` names the address. */
export class ConnectError extends Data.TaggedError("ConnectError")<{
  readonly reason: ConnectReason
  readonly address: Address
  readonly message: string
}> {}

export type ListenReason =
  | "AddressInUse"
  /** This machine does not have that address. */
  | "AddressNotAvailable"
  /** Ports below 1024 need a privilege, and a sandbox may forbid others. */
  | "Denied"
  | "Other"

/** `message` names the address and what to do. */
export class ListenError extends Data.TaggedError("ListenError")<{
  readonly reason: ListenReason
  readonly address: Address
  readonly message: string
}> {}

export class Transport extends Context.Tag("shoal/Transport")<Transport, {
  /**
   * Connects to a peer; a name is resolved by the system. The caller owns the connection, and interruption while dialling
   * leaves nothing behind. Dialling can be interrupted in an uninterruptible region too, so that
   * `Effect.acquireRelease(connect(…), (connection) => …close)` is safe at every moment.
   */
  readonly connect: (
    address: Address,
    options: ConnectOptions,
    handlers: ConnectionHandlers,
  ) => Effect.Effect<Connection, ConnectError>
  /**
   * Gives memory back: the receiver will not look again at `bytes` bytes of what it was given in this buffer. Each byte
   * once at most; what is never given back costs a collection, what is given back too early is overwritten.
   */
  readonly recycle: (buffer: ArrayBufferLike, bytes: number) => void
  /** Connections that the system allows this process beside all else, as far as that is known. */
  readonly capacity?: number | undefined
  /** Takes connections until the scope ends; those that were taken live on. */
  readonly listen: (
    options: ListenOptions,
    onConnection: OnConnection,
  ) => Effect.Effect<Listener, ListenError, Scope.Scope>
}>() {}

const CONNECT_EXPLANATIONS: { readonly [reason in ConnectReason]: string } = {
  Refused: "connection refused",
  Timeout: "no answer in time",
  Unreachable: "no route to it",
  Dns: "the name could not be resolved",
  Reset: "the connection was cut while it was being made",
  BadLocalAddress: "this machine does not have the address to connect from",
  Denied: "the system's firewall or sandbox forbids it",
  TooManyOpenFiles: "too many open files; raise the limit (ulimit -n) or allow fewer peers",
  Other: "unexpected error",
}

export const connectError = (reason: ConnectReason, address: Address, detail?: string): ConnectError =>
  new ConnectError({
    reason,
    address,
    message: `cannot connect to ${format(address)}: ${CONNECT_EXPLANATIONS[reason]}${
      detail === undefined ? "" : ` (${detail})`
    }`,
  })

const LISTEN_EXPLANATIONS: { readonly [reason in ListenReason]: string } = {
  AddressInUse: "the port is taken; choose another one, or stop the program that has it",
  AddressNotAvailable: "this machine does not have that address; choose one of its own",
  Denied: "not permitted; choose a port above 1023",
  Other: "unexpected error",
}

export const listenError = (reason: ListenReason, address: Address, detail?: string): ListenError =>
  new ListenError({
    reason,
    address,
    message: `cannot listen on ${format(address)}: ${LISTEN_EXPLANATIONS[reason]}${
      detail === undefined ? "" : ` (${detail})`
    }`,
  })

/**
 * Dialling for every layer: `dial` begins and gives its outcome to `done` once, and returns how to give up, or how to close
 * what came of it. `begin` is called when the connection has an owner; only then may its handlers be called.
 */
export const connectWith = <A>(
  address: Address,
  timeoutMs: number,
  dial: (done: (outcome: Effect.Effect<A, ConnectError>) => void) => () => void,
  begin: (opened: A) => Connection,
): Effect.Effect<Connection, ConnectError> =>
  Effect.suspend(() => {
    let giveUp: (() => void) | undefined
    const dialling = Effect.async<A, ConnectError>((resume) => {
      giveUp = dial(resume)
    })
    return dialling.pipe(
      Effect.timeoutFail({
        duration: timeoutMs,
        onTimeout: () => connectError("Timeout", address, `${timeoutMs} ms`),
      }),
      Effect.interruptible,
      // Also where a success was lost to an interruption in the same instant.
      Effect.onError(() => Effect.sync(() => giveUp?.())),
      Effect.map(begin),
      Effect.uninterruptible,
    )
  })

/** Listeners of layers for which a refused connection costs no less than an accepted one. */
export const guarded = (admits: ListenOptions["admits"], onConnection: OnConnection): OnConnection =>
  admits === undefined ? onConnection : (connection, setHandlers) => {
    if (admits(connection.remote)) onConnection(connection, setHandlers)
  }

/**
 * A network in memory, with windows and back-pressure as TCP has them: a fresh one each time the layer is built, or one
 * to share or steer.
 */
export const layerMemory = (shared?: MemoryNetwork.MemoryNetwork): Layer.Layer<Transport> =>
  Layer.effect(
    Transport,
    // The runtime's own scheduler, so that a simulated one decides the order here too.
    Effect.map(FiberRef.get(FiberRef.currentScheduler), (scheduler) => {
      const network = shared ?? MemoryNetwork.make()
      const schedule = (task: () => void): void => scheduler.scheduleTask(task, 0)
      return {
        connect: (address, { timeoutMs, localAddress }, handlers) =>
          connectWith<MemoryNetwork.End>(
            address,
            timeoutMs,
            (done) =>
              MemoryNetwork.dial(network, schedule, address, localAddress, (outcome) =>
                done(
                  typeof outcome === "string"
                    ? Effect.fail(connectError(outcome, address))
                    : Effect.succeed(outcome),
                )),
            (end) => {
              end.begin(handlers)
              return end
            },
          ),
        recycle: () => {},
        listen: (options, onConnection) =>
          Effect.acquireRelease(
            Effect.suspend(() => {
              const address = MemoryNetwork.listen(network, options, guarded(options.admits, onConnection))
              return address === undefined
                ? listenError("AddressInUse", { host: options.host ?? MemoryNetwork.ANY, port: options.port })
                : Effect.succeed({ address })
            }),
            ({ address }) => Effect.sync(() => MemoryNetwork.unlisten(network, address)),
          ),
      }
    }),
  )
