/** What a `.torrent` file says, parsed once into values that cannot be wrong (BEP 3, 5, 12, 17, 19, 27, 47, 52). */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Geometry, PieceIndex } from "./Geometry.ts"

/**
 * SHA-1 of the original bytes of the `info` dictionary, as 40 lower-case hexadecimal digits. Of a torrent of version 2
 * alone the first 20 bytes of its SHA-256, by which trackers, the DHT and handshakes know it (BEP 52, "infohash").
 */
export type InfoHash = string & { readonly InfoHash: unique symbol }

export interface File {
  /**
   * Sanitised, relative to the download directory, `/` between components. Unique without regard to case among the
   * files that are written; padding files, which aren't, may share theirs.
   */
  readonly path: string
  readonly bytes: number
  /** A padding file (BEP 47): its bytes are zero, never written to disk, and not offered for selection. */
  readonly isPadding: boolean
  /** A symbolic link (BEP 47): it has no bytes, and shoal does not create it, nor an empty file in its place. */
  readonly isSymlink?: boolean
  /** The 32 bytes of the root of its hash tree, in version 2 and hybrid torrents of each file that has bytes. */
  readonly piecesRoot?: Bytes
  /**
   * 32 bytes a piece, checked against `piecesRoot`, of a file of more than one piece. Missing where the torrent came
   * without, as from peers: then they have to send it.
   */
  readonly pieceLayer?: Bytes
}

/** What there is of version 2 beside the files (BEP 52). */
export interface V2 {
  /** SHA-256 of the original bytes of the `info` dictionary, as 64 lower-case hexadecimal digits. */
  readonly infoHash: string
  /** Its 32 bytes. */
  readonly infoHashBytes: Bytes
}

/** What a torrent of any version says. */
export interface Described {
  readonly infoHash: InfoHash
  /** The 20 bytes of `infoHash`. */
  readonly infoHashBytes: Bytes
  /** The original bytes of the `info` dictionary. */
  readonly infoBytes: Bytes
  readonly name: string
  readonly files: ReadonlyArray<File>
  readonly isPrivate: boolean
  /** Tiers of announce URLs (BEP 12), empty tiers dropped; one tier of one where there is only `announce`. */
  readonly trackers: ReadonlyArray<ReadonlyArray<string>>
  /** HTTP and HTTPS URLs (BEP 19), percent-encoded; they end in `/` where the torrent has a directory. */
  readonly webSeeds: ReadonlyArray<string>
  /** URLs of BEP 17, which speak another protocol than `webSeeds`. */
  readonly httpSeeds?: ReadonlyArray<string>
  /** DHT nodes to start from (BEP 5). */
  readonly nodes?: ReadonlyArray<Address>
  readonly comment?: string
  readonly createdBy?: string
  /** What private trackers put in so that each has an info-hash of its own. */
  readonly source?: string
  /** Seconds since 1970. */
  readonly creationDate?: number
  /** Accepted, but worth telling: for example bytes after the end, or names that had to be changed. */
  readonly warnings: ReadonlyArray<string>
}

/** A torrent of version 1, or a hybrid, whose files are the same in both versions: what shoal can download. */
export interface Metainfo extends Described {
  readonly geometry: Geometry
  /** SHA-1, 20 bytes a piece. */
  readonly pieceHashes: Bytes
  /** Of a hybrid. */
  readonly v2?: V2
}

/** A torrent of version 2 alone. Each of its files begins with a piece of its own, so the pieces may have gaps. */
export interface V2Only extends Described {
  readonly v2: V2
  /** A power of two, at least 16 KiB. */
  readonly pieceBytes: number
  readonly pieceCount: number
  /** Bytes of all files; what lies in the gaps is not counted. */
  readonly totalBytes: number
}

export const isV2Only = (torrent: Metainfo | V2Only): torrent is V2Only => !("geometry" in torrent)

/** The expected SHA-1 of a piece, 20 bytes. */
export const pieceHash = (metainfo: Metainfo, piece: PieceIndex): Bytes =>
  metainfo.pieceHashes.subarray(piece * 20, piece * 20 + 20)
