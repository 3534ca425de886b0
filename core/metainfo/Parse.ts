/** From the bytes of a `.torrent` file, or of an `info` dictionary from peers, to {@link Metainfo} (BEP 3, 9, 12, 47). */
import { type Bytes, toUtf8 } from "../base/Bytes.ts"
import { ok, type Result } from "../base/Result.ts"
import { HASH_BYTES, sha1 } from "../base/Sha1.ts"
import * as Decode from "../bencode/Decode.ts"
import * as Value from "../bencode/Value.ts"
import * as FilePath from "./FilePath.ts"
import * as Files from "./Files.ts"
import * as Geometry from "./Geometry.ts"
import * as InfoHash from "./InfoHash.ts"
import { defaults, type Limits, MAX_PIECE_BYTES } from "./Limits.ts"
import type { Metainfo } from "./Metainfo.ts"
import { fail, fromDecode, type MetainfoError } from "./MetainfoError.ts"
import * as Sources from "./Sources.ts"

export interface Options extends Partial<Limits> {
  /** For which systems names must be fit: `portable` unless the shell knows that it runs on a POSIX one. */
  readonly names?: FilePath.Names
}

/** What a magnet link adds to the `info` dictionary that peers sent. */
export interface Known {
  readonly trackers?: ReadonlyArray<ReadonlyArray<string>>
  readonly webSeeds?: ReadonlyArray<string>
}

/**
 * Parses a `.torrent` file. The info-hash is taken over the original bytes; unsorted keys and bytes after the end are
 * accepted with a warning, duplicate keys are not. The result holds views of `bytes`, which must not change.
 */
export const parse = (bytes: Bytes, options: Options = {}): Result<Metainfo, MetainfoError> => {
  const root = decode(bytes, options, "allow")
  if (!root.ok) return root
  if (root.value._tag !== "Dict") {
    return fail("NotADictionary", "a .torrent file is a dictionary, this is not")
  }
  const info = root.value.entries.get("info")
  if (info === undefined) return fail("MissingInfo", "there is no info dictionary")
  if (info._tag !== "Dict") return fail("BadInfo", "info is not a dictionary")

  const core = readInfo(info, Value.span(bytes, info), options)
  if (!core.ok) return core
  const { isDirectory, metainfo } = core.value
  const trackers = Sources.trackers(root.value)
  const webSeeds = Sources.webSeeds(root.value, isDirectory)
  const httpSeeds = Sources.httpSeeds(root.value)
  const nodes = Sources.nodes(root.value)
  const comment = text(root.value, "comment")
  const createdBy = text(root.value, "created by")
  const creationDate = Value.integer(root.value.entries.get("creation date"), 0)
  const after = bytes.length - root.value.end
  return ok({
    ...metainfo,
    trackers: trackers.values,
    webSeeds: webSeeds.values,
    ...(httpSeeds.values.length > 0 && { httpSeeds: httpSeeds.values }),
    ...(nodes.length > 0 && { nodes }),
    ...(comment !== undefined && { comment }),
    ...(createdBy !== undefined && { createdBy }),
    ...(creationDate !== undefined && { creationDate }),
    warnings: [
      ...(after > 0 ? [`bytes after the end, ignored: ${after}`] : []),
      ...metainfo.warnings,
      ...trackers.warnings,
      ...webSeeds.warnings,
      ...httpSeeds.warnings,
    ],
  })
}

/**
 * Parses an `info` dictionary that came from peers (BEP 9), whose hash the caller compares with the magnet link's;
 * `known` is what the link said. Bytes after the end are an error here, for they would be part of the hash.
 */
export const parseInfo = (
  infoBytes: Bytes,
  known: Known = {},
  options: Options = {},
): Result<Metainfo, MetainfoError> => {
  const info = decode(infoBytes, options, "reject")
  if (!info.ok) return info
  if (info.value._tag !== "Dict") return fail("BadInfo", "info is not a dictionary")
  const core = readInfo(info.value, infoBytes, options)
  if (!core.ok) return core
  const { isDirectory, metainfo } = core.value
  const webSeeds = (known.webSeeds ?? []).flatMap((url) => Sources.webSeedUrl(url, isDirectory) ?? [])
  return ok({ ...metainfo, trackers: known.trackers ?? [], webSeeds })
}

