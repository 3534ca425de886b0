/** Local service discovery (BEP 14): the machine of `core/lsd`, on the groups that this machine can join. */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import * as Discovery from "../core/lsd/Discovery.ts"
import * as Message from "../core/lsd/Message.ts"
import type { InfoHash } from "../core/metainfo/Metainfo.ts"
import { type GroupSocket, Multicast } from "./Multicast.ts"
import * as Wake from "./Wake.ts"

export interface LocalDiscovery {
  /**
   * Announces a torrent, and tells of those who announce it, until the scope ends. Never for a private torrent (BEP 27).
   */
  readonly take: (
    infoHash: InfoHash,
    onFound: (address: Address) => void,
  ) => Effect.Effect<void, never, Scope.Scope>
  readonly counts: () => Discovery.Counts
}

/** Discovery for whoever listens on the TCP port `port`, of the local address `host` alone if there is one; without a group that can be joined it finds nobody. */
export const make = (
  options: { readonly port: number; readonly host?: string | undefined },
): Effect.Effect<LocalDiscovery, never, Multicast | Scope.Scope> =>
  Effect.gen(function* () {
    const multicast = yield* Multicast
    const { arm, now } = yield* Wake.make((now) => push({ _tag: "Tick", now }))
    /** A magnet link and the torrent that it becomes may both want to hear for a moment. */
    const listeners = new Map<InfoHash, Set<(address: Address) => void>>()
    const groups = new Map<Message.Family, GroupSocket>()

    let discovery: Discovery.Discovery | undefined

    const push = (input: Discovery.Input): void => {
      // The groups are joined first, and may be heard already.
      if (discovery === undefined) return
      const [next, commands] = Discovery.step(discovery, input)
      discovery = next
      arm(Discovery.nextWake(discovery))
      for (const command of commands) {
        if (command._tag === "Send") groups.get(command.family)?.send(command.bytes)
        else listeners.get(command.infoHash)?.forEach((onFound) => onFound(command.address))
      }
    }

    const families: ReadonlyArray<Message.Family> = ["ipv4", "ipv6"]
    for (const family of families) {
      const onMessage = (bytes: Uint8Array, from: Address): void =>
        push({ _tag: "Packet", now: now(), from, bytes })
      // One family is enough, and so is none: this is a shortcut, never the only way.
      const joined = yield* Effect.either(multicast.join(Message.GROUPS[family], onMessage, options.host))
      if (joined._tag === "Right") groups.set(family, joined.right)
      else yield* Effect.logDebug(`no local discovery over ${family}: ${joined.left.message}`)
    }

    const seed = yield* Random.nextIntBetween(0, 2 ** 32)
    discovery = Discovery.make({ seed, port: options.port, families: [...groups.keys()] })

    return {
      take: (infoHash, onFound) =>
        Effect.asVoid(Effect.acquireRelease(
          Effect.sync(() => {
            listeners.set(infoHash, (listeners.get(infoHash) ?? new Set()).add(onFound))
            push({ _tag: "Add", now: now(), infoHash })
          }),
          () =>
            Effect.sync(() => {
              const others = listeners.get(infoHash)
              others?.delete(onFound)
              if (others === undefined || others.size > 0) return
              listeners.delete(infoHash)
              push({ _tag: "Remove", now: now(), infoHash })
            }),
        )),
      counts: () => Discovery.counts(discovery!),
    }
  })
