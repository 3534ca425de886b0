/** The tracker that ships, over UDP and HTTP, as a program on a simulated machine. Its swarms live as long as it does. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Rng from "../../core/base/Rng.ts"
import * as Access from "../../core/tracker/Access.ts"
import * as PeerStore from "../PeerStore.ts"
import * as TrackerServer from "../TrackerServer.ts"
import type * as Machine from "./Machine.ts"
import * as Process from "./Process.ts"
import * as SimDatagram from "./SimDatagram.ts"
import * as SimHttp from "./SimHttp.ts"

export const HTTP_PORT = 80
export const UDP_PORT = 6969

/** Shorter than public trackers': a simulated swarm seldom lives for the half hour that they ask for. */
const INTERVAL_SECONDS = 120

/** Waits for nothing, and without a timer of the machine to stay alive by. */
export const forever: Effect.Effect<never> = Effect.async(() => {})

/** Serves until it is killed, on all addresses of the machine. */
export const program = (machine: Machine.Machine, process: Process.Process): Effect.Effect<never> => {
  const { host, rng } = machine
  const limits = { intervalSeconds: INTERVAL_SECONDS, minIntervalSeconds: INTERVAL_SECONDS / 2 }
  const randomBytes = (count: number) => Rng.fill(rng, new Uint8Array(count))
  const sockets = Layer.merge(SimDatagram.layer(host, process), SimHttp.listener(host, process))
  return Effect.gen(function* () {
    const context = yield* Layer.build(PeerStore.layerMemory({ limits, randomBytes }))
    yield* TrackerServer.serve({
      store: Context.get(context, PeerStore.PeerStore),
      host: host.ip,
      httpPort: HTTP_PORT,
      udpPort: UDP_PORT,
      intervalSeconds: INTERVAL_SECONDS,
      access: () => Access.OPEN,
      secret: randomBytes(16),
      startedAtMs: Process.EPOCH_MS,
    })
    return yield* forever
  }).pipe(Effect.provide(sockets), Effect.scoped, Effect.orDie)
}
