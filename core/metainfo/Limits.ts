/** What shoal accepts of a `.torrent` file or a magnet link at most. Each bounds memory or time, none is in a BEP unless said. */

export interface Limits {
  /** Bytes of a `.torrent` file or of an `info` dictionary from peers. */
  readonly maxBytes: number
  readonly maxPieces: number
}

/** Checked before parsing. A torrent of 2 TiB in pieces of 4 MiB needs 10 MB of hashes; very few files come near. */
export const MAX_BYTES = 10 * 1024 * 1024

/** Bounds bitfields and per-piece tables, which peers and disks multiply. libtorrent has the same limit. */
export const MAX_PIECES = 2_097_152

export const defaults: Limits = { maxBytes: MAX_BYTES, maxPieces: MAX_PIECES }

/** 32,767 blocks of 16 KiB, so that a block's number in its piece stays in 15 bits; libtorrent's limit. */
export const MAX_PIECE_BYTES = 2 ** 29 - 16_384

/** 256 TiB: products of such a number with a piece index's parts stay exact, and no real torrent comes near. */
export const MAX_TOTAL_BYTES = 2 ** 48 - 1

/** Directories above a file count with it. Deeper paths exist to break programs; no system's path limit allows them. */
export const MAX_PATH_DEPTH = 100

/** UTF-8 bytes of a path component, an extension apart: file systems allow 255, and renaming needs some of them. */
export const MAX_COMPONENT_BYTES = 240
/** Bytes of an extension, with its dot, that is kept when a component is cut. */
export const MAX_EXTENSION_BYTES = 10

/** Names tried in all for files whose name is taken. Each costs a look-up, and 32 equal names reach it. */
export const MAX_RENAME_TRIES = 500

/** Each is announced to for as long as the torrent runs. Public lists have some hundred; more serve an attack on others. */
export const MAX_TRACKERS = 256
export const MAX_WEB_SEEDS = 256
/** DHT nodes of a torrent (BEP 5) and peers of a magnet link (BEP 9): hints to start from, contacted unasked. */
export const MAX_ADDRESSES = 64

/** UTF-16 code units of a magnet link; 2,000 trackers are about 35,000. */
export const MAX_MAGNET_LENGTH = 256 * 1024
/** Highest file index that a magnet link may select (BEP 53): the list is kept before the torrent's files are known. */
export const MAX_SELECT_INDEX = 10_000
