/** A torrent for simulated sessions: several files, and bytes that only chance could have, so that what differs is found. */
import { assert } from "../../core/base/Assert.ts"
import type { Bytes } from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import { HASH_BYTES, sha1 } from "../../core/base/Sha1.ts"
import * as Create from "../../core/metainfo/Create.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as World from "./World.ts"

export interface Options {
  readonly sizeBytes: number
  readonly pieceBytes: number
  readonly trackerUrl: string
  /** All bytes are zero: for runs that need many of them and don't compare them. */
  readonly isBlank?: boolean
}

/** The torrent as its file says it, and all of its content. */
export const make = (
  world: World.World,
  { isBlank = false, pieceBytes, sizeBytes, trackerUrl }: Options,
): { readonly metainfo: Metainfo; readonly content: Bytes } => {
  const content = new Uint8Array(sizeBytes)
  if (!isBlank) Rng.fill(World.chance(world, "content"), content)
  const pieceHashes = new Uint8Array(Math.ceil(sizeBytes / pieceBytes) * HASH_BYTES)
  const blank = isBlank ? sha1(content.subarray(0, pieceBytes)) : undefined
  for (let at = 0, piece = 0; at < sizeBytes; at += pieceBytes, piece++) {
    const isShort = at + pieceBytes > sizeBytes
    const hash = isShort || blank === undefined ? sha1(content.subarray(at, at + pieceBytes)) : blank
    pieceHashes.set(hash, piece * HASH_BYTES)
  }
  // No border of files is one of blocks; the last file is the shortest.
  const first = Math.ceil(sizeBytes * 0.6)
  const rest = sizeBytes - first
  const file = Create.encode(
    {
      name: "simulated",
      isDirectory: true,
      files: [{ path: "a/first", bytes: first }, { path: "b", bytes: rest - Math.floor(rest / 5) }, {
        path: "c",
        bytes: Math.floor(rest / 5),
      }],
    },
    { pieceBytes, pieceHashes },
    { trackers: [[trackerUrl]], webSeeds: [], isPrivate: false },
  )
  const parsed = Parse.parse(file)
  assert(parsed.ok, "what was encoded here can be read")
  return { metainfo: parsed.value, content }
}

/** The torrent's files, and where in its content they begin. */
export const files = ({ files, geometry }: Metainfo): ReadonlyArray<{
  readonly path: string
  readonly bytes: number
  readonly offset: number
}> => files.map(({ bytes, path }, index) => ({ path, bytes, offset: geometry.files[index]!.offset }))
