/** `Transport` of a process on a machine of a simulated network. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Address } from "../../core/base/Address.ts"
import { format } from "../../core/base/Address.ts"
import {
  connectError,
  type ConnectReason,
  connectWith,
  guarded,
  listenError,
  Transport,
} from "../Transport.ts"
import * as Network from "./Network.ts"
import type * as Process from "./Process.ts"
import { End } from "./Stream.ts"
import * as World from "./World.ts"

/** The process's sockets on this machine; they are gone with it. */
export const layer = (host: Network.Host, process: Process.Process): Layer.Layer<Transport> =>
  Layer.sync(Transport, () => {
    process.onGone.push(() => {
      for (const end of [...host.ends]) end.abandon(process)
    })
    return make(host, process)
  })

const make = (host: Network.Host, process: Process.Process): Transport["Type"] => ({
  connect: (address, { localAddress, timeoutMs }, handlers) =>
    connectWith<End>(
      address,
      timeoutMs,
      (done) =>
        dial(host, process, address, localAddress, (outcome) =>
          done(
            typeof outcome === "string"
              ? Effect.fail(connectError(outcome, address))
              : Effect.succeed(outcome),
          )),
      (end) => {
        end.begin(handlers)
        return end
      },
    ),
  // Memory is the runtime's affair: nothing is read over what was given out.
  recycle: () => {},
  listen: ({ admits, host: ip = "0.0.0.0", port }, onConnection) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.suspend(() => {
          const address = { host: ip, port: port === 0 ? Network.newPort(host) : port }
          if (!Network.isOwn(host, ip)) return listenError("AddressNotAvailable", address)
          const release = Network.occupy(host.listeners, address, {
            process,
            onConnection: guarded(admits, onConnection),
          })
          if (release === undefined) return listenError("AddressInUse", address)
          process.onGone.push(release)
          return Effect.succeed({ address, release })
        }),
        ({ release }) => Effect.sync(release),
      ),
      ({ address }) => ({ address }),
    ),
})

/**
 * Dials, and tells `done` how it went, unless the returned function was called before. Where no answer comes nothing is
 * told: whoever dials has a time limit.
 */
const dial = (
  host: Network.Host,
  process: Process.Process,
  address: Address,
  localAddress: string | undefined,
  done: (outcome: End | ConnectReason) => void,
): () => void => {
  const { network } = host
  const { world } = network
  let hasGivenUp = false
  let opened: End | undefined
  const answer = (delayMs: number, outcome: End | ConnectReason): void =>
    World.after(world, delayMs, () => {
      if (!process.isAlive || hasGivenUp) return
      World.note(
        world,
        `${host.index} dials ${format(address)}: ${outcome instanceof End ? "open" : outcome}`,
      )
      done(outcome)
    })
  const knock = (): void => {
    if (!process.isAlive || hasGivenUp) return
    const ip = Network.resolve(network, address.host)?.[0]
    if (ip === undefined) return answer(0, "Dns")
    if (localAddress !== undefined && !Network.isOwn(host, localAddress)) return answer(0, "BadLocalAddress")
    const target = Network.hostOf(host, ip)
    if (target === undefined || (target.isBehindNat && target !== host)) return
    const latencyMs = Network.latencyMs(host, target)
    const remote = { host: ip, port: address.port }
    World.after(world, latencyMs, () => {
      if (!Network.isConnected(host, target) || !process.isAlive) return
      const listener = Network.lookUp(target.listeners, remote)
      if (listener === undefined) return answer(latencyMs, "Refused")
      const local = { host: localAddress ?? Network.addressTowards(host, ip), port: Network.newPort(host) }
      const near = new End(host, process, local, remote)
      const far = new End(target, listener.process, remote, local)
      near.join(far)
      opened = near
      if (hasGivenUp) return near.close()
      answer(latencyMs, near)
      listener.onConnection(far, (handlers) => far.begin(handlers))
      if (!far.hasBegun()) far.close()
    })
  }
  World.after(world, 0, knock)
  return () => {
    hasGivenUp = true
    opened?.close()
  }
}
