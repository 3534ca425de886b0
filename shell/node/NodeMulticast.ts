/** `Multicast` on UDP sockets, for Node and for Deno's node compatibility. */
import * as dgram from "node:dgram"
import * as net from "node:net"
import { networkInterfaces } from "node:os"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Address } from "../../core/base/Address.ts"
import type { Bytes } from "../../core/base/Bytes.ts"
import { type BindError, bindError } from "../Datagram.ts"
import { type GroupSocket, Multicast } from "../Multicast.ts"

/** An address of this machine by which a group can be reached. */
interface Interface {
  /** As `addMembership` and `setMulticastInterface` want it: an address, or for IPv6 `::%NAME`. */
  readonly scope: string
  /** To send from. */
  readonly address: string
  readonly cidr: string
}

type Family = "IPv4" | "IPv6"

/** Addresses that stand for all of a family. */
const ANY: ReadonlySet<string> = new Set(["0.0.0.0", "::"])

/** The one with the address `host`; without it those of a family, the loopback one only where there is no other, since its neighbours are on the others as well. */
const interfaces = (family: Family, host: string | undefined): ReadonlyArray<Interface> => {
  const all = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.filter((one) => one.family === family).map(({ address, cidr, internal }) => ({
      address,
      cidr: cidr ?? `${address}/${family === "IPv4" ? 32 : 128}`,
      internal,
      scope: family === "IPv4" ? address : `::%${name}`,
    }))
  )
  if (host !== undefined && !ANY.has(host)) return all.filter(({ address }) => address === host)
  const outer = all.filter(({ internal }) => !internal)
  const usable = outer.length > 0 ? outer : all
  if (family === "IPv4") return usable
  // Of IPv6 one address an interface: a link-local one only where there is no other, since it is of no use alone.
  const isLinkLocal = ({ address }: Interface): boolean => /^fe80:/i.test(address)
  const ordered = [...usable.filter(isLinkLocal), ...usable.filter((one) => !isLinkLocal(one))]
  return [...new Map(ordered.map((one) => [one.scope, one])).values()]
}

/** Whether an address is on one of the networks that this machine is on: nobody else is a neighbour. */
const neighbourhood = (family: Family): (host: string) => boolean => {
  const networks = new net.BlockList()
  const type = family === "IPv4" ? "ipv4" : "ipv6"
  for (const { address, cidr } of allAddresses(family)) {
    networks.addSubnet(address, Number(cidr.slice(cidr.indexOf("/") + 1)), type)
  }
  if (family === "IPv6") networks.addSubnet("fe80::", 10, "ipv6")
  return (host) => networks.check(host, type)
}

const allAddresses = (family: Family) =>
  Object.values(networkInterfaces()).flatMap((addresses = []) =>
    addresses.filter((one) => one.family === family && one.cidr !== null)
      .map(({ address, cidr }) => ({ address, cidr: cidr! }))
  )

const socketOf = (family: Family): dgram.Socket =>
  dgram.createSocket({
    type: family === "IPv4" ? "udp4" : "udp6",
    // Every client of this machine listens on the group's port.
    reuseAddr: true,
    ...(family === "IPv6" ? { ipv6Only: true } : {}),
  })

const bound = (
  family: Family,
  port: number,
  host: string,
  group: Address,
): Effect.Effect<dgram.Socket, BindError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<dgram.Socket, BindError>((resume) => {
      const socket = socketOf(family)
      const failed = (error: Error & { readonly code?: string }): void =>
        resume(
          bindError(
            error.code === "EADDRINUSE" ? "AddressInUse" : "Other",
            group,
            error.code ?? error.message,
          ),
        )
      socket.once("error", failed)
      socket.bind(port, host, () => {
        socket.off("error", failed)
        // What fails later concerns one packet, which is lost.
        socket.on("error", () => {})
        resume(Effect.succeed(socket))
      })
    }),
    (socket) => Effect.async<void>((resume) => void socket.close(() => resume(Effect.void))),
  )

/** Runs what the system may refuse for one interface; true if it did not. */
const attempt = (action: () => void): boolean => {
  try {
    action()
    return true
  } catch {
    return false
  }
}

const join = (
  group: Address,
  onMessage: (bytes: Bytes, from: Address) => void,
  host?: string,
): Effect.Effect<GroupSocket, BindError, Scope.Scope> =>
  Effect.gen(function* () {
    const family = net.isIPv6(group.host) ? "IPv6" : "IPv4"
    const isNeighbour = neighbourhood(family)
    const any = family === "IPv6" ? "::" : "0.0.0.0"
    // Asked first: where there is nobody to hear, nothing is opened either.
    const places = interfaces(family, host)
    if (places.length === 0) return yield* bindError("AddressNotAvailable", group)
    const hearing = yield* bound(family, group.port, any, group)
    const senders: Array<dgram.Socket> = []
    for (const { address, scope } of places) {
      if (!attempt(() => hearing.addMembership(group.host, scope))) continue
      // A socket of its own for each: which interface a socket sends to is a setting of the socket.
      const from = /^fe80:/i.test(address) ? address + scope.slice("::".length) : address
      const socket = yield* Effect.orElseSucceed(bound(family, 0, from, group), () => undefined)
      if (socket === undefined || !attempt(() => socket.setMulticastInterface(scope))) continue
      // Neighbours only: our own network ends at the first router.
      attempt(() => socket.setMulticastTTL(1))
      attempt(() => socket.setMulticastLoopback(true))
      senders.push(socket)
    }
    if (senders.length === 0) return yield* bindError("AddressNotAvailable", group)
    let isClosed = false
    yield* Effect.addFinalizer(() => Effect.sync(() => isClosed = true))
    hearing.on("message", (bytes, from) => {
      const sender = from.address.replace(/%.*$/, "")
      // Whoever knows the port can send to it from anywhere, and without the group.
      if (isClosed || !isNeighbour(sender)) return
      onMessage(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), {
        // A link-local address leads nowhere without its interface.
        host: /^fe80:/i.test(sender) ? from.address : sender,
        port: from.port,
      })
    })
    return {
      send: (bytes) => {
        if (isClosed) return
        for (const socket of senders) attempt(() => socket.send(bytes, group.port, group.host, () => {}))
      },
    }
  })

export const layer: Layer.Layer<Multicast> = Layer.succeed(Multicast, { join })
