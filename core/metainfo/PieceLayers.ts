/**
 * The `piece layers` that stand beside `info` (BEP 52): for each file of more than one piece the hashes of its pieces,
 * under the root that `info` gives for the file. What is there has to be right; what is missing, peers can send.
 */
import { type Bytes, equals, latin1, toLatin1 } from "../base/Bytes.ts"
import { ok, type Result } from "../base/Result.ts"
import { HASH_BYTES } from "../base/Sha256.ts"
import * as Value from "../bencode/Value.ts"
import * as Merkle from "./Merkle.ts"
import type { File } from "./Metainfo.ts"
import { fail, type MetainfoError } from "./MetainfoError.ts"

export interface Layered {
  /** The same files, with the layers that are there. */
  readonly files: ReadonlyArray<File>
  /** How many of them need one and have none. */
  readonly missing: number
}

/** The layers of `root`, the whole `.torrent` file, for these files, each checked against its file's root once. */
export const read = (
  root: Value.Dict,
  files: ReadonlyArray<File>,
  pieceBytes: number,
): Result<Layered, MetainfoError> => {
  const value = root.entries.get("piece layers")
  if (value !== undefined && value._tag !== "Dict") {
    return fail("BadPieceLayers", "piece layers is not a dictionary")
  }
  // By root, as keys are read: equal files share one. No layer is right for files of different sizes, 0 says.
  const pieceCounts = new Map<string, number>()
  for (const { bytes, piecesRoot } of files) {
    if (piecesRoot === undefined || bytes <= pieceBytes) continue
    const key = toLatin1(piecesRoot)
    const count = Math.ceil(bytes / pieceBytes)
    pieceCounts.set(key, (pieceCounts.get(key) ?? count) === count ? count : 0)
  }

  const layers = new Map<string, Bytes>()
  for (const [key, layer] of value?.entries ?? []) {
    const where = `piece layer ${layers.size + 1}`
    const count = pieceCounts.get(key)
    if (count === undefined) {
      return fail("UnknownPieceLayer", `${where} is of no file with more than one piece`)
    }
    const hashes = count > 0 ? Value.bytesOf(layer, count * HASH_BYTES) : undefined
    if (hashes === undefined) {
      return fail("BadPieceLayer", `${where} is not a text of ${count} hashes, ${HASH_BYTES} bytes each`)
    }
    if (!equals(Merkle.rootAbove(hashes, pieceBytes), latin1(key))) {
      return fail("BadPieceLayer", `${where} does not hash to its file's pieces root`)
    }
    layers.set(key, hashes)
  }

  let missing = 0
  const layered = files.map((file) => {
    if (file.piecesRoot === undefined || file.bytes <= pieceBytes) return file
    const pieceLayer = layers.get(toLatin1(file.piecesRoot))
    if (pieceLayer === undefined) missing++
    return pieceLayer === undefined ? file : { ...file, pieceLayer }
  })
  return ok({ files: layered, missing })
}
