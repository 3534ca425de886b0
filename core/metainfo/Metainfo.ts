/** What a `.torrent` file says, parsed once into values that cannot be wrong (BEP 3, 5, 12, 17, 19, 27, 47). */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Geometry, PieceIndex } from "./Geometry.ts"

/** SHA-1 of the original bytes of the `info` dictionary, as 40 lower-case hexadecimal digits. */
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
}

export interface Metainfo {
  readonly infoHash: InfoHash
  /** The 20 bytes of `infoHash`. */
  readonly infoHashBytes: Bytes
  /** The original bytes of the `info` dictionary. */
  readonly infoBytes: Bytes
  readonly name: string
  readonly files: ReadonlyArray<File>
  readonly geometry: Geometry
  /** 20 bytes a piece. */
  readonly pieceHashes: Bytes
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

/** The expected SHA-1 of a piece, 20 bytes. */
export const pieceHash = (metainfo: Metainfo, piece: PieceIndex): Bytes =>
  metainfo.pieceHashes.subarray(piece * 20, piece * 20 + 20)
