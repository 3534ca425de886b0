/** What can happen to a client: everything that can happen to one of its torrents, and a little more. */
import type { Millis } from "../base/Time.ts"
import type { Metainfo } from "../metainfo/Metainfo.ts"
import type * as Torrent from "../torrent/Input.ts"
import type { Options } from "../torrent/State.ts"

export type { CloseReason, ConnId, PeerSource, TorrentId } from "../torrent/Input.ts"

/** An input to one connection finds its torrent by itself. */
type ConnInput = Extract<Torrent.Input, { readonly conn: Torrent.ConnId }>

/** Every other input of a torrent names it. */
type Addressed<I> = I extends Torrent.Input ? I & { readonly torrent: Torrent.TorrentId } : never

export type Input =
  /** Time has passed. A tick before `nextWake` changes nothing. */
  | { readonly _tag: "Tick"; readonly now: Millis }
  /** A torrent to download, its existing data checked. Spends `options.have`. */
  | {
    readonly _tag: "Add"
    readonly now: Millis
    readonly torrent: Torrent.TorrentId
    readonly metainfo: Metainfo
    readonly options: Options
  }
  /** Forget a torrent that was stopped. */
  | { readonly _tag: "Remove"; readonly now: Millis; readonly torrent: Torrent.TorrentId }
  /** Bytes a second that all torrents together may download; 0: unlimited. */
  | { readonly _tag: "DownloadLimit"; readonly now: Millis; readonly rateBytesPerSec: number }
  | ConnInput
  | Addressed<Exclude<Torrent.Input, ConnInput | { readonly _tag: "Tick" }>>
