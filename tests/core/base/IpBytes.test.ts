import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Address from "../../../core/base/Address.ts"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as IpBytes from "../../../core/base/IpBytes.ts"

const hex = (bytes: Bytes.Bytes | undefined) => bytes === undefined ? undefined : Bytes.toHex(bytes)

describe("IP addresses as bytes", () => {
  it.each([
    ["80.1.2.3", "50010203"],
    ["2001:db8::1", "20010db8000000000000000000000001"],
    ["::ffff:80.1.2.3", "50010203"],
    ["::ffff:5001:203", "50010203"],
    ["::1", "00000000000000000000000000000001"],
    ["[::1]", undefined],
    ["example.org", undefined],
    ["80.1.2", undefined],
    ["", undefined],
  ])("%s is %s", (text, bytes) => expect(hex(IpBytes.fromText(text))).toBe(bytes))

  it("are 6 or 18 with a port, which no name has (BEP 23, BEP 7)", () => {
    expect(hex(IpBytes.compact({ host: "80.1.2.3", port: 6_881 }))).toBe("500102031ae1")
    expect(hex(IpBytes.compact({ host: "::1", port: 65_535 }))).toBe("00".repeat(15) + "01ffff")
    expect(IpBytes.compact({ host: "example.org", port: 6_881 })).toBeUndefined()
  })
})

describe("on this machine or its local network", () => {
  it.each([
    "127.0.0.1",
    "127.255.255.255",
    "10.0.0.1",
    "10.255.255.255",
    "192.168.0.1",
    "169.254.1.1",
    "172.16.0.1",
    "172.31.255.255",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "febf::1",
  ])("%s is", (text) => expect(IpBytes.isLocal(IpBytes.fromText(text)!)).toBe(true))

  it.each([
    "126.255.255.255",
    "128.0.0.1",
    "9.255.255.255",
    "11.0.0.1",
    "192.167.255.255",
    "192.169.0.1",
    "169.253.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "80.1.2.3",
    "::",
    "::2",
    "1::1",
    "fbff::1",
    "fe00::1",
    "fe7f::1",
    "fec0::1",
    "2001:db8::1",
  ])("%s is not", (text) => expect(IpBytes.isLocal(IpBytes.fromText(text)!)).toBe(false))

  it.prop("as the text of the address says, with or without a port behind it", [
    fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
    fc.constantFrom(0, 0x0a, 0x7f, 0xa9, 0xac, 0xc0, 0xfc, 0xfd, 0xfe),
    fc.constantFrom(0, 0x10, 0x1f, 0x20, 0x80, 0xa8, 0xbf, 0xfe),
  ], ([bytes, first, second]) => {
    bytes.set([first, second])
    const ip = IpBytes.unmapped(bytes)
    const expected = Address.isLocal({ host: IpBytes.toText(ip), port: 1 })
    expect(IpBytes.isLocal(ip)).toBe(expected)
    expect(IpBytes.isLocal(Bytes.concat([ip, Uint8Array.of(1, 2)]))).toBe(expected)
  })
})

it.prop("what is written is read back", [
  fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
  fc.nat(65_535),
], ([bytes, port]) => {
  const ip = IpBytes.unmapped(bytes)
  const host = IpBytes.toText(ip)
  expect(IpBytes.fromText(host)).toEqual(ip)
  const compact = IpBytes.compact({ host, port })!
  const read = ip.length === 4 ? Address.fromCompact4 : Address.fromCompact6
  expect(read(compact, 0)).toEqual({ host, port })
})
