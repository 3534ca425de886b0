/** The addresses of a tracker's peers: 4 or 16 bytes, and always the same ones for the same peer. */
import type { Bytes } from "../base/Bytes.ts"
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
