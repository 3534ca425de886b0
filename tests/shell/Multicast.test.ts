import { networkInterfaces } from "node:os"
import { expect, it } from "@effect/vitest"
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

it.scoped("says so where there is no network", () =>
  Effect.gen(function* () {
    const { join } = yield* Multicast
    const error = yield* Effect.flip(join(GROUPS.ipv4, () => {}))
    expect(error.message).toContain("239.192.152.143:6771")
  }).pipe(Effect.provide(layerNone)))
