/**
 * Where others see us (BEP 42, `ip`): everybody who answers says it, nobody is believed alone. An address is ours once
 * strangers from several networks agree and more of them say so than anything else.
 */
import * as Address from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import * as Bucket from "./Bucket.ts"
import * as Compact from "./Compact.ts"

/** Networks that must agree. One machine has many addresses, but rarely in so many networks. */
export const MIN_VOTES = 4

/** Votes that count: the last of so many networks. */
export const MAX_VOTERS = 16

/** Of a voter's network: the first byte of its IPv4 address, the first 32 bits of an IPv6 one. */
const NETWORK_BYTES: Readonly<Record<Compact.Family, number>> = { ipv4: 1, ipv6: 4 }

/** Mutable, one owner. */
export interface Votes {
  /** Rows of a network and the endpoint, 6 or 18 bytes, that it sees us at; one a network, the latest last. */
  rows: Bytes
  /** What is believed at present. */
  host: string | undefined
}

export const make = (): Votes => ({ rows: new Uint8Array(0), host: undefined })

/**
 * Counts what a voter says, both 6 or 18 bytes; the address where that makes us believe in another one than before. What a
 * neighbour sees, no stranger does: local addresses don't count.
 */
export const add = (votes: Votes, voter: Bytes, said: Bytes): Address.Address | undefined => {
  const family = Compact.familyOf(voter)
  if (said.length !== voter.length || !Compact.isUsable(said, 0, family)) return undefined
  if (IpBytes.isLocal(said) || IpBytes.isLocal(voter)) return undefined
  const networkBytes = NETWORK_BYTES[family]
  const rowBytes = networkBytes + said.length
  const others = without(votes.rows, rowBytes, voter, networkBytes)
  const rows = new Uint8Array(others.length + rowBytes)
  rows.set(others)
  rows.set(voter.subarray(0, networkBytes), others.length)
  rows.set(said, others.length + networkBytes)
  votes.rows = rows
  let agreeing = 0
  for (let at = networkBytes; at < rows.length; at += rowBytes) {
    if (Bucket.isSame(rows, at, said, 0, said.length - 2)) agreeing++
  }
  if (agreeing < MIN_VOTES || agreeing * 2 * rowBytes <= rows.length) return undefined
  const address = Compact.toAddress(said)
  if (address.host === votes.host) return undefined
  votes.host = address.host
  return address
}

/** The votes of other networks, of which the oldest goes where there is no room for one more. */
const without = (rows: Bytes, rowBytes: number, voter: Bytes, networkBytes: number): Bytes => {
  for (let at = 0; at < rows.length; at += rowBytes) {
    if (!Bucket.isSame(rows, at, voter, 0, networkBytes)) continue
    rows.copyWithin(at, at + rowBytes)
    return rows.subarray(0, rows.length - rowBytes)
  }
  return rows.length < MAX_VOTERS * rowBytes ? rows : rows.subarray(rowBytes)
}
