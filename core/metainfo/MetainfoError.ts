/** Why a `.torrent` file, or an `info` dictionary from peers, was refused: a name for programs, a sentence for people. */
import * as Decode from "../bencode/Decode.ts"
import { err, type Result } from "../base/Result.ts"

export type MetainfoReason =
  | Decode.DecodeReason
  | "Empty"
  | "TooLarge"
  | "NotADictionary"
  | "MissingInfo"
  | "BadInfo"
  /** A `meta version` that this version of shoal does not know (BEP 52 demands to check it before all else). */
  | "UnsupportedVersion"
  /** A torrent without the fields of version 1, where only those are of use; `Parse.parseAny` reads it. */
  | "UnsupportedV2Only"
  /** Keys out of order in the `info` of version 2, which is no valid bencoding; version 1 is read all the same. */
  | "UnsortedKeys"
  | "MissingName"
  | "BadName"
  | "MissingPieceLength"
  | "BadPieceLength"
  | "MissingPieces"
  | "BadPieces"
  | "PieceCountMismatch"
  | "TooManyPieces"
  | "MissingFileLength"
  | "BadFileLength"
  | "TotalTooLarge"
  /** All files together have no byte. */
  | "NoContent"
  | "BadFiles"
  | "NoFiles"
  | "TooManyFiles"
  | "MissingPath"
  | "BadPath"
  | "DirectoryTooDeep"
  | "TooManyDuplicates"
  /** A `meta version` of 2 and no `file tree`. */
  | "MissingFileTree"
  /** A `file tree` and no `meta version` of 2. */
  | "MissingMetaVersion"
  | "BadFileTree"
  /** Paths of a file tree that are too long all together. */
  | "PathsTooLong"
  /** A padding file in the file tree of version 2, which needs none. */
  | "PaddingInFileTree"
  | "MissingPiecesRoot"
  | "BadPiecesRoot"
  /** The lists of version 1 and 2 are not of the same files, in the same order, aligned alike. */
  | "HybridMismatch"
  /** Not a dictionary. */
  | "BadPieceLayers"
  /** A layer that isn't text, has the wrong number of hashes, or doesn't lead to its file's root. */
  | "BadPieceLayer"
  /** A layer of no file, or of one that needs none. */
  | "UnknownPieceLayer"

export interface MetainfoError {
  readonly _tag: "MetainfoError"
  readonly reason: MetainfoReason
  /** What is wrong and where, without a full stop: `info.files[3].path is an empty list`. */
  readonly message: string
  /** Where in the bytes that were parsed; only of errors in the bencoding. */
  readonly offset?: number
}

export const fail = (reason: MetainfoReason, message: string): Result<never, MetainfoError> =>
  err({ _tag: "MetainfoError", reason, message })

export const fromDecode = (error: Decode.DecodeError): Result<never, MetainfoError> =>
  err({
    _tag: "MetainfoError",
    reason: error.reason,
    message: `not valid bencode: ${Decode.describe(error)}`,
    offset: error.offset,
  })
