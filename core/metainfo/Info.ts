/** The `info` dictionary, which is the same from a file and from peers: its hashes, names, files and pieces (BEP 3, 47, 52). */
import { type Bytes, toHex, toUtf8 } from "../base/Bytes.ts"
import { ok, type Result } from "../base/Result.ts"
import { HASH_BYTES, sha1 } from "../base/Sha1.ts"
import { sha256 } from "../base/Sha256.ts"
import * as Value from "../bencode/Value.ts"
import * as FilePath from "./FilePath.ts"
import * as Files from "./Files.ts"
import * as FileTree from "./FileTree.ts"
import * as Geometry from "./Geometry.ts"
import * as Hybrid from "./Hybrid.ts"
import * as InfoHash from "./InfoHash.ts"
import { defaults, type Limits, MAX_PIECE_BYTES } from "./Limits.ts"
import type { File, Metainfo, V2, V2Only } from "./Metainfo.ts"
import { fail, type MetainfoError } from "./MetainfoError.ts"

export interface Options extends Partial<Limits> {
  /** For which systems names must be fit: `portable` unless the shell knows that it runs on a POSIX one. */
  readonly names?: FilePath.Names
}

/** What a torrent says, apart from what stands beside `info` or in a link. */
export interface Info {
  readonly torrent: Omit<Metainfo, "trackers" | "webSeeds"> | Omit<V2Only, "trackers" | "webSeeds">
  readonly isDirectory: boolean
  readonly pieceBytes: number
}

/** Reads the dictionary `info`, whose original bytes are `infoBytes`. */
export const read = (info: Value.Dict, infoBytes: Bytes, options: Options): Result<Info, MetainfoError> => {
  // First of all, for the meaning of every other field hangs on it (BEP 52, "meta version").
  const versions = readVersions(info)
  if (!versions.ok) return versions
  const { hasV1, tree } = versions.value
  if (tree !== undefined && !isSortedThroughout(info)) {
    return fail("UnsortedKeys", "the keys of info are not sorted, which version 2 doesn't allow")
  }

  const v2 = tree === undefined ? undefined : hashV2(infoBytes)
  const infoHashBytes = v2 === undefined || hasV1 ? sha1(infoBytes) : v2.infoHashBytes.subarray(0, HASH_BYTES)
  const infoHash = InfoHash.fromBytes(infoHashBytes)
  const names = options.names ?? "portable"
  const rawName = nameOf(info)
  if (rawName === undefined) {
    return info.entries.has("name")
      ? fail("BadName", "info.name is not a text")
      : fail("MissingName", "info.name is missing")
  }
  // A name of which nothing is left is better replaced than refused, and the info-hash meets no other name.
  const name = FilePath.component(rawName, names) || infoHash

  const pieceLength = readPieceLength(info, v2 !== undefined)
  if (!pieceLength.ok) return pieceLength
  const pieceBytes = pieceLength.value
  const fileTree = tree === undefined
    ? undefined
    : FileTree.read(tree, name, names, info.entries.has("files"))
  if (fileTree?.ok === false) return fileTree

  const source = text(info, "source")
  const described = (files: ReadonlyArray<File>, warnings: ReadonlyArray<string>) => ({
    infoHash,
    infoHashBytes,
    infoBytes,
    name,
    files,
    isPrivate: Value.integer(info.entries.get("private")) === 1,
    ...(source !== undefined && { source }),
    warnings: [
      ...(name !== toUtf8(rawName) ? [`the torrent's name was changed to be safe: ${name}`] : []),
      ...(info.isSorted ? [] : ["the keys of info are not sorted"]),
      ...warnings,
    ],
  })
  const maxPieces = options.maxPieces ?? defaults.maxPieces
  if (!hasV1 && v2 !== undefined && fileTree !== undefined) {
    const { files, isDirectory, warnings } = fileTree.value
    const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0)
    const pieceCount = files.reduce((sum, { bytes }) => sum + Math.ceil(bytes / pieceBytes), 0)
    if (pieceCount > maxPieces) return tooManyPieces(pieceCount, maxPieces)
    const torrent = { ...described(files, warnings), v2, pieceBytes, pieceCount, totalBytes }
    return ok({ isDirectory, pieceBytes, torrent })
  }

  const list = Files.read(info, name, names)
  if (!list.ok) return list
  const { isDirectory, warnings } = list.value
  const files = fileTree === undefined
    ? ok(list.value.files)
    : Hybrid.join(list.value.files, fileTree.value.files, pieceBytes)
  if (!files.ok) return files
  const geometry = Geometry.make(pieceBytes, files.value.map((file) => file.bytes))
  const pieceHashes = readPieces(info, geometry.pieceCount, maxPieces)
  if (!pieceHashes.ok) return pieceHashes
  return ok({
    isDirectory,
    pieceBytes,
    torrent: {
      ...described(files.value, warnings),
      geometry,
      pieceHashes: pieceHashes.value,
      ...(v2 !== undefined && { v2 }),
    },
  })
}

