/**
 * Where a request on behalf of strangers may lead. Torrents and trackers are strangers, and a GET can do things: without
 * these rules a torrent could press the buttons of services that only this machine or its network can reach.
 *
 * ```
 *   global ─────▶ network ─────▶ machine ─────▶ never       a redirect leads to the left or stays, never to the right
 *   anything      /announce…     /announce…     nothing     what a torrent's URL may ask for there
 * ```
 * A URL that the user typed is free to begin anywhere; where it is redirected to is a stranger's wish again.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import * as IpText from "../base/IpText.ts"

/**
 * From far to near: the whole internet; networks that are not part of it, private and reserved; this very machine; and
 * where no tracker ever is: link-local addresses, where machines in a cloud find their credentials, and groups of machines.
 */
export type Reach = "global" | "network" | "machine" | "never"

const NEARNESS: { readonly [reach in Reach]: number } = { global: 0, network: 1, machine: 2, never: 3 }

/** The nearer of two. */
export const nearer = (a: Reach, b: Reach): Reach => NEARNESS[a] >= NEARNESS[b] ? a : b

/**
 * How near the host of a URL is, going by its text; it must be as the WHATWG standard normalises it, so that `0x7f.1`
 * and `2130706433` are `127.0.0.1` already and IPv6 is in brackets. Of a name {@link reachOfIp} says more, once it is
 * resolved.
 */
export const reach = (host: string): Reach => {
  const name = host.toLowerCase().replace(/\.$/, "")
  const ip = IpText.parse4(name) ?? (name.startsWith("[") ? IpText.parse6(name.slice(1, -1)) : undefined)
  if (ip !== undefined) return reachOfIp(ip)
  if (name === "localhost" || name.endsWith(".localhost")) return "machine"
  // A name without a dot, or of multicast DNS, is answered by the local network only.
  return name.includes(".") && !name.endsWith(".local") ? "global" : "network"
}

/** How near an address of 4 or 16 bytes is; what is IPv4 in any of IPv6's clothes counts as that. */
export const reachOfIp = (ip: Bytes): Reach => ip.length === 4 ? reach4(ip) : reach6(ip)

/** By the registry of special addresses (RFC 6890): what is not there is global. */
const reach4 = (ip: Bytes): Reach => {
  const [a, b, c] = [ip[0]!, ip[1]!, ip[2]!]
  // Unspecified connects to this machine.
  if (a === 0 || a === 127) return "machine"
  if ((a === 169 && b === 254) || a >= 224 || IpBytes.toText(ip) === "100.100.100.200") return "never"
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128)
  // Protocol assignments, documentation, benchmarks: nobody's on the internet, so somebody's own.
  const isReserved = (a === 192 && b === 0 && (c === 0 || c === 2)) || (a === 198 && (b & 0xfe) === 18) ||
    (a === 198 && b === 51 && c === 100) || (a === 203 && b === 0 && c === 113)
  return isPrivate || isReserved ? "network" : "global"
}

const reach6 = (ip: Bytes): Reach => {
  const groups = Array.from({ length: 8 }, (_, i) => (ip[2 * i]! << 8) | ip[2 * i + 1]!)
  const [a, b] = [groups[0]!, groups[1]!]
  if (groups.slice(0, 5).every((group) => group === 0)) {
    // `::` and `::1` count as IPv4 addresses that begin with 0, which is right for them too.
    if (groups[5] === 0 || groups[5] === 0xffff) return reach4(ip.subarray(12))
  }
  // IPv4 behind a translator (RFC 2765, 6052) or a tunnel (RFC 3056).
  if (groups.slice(0, 4).every((group) => group === 0) && groups[4] === 0xffff) return reach4(ip.subarray(12))
  if (a === 0x64 && b === 0xff9b) {
    return groups.slice(2, 6).every((group) => group === 0) ? reach4(ip.subarray(12)) : "network"
  }
  if (a === 0x2002) return reach4(ip.subarray(2, 6))
  if ((a & 0xffc0) === 0xfe80 || (a & 0xff00) === 0xff00) return "never"
  if (METADATA6.has(IpBytes.toText(ip))) return "never"
  // Unique local, once site-local, documentation, and Teredo, which carries whatever it likes.
  const isReserved = (a & 0xfe00) === 0xfc00 || (a & 0xffc0) === 0xfec0 ||
    (a === 0x2001 && (b === 0xdb8 || b === 0)) || (a === 0x3fff && b < 0x1000)
  // What isn't part of 2000::/3 has been given to nobody.
  return isReserved || (a & 0xe000) !== 0x2000 ? "network" : "global"
}

