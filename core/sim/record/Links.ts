/** Who is connected to whom, and who lets whom download: both ends of every connection, by each end's own number for it. */
import type { Address } from "../../base/Address.ts"
import type { ConnId } from "../../torrent/Input.ts"
import type * as State from "../../torrent/State.ts"

/** One end of a connection. Mutable. */
export interface End {
  /** Index of the node at the other end. */
  readonly other: number
  /** This end lets the other one download. */
  isUnchoked: boolean
  /** Payload that this end had received over it when it was last asked. */
  receivedBytes: number
}

/** By node and connection. */
export type Links = Map<number, Map<ConnId, End>>

export const make = (): Links => new Map()

export const connect = (links: Links, from: number, conn: ConnId, other: number): void => {
  let ends = links.get(from)
  if (ends === undefined) links.set(from, ends = new Map())
  ends.set(conn, { other, isUnchoked: false, receivedBytes: 0 })
}

/** Forgets one end, and gives it back if it was there. */
export const disconnect = (links: Links, from: number, conn: ConnId): End | undefined => {
  const ends = links.get(from)
  const end = ends?.get(conn)
  if (ends === undefined || end === undefined) return undefined
  ends.delete(conn)
  if (ends.size === 0) links.delete(from)
  return end
}

/**
 * The end that an event of this torrent is about. An event names an address, and several connections may have the same;
 * but it is the very object that the peer was made with. `undefined` if the connection is gone.
 */
export const find = (
  links: Links,
  from: number,
  torrent: State.Torrent,
  address: Address,
): End | undefined => {
  const ends = links.get(from)
  if (ends === undefined) return undefined
  for (const peer of torrent.peers.values()) if (peer.address === address) return ends.get(peer.conn)
  return undefined
}
