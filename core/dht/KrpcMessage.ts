/**
 * The messages of the DHT (KRPC; BEP 5, 32, 33, 42, 43, 44, 51) as values: queries, responses and errors. Byte strings
 * that were decoded are views of their packet, which must not change while they are in use.
 */
import type { Bytes } from "../base/Bytes.ts"
import type { NodeId } from "./NodeId.ts"

/** Which lists of nodes the answer should have (BEP 32, `want`). At least one. */
export interface Want {
  readonly ipv4: boolean
  readonly ipv6: boolean
}

export interface Ping {
  readonly _tag: "Ping"
}

export interface FindNode {
  readonly _tag: "FindNode"
  readonly target: NodeId
  /** Without it: nodes of the family that the query came by. */
  readonly want?: Want
}

export interface GetPeers {
  readonly _tag: "GetPeers"
  /** 20 bytes. */
  readonly infoHash: Bytes
  readonly want?: Want
  /** Asks for the filters of peers and seeds (BEP 33, `scrape`). */
  readonly isScrape: boolean
  /** Asks for peers that are no seeds, as far as there are any (BEP 33, `noseed`). */
  readonly withoutSeeds: boolean
}

export interface AnnouncePeer {
  readonly _tag: "AnnouncePeer"
  /** 20 bytes. */
  readonly infoHash: Bytes
  /** 1 to 65535; 0 only where the port is implied. */
  readonly port: number
  /** The peer is at the port that the packet came from, whatever `port` says (BEP 5, `implied_port`). */
  readonly isPortImplied: boolean
  /** As this node gave it; unchecked. */
  readonly token: Bytes
  /** BEP 33, `seed`. */
  readonly isSeed: boolean
}

export interface Get {
  readonly _tag: "Get"
  readonly target: NodeId
  readonly want?: Want
  /** A mutable item is wanted only if its number is higher (BEP 44). */
  readonly seq?: bigint
}

/** What makes an item mutable (BEP 44): who signed which version. */
export interface Signed {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Bytes
  /** 64 bytes. */
  readonly signature: Bytes
  /** 0 to 2^63 - 1; rises with every change. */
  readonly seq: bigint
}

export interface Put {
  readonly _tag: "Put"
  /** As this node gave it; unchecked. */
  readonly token: Bytes
  /** The value as it was bencoded, byte by byte: targets and signatures are over exactly that. Of any length. */
  readonly value: Bytes
  /** Without it the item is immutable. */
  readonly mutable?: Signed & {
    /** Of any length; empty where there is none, which means the same. */
    readonly salt: Bytes
    /** The number that the item must have now, to be replaced (`cas`). */
    readonly cas?: bigint
  }
}

export interface SampleInfohashes {
  readonly _tag: "SampleInfohashes"
  readonly target: NodeId
  readonly want?: Want
}

/** A query of a kind that we don't know, which error 204 answers. */
export interface Unknown {
  readonly _tag: "Unknown"
  /** Latin-1, of any bytes. */
  readonly method: string
}

export type Request =
  | Ping
  | FindNode
  | GetPeers
  | AnnouncePeer
  | Get
  | Put
  | SampleInfohashes
  | Unknown

interface Common {
  /** Chosen by who asks, echoed by who answers: 0 to 32 bytes. */
  readonly transaction: Bytes
  /** The client and its version, usually 4 bytes (BEP 5, `v`). */
  readonly version?: Bytes
}

export interface Query extends Common {
  readonly _tag: "Query"
  /** Of who asks. */
  readonly id: NodeId
  /** Who asks answers no queries, and is for no routing table (BEP 43, `ro`). */
  readonly isReadOnly: boolean
  readonly request: Request
}

/** Answers don't say what they answer: each has what its sender thought it was asked for. */
export interface Response extends Common {
  readonly _tag: "Response"
  /** Of who answers. */
  readonly id: NodeId
  /** Our own address and port as the sender sees them: a compact peer of 6 or 18 bytes (BEP 42, `ip`). */
  readonly ip?: Bytes
  /** Compact nodes of 26 bytes, each of them usable: see `Compact.contacts`. */
  readonly nodes?: Bytes
  /** Compact nodes of 38 bytes, each of them usable (BEP 32). */
  readonly nodes6?: Bytes
  /** To be given back in an announce or a put: up to 64 bytes. */
  readonly token?: Bytes
  /** Compact peers of 6 or 18 bytes, mixed or not (BEP 32), each of them usable. */
  readonly values?: ReadonlyArray<Bytes>
  /** The filter of seeds, 256 bytes (BEP 33, `BFsd`). */
  readonly seedFilter?: Bytes
  /** The filter of peers that are no seeds, 256 bytes (BEP 33, `BFpe`). */
  readonly peerFilter?: Bytes
  /** The value of an item, bencoded: at most 1000 bytes (BEP 44, `v`). */
  readonly value?: Bytes
  /** 32 bytes (BEP 44, `k`). */
  readonly publicKey?: Bytes
  /** 64 bytes (BEP 44, `sig`). */
  readonly signature?: Bytes
  /** Of the item that is there, even where its value was not sent (BEP 44, `seq`). */
  readonly seq?: bigint
  /** Info-hashes, 20 bytes each; empty says that there are none (BEP 51). */
  readonly samples?: Bytes
  /** How many info-hashes there are to sample from (BEP 51, `num`). */
  readonly sampledFrom?: number
  /** When to ask for samples again, 0 to 21600 (BEP 51, `interval`). */
  readonly intervalSeconds?: number
}

export interface ErrorMessage extends Common {
  readonly _tag: "ErrorMessage"
  /** See {@link GENERIC_ERROR} and the others. */
  readonly code: number
  /** Printable, at most 200 characters. */
  readonly message: string
  /** As in {@link Response}. */
  readonly ip?: Bytes
}

export type Message = Query | Response | ErrorMessage

// The codes of BEP 5.
export const GENERIC_ERROR = 201
export const SERVER_ERROR = 202
/** A malformed packet, invalid arguments, or a bad token. */
export const PROTOCOL_ERROR = 203
export const METHOD_UNKNOWN = 204
// Those of BEP 44.
export const VALUE_TOO_BIG = 205
export const INVALID_SIGNATURE = 206
export const SALT_TOO_BIG = 207
export const CAS_MISMATCH = 301
export const SEQ_TOO_LOW = 302
