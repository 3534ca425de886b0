/** The bytes of an address: 4 or 16, and always the same ones for the same peer. */
import * as Address from "./Address.ts"
import type { Bytes } from "./Bytes.ts"
import * as IpText from "./IpText.ts"

/**
 * An IPv4 address that came as IPv6 (`::ffff:a.b.c.d`, as sockets for both families have it) as its 4 bytes; any other as
 * it is. Otherwise an IPv4 peer would land among the IPv6 ones.
 */
export const unmapped = (ip: Bytes): Bytes => {
  if (ip.length !== 16 || ip[10] !== 0xff || ip[11] !== 0xff) return ip
  for (let i = 0; i < 10; i++) if (ip[i] !== 0) return ip
  return ip.subarray(12)
}

/** Reads an IP literal of either family, without brackets and zone, {@link unmapped}; `undefined` for anything else. */
export const fromText = (text: string): Bytes | undefined => {
  const ip = IpText.parse4(text) ?? IpText.parse6(text)
  return ip === undefined ? undefined : unmapped(ip)
}

/** The text of 4 or 16 bytes. */
export const toText = (ip: Bytes): string => ip.length === 4 ? Address.ipv4(ip, 0) : Address.ipv6(ip, 0)

/** The 6 or 18 bytes of an endpoint in compact form (BEP 23, BEP 7); `undefined` where the host is a name. */
export const compact = ({ host, port }: Address.Address): Bytes | undefined => {
  const ip = fromText(host)
  if (ip === undefined) return undefined
  const bytes = new Uint8Array(ip.length + 2)
  bytes.set(ip)
  bytes[ip.length] = port >>> 8
  bytes[ip.length + 1] = port
  return bytes
}

/**
 * On this machine or its local network, as `Address.isLocal` has it: loopback, private, link-local and unique local
 * addresses (RFC 6890). What follows the 4 or 16 bytes, such as a port, is not looked at.
 */
export const isLocal = (ip: Bytes): boolean => {
  const [a, b] = [ip[0]!, ip[1]!]
  if (ip.length < 16) {
    return a === 10 || a === 127 || (a === 192 && b === 168) || (a === 169 && b === 254) ||
      (a === 172 && (b & 0xf0) === 16)
  }
  if (a !== 0) return (a & 0xfe) === 0xfc || (a === 0xfe && (b & 0xc0) === 0x80)
  for (let i = 1; i < 15; i++) if (ip[i] !== 0) return false
  return ip[15] === 1
}
