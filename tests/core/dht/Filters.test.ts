import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Filters from "../../../core/dht/Filters.ts"
import { hex } from "./Messages.ts"

/** BEP 33, "Test Vectors": the filter of 192.0.2.0 to 192.0.2.255 and 2001:DB8:: to 2001:DB8::3E7. */
const VECTOR = `
  F6C3F5EA A07FFD91 BDE89F77 7F26FB2B FF37BDB8 FB2BBAA2 FD3DDDE7 BACFFF75 EE7CCBAE
  FE5EEDB1 FBFAFF67 F6ABFF5E 43DDBCA3 FD9B9FFD F4FFD3E9 DFF12D1B DF59DB53 DBE9FA5B
  7FF3B8FD FCDE1AFB 8BEDD7BE 2F3EE71E BBBFE93B CDEEFE14 8246C2BC 5DBFF7E7 EFDCF24F
  D8DC7ADF FD8FFFDF DDFFF7A4 BBEEDF5C B95CE81F C7FCFF1F F4FFFFDF E5F7FDCB B7FD79B3
  FA1FC77B FE07FFF9 05B7B7FF C7FEFEFF E0B8370B B0CD3F5B 7F2BD93F EB4386CF DD6F7FD5
  BFAF2E9E BFFFFEEC D67ADBF7 C67F17EF D5D75EBA 6FFEBA7F FF47A91E B1BFBB53 E8ABFB57
  62ABE8FF 237279BF EFBFEEF5 FFC5FEBF DFE5ADFF ADFEE1FB 737FFFFB FD9F6AEF FEEE76B6
  FD8F72EF`

const four = Array.from({ length: 256 }, (_, i) => Uint8Array.of(192, 0, 2, i))
const six = Array.from({ length: 0x3e8 }, (_, i) => {
  const ip = new Uint8Array(16)
  ip.set([0x20, 0x01, 0x0d, 0xb8])
  ip.set([i >> 8, i & 255], 14)
  return ip
})

const filterOf = (ips: Iterable<Bytes.Bytes>): Bytes.Bytes => {
  const filter = Filters.make()
  for (const ip of ips) Filters.add(filter, ip)
  return filter
}

describe("the example of BEP 33", () => {
  it("is the same, bit by bit", () => {
    expect(Bytes.toHex(filterOf([...four, ...six]))).toBe(Bytes.toHex(hex(VECTOR)))
  })

  it("is the same from two nodes that know half of it each", () => {
    const filter = filterOf(six)
    Filters.join(filter, filterOf(four))
    expect(filter).toEqual(hex(VECTOR))
  })

  it("is estimated to have 1224.9308 addresses", () => {
    // It was cut there, not rounded.
    expect(Math.floor(Filters.estimate(hex(VECTOR)) * 1e4) / 1e4).toBe(1_224.9308)
  })

  it("has everybody who is in it, and few others", () => {
    const filter = filterOf(four)
    expect(four.every((ip) => Filters.has(filter, ip))).toBe(true)
    // 512 of 2048 bits at most, both of which have to be set.
    expect(six.filter((ip) => Filters.has(filter, ip)).length).toBeLessThan(six.length / 8)
  })
})

it("estimates the ends of its range", () => {
  expect(Filters.estimate(Filters.make())).toBe(0)
  expect(Filters.estimate(new Uint8Array(256).fill(255))).toBeCloseTo(7_805.5, 0)
})

const ips = fc.uniqueArray(fc.uint8Array({ minLength: 4, maxLength: 4 }), {
  selector: Bytes.toHex,
  maxLength: 300,
})

it.prop("estimates within its error, whatever the order and however often", [ips], ([ips]) => {
  const filter = filterOf(ips)
  expect(filterOf([...ips].reverse().concat(ips))).toEqual(filter)
  // Far beyond four times the standard error, which is below 7 for 300 addresses.
  expect(Math.abs(Filters.estimate(filter) - ips.length)).toBeLessThan(30)
})

it.prop(
  "sets what it says that an address sets",
  [fc.uint8Array({ minLength: 16, maxLength: 16 })],
  ([ip]) => {
    const filter = Filters.make()
    Filters.set(filter, Filters.bitsOf(ip))
    expect(filter).toEqual(filterOf([ip]))
  },
)
