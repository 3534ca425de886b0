import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { createHash } from "node:crypto"
import { latin1, toHex } from "../../../core/base/Bytes.ts"
import * as Sha256 from "../../../core/base/Sha256.ts"

const native = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

describe("Sha256", () => {
  // FIPS 180-2, appendix B, and the empty message.
  it.each([
    ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    [
      "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
    ],
    ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
  ])("hashes %.60j", (text, expected) => expect(toHex(Sha256.sha256(latin1(text)))).toBe(expected))

  it("hashes every length around the borders of chunks", () => {
    for (let length = 0; length < 260; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7 + length)
      expect(toHex(Sha256.sha256(bytes))).toBe(native(bytes))
    }
  })

  it("gives the same however a message is cut, from a hasher that was used before", () => {
    const hasher = Sha256.make()
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 150 }), { maxLength: 8 }), (parts) => {
      for (const part of parts) Sha256.update(hasher, part)
      expect(toHex(Sha256.digest(hasher))).toBe(native(Uint8Array.from(parts.flatMap((part) => [...part]))))
    }))
  })

  it("writes a hash over the message that it is of", () => {
    const hasher = Sha256.make()
    const bytes = latin1("x".repeat(70))
    Sha256.update(hasher, bytes)
    Sha256.digestInto(hasher, bytes, 38)
    expect(toHex(bytes.subarray(38))).toBe(native(latin1("x".repeat(70))))
    expect(bytes.subarray(0, 38)).toEqual(latin1("x".repeat(38)))
  })
})
