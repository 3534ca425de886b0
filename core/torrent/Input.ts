/** What can happen to one torrent. Every input carries `now`, the shell's monotonic clock. */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Millis } from "../base/Time.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"
import type { AnnounceResponse, TrackerFailure } from "../tracker/Announce.ts"

/** A torrent's number in one client, given by the shell. */
export type TorrentId = number

/**
 * A connection's number in one client, never reused: positive where the core gave it when it asked to dial, negative
 * (-1, -2, …) where the shell gave it to one that it accepted.
 */
export type ConnId = number

/** Where an address came from: it decides how it is trusted and how patiently it is dialled. */
export type PeerSource = "tracker" | "user" | "pex" | "dht" | "lsd" | "incoming"

/** How a connection ended, in words for people; `undefined` where the peer simply closed it. */
export type CloseReason = string | undefined

export type Input =
  /** Time has passed. A tick before `nextWake` changes nothing. */
  | { readonly _tag: "Tick"; readonly now: Millis }
  /** The user wants this torrent to leave its swarm: announce `stopped`, close every connection, ask for nothing more. */
  | { readonly _tag: "Stop"; readonly now: Millis }
  /** Addresses that may be dialled. */
  | {
    readonly _tag: "PeersFound"
    readonly now: Millis
    readonly source: PeerSource
    readonly addresses: ReadonlyArray<Address>
  }
  /** A `LookUp` is over, and so many nodes have answered. */
  | { readonly _tag: "LookedUp"; readonly now: Millis; readonly answers: number }
  /** A `Dial` succeeded. */
  | { readonly _tag: "ConnOpened"; readonly now: Millis; readonly conn: ConnId }
  /** A `Dial` failed. */
  | { readonly _tag: "ConnFailed"; readonly now: Millis; readonly conn: ConnId; readonly reason: string }
  /** One whole socket read, of any size. The core keeps no reference to it; commands of this step may. */
  | { readonly _tag: "ConnRead"; readonly now: Millis; readonly conn: ConnId; readonly bytes: Bytes }
  /** The connection is gone, and not because of a `Close`. */
  | { readonly _tag: "ConnClosed"; readonly now: Millis; readonly conn: ConnId; readonly reason: CloseReason }
  /** So many bytes of `Write` commands for this piece have reached the disk. */
  | { readonly _tag: "Written"; readonly now: Millis; readonly piece: PieceIndex; readonly bytes: number }
  /** A connection's unsent bytes have grown beyond what is worth queueing: nothing more is read for it. */
  | { readonly _tag: "ConnCongested"; readonly now: Millis; readonly conn: ConnId }
  /** They have gone out again. */
  | { readonly _tag: "ConnDrained"; readonly now: Millis; readonly conn: ConnId }
  /** Answers `Read`. Who pushes this leaves `bytes` to the core, which passes them on in a `Send`. */
  | {
    readonly _tag: "BlockRead"
    readonly now: Millis
    readonly conn: ConnId
    readonly piece: PieceIndex
    readonly begin: number
    readonly bytes: Bytes
  }
  /** As several `BlockRead`s, for any connections: what was read together leaves together. */
  | {
    readonly _tag: "BlocksRead"
    readonly now: Millis
    readonly blocks: ReadonlyArray<{
      readonly conn: ConnId
      readonly piece: PieceIndex
      readonly begin: number
      readonly bytes: Bytes
    }>
  }
  /** Answers `Read`: the data that was verified once is not there any more, and the torrent fails. */
  | {
    readonly _tag: "ReadFailed"
    readonly now: Millis
    readonly conn: ConnId
    readonly piece: PieceIndex
    readonly begin: number
    readonly reason: string
    readonly message: string
  }
  /** Answers `HashBlocks`: 20 bytes of SHA-1 for each block of the piece, in order, as it stands on the disk. */
  | {
    readonly _tag: "BlocksHashed"
    readonly now: Millis
    readonly piece: PieceIndex
    readonly digests: Bytes
  }
  /** Answers `Hash`: SHA-1 of the piece as it stands on the disk. */
  | { readonly _tag: "PieceHashed"; readonly now: Millis; readonly piece: PieceIndex; readonly digest: Bytes }
  /** A write or a hash could not be done: the torrent fails, its data stays as it is. */
  | {
    readonly _tag: "StorageFailed"
    readonly now: Millis
    readonly reason: string
    readonly message: string
  }
  /** Answers `Announce`. */
  | {
    readonly _tag: "Announced"
    readonly now: Millis
    readonly tracker: number
    readonly response: AnnounceResponse
  }
  /** Answers `Announce`. */
  | {
    readonly _tag: "AnnounceFailed"
    readonly now: Millis
    readonly tracker: number
    readonly failure: TrackerFailure
  }
