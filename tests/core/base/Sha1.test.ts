import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { createHash } from "node:crypto"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import { sha1 } from "../../../core/base/Sha1.ts"

const native = (bytes: Uint8Array) => createHash("sha1").update(bytes).digest("hex")

describe("Sha1", () => {
  // FIPS 180-4, and the examples of NIST for it.
  it.each([
    ["", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
    ["abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
    ["abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"],
    ["a".repeat(1_000_000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"],
  ])("gives the published hash of %.10s", (text, expected) => {
    expect(Bytes.toHex(sha1(Bytes.latin1(text)))).toBe(expected)
  })

  it("pads every length around a chunk's end as it must", () => {
    const bytes = Rng.fill(Rng.make(1), new Uint8Array(200))
    for (let length = 0; length <= bytes.length; length++) {
      expect(Bytes.toHex(sha1(bytes.subarray(0, length)))).toBe(native(bytes.subarray(0, length)))
    }
  })

  it("hashes a view, not the buffer below it", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, start) => {
      expect(Bytes.toHex(sha1(bytes.subarray(start)))).toBe(native(bytes.subarray(start)))
    }))
  })

  it("hashes megabytes", () => {
    const bytes = Rng.fill(Rng.make(2), new Uint8Array(10_000_001))
    expect(Bytes.toHex(sha1(bytes))).toBe(native(bytes))
  })
})
