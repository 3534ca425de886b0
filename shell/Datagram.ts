/**
 * Datagrams: UDP, or a network in memory. Callbacks instead of Effects where packets flow, because a tracker answers
 * tens of thousands a second. As on every network, a datagram may be lost, doubled or overtaken.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Address, format } from "../core/base/Address.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import * as MemoryDatagrams from "./MemoryDatagrams.ts"

export { MAX_BYTES } from "./MemoryDatagrams.ts"

export interface BindOptions {
  /** An IP literal: what the socket's family follows. Every address of both families (`::`) if absent, where there is IPv6. */
  readonly host?: string | undefined
  /** 0: any free one. */
  readonly port: number
}

export interface DatagramHandlers {
  /**
   * `bytes` belong to the handler. IPv4 senders are told in dotted form on a socket of both families too; the port of
   * a forged one may be 0.
   */
  readonly onMessage: (bytes: Bytes, from: Address) => void
  /** The system refused to send to this address, say because no route leads there. That it says nothing proves nothing. */
  readonly onUnsent?: (to: Address, reason: string) => void
}

export interface DatagramSocket {
  /** What it is bound to, with the actual port. */
  readonly address: Address
  /** Sends to an IP literal, now or never; the bytes must not change afterwards. After the scope's end it does nothing. */
  readonly send: (bytes: Bytes, to: Address) => void
}

export type BindReason =
  | "AddressInUse"
  /** This machine does not have that address, or nothing of its family. */
  | "AddressNotAvailable"
  /** Ports below 1024 need a privilege, and a sandbox may forbid others. */
  | "Denied"
  | "Other"

/** `message` names the address and what to do. */
export class BindError extends Data.TaggedError("BindError")<{
  readonly reason: BindReason
  readonly address: Address
  readonly message: string
}> {}

/** A name has no address, or no name server answered. */
export class ResolveError extends Data.TaggedError("ResolveError")<{
  readonly host: string
  readonly message: string
}> {}

export class Datagram extends Context.Tag("shoal/Datagram")<Datagram, {
  /** A socket until the scope ends. */
  readonly bind: (
    options: BindOptions,
    handlers: DatagramHandlers,
  ) => Effect.Effect<DatagramSocket, BindError, Scope.Scope>
  /** The addresses of a name, both families, best first as the system sees it, at least one; a literal is its own. */
  readonly resolve: (host: string) => Effect.Effect<ReadonlyArray<string>, ResolveError>
}>() {}

const EXPLANATIONS: { readonly [reason in BindReason]: string } = {
  AddressInUse: "the port is taken; choose another one, or stop the program that has it",
  AddressNotAvailable: "this machine does not have that address; choose one of its own",
  Denied: "not permitted; choose a port above 1023",
  Other: "unexpected error",
}

export const bindError = (reason: BindReason, address: Address, detail?: string): BindError =>
  new BindError({
    reason,
    address,
    message: `cannot listen on UDP ${format(address)}: ${EXPLANATIONS[reason]}${
      detail === undefined ? "" : ` (${detail})`
    }`,
  })

export const resolveError = (host: string, detail?: string): ResolveError =>
  new ResolveError({
    host,
    message: `${host} does not resolve to an address${detail === undefined ? "" : ` (${detail})`}`,
  })

/** A network in memory: a fresh one each time the layer is built, or one to share, to steer and to lose packets. */
export const layerMemory = (shared?: MemoryDatagrams.MemoryDatagrams): Layer.Layer<Datagram> =>
  Layer.effect(
    Datagram,
    // The runtime's own scheduler, so that a simulated one decides the order here too.
    Effect.map(FiberRef.get(FiberRef.currentScheduler), (scheduler) => {
      const network = shared ?? MemoryDatagrams.make()
      const schedule = (task: () => void): void => scheduler.scheduleTask(task, 0)
      return {
        bind: (options, handlers) =>
          Effect.map(
            Effect.acquireRelease(
              Effect.suspend(() => {
                const end = MemoryDatagrams.bind(network, schedule, options, handlers)
                return end === undefined
                  ? bindError("AddressInUse", { host: options.host ?? "::", port: options.port })
                  : Effect.succeed(end)
              }),
              (end) => Effect.sync(end.close),
            ),
            ({ socket }) => socket,
          ),
        resolve: (host) =>
          Effect.suspend(() => {
            const addresses = MemoryDatagrams.resolve(network, host)
            return addresses === undefined ? resolveError(host) : Effect.succeed(addresses)
          }),
      }
    }),
  )
