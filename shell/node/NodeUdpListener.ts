/**
 * `Datagram` for servers, which answer every packet that comes. Where both families are asked for, Node gets a socket for
 * each: addresses then need no mapping, and 167,000 answers a second become of 121,000. Deno gets its own sockets, if it
 * was started with `--unstable-net`: 175,000 instead of some thousands through its node compatibility.
 */
import * as dgram from "node:dgram"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { Address } from "../../core/base/Address.ts"
import {
  type BindError,
  bindError,
  type BindReason,
  Datagram,
  type DatagramHandlers,
  type DatagramSocket,
  MAX_BYTES,
} from "../Datagram.ts"
import * as NodeDatagram from "./NodeDatagram.ts"

type Bind = (
  address: Address,
  handlers: DatagramHandlers,
) => Effect.Effect<DatagramSocket, BindError, Scope.Scope>

/** Room for what arrives while the process is busy; the system may give less. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

/** So often is another port tried where the one that IPv4 got is taken on IPv6. */
const MAX_TRIES = 8

const BIND_REASONS: ReadonlyMap<string, BindReason> = new Map([
  ["EADDRINUSE", "AddressInUse"],
  ["EADDRNOTAVAIL", "AddressNotAvailable"],
  ["EAFNOSUPPORT", "AddressNotAvailable"],
  ["EINVAL", "AddressNotAvailable"],
  ["EACCES", "Denied"],
  ["EPERM", "Denied"],
  ["AddrInUse", "AddressInUse"], // from here on Deno's names
  ["AddrNotAvailable", "AddressNotAvailable"],
  ["PermissionDenied", "Denied"],
  ["NotCapable", "Denied"],
])

interface SystemError extends Error {
  readonly code?: string
}

const toBindError = (address: Address, error: SystemError): BindError => {
  const code = error.code ?? error.name
  const reason = BIND_REASONS.get(code) ?? BIND_REASONS.get(error.name) ?? "Other"
  return bindError(reason, address, reason === "Other" ? error.message : code)
}

