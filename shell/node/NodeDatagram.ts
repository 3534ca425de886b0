/** `Datagram` on UDP sockets, for Node and for Deno's node compatibility. */
import * as dgram from "node:dgram"
import * as dns from "node:dns"
import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import {
  type BindError,
  bindError,
  type BindOptions,
  type BindReason,
  Datagram,
  type DatagramHandlers,
  type DatagramSocket,
  type ResolveError,
  resolveError,
} from "../Datagram.ts"

/** Room for the packets that arrive while the event loop is busy; the system may give less. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

const BIND_REASONS: ReadonlyMap<string, BindReason> = new Map([
  ["EADDRINUSE", "AddressInUse"],
  ["AddrInUse", "AddressInUse"],
  ["EADDRNOTAVAIL", "AddressNotAvailable"],
  ["AddrNotAvailable", "AddressNotAvailable"],
  ["EINVAL", "AddressNotAvailable"],
  ["EAFNOSUPPORT", "AddressNotAvailable"],
  ["ENOTFOUND", "AddressNotAvailable"],
  ["EACCES", "Denied"],
  ["EPERM", "Denied"],
  ["PermissionDenied", "Denied"],
  ["NotCapable", "Denied"],
])

/** Why a packet could not leave; the rest of the codes speak for themselves. */
const UNSENT_REASONS: ReadonlyMap<string, string> = new Map([
  ["ENETUNREACH", "no route to it"],
  ["EHOSTUNREACH", "no route to it"],
  ["EADDRNOTAVAIL", "no route to it"],
  ["EINVAL", "no route to it"], // an IPv6 address on an IPv4 socket
  ["EAFNOSUPPORT", "no route to it"],
  ["UNKNOWN", "no route to it"], // what Deno makes of all of them
  ["EACCES", "the system or its firewall forbids it"],
  ["EPERM", "the system or its firewall forbids it"],
  ["EMSGSIZE", "message too long"],
  ["ERR_SOCKET_BAD_PORT", "not a port"],
])

interface SystemError extends Error {
  readonly code?: string | undefined
}

/** Deno has names where Node has codes. */
const codeOf = (error: SystemError): string => error.code ?? error.name

const MAPPED = "::ffff:"

/** How an IPv4 sender on a socket of both families is written everywhere else. */
const plainHost = (host: string): string =>
  host.startsWith(MAPPED) && host.includes(".") ? host.slice(MAPPED.length) : host

/** Hosts are literals already: no detour through the resolver for each packet. */
const lookup = (
  host: string,
  _options: unknown,
  done: (error: null, address: string, family: number) => void,
): void => done(null, host, net.isIPv6(host) ? 6 : 4)

const open = (
  { host, port }: { readonly host: string; readonly port: number },
  handlers: DatagramHandlers,
): Effect.Effect<DatagramSocket, BindError, Scope.Scope> =>
  Effect.suspend(() => {
    const isV6 = host.includes(":")
    let isClosed = false
    const acquire = Effect.async<dgram.Socket, BindError>((resume) => {
      const failed = (error: SystemError): void => {
        const reason = BIND_REASONS.get(codeOf(error)) ?? "Other"
        resume(bindError(reason, { host, port }, reason === "Other" ? error.message : codeOf(error)))
      }
      const socket = dgram.createSocket({ type: isV6 ? "udp6" : "udp4", lookup })
      socket.once("error", failed)
      socket.bind({ address: host, port }, () => {
        socket.off("error", failed)
        // What the system reports of an open socket concerns one packet that got lost.
        socket.on("error", () => {})
        growBuffer(socket)
        resume(Effect.succeed(socket))
      })
    })
    // The port is free once it is closed, on Deno a little after it was told to.
    const release = (socket: dgram.Socket): Effect.Effect<void> =>
      Effect.async((resume) => {
        isClosed = true
        socket.removeAllListeners("message")
        socket.close(() => resume(Effect.void))
      })
    return Effect.map(Effect.acquireRelease(acquire, release), (socket) => {
      const bound = socket.address()
      socket.on("message", (bytes, from) => {
        // Not as a Buffer, whose `slice` makes no copy as everybody else's does.
        const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
        handlers.onMessage(plain, { host: plainHost(from.address), port: from.port })
      })
      return {
        address: { host: bound.address, port: bound.port },
        send: (bytes, to) => {
          if (isClosed) return
          const unsent = (error: SystemError): void => {
            if (!isClosed) handlers.onUnsent?.(to, UNSENT_REASONS.get(codeOf(error)) ?? codeOf(error))
          }
          const target = isV6 && net.isIPv4(to.host) ? MAPPED + to.host : to.host
          try {
            socket.send(bytes, to.port, target, (error) => {
              if (error !== null && error !== undefined) unsent(error)
            })
          } catch (error) {
            // Never in the middle of the caller's work.
            queueMicrotask(() => unsent(error as SystemError))
          }
        },
      }
    })
  })

/** As large as the system allows; without that, a burst is lost. */
const growBuffer = (socket: dgram.Socket): void => {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES)
  } catch {
    // Deno has no such option.
  }
}

const bind = (
  { host, port }: BindOptions,
  handlers: DatagramHandlers,
): Effect.Effect<DatagramSocket, BindError, Scope.Scope> =>
  host !== undefined ? open({ host, port }, handlers) : Effect.catchIf(
    open({ host: "::", port }, handlers),
    // A machine without IPv6.
    ({ reason }) => reason === "AddressNotAvailable",
    () => open({ host: "0.0.0.0", port }, handlers),
  )

const resolve = (host: string): Effect.Effect<ReadonlyArray<string>, ResolveError> =>
  Effect.async((resume) => {
    dns.lookup(host, { all: true, verbatim: true }, (error, found) => {
      const addresses = [...new Set((found ?? []).map(({ address }) => address))]
      resume(
        error !== null || addresses.length === 0
          ? resolveError(host, error === null ? undefined : codeOf(error))
          : Effect.succeed(addresses),
      )
    })
  })

export const layer: Layer.Layer<Datagram> = Layer.succeed(Datagram, { bind, resolve })
