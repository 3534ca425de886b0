/**
 * What is remembered of a torrent between runs, so that data need not be hashed again: which pieces were there, and how
 * every file looked then. A piece is believed only while its files look the same. Read as hostile: it lies on a disk
 * that other programs write to.
 */
import { type Bytes, concat, equals, fromHex, toHex } from "../base/Bytes.ts"
import { assert } from "../base/Assert.ts"
import { err, ok, type Result } from "../base/Result.ts"
import { HASH_BYTES, sha1 } from "../base/Sha1.ts"
import * as Decode from "../bencode/Decode.ts"
import * as Encode from "../bencode/Encode.ts"
import * as Value from "../bencode/Value.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type { InfoHash } from "../metainfo/Metainfo.ts"
import * as Bitfield from "./Bitfield.ts"

/** Written into every file; another one is not read, which costs a recheck and no data. */
export const VERSION = 2

/** How a file looks on the disk. */
export interface FileStat {
  /** Length; of a file that is kept in parts, how much of it there is. */
  readonly bytes: number
  /** Time of the last change: whole milliseconds since 1970. */
  readonly mtimeMs: number
}

export interface Resume {
  readonly infoHash: InfoHash
  /** Pieces that were on the disk, hashed and right. */
  readonly have: Bitfield.Bitfield
  /** How each file looked when this was saved; `undefined` for one that was not there. */
  readonly files: ReadonlyArray<FileStat | undefined>
  /** Payload of all runs so far. */
  readonly uploadedBytes: number
  readonly downloadedBytes: number
}

/** Why bytes are no resume data of this torrent. */
export type ResumeError =
  /** The checksum at its end is another: cut off, or changed by whatever it was. */
  | "damaged"
  /** No bencoded dictionary: not ours. */
  | "malformed"
  | "unsupported version"
  | "of another torrent"
  /** The bitfield has not one bit a piece, or bits beyond the last one. */
  | "bad bitfield"
  /** Not one entry a file, or a size or a time that is none. */
  | "bad list of files"
  /** A total is missing, negative or beyond 2^53. */
  | "bad totals"

/** What may be taken for granted and what must be hashed; a piece in neither is to be downloaded. */
export interface Belief {
  readonly believed: Bitfield.Bitfield
  readonly recheck: Bitfield.Bitfield
}

/**
 * Puts the SHA-1 of `bytes` behind them. A bit of the claims that has turned over, on the disk or on the way to it, would
 * make a piece believed that isn't there, and nothing else would notice.
 */
export const seal = (bytes: Bytes): Bytes => concat([bytes, sha1(bytes)])

/** The bytes to save: a bencoded dictionary, sealed. */
export const encode = (resume: Resume): Bytes => {
  const infoHash = fromHex(resume.infoHash)
  assert(infoHash !== undefined, "an info-hash is hexadecimal")
  return seal(Encode.encode({
    version: VERSION,
    infoHash,
    have: resume.have.bytes,
    // A list a file: bytes and mtimeMs, or nothing for a file that is not there.
    files: resume.files.map((file) => file === undefined ? [] : [file.bytes, file.mtimeMs]),
    uploadedBytes: resume.uploadedBytes,
    downloadedBytes: resume.downloadedBytes,
  }))
}

/** Reads what {@link encode} wrote for the torrent of this geometry and info-hash. */
export const decode = (
  sealed: Bytes,
  geometry: Geometry.Geometry,
  infoHash: InfoHash,
): Result<Resume, ResumeError> => {
  const end = sealed.length - HASH_BYTES
  if (end < 0 || !equals(sha1(sealed.subarray(0, end)), sealed.subarray(end))) return err("damaged")
  const bytes = sealed.subarray(0, end)
  // A token a key and a value, and three a file: whatever has more is not ours.
  const maxTokens = 64 + 3 * geometry.files.length
  const decoded = Decode.decode(bytes, { maxDepth: 3, maxTokens })
  if (!decoded.ok || decoded.value._tag !== "Dict") return err("malformed")
  const dict = decoded.value
  if (Value.integer(Value.get(dict, "version")) !== VERSION) return err("unsupported version")
  const owner = Value.bytes(Value.get(dict, "infoHash"))
  if (owner === undefined || toHex(owner) !== infoHash) return err("of another torrent")

  const bits = Value.bytes(Value.get(dict, "have"))
  const have = bits === undefined ? undefined : Bitfield.fromWire(bits, geometry.pieceCount)
  if (have === undefined || !have.ok) return err("bad bitfield")

  const files = readFiles(Value.list(Value.get(dict, "files")), geometry.files.length)
  if (files === undefined) return err("bad list of files")

  const uploadedBytes = Value.integer(Value.get(dict, "uploadedBytes"), 0)
  const downloadedBytes = Value.integer(Value.get(dict, "downloadedBytes"), 0)
  if (uploadedBytes === undefined || downloadedBytes === undefined) return err("bad totals")
  return ok({ infoHash, have: have.value, files, uploadedBytes, downloadedBytes })
}

const readFiles = (
  items: ReadonlyArray<Value.Value> | undefined,
  fileCount: number,
): Array<FileStat | undefined> | undefined => {
  if (items === undefined || items.length !== fileCount) return undefined
  const files: Array<FileStat | undefined> = []
  for (const item of items) {
    const pair = Value.list(item)
    if (pair === undefined) return undefined
    if (pair.length === 0) {
      files.push(undefined)
      continue
    }
    const bytes = Value.integer(pair[0], 0)
    // A clock before 1970 is odd, but no reason to hash a whole torrent.
    const mtimeMs = Value.integer(pair[1])
    if (pair.length !== 2 || bytes === undefined || mtimeMs === undefined) return undefined
    files.push({ bytes, mtimeMs })
  }
  return files
}

/**
 * Compares what was saved (`undefined`: nothing) with how the files look now, `stats` having one entry a file. Of the
 * pieces that are wholly on the disk, those whose files all look as they did are as they were: believed if they were
 * claimed, bad if not. The others are to be rechecked.
 */
export const believe = (
  resume: Resume | undefined,
  stats: ReadonlyArray<FileStat | undefined>,
  geometry: Geometry.Geometry,
): Belief => {
  const believed = Bitfield.make(geometry.pieceCount)
  const recheck = Bitfield.make(geometry.pieceCount)
  const changed = Bitfield.make(geometry.pieceCount)
  const partial = Bitfield.make(geometry.pieceCount)
  geometry.files.forEach((file, fileIndex) => {
    const span = Geometry.piecesOfFile(geometry, fileIndex)
    if (span === undefined) return
    const then = resume?.files[fileIndex]
    const now = stats[fileIndex]
    if (then?.bytes !== now?.bytes || then?.mtimeMs !== now?.mtimeMs) setRange(changed, span.first, span.last)
    const bytes = now?.bytes ?? 0
    if (bytes < file.bytes) {
      setRange(partial, Math.floor((file.offset + bytes) / geometry.pieceBytes), span.last)
    }
  })
  for (const piece of Geometry.pieces(geometry)) {
    if (Bitfield.get(partial, piece)) continue
    if (resume === undefined || Bitfield.get(changed, piece)) Bitfield.set(recheck, piece)
    else if (Bitfield.get(resume.have, piece)) Bitfield.set(believed, piece)
  }
  return { believed, recheck }
}

const setRange = (bits: Bitfield.Bitfield, first: number, last: number): void => {
  for (let piece = first; piece <= last; piece++) Bitfield.set(bits, piece)
}
