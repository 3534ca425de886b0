import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import type { Address } from "../../core/base/Address.ts"
import { GROUPS } from "../../core/lsd/Message.ts"
import type { InfoHash } from "../../core/metainfo/Metainfo.ts"
import * as LocalDiscovery from "../../shell/LocalDiscovery.ts"
import { layerMemory, layerNone, makeMemory, type MemoryMulticast, Multicast } from "../../shell/Multicast.ts"

const HASH = "ed4f1085e885f98f9a69b70ee89eb988b8fd9115" as InfoHash
const OTHER = "ed4f1085e885f98f9a69b70ee89eb988b8fd9116" as InfoHash

const host = (network: MemoryMulticast, port: number) =>
  LocalDiscovery.make({ port }).pipe(Effect.provide(layerMemory(network)))

it.scoped("two hosts that share a torrent find each other, over both families", () =>
  Effect.gen(function* () {
    const network = makeMemory()
    const a = yield* host(network, 1_000)
    const b = yield* host(network, 2_000)
    const found: Array<Address> = []
    yield* a.take(HASH, (address) => found.push(address))
    yield* a.take(OTHER, () => expect.unreachable("nobody else has it"))
    yield* b.take(HASH, (address) => found.push(address))
    expect(found).toEqual([{ host: "10.0.0.2", port: 2_000 }, { host: "fd00::2", port: 2_000 }])
    // b came too late for a's first announce.
    yield* TestClock.adjust("1 minute")
    expect(found.slice(2)).toEqual([{ host: "10.0.0.1", port: 1_000 }, { host: "fd00::1", port: 1_000 }])
  }))

it.scoped("a torrent that has left is announced no more", () =>
  Effect.gen(function* () {
    const network = makeMemory()
    const [a, b] = [yield* host(network, 1_000), yield* host(network, 2_000)]
    const scope = yield* Scope.make()
    yield* a.take(HASH, () => {}).pipe(Scope.extend(scope))
    yield* Scope.close(scope, Exit.void)
    yield* b.take(HASH, () => expect.unreachable("a has left"))
    yield* TestClock.adjust("1 hour")
    expect(a.counts()).toMatchObject({ own: 2, malformed: 0 })
    // The announce of the beginning, and none after.
    expect(b.counts()).toMatchObject({ heard: 2, malformed: 0 })
  }))

it.scoped("a machine without a network finds nobody, and is none the worse for it", () =>
  Effect.gen(function* () {
    const discovery = yield* LocalDiscovery.make({ port: 1 })
    yield* discovery.take(HASH, () => expect.unreachable("nobody is there"))
    yield* TestClock.adjust("1 hour")
    expect(discovery.counts()).toEqual({ heard: 0, own: 0, malformed: 0, dropped: 0 })
  }).pipe(Effect.provide(layerNone)))

it.scoped("neighbours that send rubbish are counted", () =>
  Effect.gen(function* () {
    const network = makeMemory()
    const a = yield* host(network, 1_000)
    yield* a.take(HASH, () => expect.unreachable("rubbish names no torrent"))
    const { join } = yield* Effect.provide(Multicast, layerMemory(network))
    const socket = yield* join(GROUPS.ipv4, () => {})
    socket.send(Uint8Array.of(1, 2, 3))
    expect(a.counts().malformed).toBe(1)
  }))

it.scoped("what is heard before it has begun harms nobody", () =>
  Effect.gen(function* () {
    const discovery = yield* LocalDiscovery.make({ port: 1 })
    expect(discovery.counts()).toEqual({ heard: 0, own: 0, malformed: 0, dropped: 0 })
  }).pipe(Effect.provideService(Multicast, {
    join: (_group, onMessage) =>
      Effect.sync(() => {
        onMessage(Uint8Array.of(1), { host: "10.0.0.9", port: 6_771 })
        return { send: () => {} }
      }),
  })))
