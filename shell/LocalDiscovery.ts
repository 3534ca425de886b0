/** Local service discovery (BEP 14): the machine of `core/lsd`, on the groups that this machine can join. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import { type Millis, NEVER } from "../core/base/Time.ts"
import * as Discovery from "../core/lsd/Discovery.ts"
import * as Message from "../core/lsd/Message.ts"
import type { InfoHash } from "../core/metainfo/Metainfo.ts"
import { type GroupSocket, Multicast } from "./Multicast.ts"

export interface LocalDiscovery {
  /**
   * Announces a torrent, and tells of those who announce it, until the scope ends. Never for a private torrent (BEP 27);
   * once at a time for each.
   */
  readonly take: (
    infoHash: InfoHash,
    onFound: (address: Address) => void,
  ) => Effect.Effect<void, never, Scope.Scope>
  readonly counts: () => Discovery.Counts
}

/** Discovery for whoever listens on the TCP port `port`; without a group that can be joined it finds nobody. */
export const make = (
  options: { readonly port: number },
): Effect.Effect<LocalDiscovery, never, Multicast | Scope.Scope> =>
  Effect.gen(function* () {
    const multicast = yield* Multicast
    const clock = yield* Clock.clockWith(Effect.succeed)
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    const now = (): Millis => Number(clock.unsafeCurrentTimeNanos() / 1_000n) / 1_000
    const onFound = new Map<InfoHash, (address: Address) => void>()
    const groups = new Map<Message.Family, GroupSocket>()
    let wakeAt = NEVER
    let wake: Fiber.RuntimeFiber<void> | undefined

    const families: ReadonlyArray<Message.Family> = ["ipv4", "ipv6"]
    for (const family of families) {
      const onMessage = (bytes: Uint8Array, from: Address): void =>
        push({ _tag: "Packet", now: now(), from, bytes })
      // One family is enough, and so is none: this is a shortcut, never the only way.
      const joined = yield* Effect.either(multicast.join(Message.GROUPS[family], onMessage))
      if (joined._tag === "Right") groups.set(family, joined.right)
      else yield* Effect.logDebug(`no local discovery over ${family}: ${joined.left.message}`)
    }

    const seed = yield* Random.nextIntBetween(0, 2 ** 32)
    let discovery = Discovery.make({ seed, port: options.port, families: [...groups.keys()] })

    const push = (input: Discovery.Input): void => {
      const [next, commands] = Discovery.step(discovery, input)
      discovery = next
      arm()
      for (const command of commands) {
        if (command._tag === "Send") groups.get(command.family)?.send(command.bytes)
        else onFound.get(command.infoHash)?.(command.address)
      }
    }

    const arm = (): void => {
      const at = Discovery.nextWake(discovery)
      if (at === wakeAt) return
      wakeAt = at
      wake?.unsafeInterruptAsFork(wake.id())
      wake = at === NEVER ? undefined : fork(
        Effect.andThen(
          Effect.sleep(Math.max(0, Math.ceil(at - now()))),
          Effect.sync(() => {
            wakeAt = NEVER
            wake = undefined
            push({ _tag: "Tick", now: now() })
          }),
        ),
      )
    }

    return {
      take: (infoHash, found) =>
        Effect.asVoid(Effect.acquireRelease(
          Effect.sync(() => {
            onFound.set(infoHash, found)
            push({ _tag: "Add", now: now(), infoHash })
          }),
          () =>
            Effect.sync(() => {
              onFound.delete(infoHash)
              push({ _tag: "Remove", now: now(), infoHash })
            }),
        )),
      counts: () => Discovery.counts(discovery),
    }
  })
