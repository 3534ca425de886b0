/** What can happen to a client: everything that can happen to one of its torrents, and a little more. */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Millis } from "../base/Time.ts"
import type { Metainfo } from "../metainfo/Metainfo.ts"
import type * as Torrent from "../torrent/Input.ts"
import type * as Metadata from "../torrent/metadata/Fetching.ts"
import type { Options } from "../torrent/State.ts"

export type { CloseReason, ConnId, PeerSource, TorrentId } from "../torrent/Input.ts"

/** An input to one connection finds its torrent by itself; the disk's answers are for the torrent first. */
type ConnInput = Exclude<
  Extract<Torrent.Input, { readonly conn: Torrent.ConnId }>,
  { readonly _tag: "BlockRead" | "ReadFailed" }
>

/** Every other input of a torrent names it. */
type Addressed<I> = I extends Torrent.Input ? I & { readonly torrent: Torrent.TorrentId } : never

export type Input =
  /** Time has passed. A tick before `nextWake` changes nothing. */
  | { readonly _tag: "Tick"; readonly now: Millis }
  /** A torrent of which only the info-hash is known: its metadata is fetched from peers (BEP 9). */
  | {
    readonly _tag: "AddMagnet"
    readonly now: Millis
    readonly torrent: Torrent.TorrentId
    /** 20 bytes. */
    readonly infoHash: Bytes
    readonly options: Metadata.Options
  }
  /**
   * A torrent to download, its existing data checked. Spends `options.have`. Under the number of a magnet link whose
   * metadata was found, it takes over that one's connections, addresses and trackers.
   */
  | {
    readonly _tag: "Add"
    readonly now: Millis
    readonly torrent: Torrent.TorrentId
    readonly metainfo: Metainfo
    readonly options: Options
  }
  /** Forget a torrent that was stopped. */
  | { readonly _tag: "Remove"; readonly now: Millis; readonly torrent: Torrent.TorrentId }
  /** What all torrents together may use. Rates count the protocol's own bytes as well; 0: unlimited. */
  | {
    readonly _tag: "Limits"
    readonly now: Millis
    readonly downloadRateBytesPerSec: number
    readonly uploadRateBytesPerSec: number
    /** Peers on this machine and its local network don't count towards any rate. */
    readonly isLanExempt: boolean
    readonly maxConnections: number
  }
  /** What one torrent may use, from now on; 0: unlimited. */
  | {
    readonly _tag: "TorrentLimits"
    readonly now: Millis
    readonly torrent: Torrent.TorrentId
    readonly downloadRateBytesPerSec: number
    readonly uploadRateBytesPerSec: number
  }
  /** A peer has connected to us; which torrent it wants its handshake will say. */
  | {
    readonly _tag: "ConnAccepted"
    readonly now: Millis
    readonly conn: Torrent.ConnId
    readonly address: Address
  }
  | ConnInput
  | Addressed<Exclude<Torrent.Input, ConnInput | { readonly _tag: "Tick" }>>
