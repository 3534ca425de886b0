/**
 * Canonical peer priority (BEP 40): a number that both ends of a connection compute alike from their two addresses. Where
 * everybody prefers the connections with the highest numbers, each peer is preferred by some, newcomers find a place
 * in a full swarm, and whoever holds few addresses can occupy few places.
 */
import type { Address } from "../base/Address.ts"
import { assert } from "../base/Assert.ts"
import * as Bytes from "../base/Bytes.ts"
import { crc32c } from "../base/Crc32c.ts"
import * as IpBytes from "../base/IpBytes.ts"

/** Our own end: the address that others see of each family, as far as it is known, and the port that we listen on. */
export interface Self {
  /** 4 bytes. */
  readonly ipv4: Bytes.Bytes | undefined
  /** 16 bytes. */
  readonly ipv6: Bytes.Bytes | undefined
  readonly port: number
}

/** One end of a connection: 4 or 16 bytes of IP address. */
export interface End {
  readonly ip: Bytes.Bytes
  readonly port: number
}

/** The priority of a connection between us and that address, higher is better; `undefined` where either IP is not known. */
export const between = (self: Self, address: Address): number | undefined => {
  const ip = IpBytes.fromText(address.host)
  const ours = ip?.length === 4 ? self.ipv4 : self.ipv6
  if (ip === undefined || ours === undefined) return undefined
  return of({ ip: ours, port: self.port }, { ip, port: address.port })
}

/** The priority of a connection between two ends of one family, 0 to 2^32 - 1: the same whichever comes first. */
export const of = (a: End, b: End): number => {
  assert(a.ip.length === b.ip.length, "both addresses are of one family")
  const isSame = Bytes.equals(a.ip, b.ip)
  const first = isSame ? port(a) : masked(a.ip, b.ip)
  const second = isSame ? port(b) : masked(b.ip, a.ip)
  return crc32c(Bytes.concat(Bytes.compare(first, second) <= 0 ? [first, second] : [second, first]))
}

/** Two hosts of one network differ in bits that those of others don't look at. */
const LOOSE = 0x55

/** Bytes that count in full however different the addresses are: a /16 of IPv4, a /48 of IPv6. */
const whole = (ip: Bytes.Bytes): number => ip.length === 4 ? 2 : 6

/** An address with every second bit of its end cleared, from one byte after the first in which the two differ. */
const masked = (ip: Bytes.Bytes, other: Bytes.Bytes): Bytes.Bytes => {
  let shared = 0
  while (ip[shared] === other[shared]) shared++
  const bytes = ip.slice()
  for (let i = Math.max(whole(ip), shared + 1); i < bytes.length; i++) bytes[i]! &= LOOSE
  return bytes
}

const port = ({ port }: End): Bytes.Bytes => Uint8Array.of(port >>> 8, port)
