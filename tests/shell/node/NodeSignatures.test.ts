import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as NodeSignatures from "../../../shell/node/NodeSignatures.ts"
import { Signatures } from "../../../shell/Signatures.ts"

const hex = (text: string): Bytes.Bytes => Bytes.fromHex(text)!

/** RFC 8032, section 7.1, tests 1 to 3. */
const VECTORS = [
  [
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "",
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  ],
  [
    "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "72",
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  ],
  [
    "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    "af82",
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  ],
] as const

describe("Ed25519", () => {
  it.effect.each(VECTORS)(
    "signs and verifies as RFC 8032 does: %s",
    ([seed, publicKey, message, signature]) =>
      Effect.gen(function* () {
        const signatures = yield* Signatures
        expect(Bytes.toHex(yield* signatures.publicKey(hex(seed)))).toBe(publicKey)
        expect(Bytes.toHex(yield* signatures.sign(hex(seed), hex(message)))).toBe(signature)
        expect(yield* signatures.verify(hex(publicKey), hex(signature), hex(message))).toBe(true)
        expect(yield* signatures.verify(hex(publicKey), hex(signature), hex(`${message}00`))).toBe(false)
      }).pipe(Effect.provide(NodeSignatures.layer)),
  )

  it.effect("makes keys that are different, and work", () =>
    Effect.gen(function* () {
      const { generate, publicKey, sign, verify } = yield* Signatures
      const [one, other] = [yield* generate, yield* generate]
      const message = Bytes.latin1("hello")
      const signature = yield* sign(one, message)
      expect(yield* verify(yield* publicKey(one), signature, message)).toBe(true)
      expect(yield* verify(yield* publicKey(other), signature, message)).toBe(false)
    }).pipe(Effect.provide(NodeSignatures.layer)))

  it.effect("takes rubbish for no signature", () =>
    Effect.gen(function* () {
      const { verify } = yield* Signatures
      const [, publicKey, message, signature] = VECTORS[1]
      for (const key of ["", publicKey.slice(2), "ff".repeat(32), "00".repeat(32)]) {
        expect(yield* verify(hex(key), hex(signature), hex(message))).toBe(false)
      }
      for (const bad of ["", signature.slice(2), "ff".repeat(64), `${signature}00`]) {
        expect(yield* verify(hex(publicKey), hex(bad), hex(message))).toBe(false)
      }
    }).pipe(Effect.provide(NodeSignatures.layer)))
})
