/**
 * Torrents that three programs made of the same files: all are read with the hashes that two of them agree on, the trees
 * of version 2 are those of the files, and shoal's own creation of version 1 gives the same info-hash.
 */
import * as Bytes from "../../core/base/Bytes.ts"
import { sha1 } from "../../core/base/Sha1.ts"
import { sha256 } from "../../core/base/Sha256.ts"
import * as Create from "../../core/metainfo/Create.ts"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import * as Merkle from "../../core/metainfo/Merkle.ts"
import { isV2Only, type Metainfo, pieceHash, type V2Only } from "../../core/metainfo/Metainfo.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import { accepted, type Case, type Outcome, same, type Section } from "./Check.ts"
import * as Folder from "./Folder.ts"
import { soundness } from "./Torrents.ts"

const FOLDER = "golden-create"

interface Hashes {
  readonly v1?: string | undefined
  readonly v2?: string | undefined
}

const row = (line: Record<string, string>) => {
  const columns = Object.entries(line)
  const of = (start: string): string => columns.find(([name]) => name.startsWith(start))?.[1] ?? ""
  return {
    payload: of("payload"),
    pieceBytes: Number(of("piece_length")),
    v1: of("v1_only"),
    v2: of("v2_only"),
    hybrid: { v1: of("hybrid_v1"), v2: of("hybrid_v2") },
    transmission: of("transmission-create"),
  }
}

type Row = ReturnType<typeof row>

const content = (path: string): Uint8Array => Folder.read(FOLDER, "payload", path)

/** The hashes of a file's blocks, zeros up to a whole number of pieces, which is what its layers stand on. */
const leaves = (bytes: Uint8Array): Uint8Array => {
  const hashes: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += Geometry.BLOCK_BYTES) {
    hashes.push(sha256(bytes.subarray(at, at + Geometry.BLOCK_BYTES)))
  }
  return Bytes.concat(hashes)
}

/** Where the torrent's pieces aren't those of the payload; only files that lie there under the torrent's own name. */
const contents = (torrent: Metainfo | V2Only): ReadonlyArray<string> => {
  const problems: Array<string> = []
  const { pieceBytes } = isV2Only(torrent) ? torrent : torrent.geometry
  for (const { bytes, isPadding, path, pieceLayer, piecesRoot } of torrent.files) {
    if (isPadding || piecesRoot === undefined) continue
    // A lone file of a folder stands at the top of a file tree.
    const found = content(path === "file.txt" ? "folder/file.txt" : path)
    const leaf = leaves(found)
    const root = Merkle.rootAbove(leaf, Geometry.BLOCK_BYTES)
    problems.push(
      ...same(`${path}: size`, bytes, found.length),
      ...same(`${path}: root`, Bytes.toHex(piecesRoot), Bytes.toHex(root)),
      ...same(`${path}: has its layer`, pieceLayer !== undefined, bytes > pieceBytes),
    )
  }
  if (!isV2Only(torrent)) {
    const whole = Bytes.concat(
      torrent.files.map(({ bytes, isPadding, path }) => isPadding ? new Uint8Array(bytes) : content(path)),
    )
    for (const piece of Geometry.pieces(torrent.geometry)) {
      const start = Geometry.pieceOffset(torrent.geometry, piece)
      const hash = sha1(whole.subarray(start, start + Geometry.pieceLength(torrent.geometry, piece)))
      if (!Bytes.equals(hash, pieceHash(torrent, piece))) {
        problems.push(`piece ${piece} is not that of the files`)
      }
    }
  }
  return problems
}

const read = (file: string, expected: Hashes): Outcome => {
  const parsed = Parse.parseAny(Folder.read(FOLDER, file), { names: "posix" })
  if (!parsed.ok) return { verdict: "rejected", problems: [`refused: ${parsed.error.message}`] }
  const torrent = parsed.value
  return accepted(() => [
    ...same("info-hash v1", isV2Only(torrent) ? undefined : torrent.infoHash, expected.v1),
    ...same("info-hash v2", torrent.v2?.infoHash, expected.v2),
    ...soundness(torrent, "posix"),
    ...contents(torrent),
  ])
}

/** In libtorrent's order of files, which is that of a directory on the disk where it ran. */
const create = ({ payload, pieceBytes, v1 }: Row, torrent: string): Outcome => {
  const theirs = Parse.parse(Folder.read(FOLDER, torrent))
  if (!theirs.ok) return { verdict: "rejected", problems: [theirs.error.message] }
  const files = theirs.value.files.map(({ path }) => ({ path, bytes: content(path) }))
  const whole = Bytes.concat(files.map(({ bytes }) => bytes))
  const pieces: Array<Uint8Array> = []
  for (let at = 0; at < whole.length; at += pieceBytes) pieces.push(sha1(whole.subarray(at, at + pieceBytes)))
  const isDirectory = files[0]!.path !== payload
  const info = Create.encodeInfo(
    {
      name: payload,
      isDirectory,
      files: files.map(({ path, bytes }) => ({
        path: isDirectory ? path.slice(payload.length + 1) : path,
        bytes: bytes.length,
      })),
    },
    { pieceBytes, pieceHashes: Bytes.concat(pieces) },
    { isPrivate: false },
  )
  return accepted(() => same("info-hash of what shoal creates", Bytes.toHex(sha1(info)), v1))
}

const cases = (): ReadonlyArray<Case> =>
  Folder.table(FOLDER, "GOLDEN.tsv").map(row).flatMap((row): ReadonlyArray<Case> => {
    const named = (creator: string, kind: string): string =>
      `${creator}_${row.payload.replaceAll(" ", "_")}${kind}_${row.pieceBytes}.torrent`
    const torrents: ReadonlyArray<readonly [string, Hashes]> = [
      [named("lt208", "_v1"), { v1: row.v1 }],
      [named("lt208", "_v2"), { v2: row.v2 }],
      [named("lt208", "_hybrid"), row.hybrid],
      [named("bep52ref", "_v2"), { v2: row.v2 }],
      [named("bep52ref", "_hybrid"), row.hybrid],
      [named("tr300", ""), { v1: row.transmission }],
    ]
    return [
      ...torrents.map(([name, expected]) => ({ name, run: () => read(name, expected) })),
      {
        name: `${row.payload} in pieces of ${row.pieceBytes}, created`,
        run: () => create(row, named("lt208", "_v1")),
      },
    ]
  })

export const sections: ReadonlyArray<Section> = [{
  title: "golden-create: read, and created alike",
  needs: [[FOLDER, "GOLDEN.tsv"]],
  minimum: 84,
  cases,
}]
