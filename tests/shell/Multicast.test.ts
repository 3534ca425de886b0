import { networkInterfaces } from "node:os"
import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { GROUPS } from "../../core/lsd/Message.ts"
import * as NodeMulticast from "../../shell/node/NodeMulticast.ts"
import { layerMemory, layerNone, makeMemory, Multicast } from "../../shell/Multicast.ts"
import { contract } from "../contract/Multicast.ts"

const network = makeMemory()
for (const family of ["ipv4", "ipv6"] as const) {
  contract(`in memory, ${family}`, layerMemory(network), layerMemory(network), GROUPS[family])
}

// The tests' own group and port, so that no client of this machine hears them.
contract("over UDP", NodeMulticast.layer, NodeMulticast.layer, { host: "239.192.152.200", port: 6_779 })

/** What the real layer needs of IPv6: an address of a network, not of this machine alone. */
const hasIpv6 = Object.values(networkInterfaces()).flatMap((some) => some ?? [])
  .some(({ address }) => /^fe80:/i.test(address))
if (hasIpv6) {
  contract("over UDP and IPv6", NodeMulticast.layer, NodeMulticast.layer, {
    host: "ff15::efc0:9999",
    port: 6_779,
  })
}

it.scopedLive("is heard from the one address that it is bound to", () =>
  Effect.gen(function* () {
    const { join } = yield* Multicast
    const group = { host: "239.192.152.201", port: 6_778 }
    const from = yield* Deferred.make<string>()
    const { send } = yield* join(group, (_, { host }) =>
      Deferred.unsafeDone(from, Effect.succeed(host)), "127.0.0.1")
    send(new Uint8Array(1))
    expect(yield* Deferred.await(from)).toBe("127.0.0.1")
    const elsewhere = yield* Effect.flip(join(group, () => {}, "198.51.100.77"))
    expect(elsewhere.reason).toBe("AddressNotAvailable")
  }).pipe(Effect.provide(NodeMulticast.layer)))

it.scoped("says so where there is no network", () =>
  Effect.gen(function* () {
    const { join } = yield* Multicast
    const error = yield* Effect.flip(join(GROUPS.ipv4, () => {}))
    expect(error.message).toContain("239.192.152.143:6771")
  }).pipe(Effect.provide(layerNone)))
