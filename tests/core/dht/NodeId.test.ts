import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as NodeId from "../../../core/dht/NodeId.ts"
import { hex } from "./Messages.ts"

const id = fc.uint8Array({ minLength: 20, maxLength: 20 })

/** How far two ids are apart, as BEP 5 has it. */
const distance = (a: Bytes.Bytes, b: Bytes.Bytes): bigint =>
  BigInt(`0x${Bytes.toHex(Uint8Array.from(a, (byte, i) => byte ^ b[i]!))}`)

/** Ids with a common beginning, since those that differ in the first byte already tell little. */
const ids = fc.tuple(id, id, id, fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20 }))
  .map(([target, a, b, sharedA, sharedB]) => {
    a.set(target.subarray(0, sharedA))
    b.set(target.subarray(0, sharedB))
    return [target, a, b] as const
  })

it.prop("compares by the exclusive or", [ids], ([[target, a, b]]) => {
  const difference = distance(target, a) - distance(target, b)
  expect(Math.sign(NodeId.compare(target, a, b))).toBe(difference < 0n ? -1 : difference > 0n ? 1 : 0)
})

it.prop("counts common bits", [ids], ([[target, a]]) => {
  const bits = distance(target, a).toString(2)
  expect(NodeId.commonBits(target, a)).toBe(bits === "0" ? 160 : 160 - bits.length)
  expect(NodeId.commonBits(a, a)).toBe(160)
})

it.prop(
  "finds an id in every bucket",
  [id, fc.integer({ min: 0, max: 160 }), fc.nat()],
  ([target, bits, seed]) => {
    const near = NodeId.near(target, bits, Rng.make(seed))
    expect(near.length).toBe(20)
    expect(near).not.toBe(target)
    expect(NodeId.commonBits(target, near)).toBe(bits)
  },
)

it("draws every bit that may be either", () => {
  const rng = Rng.make(1)
  const target = new Uint8Array(20)
  for (const bits of [0, 5, 8, 151]) {
    const or = new Uint8Array(20)
    const and = new Uint8Array(20).fill(255)
    for (let i = 0; i < 200; i++) {
      NodeId.near(target, bits, rng).forEach((byte, j) => {
        or[j]! |= byte
        and[j]! &= byte
      })
    }
    // The common bits are zeros, the next one a one, and all that follow have been both.
    const expected = (1n << BigInt(160 - bits)) - 1n
    expect(BigInt(`0x${Bytes.toHex(or)}`)).toBe(expected)
    expect(BigInt(`0x${Bytes.toHex(and)}`)).toBe(1n << BigInt(159 - bits))
  }
})

describe("ids that fit an address (BEP 42)", () => {
  // Its test vectors, whose ids are examples: 21 bits and the last byte are what matters.
  const VECTORS = [
    ["124.31.75.21", 1, "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"],
    ["21.75.31.124", 86, "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"],
    ["65.23.51.170", 22, "a5d43220bc8f112a3d426c84764f8c2a1150e616"],
    ["84.124.73.14", 65, "1b0321dd1bb1fe518101ceef99462b947a01ff41"],
    ["43.213.53.83", 90, "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"],
  ] as const

  it.each(VECTORS)("%s with %i", (host, rand, example) => {
    const expected = hex(example)
    expect(NodeId.isValidFor(expected, host)).toBe(true)
    expect(NodeId.isValidFor(expected, `::ffff:${host}`)).toBe(true)
    for (let seed = 0; seed < 20; seed++) {
      const made = NodeId.fromAddress(host, rand, Rng.make(seed))
      expect(NodeId.commonBits(made, expected)).toBeGreaterThanOrEqual(21)
      expect(made[19]).toBe(rand)
      expect(NodeId.isValidFor(made, host)).toBe(true)
    }
  })

  it.each(VECTORS)("%s with %i, every bit of it", (host, _, example) => {
    for (let bit = 0; bit < 160; bit++) {
      const changed = hex(example)
      changed[bit >> 3]! ^= 0x80 >> (bit & 7)
      // Only the low three bits of the last byte go into the checksum.
      const matters = bit < 21 || bit >= 157
      expect(NodeId.isValidFor(changed, host), `bit ${bit}`).toBe(!matters)
    }
  })

  it("take the address into account as coarsely as the BEP says", () => {
    const [host, , example] = VECTORS[0]
    const ip = [124, 31, 75, 21]
    const mask = [0x03, 0x0f, 0x3f, 0xff]
    expect(ip.join(".")).toBe(host)
    for (let bit = 0; bit < 32; bit++) {
      const changed = [...ip]
      changed[bit >> 3]! ^= 0x80 >> (bit & 7)
      const matters = (mask[bit >> 3]! & (0x80 >> (bit & 7))) !== 0
      expect(NodeId.isValidFor(hex(example), changed.join(".")), changed.join(".")).toBe(!matters)
    }
  })

  it("take the first half of an IPv6 address", () => {
    const made = NodeId.fromAddress("2001:db8:1:2:3:4:5:6", 7, Rng.make(1))
    expect(NodeId.isValidFor(made, "2001:db8:1:2::")).toBe(true)
    expect(NodeId.isValidFor(made, "2001:db8:1:3::")).toBe(false)
    // The CRC-32C of e0 01 05 08 00 01 00 02 is 1bf213fb, by another implementation.
    expect(NodeId.commonBits(made, hex("1bf213fb" + "00".repeat(16)))).toBeGreaterThanOrEqual(21)
    expect(NodeId.isValidFor(made, "1.2.3.4")).toBe(false)
  })

  it.each([
    "10.1.2.3",
    "172.16.0.1",
    "172.31.9.9",
    "192.168.1.1",
    "169.254.3.4",
    "127.0.0.1",
    "::1",
    "fe80::1",
    "fd00::1",
  ])(
    "are all ids at %s",
    (host) => expect(NodeId.isValidFor(hex("00".repeat(20)), host)).toBe(true),
  )

  it.each(["172.15.0.1", "172.32.0.1", "192.169.1.1", "11.0.0.1", "fec0::1", "::2", "a.example", ""])(
    "are not all ids at %s",
    (host) => expect(NodeId.isValidFor(hex("00".repeat(20)), host)).toBe(false),
  )

  it.prop(
    "are made for any address",
    [fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 0, max: 255 }), fc.nat()],
    ([host, rand, seed]) => {
      expect(NodeId.isValidFor(NodeId.fromAddress(host, rand, Rng.make(seed)), host)).toBe(true)
    },
  )

  it("are made for addresses only", () => {
    expect(() => NodeId.fromAddress("a.example", 1, Rng.make(1))).toThrow("IP literal")
  })
})
