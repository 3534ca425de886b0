import { describe, expect, it } from "vitest"
import { toHex } from "../../../core/base/Bytes.ts"
import * as SipHash from "../../../core/base/SipHash.ts"

const count = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i)

describe("SipHash-2-4", () => {
  // From the reference implementation: key 00 01 … 0f, messages 00 01 … of each length from 0.
  it.each([
    "310e0edd47db6f72",
    "fd67dc93c539f874",
    "5a4fa9d909806c0d",
    "2d7efbd796666785",
    "b7877127e09427cf",
    "8da699cd64557618",
    "cee3fe586e46c9cb",
    "37d1018bf50002ab",
    "6224939a79f5f593",
    "b0e4a90bdf82009e",
    "f3b9dd94c5bb5d7a",
    "a7ad6b22462fb3f4",
    "fbe50e86bc8f1e75",
    "903d84c02756ea14",
    "eef27a8e90ca23f7",
    "e545be4961ca29a1",
  ].map((hash, length) => [length, hash]))("of %i bytes is %s", (length, hash) => {
    expect(toHex(SipHash.sipHash24(count(16), count(Number(length))))).toBe(hash)
  })

  it("takes a view that starts anywhere in its buffer", () => {
    const shifted = new Uint8Array(30)
    shifted.set(count(15), 7)
    expect(toHex(SipHash.sipHash24(count(16), shifted.subarray(7, 22)))).toBe("e545be4961ca29a1")
  })

  it("is an assertion failure with a key of another length", () => {
    expect(() => SipHash.sipHash24(count(15), count(1))).toThrow("16 bytes")
  })
})

describe("HalfSipHash-1-3", () => {
  // From the test vectors of the Linux kernel, those of whole words: the same key and messages.
  it.each([
    [0, 0x5814c896],
    [1, 0x7e059ea6],
    [2, 0x577999b1],
    [3, 0x6b28096c],
    [4, 0x8b31d501],
    [5, 0x911bb605],
  ])("of %i words", (words, hash) => {
    const view = new DataView(count(64).buffer)
    const message = Int32Array.from({ length: 16 }, (_, i) => view.getInt32(i * 4, true))
    expect(SipHash.halfSipHash13(0x03020100, 0x07060504, message, words) >>> 0).toBe(hash)
  })
})