const decode = (
  bytes: Bytes,
  options: Options,
  trailing: "allow" | "reject",
): Result<Value.Value, MetainfoError> => {
  const maxBytes = options.maxBytes ?? defaults.maxBytes
  if (bytes.length === 0) return fail("Empty", "the file is empty")
  if (bytes.length > maxBytes) {
    return fail(
      "TooLarge",
      `${bytes.length} bytes are too many for a .torrent file, the limit is ${maxBytes}`,
    )
  }
  const decoded = Decode.decode(bytes, { trailing })
  return decoded.ok ? decoded : fromDecode(decoded.error)
}

/** What stands in `info`, and so is the same from a file and from peers. */
interface Core {
  readonly metainfo: Omit<Metainfo, "trackers" | "webSeeds">
  readonly isDirectory: boolean
}

const readInfo = (info: Value.Dict, infoBytes: Bytes, options: Options): Result<Core, MetainfoError> => {
  // First of all, for the meaning of every other field hangs on it (BEP 52, "meta version").
  const version = checkVersion(info)
  if (!version.ok) return version

  const infoHashBytes = sha1(infoBytes)
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

  const pieceBytes = readPieceLength(info)
  if (!pieceBytes.ok) return pieceBytes
  const list = Files.read(info, name, names)
  if (!list.ok) return list
  const geometry = Geometry.make(pieceBytes.value, list.value.files.map((file) => file.bytes))
  const pieceHashes = readPieces(info, geometry.pieceCount, options.maxPieces ?? defaults.maxPieces)
  if (!pieceHashes.ok) return pieceHashes

  const source = text(info, "source")
  const warnings: Array<string> = []
  if (name !== toUtf8(rawName)) warnings.push(`the torrent's name was changed to be safe: ${name}`)
  if (!info.isSorted) warnings.push("the keys of info are not sorted")
  return ok({
    isDirectory: list.value.isDirectory,
    metainfo: {
      infoHash,
      infoHashBytes,
      infoBytes,
      name,
      files: list.value.files,
      geometry,
      pieceHashes: pieceHashes.value,
      isPrivate: Value.integer(info.entries.get("private")) === 1,
      ...(source !== undefined && { source }),
      warnings: [...warnings, ...list.value.warnings],
    },
  })
}

const checkVersion = ({ entries }: Value.Dict): Result<void, MetainfoError> => {
  const value = entries.get("meta version")
  const version = value === undefined ? 1 : Value.integer(value, 1)
  if (version === undefined || version > 2) {
    return fail("UnsupportedVersion", "info.meta version is neither 1 nor 2, the versions that are known")
  }
  const hasV1 = entries.has("pieces") || entries.has("files") || entries.has("length")
  return hasV1 || (version === 1 && !entries.has("file tree"))
    ? ok(undefined)
    : fail("UnsupportedV2Only", "this torrent is of version 2 alone (BEP 52), which is not supported yet")
}

/** `name.utf-8` from the days when `name` was in the writer's own encoding, where it is usable; else `name`. */
const nameOf = ({ entries }: Value.Dict): Bytes | undefined => {
  const preferred = Value.bytes(entries.get("name.utf-8"))
  return preferred !== undefined && preferred.length > 0 ? preferred : Value.bytes(entries.get("name"))
}

const readPieceLength = ({ entries }: Value.Dict): Result<number, MetainfoError> => {
  const value = entries.get("piece length")
  if (value === undefined) return fail("MissingPieceLength", "info.piece length is missing")
  const pieceBytes = Value.integer(value, 1, MAX_PIECE_BYTES)
  return pieceBytes === undefined
    ? fail("BadPieceLength", `info.piece length is not a whole number from 1 to ${MAX_PIECE_BYTES}`)
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
    return fail("TooManyPieces", `the torrent has ${pieceCount} pieces, the limit is ${maxPieces}`)
  }
  return hashes.length === pieceCount * HASH_BYTES ? ok(hashes) : fail(
    "PieceCountMismatch",
    `info.pieces has ${hashes.length / HASH_BYTES} hashes, but the files have ${pieceCount} pieces`,
  )
}

/** A text for people; its `.utf-8` twin where there is one. */
const text = ({ entries }: Value.Dict, key: string): string | undefined =>
  Value.utf8(entries.get(`${key}.utf-8`) ?? entries.get(key))