/** Whether the keys of this and all dictionaries below come in order. Without recursion, as deep as the decoder allows. */
const isSortedThroughout = (dict: Value.Dict): boolean => {
  const left: Array<Value.Value> = [dict]
  for (let value = left.pop(); value !== undefined; value = left.pop()) {
    if (value._tag === "Dict") {
      if (!value.isSorted) return false
      for (const member of value.entries.values()) left.push(member)
    } else if (value._tag === "List") { for (const item of value.items) left.push(item) }
  }
  return true
}

const hashV2 = (infoBytes: Bytes): V2 => {
  const infoHashBytes = sha256(infoBytes)
  return { infoHash: toHex(infoHashBytes), infoHashBytes }
}

interface Versions {
  /** What version 2 keeps its files in; `undefined` in version 1. */
  readonly tree: Value.Dict | undefined
  readonly hasV1: boolean
}

const readVersions = ({ entries }: Value.Dict): Result<Versions, MetainfoError> => {
  const value = entries.get("meta version")
  const version = value === undefined ? 1 : Value.integer(value, 1)
  if (version === undefined || version > 2) {
    return fail("UnsupportedVersion", "info.meta version is neither 1 nor 2, the versions that are known")
  }
  const tree = entries.get("file tree")
  if (version === 1) {
    return tree?._tag === "Dict"
      ? fail("MissingMetaVersion", "info has a file tree, but no meta version of 2")
      : ok({ tree: undefined, hasV1: true })
  }
  if (tree === undefined) return fail("MissingFileTree", "info is of version 2 and has no file tree")
  if (tree._tag !== "Dict") return fail("BadFileTree", "info.file tree is not a dictionary")
  return ok({ tree, hasV1: entries.has("files") || entries.has("length") })
}

/** `name.utf-8` from the days when `name` was in the writer's own encoding, where it is usable; else `name`. */
const nameOf = ({ entries }: Value.Dict): Bytes | undefined => {
  const preferred = Value.bytes(entries.get("name.utf-8"))
  return preferred !== undefined && preferred.length > 0 ? preferred : Value.bytes(entries.get("name"))
}

const readPieceLength = ({ entries }: Value.Dict, isV2: boolean): Result<number, MetainfoError> => {
  const value = entries.get("piece length")
  if (value === undefined) return fail("MissingPieceLength", "info.piece length is missing")
  const pieceBytes = Value.integer(value, 1, MAX_PIECE_BYTES)
  if (pieceBytes === undefined) {
    return fail("BadPieceLength", `info.piece length is not a whole number from 1 to ${MAX_PIECE_BYTES}`)
  }
  // A layer of the hash trees has to be of whole pieces.
  return isV2 && (pieceBytes < Geometry.BLOCK_BYTES || !Number.isInteger(Math.log2(pieceBytes)))
    ? fail("BadPieceLength", "info.piece length is not a power of two from 16 KiB, as version 2 demands")
    : ok(pieceBytes)
}

const readPieces = (
  { entries }: Value.Dict,
  pieceCount: number,
  maxPieces: number,
): Result<Bytes, MetainfoError> => {
  const value = entries.get("pieces")
  if (value === undefined) return fail("MissingPieces", "info.pieces is missing")
  const hashes = Value.bytes(value)
  if (hashes === undefined || hashes.length === 0 || hashes.length % HASH_BYTES !== 0) {
    return fail("BadPieces", `info.pieces is not a text of ${HASH_BYTES} bytes a piece`)
  }
  if (pieceCount > maxPieces) {
    return tooManyPieces(pieceCount, maxPieces)
  }
  return hashes.length === pieceCount * HASH_BYTES ? ok(hashes) : fail(
    "PieceCountMismatch",
    `info.pieces has ${hashes.length / HASH_BYTES} hashes, but the files have ${pieceCount} pieces`,
  )
}

const tooManyPieces = (pieceCount: number, maxPieces: number): Result<never, MetainfoError> =>
  fail("TooManyPieces", `the torrent has ${pieceCount} pieces, the limit is ${maxPieces}`)

/** A text for people; its `.utf-8` twin where there is one. */
export const text = ({ entries }: Value.Dict, key: string): string | undefined =>
  Value.utf8(entries.get(`${key}.utf-8`) ?? entries.get(key))
