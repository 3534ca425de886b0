/** What a node tells whoever listens: answers to what was asked for, and what it learned about itself. */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { RequestId } from "./Input.ts"
import type { NodeId } from "./NodeId.ts"

/** A node that answered a lookup. */
export interface Found {
  readonly id: NodeId
  readonly address: Address
  /** Questions one after the other until it was heard of: 1 for those that we knew. */
  readonly hops: number
}

export type Event =
  /** Peers of a torrent, as they come in; none is told twice for one request. */
  | {
    readonly _tag: "PeersFound"
    readonly request: RequestId
    readonly infoHash: Bytes
    readonly peers: ReadonlyArray<Address>
  }
  /** How many are in a swarm, as the nodes nearest to it say (BEP 33): estimates, for they have Bloom filters only. */
  | {
    readonly _tag: "Scraped"
    readonly request: RequestId
    readonly infoHash: Bytes
    readonly seeds: number
    readonly peers: number
    /** Nodes whose filters are in it; more than one may say the same. */
    readonly filters: number
  }
  /** A value that fits its target and, if mutable, its signature (BEP 44); another one follows only with a higher `seq`. */
  | {
    readonly _tag: "ItemFound"
    readonly request: RequestId
    readonly target: NodeId
    /** As it was put: bencoded. */
    readonly value: Bytes
    readonly mutable?: { readonly publicKey: Bytes; readonly signature: Bytes; readonly seq: bigint }
  }
  /** What one node keeps peers for (BEP 51). */
  | {
    readonly _tag: "SampleFound"
    readonly request: RequestId
    readonly from: Address
    readonly samples: ReadonlyArray<Bytes>
    /** Info-hashes that it has in all. */
    readonly total: number
    /** It gives no other sample before. */
    readonly intervalSeconds: number
  }
  /** A put is over; `storedAt` nodes have taken it. */
  | {
    readonly _tag: "PutDone"
    readonly request: RequestId
    readonly storedAt: number
    /** The last refusal of a node, if any refused: 301 and 302 tell that a newer value is there. */
    readonly refusal?: { readonly code: number; readonly message: string }
  }
  /** A request is over, whatever it was. Nothing follows. */
  | {
    readonly _tag: "LookupDone"
    readonly request: RequestId
    /** The longest way to one of `nodes`. */
    readonly hops: number
    readonly queries: number
    readonly responses: number
    /** Those nearest to the target of those that answered, nearest first; of both families, IPv4 first. */
    readonly nodes: ReadonlyArray<Found>
    /** Nodes that took our announce. */
    readonly announcedTo: number
  }
  /** A ping was answered, or was not. */
  | { readonly _tag: "Pong"; readonly request: RequestId; readonly id: NodeId; readonly rttMs: number }
  | { readonly _tag: "NoPong"; readonly request: RequestId; readonly address: Address }
  /** So many strangers see us at this address that it must be ours (BEP 42). */
  | { readonly _tag: "AddressLearned"; readonly address: Address; readonly id: NodeId }
  /** The first lookup of our own id is done, with so many nodes in the tables. */
  | { readonly _tag: "Bootstrapped"; readonly nodes: number }
