/**
 * What a torrent asks of the world. Commands of one step have no order among them; what must come later is asked for
 * when the earlier one's completion has come back. `core/README.md` says what completes each.
 */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"
import type { AnnounceRequest } from "../tracker/Announce.ts"
import type { Event } from "./Event.ts"
import type { ConnId, TorrentId } from "./Input.ts"

export type Command =
  /** Open a TCP connection; answered by `ConnOpened` or `ConnFailed`. */
  | { readonly _tag: "Dial"; readonly torrent: TorrentId; readonly conn: ConnId; readonly address: Address }
  /**
   * Queue these bytes on a connection, in this order: at most one for each connection and step. A block's payload stands
   * in it as it was read. Dropped if the connection is gone; `ConnClosed` will say so or has said so.
   */
  | { readonly _tag: "Send"; readonly conn: ConnId; readonly chunks: ReadonlyArray<Bytes> }
  /** Close a connection. No input follows. */
  | { readonly _tag: "Close"; readonly conn: ConnId }
  /** Write a part of a piece; `begin` counts from the start of the piece. Bytes written come back as `Written`. */
  | {
    readonly _tag: "Write"
    readonly torrent: TorrentId
    readonly piece: PieceIndex
    readonly begin: number
    readonly bytes: Bytes
  }
  /** Read a block for a peer; answered by `BlockRead`, `BlocksRead` or `ReadFailed`. May be dropped if the connection is gone. */
  | {
    readonly _tag: "Read"
    readonly torrent: TorrentId
    readonly conn: ConnId
    readonly piece: PieceIndex
    readonly begin: number
    readonly length: number
  }
  /** Hash each block of a piece as it stands on the disk; answered by `BlocksHashed`. */
  | { readonly _tag: "HashBlocks"; readonly torrent: TorrentId; readonly piece: PieceIndex }
  /** Hash a piece as it stands on the disk; answered by `PieceHashed`. */
  | { readonly _tag: "Hash"; readonly torrent: TorrentId; readonly piece: PieceIndex }
  /** Ask a tracker; answered by `Announced` or `AnnounceFailed`. */
  | {
    readonly _tag: "Announce"
    readonly torrent: TorrentId
    readonly tracker: number
    readonly url: string
    readonly request: AnnounceRequest
  }
  /**
   * Look for peers in the DHT, and announce this torrent there: what turns up comes as `PeersFound`, in any portions, and
   * the end as `LookedUp`. Never asked for a private torrent, nor where `Local.dhtPort` says that we have no node.
   */
  | {
    readonly _tag: "LookUp"
    readonly torrent: TorrentId
    readonly infoHash: Bytes
    /** We have everything (BEP 33). */
    readonly isSeed: boolean
  }
  /** Something that people or the shell may want to know. May be dropped. */
  | { readonly _tag: "Emit"; readonly torrent: TorrentId; readonly event: Event }
