/** Contracts on simulated layers: each body runs in a world of its own, on virtual time. */
import * as Effect from "effect/Effect"
import * as Network from "../../../shell/sim/Network.ts"
import * as Process from "../../../shell/sim/Process.ts"
import * as World from "../../../shell/sim/World.ts"
import type { Inside } from "../../contract/Inside.ts"

/** A body in a fresh world, the same one each time for the same seed. */
export const inWorld = (seed: number): Inside => (body) =>
  Effect.suspend(() => Process.runIn(World.make({ seed }), "test", body))

/** A network of one machine in the world that asks, with streams that are cut anywhere, and how long its ways are. */
export const machine = Effect.map(Process.current, (process) => {
  const network = Network.make(process.world, { ...Network.CALM, isCutting: true })
  return { process, host: Network.addHost(network), network }
})
