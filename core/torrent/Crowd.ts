/**
 * How many of a torrent's connections lead to one address, and to one network: who has many addresses at hand must not
 * take all places, and neither must one who has few but opens many connections.
 *
 *      an address that is its own on the internet     {@link Limits.MAX_PER_ADDRESS}, of its network {@link Limits.MAX_PER_NETWORK}
 *      on this machine or its local network           {@link Limits.MAX_PER_LOCAL_ADDRESS}: swarms on one machine, and
 *                                                     what one router stands for, are no abuse
 */
import * as Address from "../base/Address.ts"
import { assert } from "../base/Assert.ts"
import * as Bytes from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import * as Limits from "./Limits.ts"

/** Mutable, one owner. Both tables have no more entries than there are connections. */
export interface Crowd {
  /** Connections by host. */
  readonly hosts: Map<string, number>
  /** Those by network, of hosts that have one. */
  readonly networks: Map<string, number>
}

export const make = (): Crowd => ({ hosts: new Map(), networks: new Map() })

/** A connection with this host is there, or being made. */
export const enter = (crowd: Crowd, host: string): void => {
  crowd.hosts.set(host, (crowd.hosts.get(host) ?? 0) + 1)
  const network = networkOf(host)
  if (network !== undefined) crowd.networks.set(network, (crowd.networks.get(network) ?? 0) + 1)
}

/** It is no more. */
export const leave = (crowd: Crowd, host: string): void => {
  subtract(crowd.hosts, host)
  const network = networkOf(host)
  if (network !== undefined) subtract(crowd.networks, network)
}

/** Whether there may be another connection with this host, `discounted` of those that there are not counted. */
export const hasRoom = (crowd: Crowd, host: string, discounted = 0): boolean => {
  const ofHost = (crowd.hosts.get(host) ?? 0) - discounted
  const network = networkOf(host)
  if (network === undefined) return ofHost < Limits.MAX_PER_LOCAL_ADDRESS
  return ofHost < Limits.MAX_PER_ADDRESS &&
    (crowd.networks.get(network) ?? 0) - discounted < Limits.MAX_PER_NETWORK
}

/**
 * What is given out as one: a /24 of IPv4, a /48 of IPv6, in hexadecimal. `undefined` for local addresses, and for names,
 * which the user alone may give.
 */
export const networkOf = (host: string): string | undefined => {
  if (Address.isLocal({ host, port: 1 })) return undefined
  const ip = IpBytes.fromText(host)
  return ip === undefined ? undefined : Bytes.toHex(ip.subarray(0, ip.length === 4 ? 3 : 6))
}

const subtract = (counts: Map<string, number>, key: string): void => {
  const count = counts.get(key)
  assert(count !== undefined, "what leaves has entered")
  if (count > 1) counts.set(key, count - 1)
  else counts.delete(key)
}
