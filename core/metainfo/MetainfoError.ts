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
  /** A torrent without the fields of version 1. */
  | "UnsupportedV2Only"
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
  | "MissingPath"
  | "BadPath"
  | "DirectoryTooDeep"
  | "TooManyDuplicates"

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