/** The addresses are literals: the system's resolver has no part in sending a packet. */
const lookup = (
  host: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void => done(null, host, host.includes(":") ? 6 : 4)

/** Why a packet could not leave, in the words of `NodeDatagram`; the rest of the codes speak for themselves. */
const unsentReason = ({ code, name }: SystemError): string =>
  code === "EMSGSIZE" ? "message too long" : code ?? name

/** Nothing can be sent there, and forged packets come from there. */
const NO_PORT = 0

/** One family on Node. */
const bindFamily: Bind = ({ host, port }, handlers) =>
  Effect.suspend(() => {
    let isOpen = true
    const acquire = Effect.async<dgram.Socket, BindError>((resume) => {
      const isV6 = host.includes(":")
      const socket = dgram.createSocket({ type: isV6 ? "udp6" : "udp4", ipv6Only: isV6, lookup })
      socket.once("error", (error: SystemError) => resume(toBindError({ host, port }, error)))
      socket.bind({ address: host, port }, () => {
        socket.removeAllListeners("error")
        // What the system reports of an open socket concerns one packet that got lost.
        socket.on("error", () => {})
        socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
        socket.on("message", (bytes, from) => {
          // Not as a Buffer, whose `slice` makes no copy.
          const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
          if (isOpen) handlers.onMessage(plain, { host: from.address, port: from.port })
        })
        resume(Effect.succeed(socket))
      })
    })
    const release = (socket: dgram.Socket): Effect.Effect<void> =>
      Effect.async((resume) => {
        isOpen = false
        socket.close(() => resume(Effect.void))
      })
    const unsent = (to: Address, error: SystemError): void => {
      if (isOpen) handlers.onUnsent?.(to, unsentReason(error))
    }
    return Effect.map(Effect.acquireRelease(acquire, release), (socket) => ({
      address: { host, port: socket.address().port },
      send: (bytes: Uint8Array, to: Address) => {
        if (!isOpen) return
        if (to.port === NO_PORT) return queueMicrotask(() => unsent(to, BAD_PORT))
        // Without a callback the system call is all that a packet costs.
        if (handlers.onUnsent === undefined) return socket.send(bytes, to.port, to.host)
        socket.send(bytes, to.port, to.host, (error: SystemError | null) => error && unsent(to, error))
      },
    }))
  })

const BAD_PORT: SystemError = { name: "not a port", message: "not a port" }

/** Both families on Node, with one port; IPv4 alone where there is no IPv6. */
const bindBoth = (port: number, handlers: DatagramHandlers, tries = MAX_TRIES): ReturnType<Bind> =>
  inOwnScope(Effect.gen(function* () {
    const v4 = yield* bindFamily({ host: "0.0.0.0", port }, handlers)
    const v6 = yield* Effect.catchIf(
      bindFamily({ host: "::", port: v4.address.port }, handlers),
      ({ reason }) => reason === "AddressNotAvailable",
      () => Effect.succeed(undefined),
    )
    if (v6 === undefined) return v4
    return {
      address: { host: "::", port: v4.address.port },
      send: (bytes: Uint8Array, to: Address) => (to.host.includes(":") ? v6 : v4).send(bytes, to),
    }
  })).pipe(Effect.catchIf(
    ({ reason }) => reason === "AddressInUse" && port === 0 && tries > 1,
    () => bindBoth(port, handlers, tries - 1),
  ))

/** What fails gives back at once what it had acquired, instead of at the end. */
const inOwnScope = <A, E>(acquire: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A, E, Scope.Scope> =>
  Effect.flatMap(
    Effect.scope,
    (parent) =>
      Effect.flatMap(
        Scope.fork(parent, ExecutionStrategy.sequential),
        (own) =>
          Scope.extend(acquire, own).pipe(Effect.onError((cause) => Scope.close(own, Exit.failCause(cause)))),
      ),
  )

/** What Deno's unstable API of datagrams is here. */
interface DenoSocket {
  readonly addr: DenoAddress
  readonly receive: (into: Uint8Array) => Promise<[Uint8Array, DenoAddress]>
  readonly send: (bytes: Uint8Array, to: DenoAddress) => Promise<number>
  readonly close: () => void
}
interface DenoAddress {
  readonly transport: "udp"
  readonly hostname: string
  readonly port: number
}
type DenoListen = (options: DenoAddress) => DenoSocket

const denoListen = (globalThis as { readonly Deno?: { readonly listenDatagram?: DenoListen } }).Deno
  ?.listenDatagram

const MAPPED = "::ffff:"

/** A socket of Deno; one of `::` takes both families there. */
const bindDeno = (listen: DenoListen): Bind => (address, handlers) =>
  Effect.suspend(() => {
    let isOpen = true
    const isV6 = address.host.includes(":")
    const unsent = (to: Address, error: SystemError): void => {
      if (isOpen) handlers.onUnsent?.(to, unsentReason(error))
    }
    // One packet at a time, in one buffer: more at once gains nothing.
    const receive = async (socket: DenoSocket): Promise<void> => {
      const buffer = new Uint8Array(MAX_BYTES)
      while (isOpen) {
        try {
          const [bytes, { hostname, port }] = await socket.receive(buffer)
          const host = isV6 && hostname.startsWith(MAPPED) && hostname.includes(".")
            ? hostname.slice(MAPPED.length)
            : hostname
          if (isOpen) handlers.onMessage(bytes.slice(), { host, port })
        } catch (error) {
          // The end of the socket; anything else concerned one packet.
          const { name } = error as Error
          if (name === "BadResource" || name === "Interrupted") return
        }
      }
    }
    return Effect.map(
      Effect.acquireRelease(
        Effect.try({
          try: () => {
            const socket = listen({ transport: "udp", hostname: address.host, port: address.port })
            return { socket, ended: receive(socket) }
          },
          catch: (error) => toBindError(address, error as SystemError),
        }),
        ({ ended, socket }) =>
          Effect.promise(() => {
            isOpen = false
            socket.close()
            // Only then is the port free.
            return ended
          }),
      ),
      ({ socket }) => ({
        address: { host: address.host, port: socket.addr.port },
        send: (bytes: Uint8Array, to: Address) => {
          if (!isOpen) return
          if (to.port === NO_PORT) return queueMicrotask(() => unsent(to, BAD_PORT))
          const hostname = isV6 && !to.host.includes(":") ? MAPPED + to.host : to.host
          socket.send(bytes, { transport: "udp", hostname, port: to.port })
            .catch((error: SystemError) => unsent(to, error))
        },
      }),
    )
  })

const bind: (typeof Datagram.Service)["bind"] = ({ host, port }, handlers) => {
  if (denoListen === undefined) {
    return host === undefined ? bindBoth(port, handlers) : bindFamily({ host, port }, handlers)
  }
  const open = bindDeno(denoListen)
  return host !== undefined ? open({ host, port }, handlers) : Effect.catchIf(
    open({ host: "::", port }, handlers),
    // A machine without IPv6.
    ({ reason }) => reason === "AddressNotAvailable",
    () => open({ host: "0.0.0.0", port }, handlers),
  )
}

export const layer: Layer.Layer<Datagram> = Layer.effect(
  Datagram,
  Effect.map(Datagram, ({ bind: fallback, resolve }) => {
    // Deno's dgram is slow whatever is done about it, and has its own ways.
    const isPlainDeno = denoListen === undefined && "Deno" in globalThis
    return { bind: isPlainDeno ? fallback : bind, resolve }
  }),
).pipe(Layer.provide(NodeDatagram.layer))
