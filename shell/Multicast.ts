/**
 * Datagrams to everybody on the local network, for local service discovery: what `Datagram` is not for, since a
 * port is shared with other programs here, and every interface counts.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import { type BindError, bindError } from "./Datagram.ts"

export interface GroupSocket {
  /** Once on every interface; what can't be sent is lost, as on any network. After the scope's end it does nothing. */
  readonly send: (bytes: Bytes) => void
}

export class Multicast extends Context.Tag("shoal/Multicast")<Multicast, {
  /**
   * Joins a group until the scope ends; its family is that of the group's address. `onMessage` hears what hosts of the
   * same network send, our own messages included, and each perhaps more than once. Fails where no interface can
   * multicast, or where a program that does not share has the port. `host`: only the interface with this address.
   */
  readonly join: (
    group: Address,
    onMessage: (bytes: Bytes, from: Address) => void,
    host?: string,
  ) => Effect.Effect<GroupSocket, BindError, Scope.Scope>
}>() {}

/** A local network in memory, in which each layer that is built of it is one host. */
export interface MemoryMulticast {
  readonly members: Map<string, Set<Member>>
  nextHost: number
}

interface Member {
  readonly host: string
  readonly onMessage: (bytes: Bytes, from: Address) => void
}

export const makeMemory = (): MemoryMulticast => ({ members: new Map(), nextHost: 1 })

/** A host of a network in memory; messages are delivered at once, to the sender as well. */
export const layerMemory = (network: MemoryMulticast = makeMemory()): Layer.Layer<Multicast> =>
  Layer.sync(Multicast, () => {
    const number = network.nextHost++
    return {
      join: (group, onMessage) => {
        const host = group.host.includes(":") ? `fd00::${number}` : `10.0.0.${number}`
        const member: Member = { host, onMessage }
        const joined = Effect.sync(() => {
          const members = network.members.get(group.host) ?? new Set()
          network.members.set(group.host, members.add(member))
          return members
        })
        return Effect.map(
          Effect.acquireRelease(joined, (members) => Effect.sync(() => members.delete(member))),
          (members) => ({
            send: (bytes) => {
              if (!members.has(member)) return
              for (const { onMessage } of [...members]) onMessage(bytes.slice(), { host, port: group.port })
            },
          }),
        )
      },
    }
  })

/** A machine without a network. */
export const layerNone: Layer.Layer<Multicast> = Layer.succeed(Multicast, {
  join: (group) => Effect.fail(bindError("AddressNotAvailable", group)),
})
