/** The bytes of addresses that come as text, remembered: busy clients and NATs come again and again. */
import type { Bytes } from "../core/base/Bytes.ts"
import * as IpBytes from "../core/base/IpBytes.ts"

/** Some 100 bytes each; all are forgotten when there are more, which costs less than to know the oldest. */
const MAX_KNOWN = 20_000

/** Mutable, one owner. */
export interface PeerAddresses {
  readonly known: Map<string, Bytes>
}

export const make = (): PeerAddresses => ({ known: new Map() })

/** The 4 or 16 bytes of an IP literal, IPv4 in IPv6 clothes as IPv4; `undefined` for anything else. */
export const bytesOf = ({ known }: PeerAddresses, host: string): Bytes | undefined => {
  const seen = known.get(host)
  if (seen !== undefined) return seen
  // A zone says which link a link-local address is on, and is no part of it.
  const zone = host.indexOf("%")
  const ip = IpBytes.fromText(zone < 0 ? host : host.slice(0, zone))
  if (ip === undefined) return undefined
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(host, ip)
  return ip
}