/** Where machines in the clouds of Amazon and Google ask for their credentials, beside 169.254.169.254. */
const METADATA6: ReadonlySet<string> = new Set(["fd00:ec2::254", "fd20:ce::254"])

/** A request that is to be made. */
export interface Hop {
  /** As the WHATWG standard normalises it. */
  readonly path: string
  /** What the torrent's own URL has after its `?`; of a redirect it doesn't matter, for our own parameters come back there. */
  readonly query: string
  /** Where the request came from that was redirected here; `undefined` for the first one. */
  readonly from: Reach | undefined
  /** Whether the user typed where it began; otherwise a stranger's tracker is asked. */
  readonly isTyped: boolean
}

/** Where trackers announce and are scraped (BEP 48). */
const TRACKER_PATH = /^\/(?:announce|scrape)/

/** What an announce or a scrape adds to a URL: a service elsewhere could take it for an order of ours. */
const PARAMETERS: ReadonlySet<string> = new Set([
  "info_hash",
  "peer_id",
  "port",
  "uploaded",
  "downloaded",
  "left",
  "event",
  "compact",
  "no_peer_id",
  "numwant",
  "key",
  "trackerid",
])

const ALLOW = "--allow-local lifts this"

/** Why a request may not go to a host as near as this, `undefined` if it may. */
export const objection = (near: Reach, { from, isTyped, path, query }: Hop): string | undefined => {
  if (near === "global") return undefined
  if (from !== undefined && NEARNESS[near] > NEARNESS[from]) {
    const where = near === "machine" ? "this machine" : "the local network"
    return `it redirects into ${where}, where others may not send us; ${ALLOW}`
  }
  if (isTyped) return undefined
  if (near === "never") return `no tracker is at a link-local or a multicast address; ${ALLOW}`
  if (!TRACKER_PATH.test(path)) {
    return `a tracker that is not on the internet must have a path that starts with /announce; ${ALLOW}`
  }
  const names = from === undefined ? query.split("&").map((pair) => pair.split("=", 1)[0]!.toLowerCase()) : []
  const name = names.find((name) => PARAMETERS.has(decoded(name)))
  return name === undefined
    ? undefined
    : `a tracker that is not on the internet must not have '${decoded(name)}' in its URL; ${ALLOW}`
}

/** Escapes of ASCII are the same name to whoever reads it. */
const decoded = (name: string): string =>
  name.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .toLowerCase()

/**
 * Whether the host of a URL may look like another one (IDNA): it has characters beyond ASCII, or escapes of any, or is
 * written as what stands for such (`xn--`). `host` is what the standard makes of it.
 */
export const isLookAlike = (url: string, host: string): boolean => {
  if (/(?:^|\.)xn--/i.test(host)) return true
  // Of a redirect only what names another host; blanks before it don't count, and back slashes are slashes.
  const start = /^(?:[a-z][a-z0-9+.-]*:)?[\\/]{2,}([^\\/?#]*)/i.exec(
    url.replace(/^[\s\p{Cc}]+|[\t\r\n]/gu, ""),
  )
  const authority = start?.[1] ?? ""
  return /\P{ASCII}|%/u.test(authority.slice(authority.lastIndexOf("@") + 1))
}

/** Why nobody is asked at a name that may be the look-alike of another. */
export const LOOK_ALIKE =
  "its name has letters beyond ASCII, which can look like others; --allow-idna lifts this"

/**
 * Ports that no web request goes to (the Fetch standard, "bad port"): servers there speak in lines as HTTP does, and would
 * take some of ours for their own.
 */
const BAD_PORTS: ReadonlySet<number> = new Set(
  (
    "1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117 119 " +
    "123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601 636 989 " +
    "990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679 6697 10080"
  ).split(" ").map(Number),
)

/** Whether no web request may go to this port of a URL; 0 stands for the one that is usual. */
export const isBadPort = (port: number): boolean => BAD_PORTS.has(port)
