/** What can happen to a node: datagrams, the passing of time, and what its user asks for. */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Millis } from "../base/Time.ts"
import type { NodeId } from "./NodeId.ts"

/** Names what the user asked for; never used twice. Its end is one `LookupDone`, `Pong` or `NoPong`. */
export type RequestId = number

/** Names a signature that is being checked. */
export type VerificationId = number

/** What a lookup of peers tells the nodes nearest to the info-hash at its end. */
export interface Announce {
  /** Where we listen for peers. */
  readonly port: number
  /** Have them take the port that the datagram came from instead: for who is behind a NAT and speaks uTP there. */
  readonly impliedPort: boolean
  /** BEP 33. */
  readonly isSeed: boolean
}

/** The signature of a value that its author may replace (BEP 44). */
export interface MutablePut {
  /** 32 bytes. */
  readonly publicKey: Bytes
  /** 64 bytes, over `Items.signingInput`. */
  readonly signature: Bytes
  readonly seq: bigint
  readonly salt?: Bytes
  /** The `seq` that is to be replaced, and no other. */
  readonly cas?: bigint
}

export type Input =
  /** Time has passed. A tick before `nextWake` changes nothing. */
  | { readonly _tag: "Tick"; readonly now: Millis }
  /** A datagram came in; `bytes` are not kept. */
  | { readonly _tag: "Packet"; readonly now: Millis; readonly from: Address; readonly bytes: Bytes }
  /** A datagram could not even leave. */
  | { readonly _tag: "Unsent"; readonly now: Millis; readonly to: Address }
  /** The nodes nearest to `target`. */
  | {
    readonly _tag: "FindNode"
    readonly now: Millis
    readonly request: RequestId
    readonly target: NodeId
  }
  /** Peers of a torrent; then we are one as well, or want to know how many there are. */
  | {
    readonly _tag: "GetPeers"
    readonly now: Millis
    readonly request: RequestId
    readonly infoHash: Bytes
    readonly announce?: Announce
    readonly scrape?: boolean
  }
  /** The value under `target`, which is `Items.targetOfMutable` of the key and the salt where these are given. */
  | {
    readonly _tag: "GetItem"
    readonly now: Millis
    readonly request: RequestId
    readonly target: NodeId
    readonly publicKey?: Bytes
    readonly salt?: Bytes
    /** Only values with a higher one are wanted. */
    readonly seq?: bigint
  }
  /** Keep a value (bencoded, up to 1,000 bytes) at the nodes nearest to its target. */
  | {
    readonly _tag: "PutItem"
    readonly now: Millis
    readonly request: RequestId
    readonly value: Bytes
    readonly mutable?: MutablePut
  }
  /** What the nodes on the way to `target` keep peers for (BEP 51). */
  | {
    readonly _tag: "Sample"
    readonly now: Millis
    readonly request: RequestId
    readonly target: NodeId
  }
  | {
    readonly _tag: "Ping"
    readonly now: Millis
    readonly request: RequestId
    readonly address: Address
  }
  /** Somebody said that a node is there: a PORT message, a magnet link's `x.pe`, a torrent's `nodes`. */
  | { readonly _tag: "AddNode"; readonly now: Millis; readonly address: Address }
  /** Nobody wants the answer any more: no event of this request follows. */
  | { readonly _tag: "Cancel"; readonly now: Millis; readonly request: RequestId }
  /** A `Verify` is done. */
  | {
    readonly _tag: "Verified"
    readonly now: Millis
    readonly verification: VerificationId
    readonly isValid: boolean
  }
