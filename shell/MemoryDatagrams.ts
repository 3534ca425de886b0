/**
 * A network of datagrams inside the process for `Datagram.layerMemory`. What is sent is delivered in a task of its own,
 * in the order of sending, unless `drops` takes it; so equal runs are equal.
 */
import { type Address, format } from "../core/base/Address.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import * as Rng from "../core/base/Rng.ts"
import * as IpText from "../core/base/IpText.ts"
import type { BindOptions, DatagramHandlers, DatagramSocket } from "./Datagram.ts"

/** The most that a datagram over IPv4 carries; `send` refuses what is longer. */
export const MAX_BYTES = 65_507
/** First of the ports that are given out (RFC 6335, section 6). */
const FIRST_DYNAMIC_PORT = 49_152
const LOOPBACK = { 4: "127.0.0.1", 6: "::1" } as const

type Family = keyof typeof LOOPBACK

/** A datagram on its way. */
export interface Flying {
  readonly bytes: Bytes
  readonly from: Address
  readonly to: Address
}

export interface Options {
  /** True for a datagram that is to be lost. */
  readonly drops?: (datagram: Flying) => boolean
  /** Addresses of names; `localhost` has both loopback addresses. */
  readonly names?: { readonly [host: string]: ReadonlyArray<string> }
}

export interface MemoryDatagrams extends Required<Options> {
  /** By `family:port` for sockets on every address, by `host:port` for others. */
  readonly sockets: Map<string, DatagramHandlers>
  nextPort: number
}

export const make = ({ drops = () => false, names = {} }: Options = {}): MemoryDatagrams => ({
  drops,
  names,
  sockets: new Map(),
  nextPort: FIRST_DYNAMIC_PORT,
})

/** For `drops`: loses this share of all datagrams, from 0 to 1, the same ones for the same seed. */
export const lossy = (seed: number, share: number): () => boolean => {
  const rng = Rng.make(seed)
  return () => Rng.next(rng) < share * 2 ** 32
}

/** Runs a task later, in the order of asking. */
type Schedule = (task: () => void) => void

export interface End {
  readonly socket: DatagramSocket
  readonly close: () => void
}

/** A socket, `undefined` where another one has the port. */
export const bind = (
  network: MemoryDatagrams,
  schedule: Schedule,
  { host = "::", port: asked }: BindOptions,
  handlers: DatagramHandlers,
): End | undefined => {
  const port = asked === 0 ? network.nextPort++ : asked
  const address = { host, port }
  const keys = keysOf(address)
  if (keys.some((key) => network.sockets.has(key))) return undefined
  for (const key of keys) network.sockets.set(key, handlers)
  let isOpen = true
  const send = (bytes: Bytes, to: Address): void => {
    const family = familyOf(to.host)
    const unsent = family === undefined || !familiesOf(host).includes(family)
      ? "no address of the socket's family"
      : bytes.length > MAX_BYTES
      ? "message too long"
      : undefined
    if (!isOpen) return
    if (unsent !== undefined) return schedule(() => isOpen && handlers.onUnsent?.(to, unsent))
    // A copy, as on a real network: what the one end keeps is not what the other one sent.
    const datagram = {
      bytes: bytes.slice(),
      from: { host: isAny(host) ? LOOPBACK[family!] : host, port },
      to,
    }
    if (network.drops(datagram)) return
    schedule(() => receiver(network, to)?.onMessage(datagram.bytes, datagram.from))
  }
  return {
    socket: { address, send },
    close: () => {
      isOpen = false
      for (const key of keys) network.sockets.delete(key)
    },
  }
}

/** The addresses of a name or literal; `undefined` where there are none. */
export const resolve = (network: MemoryDatagrams, host: string): ReadonlyArray<string> | undefined =>
  familyOf(host) !== undefined
    ? [host]
    : network.names[host] ?? (host === "localhost" ? [LOOPBACK[4], LOOPBACK[6]] : undefined)

const receiver = (network: MemoryDatagrams, to: Address): DatagramHandlers | undefined =>
  network.sockets.get(format(to)) ?? network.sockets.get(`${familyOf(to.host)}:${to.port}`)

const keysOf = (address: Address): ReadonlyArray<string> =>
  isAny(address.host)
    ? familiesOf(address.host).map((family) => `${family}:${address.port}`)
    : [format(address)]

const isAny = (host: string): boolean => host === "::" || host === "0.0.0.0"

const familiesOf = (host: string): ReadonlyArray<Family> =>
  host === "::" ? [4, 6] : host.includes(":") ? [6] : [4]

const familyOf = (host: string): Family | undefined =>
  IpText.parse4(host) !== undefined ? 4 : IpText.parse6(host) !== undefined ? 6 : undefined
