import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as SimTransport from "../../../shell/sim/SimTransport.ts"
import { contract, TestNetwork } from "../../contract/Transport.ts"
import { inWorld, machine } from "./Inside.ts"

const layer = Layer.unwrapEffect(
  Effect.map(machine, ({ host, process }) =>
    Layer.merge(
      SimTransport.layer(host, process),
      // An address of documentation (RFC 5737), which no machine has.
      Layer.succeed(TestNetwork, { silent: { host: "192.0.2.1", port: 6881 } }),
    )),
)

for (const seed of [1, 2]) {
  contract(`SimTransport.layer, seed ${seed}`, layer, {
    hasSilent: true,
    hasIpv6: true,
    inside: inWorld(seed),
  })
}
