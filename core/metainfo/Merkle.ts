/**
 * The hash trees of version 2 (BEP 52): the leaves are the SHA-256 of a file's blocks of 16 KiB, filled up with zeros to
 * a power of two, and each node above is that of its two children. The root is in `info`; one layer, beside it.
 */
import { assert } from "../base/Assert.ts"
import { type Bytes } from "../base/Bytes.ts"
import * as Sha256 from "../base/Sha256.ts"
import { BLOCK_BYTES } from "./Geometry.ts"

const { HASH_BYTES } = Sha256

/**
 * The root above a layer of hashes, 32 bytes each, of which one covers `hashBytes` of the file: a power of two of at
 * least 16 KiB. What the layer lacks to a power of two are trees over leaves of zeros. At least one hash.
 */
export const rootAbove = (layer: Bytes, hashBytes: number): Bytes => {
  assert(layer.length > 0 && layer.length % HASH_BYTES === 0, "a layer has whole hashes")
  const hasher = Sha256.make()
  const pad = new Uint8Array(HASH_BYTES)
  const raisePad = () => {
    Sha256.update(hasher, pad)
    Sha256.update(hasher, pad)
    Sha256.digestInto(hasher, pad, 0)
  }
  for (let bytes = BLOCK_BYTES; bytes < hashBytes; bytes *= 2) raisePad()

  // Each layer takes the place of the one below it, with room for the hash that makes its number even.
  const nodes = new Uint8Array(layer.length + HASH_BYTES)
  nodes.set(layer)
  let count = layer.length / HASH_BYTES
  while (count > 1) {
    if (count % 2 === 1) nodes.set(pad, count++ * HASH_BYTES)
    count /= 2
    for (let i = 0; i < count; i++) {
      Sha256.update(hasher, nodes.subarray(2 * i * HASH_BYTES, 2 * (i + 1) * HASH_BYTES))
      Sha256.digestInto(hasher, nodes, i * HASH_BYTES)
    }
    raisePad()
  }
  return nodes.slice(0, HASH_BYTES)
}
