/**
 * What the torrent of a simulated swarm contains, in one of two ways that the peers cannot tell apart.
 *
 *      shared    all right payload is a view of one buffer, all wrong payload of another: a byte is known by its place
 *      full      a byte is a function of the seed and of where it stands, and SHA-1 is really computed
 */
import { type Bytes, empty, toHex } from "../base/Bytes.ts"
import * as Rng from "../base/Rng.ts"
import { HASH_BYTES, sha1 } from "../base/Sha1.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type { InfoHash, Metainfo } from "../metainfo/Metainfo.ts"
import * as Message from "../wire/Message.ts"
import * as Chance from "./Chance.ts"
import type { Scenario } from "./Scenario.ts"

export interface Content {
  readonly metainfo: Metainfo
  readonly isShared: boolean
  readonly seed: number
  /** Shared: views of right and of wrong payload by length, made once. */
  readonly right: Payload
  readonly wrong: Payload
}

interface Payload {
  readonly buffer: ArrayBuffer
  readonly block: Bytes
  readonly views: Map<number, Bytes>
}

/** The tracker that simulated torrents name; nobody looks the name up. */
export const TRACKER_URL = "http://tracker.invalid/announce"

/** The first byte of a digest says in shared mode whether what it is of is right. */
const RIGHT_MARK = 0
const WRONG_MARK = 255

export const make = ({ payload, pieceBytes, seed, sizeBytes }: Scenario): Content => {
  const geometry = Geometry.make(pieceBytes, [sizeBytes])
  const contentSeed = Rng.next(Chance.stream(seed, "content"))
  const isShared = payload === "shared"
  const pieceHashes = new Uint8Array(geometry.pieceCount * HASH_BYTES)
  for (const piece of Geometry.pieces(geometry)) {
    const hash = isShared
      ? sign(new Uint8Array(HASH_BYTES), RIGHT_MARK, piece)
      : sha1(bytesOf(contentSeed, geometry, piece, 0, Geometry.pieceLength(geometry, piece), true))
    pieceHashes.set(hash, piece * HASH_BYTES)
  }
  const infoHashBytes = sha1(sign(new Uint8Array(HASH_BYTES), WRONG_MARK, contentSeed))
  // Frozen: shared by all clients and their forks.
  const metainfo: Metainfo = Object.freeze({
    infoHash: toHex(infoHashBytes) as InfoHash,
    infoHashBytes,
    infoBytes: empty,
    name: "simulated",
    files: [{ path: "simulated", bytes: sizeBytes, isPadding: false }],
    geometry,
    pieceHashes,
    isPrivate: false,
    trackers: [[TRACKER_URL]],
    webSeeds: [],
    warnings: [],
  })
  return { metainfo, isShared, seed: contentSeed, right: makePayload(), wrong: makePayload() }
}

const makePayload = (): Payload => {
  const buffer = new ArrayBuffer(Message.MAX_BLOCK_BYTES)
  return { buffer, block: new Uint8Array(buffer, 0, Geometry.BLOCK_BYTES), views: new Map() }
}

/** Bytes of a piece as they are, or as they are not: wrong from the first to the last. */
export const payload = (
  content: Content,
  piece: Geometry.PieceIndex,
  begin: number,
  length: number,
  isRight: boolean,
): Bytes => {
  if (!content.isShared) {
    return bytesOf(content.seed, content.metainfo.geometry, piece, begin, length, isRight)
  }
  const { block, buffer, views } = isRight ? content.right : content.wrong
  if (length === Geometry.BLOCK_BYTES) return block
  let view = views.get(length)
  if (view === undefined) {
    view = new Uint8Array(buffer, 0, length)
    views.set(length, view)
  }
  return view
}

/** Shared mode: whether payload, as {@link payload} gave it, is wrong. */
export const isWrong = (content: Content, bytes: Bytes): boolean => bytes.buffer === content.wrong.buffer

/** Shared mode: the SHA-1, as it were, of a piece that is right or wrong. */
export const pieceDigest = (content: Content, piece: Geometry.PieceIndex, isRight: boolean): Bytes =>
  isRight
    ? content.metainfo.pieceHashes.subarray(piece * HASH_BYTES, (piece + 1) * HASH_BYTES)
    : sign(new Uint8Array(HASH_BYTES), WRONG_MARK, piece)

/** Shared mode: writes the digest of one block at `at`. */
export const blockDigest = (digests: Bytes, at: number, block: number, isRight: boolean): void => {
  sign(digests.subarray(at, at + HASH_BYTES), isRight ? RIGHT_MARK : WRONG_MARK, block)
}

const sign = (digest: Bytes, mark: number, value: number): Bytes => {
  digest[0] = mark
  digest[1] = value >>> 24
  digest[2] = value >>> 16
  digest[3] = value >>> 8
  digest[4] = value
  return digest
}

const bytesOf = (
  seed: number,
  geometry: Geometry.Geometry,
  piece: Geometry.PieceIndex,
  begin: number,
  length: number,
  isRight: boolean,
): Bytes => {
  const bytes = new Uint8Array(length)
  const offset = Geometry.pieceOffset(geometry, piece) + begin
  const spoil = isRight ? 0 : 0xff
  for (let i = 0; i < length; i++) {
    const place = offset + i
    bytes[i] = (Math.imul((place ^ seed) | 1, 0x9e3779b1) >>> 13) ^ (place >>> 5) ^ spoil
  }
  return bytes
}
