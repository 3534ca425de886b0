/**
 * `Datagram` of a process on a machine of a simulated network: what is sent arrives once, twice or never, after its
 * latency and some jitter, so that one may overtake another.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type Address, format } from "../../core/base/Address.ts"
import type { Bytes } from "../../core/base/Bytes.ts"
import * as Chance from "../../core/sim/Chance.ts"
import { bindError, type BindOptions, Datagram, MAX_BYTES, resolveError } from "../Datagram.ts"
import * as Network from "./Network.ts"
import * as Process from "./Process.ts"
import * as World from "./World.ts"

/** The process's sockets on this machine; they are gone with it. */
export const layer = (host: Network.Host, process: Process.Process): Layer.Layer<Datagram> =>
  Layer.succeed(Datagram, {
    bind: (options, handlers) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.suspend(() => {
            const { address, keys } = placeOf(host, options)
            if (!Network.isOwn(host, address.host)) return bindError("AddressNotAvailable", address)
            if (keys.some((key) => host.sockets.has(key))) return bindError("AddressInUse", address)
            const bound: Network.Bound = { process, handlers }
            for (const key of keys) host.sockets.set(key, bound)
            const release = (): void => keys.forEach((key) => host.sockets.delete(key))
            process.onGone.push(() => {
              if (host.sockets.get(keys[0]!) === bound) release()
            })
            return Effect.succeed({ address, bound, key: keys[0]!, release })
          }),
          ({ release }) => Effect.sync(release),
        ),
        ({ address, bound, key }) => ({
          address,
          send: (bytes, to) => {
            if (process.isAlive && host.sockets.get(key) === bound) send(host, bound, address, bytes, to)
          },
        }),
      ),
    resolve: (name) =>
      Effect.suspend(() => {
        const addresses = Network.resolve(host.network, name)
        return addresses === undefined ? resolveError(name) : Effect.succeed(addresses)
      }),
  })

type Family = 4 | 6

const familyOf = (ip: string): Family => ip.includes(":") ? 6 : 4
const familiesOf = (ip: string): ReadonlyArray<Family> => ip === "::" ? [4, 6] : [familyOf(ip)]

const placeOf = (
  host: Network.Host,
  { host: ip = "::", port: asked }: BindOptions,
): { readonly address: Address; readonly keys: ReadonlyArray<string> } => {
  const port = asked === 0 ? Network.newPort(host) : asked
  const address = { host: ip, port }
  return {
    address,
    keys: Network.isAny(ip) ? familiesOf(ip).map((family) => `${family}:${port}`) : [format(address)],
  }
}

const send = (host: Network.Host, bound: Network.Bound, local: Address, bytes: Bytes, to: Address): void => {
  const { network } = host
  const unsent = bytes.length > MAX_BYTES
    ? "message too long"
    : familiesOf(local.host).includes(familyOf(to.host))
    ? undefined
    : "no address of the socket's family"
  if (unsent !== undefined) {
    return Process.soon(bound.process, () => bound.handlers.onUnsent?.(to, unsent))
  }
  const target = Network.hostOf(host, to.host)
  if (target === undefined) return
  const ip = Network.isAny(local.host) ? Network.addressTowards(host, to.host) : local.host
  const from = { host: ip, port: local.port }
  host.contacts.add(`${from.port} ${format(to)}`)
  const { duplicatePart, jitterMs, lossPart } = target === host ? Network.CALM : network.weather
  const copies = Network.isLucky(network, duplicatePart) ? 2 : 1
  const leftAt = Network.upload(host, target, bytes.length)
  for (let copy = 0; copy < copies; copy++) {
    if (Network.isLucky(network, lossPart)) continue
    const jitter = jitterMs === 0 ? 0 : Chance.unit(network.rng) * jitterMs
    const arrivesAt = leftAt + Network.latencyMs(host, target) + jitter
    // A copy, as on a real network: what the one end keeps is not what the other one sent.
    const packet = bytes.slice()
    World.at(network.world, arrivesAt, () => arrive(host, target, packet, from, to))
  }
}

const arrive = (
  sender: Network.Host,
  target: Network.Host,
  packet: Bytes,
  from: Address,
  to: Address,
): void => {
  const { world } = target.network
  if (sender !== target) {
    if (!target.isUp || Network.cutUntil(sender, target) > World.now(world)) return
    if (target.isBehindNat && !target.contacts.has(`${to.port} ${format(from)}`)) return
  }
  const bound = target.sockets.get(format(to)) ?? target.sockets.get(`${familyOf(to.host)}:${to.port}`)
  if (bound === undefined || !bound.process.isAlive) return
  World.note(world, `${target.index} hears ${Network.mark(packet)} from ${format(from)}`)
  bound.handlers.onMessage(packet, from)
}
