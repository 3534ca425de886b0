/**
 * Where a tracker URL may lead. Torrents and trackers are strangers, and a GET can do things: without these rules a
 * torrent could press the buttons of services that only this machine or its network can reach.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as IpText from "../base/IpText.ts"

/** From far to near: the whole internet, a private network, this very machine or its link. */
export type Reach = "global" | "network" | "machine"

const NEARNESS: { readonly [reach in Reach]: number } = { global: 0, network: 1, machine: 2 }

/**
 * How near the host of a URL is, going by its text; it must be as the WHATWG standard normalises it, so that `0x7f.1`
 * and `2130706433` are `127.0.0.1` already and IPv6 is in brackets. A name that resolves to a near address stays `global`.
 */
export const reach = (host: string): Reach => {
  const name = host.toLowerCase().replace(/\.$/, "")
  const v4 = IpText.parse4(name)
  if (v4 !== undefined) return reach4(v4)
  if (name.startsWith("[")) {
    const v6 = IpText.parse6(name.slice(1, -1))
    return v6 === undefined ? "global" : reach6(v6)
  }
  if (name === "localhost" || name.endsWith(".localhost")) return "machine"
  // A name without a dot, or of multicast DNS, is answered by the local network only.
  return name.includes(".") && !name.endsWith(".local") ? "global" : "network"
}

const reach4 = (ip: Bytes): Reach => {
  const [a, b] = [ip[0]!, ip[1]!]
  // Unspecified connects to this machine; link-local has the metadata service of cloud machines.
  if (a === 0 || a === 127 || (a === 169 && b === 254)) return "machine"
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128)
  return isPrivate ? "network" : "global"
}

const reach6 = (ip: Bytes): Reach => {
  if (ip.subarray(0, 10).every((byte) => byte === 0)) {
    const isMapped = (ip[10] === 0 && ip[11] === 0) || (ip[10] === 0xff && ip[11] === 0xff)
    // `::` and `::1` count as IPv4 addresses that begin with 0, which is right for them too.
    if (isMapped) return reach4(ip.subarray(12))
  }
  if (ip[0] === 0xfe && (ip[1]! & 0xc0) === 0x80) return "machine"
  return (ip[0]! & 0xfe) === 0xfc ? "network" : "global"
}

/** Host and path of a URL as the WHATWG standard normalises it. */
export interface Place {
  readonly host: string
  readonly path: string
}

/** Where trackers announce and are scraped (BEP 48). */
const TRACKER_PATH = /^\/(?:announce|scrape)/

/**
 * Why no request may be sent to `to`, `undefined` if it may: on this machine only a path that starts with `/announce` or
 * `/scrape` is a tracker's, and a redirect `from` elsewhere must not lead nearer than it came from.
 */
export const objection = (to: Place, from?: Place): string | undefined => {
  const near = reach(to.host)
  if (near === "machine" && !TRACKER_PATH.test(to.path)) {
    return "a tracker on this machine must have a path that starts with /announce"
  }
  if (from !== undefined && NEARNESS[near] > NEARNESS[reach(from.host)]) {
    return `the tracker redirects into ${near === "machine" ? "this machine" : "the local network"}`
  }
  return undefined
}
