/**
 * Addresses as the DHT sends them (BEP 5, BEP 32): a peer is its IP address and port, a node has its id before them.
 *
 * ```
 *            0                    20              24     26
 *   nodes    id ················· address ······· port            26 bytes each
 *   nodes6   id ················· address ············· port      38 bytes each
 *   values                        address ······· port            6 bytes each, or 18
 * ```
 * Messages keep them in this form, which costs nothing to pass on; they are read where somebody needs one.
 */
import * as Address from "../base/Address.ts"
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import * as NodeId from "./NodeId.ts"

/** The two DHTs, which share no data (BEP 32). */
export type Family = "ipv4" | "ipv6"

/** A node and where it is. */
export interface Contact {
  readonly id: NodeId.NodeId
  readonly address: Address.Address
}

/** Bytes of an IP address. */
export const ipBytes = (family: Family): 4 | 16 => family === "ipv4" ? 4 : 16
/** Bytes of a compact peer. */
export const peerBytes = (family: Family): 6 | 18 => family === "ipv4" ? 6 : 18
/** Bytes of a compact node. */
export const nodeBytes = (family: Family): 26 | 38 => family === "ipv4" ? 26 : 38

/** The family of a compact peer, by its 6 or 18 bytes. */
export const familyOf = (peer: Bytes): Family => peer.length === 6 ? "ipv4" : "ipv6"

/** How many nodes a list has. */
export const count = (nodes: Bytes, family: Family): number => Math.floor(nodes.length / nodeBytes(family))

/** The id of the node at `index`, a view of the list. */
export const idAt = (nodes: Bytes, index: number, family: Family): NodeId.NodeId => {
  const at = index * nodeBytes(family)
  return nodes.subarray(at, at + NodeId.BYTES)
}

/** Where the node at `index` is. */
export const addressAt = (nodes: Bytes, index: number, family: Family): Address.Address =>
  read(nodes, index * nodeBytes(family) + NodeId.BYTES, family)

/** All nodes of a list; the ids are views of it. */
export const contacts = (nodes: Bytes, family: Family): Array<Contact> =>
  Array.from({ length: count(nodes, family) }, (_, i) => ({
    id: idAt(nodes, i, family),
    address: addressAt(nodes, i, family),
  }))

/** The address of a compact peer of 6 or 18 bytes. */
export const toAddress = (peer: Bytes): Address.Address => read(peer, 0, familyOf(peer))

/** The 6 or 18 bytes of an address; `undefined` if its host is no IP literal. IPv4 within IPv6 becomes IPv4. */
export const fromAddress = ({ host, port }: Address.Address): Bytes | undefined => {
  const ip = IpBytes.fromText(host)
  if (ip === undefined) return undefined
  const peer = new Uint8Array(ip.length + 2)
  peer.set(ip)
  peer[ip.length] = port >> 8
  peer[ip.length + 1] = port
  return peer
}

/** The list of these nodes; those that are of the other family, or not at an IP literal, are left out. */
export const fromContacts = (contacts: ReadonlyArray<Contact>, family: Family): Bytes => {
  const size = nodeBytes(family)
  const nodes = new Uint8Array(contacts.length * size)
  let at = 0
  for (const { address, id } of contacts) {
    assert(id.length === NodeId.BYTES, "a node id has 20 bytes")
    const peer = fromAddress(address)
    if (peer?.length !== peerBytes(family)) continue
    nodes.set(id, at)
    nodes.set(peer, at + NodeId.BYTES)
    at += size
  }
  return nodes.subarray(0, at)
}

/**
 * Whether somebody can be at the compact address at `at`: not at port 0, nor at an unspecified, multicast, broadcast or
 * reserved address, nor at an IPv4 address written as IPv6, which is no part of the IPv6 DHT.
 */
export const isUsable = (bytes: Bytes, at: number, family: Family): boolean => {
  const portAt = at + ipBytes(family)
  if (bytes[portAt] === 0 && bytes[portAt + 1] === 0) return false
  const first = bytes[at]!
  // 0/8 is "this network", 224/4 multicast, 240/4 reserved up to the broadcast address.
  if (family === "ipv4") return first !== 0 && first < 224
  if (first === 0xff) return false
  // ::/96 and ::ffff:0:0/96: unspecified, and IPv4 in two ways of writing it; of these only the loopback ::1 is somebody.
  for (let i = 0; i < 10; i++) if (bytes[at + i] !== 0) return true
  if (bytes[at + 10] === 0xff && bytes[at + 11] === 0xff) return false
  for (let i = 10; i < 15; i++) if (bytes[at + i] !== 0) return i < 12
  return bytes[at + 15] === 1
}

/**
 * The nodes of a list that {@link isUsable}; the list itself where that is all. What is left over behind the last whole
 * node is cut off, as other clients do: the nodes before it are as good as ever.
 */
export const usableNodes = (nodes: Bytes, family: Family): Bytes => {
  const size = nodeBytes(family)
  const total = count(nodes, family)
  let usable = 0
  while (usable < total && isUsable(nodes, usable * size + NodeId.BYTES, family)) usable++
  if (usable === total) return total * size === nodes.length ? nodes : nodes.subarray(0, total * size)
  const kept = nodes.slice(0, total * size)
  let end = usable * size
  for (let at = end + size; at < kept.length; at += size) {
    if (!isUsable(kept, at + NodeId.BYTES, family)) continue
    kept.copyWithin(end, at, at + size)
    end += size
  }
  return kept.subarray(0, end)
}

const read = (bytes: Bytes, at: number, family: Family): Address.Address =>
  family === "ipv4" ? Address.fromCompact4(bytes, at) : Address.fromCompact6(bytes, at)
