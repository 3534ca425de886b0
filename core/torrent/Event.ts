/** What a torrent tells about itself. Nothing in the protocol depends on anybody listening. */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Millis } from "../base/Time.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"
import type { Reason } from "./Choker.ts"

export type Event =
  | { readonly _tag: "PieceVerified"; readonly piece: PieceIndex }
  /** The hash did not match; `suspects` sent parts of the piece. */
  | { readonly _tag: "PieceFailed"; readonly piece: PieceIndex; readonly suspects: ReadonlyArray<Address> }
  /** The handshake is done. */
  | { readonly _tag: "PeerConnected"; readonly address: Address; readonly client: string }
  | { readonly _tag: "PeerDisconnected"; readonly address: Address; readonly reason: string }
  /** A peer's DHT node listens there (BEP 5). */
  | { readonly _tag: "DhtNode"; readonly address: Address }
  /** Most of those who say it see us at this IP address (BEP 10, BEP 24). */
  | { readonly _tag: "ExternalAddress"; readonly host: string }
  /** The address will not be dialled again. */
  | { readonly _tag: "PeerBanned"; readonly address: Address; readonly reason: string }
  /** The peer does not send what we ask for; others may now fetch those blocks. */
  | { readonly _tag: "PeerSnubbed"; readonly address: Address; readonly reason: string }
  /** The peer may download from us from now on, and why. */
  | { readonly _tag: "PeerUnchoked"; readonly address: Address; readonly reason: Reason }
  /** The peer may not download from us any more, and why. */
  | { readonly _tag: "PeerChoked"; readonly address: Address; readonly reason: Reason }
  /** As much has been given back as the user asked for, or for as long. */
  | { readonly _tag: "SeedGoalReached"; readonly goal: "ratio" | "time" }
  | {
    readonly _tag: "TrackerAnnounced"
    readonly url: string
    readonly peers: number
    readonly seeders: number | undefined
    readonly leechers: number | undefined
    readonly warning: string | undefined
    /** Our address, as the tracker sees it (BEP 24). */
    readonly externalIp: string | undefined
  }
  | {
    readonly _tag: "TrackerFailed"
    readonly url: string
    readonly message: string
    readonly retryInMs: Millis | undefined
  }
  /** The `info` dictionary of a magnet link is here, and its SHA-1 is the info-hash (BEP 9). */
  | { readonly _tag: "MetadataComplete"; readonly infoBytes: Bytes }
  /** What was put together from these peers is not the torrent's metadata. */
  | { readonly _tag: "MetadataFailed"; readonly suspects: ReadonlyArray<Address> }
  /** Every wanted piece is verified on the disk. */
  | { readonly _tag: "Completed" }
  /**
   * What a user may want to do something about, in words for people. `Stalled`: no block has come for a while, and why;
   * `SelfDoubt`: whoever sends, pieces are wrong: it may be this machine's disk or memory.
   */
  | { readonly _tag: "Warning"; readonly reason: "Stalled" | "SelfDoubt"; readonly message: string }
  /** The torrent has given up: a disk that fails. What is verified stays verified. */
  | { readonly _tag: "Failed"; readonly reason: string; readonly message: string }
