/** `Signatures` by the runtime's own cryptography. */
import { Buffer } from "node:buffer"
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from "node:crypto"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { assert } from "../../core/base/Assert.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import { SEED_BYTES, Signatures } from "../Signatures.ts"

/** What stands before the bare 32 bytes of a key in the forms that the runtime reads (RFC 8410, sections 4 and 7). */
const SPKI_HEAD = Bytes.fromHex("302a300506032b6570032100")!
const PKCS8_HEAD = Bytes.fromHex("302e020100300506032b657004220420")!

const PUBLIC_KEY_BYTES = 32
const SIGNATURE_BYTES = 64

const der = (head: Bytes.Bytes, key: Bytes.Bytes): Buffer => Buffer.from(Bytes.concat([head, key]))

const privateKey = (seed: Bytes.Bytes): KeyObject => {
  assert(seed.length === SEED_BYTES, "a seed has 32 bytes")
  return createPrivateKey({ key: der(PKCS8_HEAD, seed), format: "der", type: "pkcs8" })
}

const isSigned = (publicKey: Bytes.Bytes, signature: Bytes.Bytes, message: Bytes.Bytes): boolean => {
  if (publicKey.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  try {
    const key = createPublicKey({ key: der(SPKI_HEAD, publicKey), format: "der", type: "spki" })
    return verify(null, message, key, signature)
  } catch {
    // Bytes that are no point of the curve.
    return false
  }
}

/** A view of its own, since a `Buffer`'s `slice` makes no copy as everybody else's does. */
const plain = (buffer: Buffer): Bytes.Bytes => Uint8Array.from(buffer)

export const layer: Layer.Layer<Signatures> = Layer.succeed(Signatures, {
  verify: (publicKey, signature, message) => Effect.sync(() => isSigned(publicKey, signature, message)),
  generate: Effect.sync(() => plain(randomBytes(SEED_BYTES))),
  publicKey: (seed) =>
    Effect.sync(() => {
      const spki = createPublicKey(privateKey(seed)).export({ format: "der", type: "spki" })
      return plain(spki.subarray(SPKI_HEAD.length))
    }),
  sign: (seed, message) => Effect.sync(() => plain(sign(null, message, privateKey(seed)))),
})
