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

/** Of a file in version 2: the leaves of its hash tree can be counted in 30 bits. libtorrent has the same limit. */
export const MAX_V2_FILE_BYTES = (2 ** 30 - 1) * 16_384 - 1

/** Directories above a file count with it. Deeper paths exist to break programs; no system's path limit allows them. */
export const MAX_PATH_DEPTH = 100

/**
 * Of all paths of a version 2 file tree together, with 8 more a component: a tree names a directory once, however many
 * files are below, so that without this a small file could write paths of gigabytes. 80,000 files take 30 MiB.
 */
export const MAX_TREE_PATH_UNITS = 64 * 1024 * 1024

/** UTF-8 bytes of a path component, an extension apart: file systems allow 255, and renaming needs some of them. */
export const MAX_COMPONENT_BYTES = 240
/** Bytes of an extension, with its dot, that is kept when a component is cut. */
export const MAX_EXTENSION_BYTES = 10

/**
 * Names tried in all for files whose name is taken, as libtorrent has it. Each costs a look-up, so that any number of
 * equal names is refused in linear time; 33 of them reach it.
 */
export const MAX_RENAME_TRIES = 500

/** A `.torrent` file of the greatest size has fewer; of other sizes, each costs some hundred bytes while it is read. */
export const MAX_FILES = 500_000

/** Each is announced to for as long as the torrent runs. Public lists have some hundred; more serve an attack on others. */
export const MAX_TRACKERS = 256
export const MAX_WEB_SEEDS = 256
/** Items of a list of trackers, web seeds or nodes that are looked at: a list of millions of wrong ones costs no more. */
export const MAX_SOURCES_READ = 4_096
/** Bytes of the URL of a tracker or web seed. Those with passkeys have some hundred; HTTP servers take 8 KiB at most. */
export const MAX_URL_BYTES = 8_192
/** Bytes of a host's name (RFC 1035, 2.3.4). */
export const MAX_HOST_BYTES = 255
/** DHT nodes of a torrent (BEP 5) and peers of a magnet link (BEP 9): hints to start from, contacted unasked. */
export const MAX_ADDRESSES = 64

/** UTF-16 code units of a magnet link; 2,000 trackers are about 35,000. */
export const MAX_MAGNET_LENGTH = 256 * 1024
/** Highest file index that a magnet link may select (BEP 53): the list is kept before the torrent's files are known. */
export const MAX_SELECT_INDEX = 10_000
