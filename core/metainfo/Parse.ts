/** From the bytes of a `.torrent` file, or of an `info` dictionary from peers, to {@link Metainfo} (BEP 3, 9, 12, 52). */
import type { Bytes } from "../base/Bytes.ts"
import { ok, type Result } from "../base/Result.ts"
import * as Decode from "../bencode/Decode.ts"
import * as Value from "../bencode/Value.ts"
import * as Info from "./Info.ts"
import { defaults } from "./Limits.ts"
import { isV2Only, type Metainfo, type V2Only } from "./Metainfo.ts"
import { fail, fromDecode, type MetainfoError } from "./MetainfoError.ts"
import * as PieceLayers from "./PieceLayers.ts"
import * as Sources from "./Sources.ts"

export type { Options } from "./Info.ts"

/** What a magnet link adds to the `info` dictionary that peers sent. */
export interface Known {
  readonly trackers?: ReadonlyArray<ReadonlyArray<string>>
  readonly webSeeds?: ReadonlyArray<string>
}

/**
 * Parses a `.torrent` file of version 1, or a hybrid. The info-hash is taken over the original bytes; unsorted keys and
 * bytes after the end are accepted with a warning (in `info` of version 2 unsorted keys are not), duplicate keys are not.
 * The result holds views of `bytes`, which must not change.
 */
export const parse = (bytes: Bytes, options: Info.Options = {}): Result<Metainfo, MetainfoError> =>
  withV1(parseAny(bytes, options))

/** As {@link parse}, and a torrent of version 2 alone, too. */
export const parseAny = (
  bytes: Bytes,
  options: Info.Options = {},
): Result<Metainfo | V2Only, MetainfoError> => {
  const root = decode(bytes, options, "allow")
  if (!root.ok) return root
  if (root.value._tag !== "Dict") {
    return fail("NotADictionary", "a .torrent file is a dictionary, this is not")
  }
  const info = root.value.entries.get("info")
  if (info === undefined) return fail("MissingInfo", "there is no info dictionary")
  if (info._tag !== "Dict") return fail("BadInfo", "info is not a dictionary")

  const core = Info.read(info, Value.span(bytes, info), options)
  if (!core.ok) return core
  const { isDirectory, torrent } = core.value
  const layered = torrent.v2 === undefined
    ? ok({ files: torrent.files, missing: 0 })
    : PieceLayers.read(root.value, torrent.files, core.value.pieceBytes)
  if (!layered.ok) return layered
  const { files, missing } = layered.value
  const trackers = Sources.trackers(root.value)
  const webSeeds = Sources.webSeeds(root.value, isDirectory)
  const httpSeeds = Sources.httpSeeds(root.value)
  const nodes = Sources.nodes(root.value)
  const comment = Info.text(root.value, "comment")
  const createdBy = Info.text(root.value, "created by")
  const creationDate = Value.integer(root.value.entries.get("creation date"), 0)
  const after = bytes.length - root.value.end
  return ok({
    ...torrent,
    files,
    trackers: trackers.values,
    webSeeds: webSeeds.values,
    ...(httpSeeds.values.length > 0 && { httpSeeds: httpSeeds.values }),
    ...(nodes.length > 0 && { nodes }),
    ...(comment !== undefined && { comment }),
    ...(createdBy !== undefined && { createdBy }),
    ...(creationDate !== undefined && { creationDate }),
    warnings: [
      ...(after > 0 ? [`bytes after the end, ignored: ${after}`] : []),
      ...torrent.warnings,
      ...(missing > 0 ? [`files without the version 2 hashes of their pieces: ${missing}`] : []),
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
  options: Info.Options = {},
): Result<Metainfo, MetainfoError> => {
  const info = decode(infoBytes, options, "reject")
  if (!info.ok) return info
  if (info.value._tag !== "Dict") return fail("BadInfo", "info is not a dictionary")
  const core = Info.read(info.value, infoBytes, options)
  if (!core.ok) return core
  const { isDirectory, torrent } = core.value
  const webSeeds = (known.webSeeds ?? []).flatMap((url) => Sources.webSeedUrl(url, isDirectory) ?? [])
  return withV1(ok({ ...torrent, trackers: known.trackers ?? [], webSeeds }))
}

const withV1 = (parsed: Result<Metainfo | V2Only, MetainfoError>): Result<Metainfo, MetainfoError> => {
  if (!parsed.ok) return parsed
  return isV2Only(parsed.value)
    ? fail("UnsupportedV2Only", "the torrent is of version 2 alone (BEP 52), and version 1 is needed here")
    : ok(parsed.value)
}

const decode = (
  bytes: Bytes,
  options: Info.Options,
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
