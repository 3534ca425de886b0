/**
 * Our own address, as others see it: peers tell it in their handshakes (BEP 10 `yourip`), trackers in their answers
 * (BEP 24). Nobody is believed alone: each host has one vote, the last ones count, and more than half have to agree.
 */
import * as Address from "../base/Address.ts"
import * as Bytes from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import type { Self } from "./PeerPriority.ts"
import type * as State from "./State.ts"

/** Voices of each family that count: enough to outvote some liars, few enough that a new address is noticed soon. */
export const MAX_VOTES = 16

/** Fewer than this are no majority. */
export const MIN_VOTES = 2

/** Mutable, one owner. */
export interface ExternalAddress {
  /** What the majority says; replaced as a whole when that changes. */
  self: Self
  /** By voter, oldest first: the address that it sees, in hexadecimal. */
  readonly ipv4: Map<string, string>
  readonly ipv6: Map<string, string>
}

/** Nothing is known; `port` is where we listen. */
export const make = (port: number): ExternalAddress => ({
  self: Object.freeze({ ipv4: undefined, ipv6: undefined, port }),
  ipv4: new Map(),
  ipv6: new Map(),
})

/**
 * Somebody, known by its host, says what address it sees: 4 or 16 bytes. Returns our new address where this vote changes
 * what the majority says. Addresses of local networks are no address to the others, and don't count.
 */
export const vote = (external: ExternalAddress, voter: string, seen: Bytes.Bytes): string | undefined => {
  const ip = IpBytes.unmapped(seen)
  const host = IpBytes.toText(ip)
  if (!isPublic(ip, host)) return undefined
  const family = ip.length === 4 ? "ipv4" : "ipv6"
  const votes = external[family]
  votes.delete(voter)
  votes.set(voter, Bytes.toHex(ip))
  if (votes.size > MAX_VOTES) {
    for (const oldest of votes.keys()) {
      votes.delete(oldest)
      break
    }
  }
  const known = external.self[family]
  if (!isMajority(votes, Bytes.toHex(ip)) || (known !== undefined && Bytes.equals(known, ip))) {
    return undefined
  }
  external.self = Object.freeze({ ...external.self, [family]: ip.slice() })
  return host
}

/** A peer or a tracker of a torrent says what address it sees: whoever listens hears of it when that changes ours. */
export const told = (
  { id, local }: State.Torrent,
  voter: string,
  seen: Bytes.Bytes,
  turn: State.Turn,
): void => {
  const host = vote(local.external, voter, seen)
  if (host === undefined) return
  turn.out.push({ _tag: "Emit", torrent: id, event: { _tag: "ExternalAddress", host } })
}

/** The host is the address that others see of us. */
export const isOurs = ({ self }: ExternalAddress, host: string): boolean =>
  [self.ipv4, self.ipv6].some((ip) => ip !== undefined && IpBytes.toText(ip) === host)

/** Only what is voted for now can have come to a majority just now. */
const isMajority = (votes: ReadonlyMap<string, string>, ip: string): boolean => {
  let count = 0
  for (const one of votes.values()) if (one === ip) count++
  return count >= MIN_VOTES && count * 2 > votes.size
}

/** Neither "this network" nor multicast nor beyond (RFC 6890), nor an address of a local network. */
const isPublic = (ip: Bytes.Bytes, host: string): boolean => {
  if (Address.isLocal({ host, port: 1 })) return false
  return ip.length === 4 ? ip[0]! >= 1 && ip[0]! < 224 : ip[0]! !== 0xff && ip.some((byte) => byte !== 0)
}
