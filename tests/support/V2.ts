/** Torrents of version 2 for tests, made here with their hash trees, apart from shoal's own on purpose. */
import { createHash } from "node:crypto"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Encode from "../../core/bencode/Encode.ts"

export type Fields = { readonly [key: string]: Encode.Encodable | undefined }

const BLOCK = 16_384

const sha256 = (...parts: ReadonlyArray<Uint8Array>): Uint8Array =>
  new Uint8Array(createHash("sha256").update(Bytes.concat(parts)).digest())

/** The content of a file that is never on a disk: `bytes` times the byte `fill`. */
export const content = (bytes: number, fill: number): Uint8Array => new Uint8Array(bytes).fill(fill)

/** The whole tree, from the leaves, filled up to a power of two with zeros, to the root: by BEP 52's own words. */
const tree = (bytes: Uint8Array): ReadonlyArray<ReadonlyArray<Uint8Array>> => {
  let nodes: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += BLOCK) nodes.push(sha256(bytes.subarray(at, at + BLOCK)))
  while (!Number.isInteger(Math.log2(nodes.length))) nodes.push(new Uint8Array(32))
  const layers = [nodes]
  while (nodes.length > 1) {
    nodes = Array.from({ length: nodes.length / 2 }, (_, i) => sha256(nodes[2 * i]!, nodes[2 * i + 1]!))
    layers.push(nodes)
  }
  return layers
}

export const root = (bytes: Uint8Array): Uint8Array => tree(bytes).at(-1)![0]!

/** One hash a piece, without those that cover nothing of the file. */
export const layer = (bytes: Uint8Array, pieceBytes: number): Uint8Array =>
  Bytes.concat(
    tree(bytes)[Math.log2(pieceBytes / BLOCK)]!.slice(0, Math.ceil(bytes.length / pieceBytes)),
  )

/** What stands under the empty key of a file. */
export const properties = (bytes: Uint8Array, more: Fields = {}): Fields => ({
  length: bytes.length,
  "pieces root": bytes.length > 0 ? root(bytes) : undefined,
  ...more,
})

export const file = (bytes: Uint8Array, more: Fields = {}): Encode.Encodable => ({
  "": properties(bytes, more),
})

/** Of a file of 100,000 bytes, of more than one piece. */
export const LARGE = content(100_000, 1)
export const SMALL = content(10, 2)
export const PIECE = 32_768

/** The `piece layers` of these contents. */
export const layers = (...contents: ReadonlyArray<Uint8Array>): ReadonlyMap<string, Encode.Encodable> =>
  new Map(contents.map((bytes) => [Bytes.toLatin1(root(bytes)), layer(bytes, PIECE)]))

export const TREE: Fields = { large: file(LARGE), small: file(SMALL) }

export const INFO: Fields = { "file tree": TREE, "meta version": 2, name: "t", "piece length": PIECE }

/** A torrent of version 2 alone, of `large` and `small` below `t`, with these fields instead; `undefined` takes one away. */
export const torrent = (info: Fields = {}, top: Fields = {}): Uint8Array =>
  Encode.encode({ info: { ...INFO, ...info }, "piece layers": layers(LARGE), ...top })

/** The fields of version 1 that go with {@link TREE}: padded, so that `small` begins with a piece of its own. */
export const V1: Fields = {
  files: [
    { length: LARGE.length, path: ["large"] },
    { attr: "p", length: 4 * PIECE - LARGE.length, path: [".pad", "31072"] },
    { length: SMALL.length, path: ["small"] },
  ],
  pieces: new Uint8Array(5 * 20).fill(7),
}
