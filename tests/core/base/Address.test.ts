import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { isIPv6 } from "node:net"
import * as Address from "../../../core/base/Address.ts"

describe("Address", () => {
  it.each([
    ["127.0.0.1:6881", { host: "127.0.0.1", port: 6881 }],
    ["[::1]:1", { host: "::1", port: 1 }],
    ["tracker.example:65535", { host: "tracker.example", port: 65535 }],
  ])("reads %s and writes it back", (text, address) => {
    expect(Address.parse(text)).toEqual(address)
    expect(Address.format(address)).toBe(text)
  })

  it.each([
    "",
    "host",
    "host:",
    ":80",
    "host:0",
    "host:65536",
    "host:-1",
    "host:1e3",
    "::1:80",
    "[::1]",
    "a b:1",
    "a/b:1",
  ])(
    "refuses %j",
    (text) => expect(Address.parse(text)).toBeUndefined(),
  )

  it("reads a compact IPv4 peer in the middle of others (BEP 23)", () => {
    const bytes = Uint8Array.of(0, 0, 97, 120, 106, 101, 0x2e, 0x75)
    expect(Address.fromCompact4(bytes, 2)).toEqual({ host: "97.120.106.101", port: 11893 })
  })

  // The examples of RFC 5952, sections 4.2 and 4.3.
  it.each([
    ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
    ["20010db8000000010001000100010001", "2001:db8:0:1:1:1:1:1"],
    ["20010000000000010000000000000001", "2001:0:0:1::1"],
    ["00000000000000000000000000000000", "::"],
    ["00000000000000000000000000000001", "::1"],
    ["00010000000000000000000000000000", "1::"],
    ["20010DB8AAAABBBBCCCCDDDDEEEEAAAA", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"],
  ])("writes IPv6 %s as %s", (hex, host) => {
    const bytes = Uint8Array.from([...Buffer.from(hex, "hex"), 0x1a, 0xe1])
    expect(Address.fromCompact6(bytes, 0)).toEqual({ host, port: 6881 })
  })

  it("writes an IPv4 address in IPv6 as IPv4, so that one peer is one host", () => {
    const bytes = Uint8Array.from([...Buffer.from("00000000000000000000ffff50010203", "hex"), 0x1a, 0xe1])
    expect(Address.fromCompact6(bytes, 0)).toEqual({ host: "80.1.2.3", port: 6881 })
    expect(Address.ipv6(bytes, 0)).toBe("::ffff:5001:203")
  })

  it("writes any other IPv6 address as one that can be read back", () => {
    const group = fc.oneof(fc.constant(0), fc.nat(0xffff))
    fc.assert(
      fc.property(
        fc.array(group, { minLength: 8, maxLength: 8 }),
        fc.integer({ min: 1, max: 65535 }),
        (groups, port) => {
          fc.pre(groups[5] !== 0xffff || groups.slice(0, 5).some((value) => value !== 0))
          const bytes = Uint8Array.from([...groups, port].flatMap((value) => [value >> 8, value & 255]))
          const address = Address.fromCompact6(bytes, 0)
          expect(isIPv6(address.host)).toBe(true)
          // The platform shortens to the same form, once it is a host of a URL.
          expect(new URL(`http://${Address.format(address)}/`).hostname).toBe(`[${address.host}]`)
          expect(Address.parse(Address.format(address))).toEqual(address)
        },
      ),
    )
  })

  it("is equal by both parts", () => {
    expect(Address.equals({ host: "a", port: 1 }, { host: "a", port: 1 })).toBe(true)
    expect(Address.equals({ host: "a", port: 1 }, { host: "b", port: 1 })).toBe(false)
    expect(Address.equals({ host: "a", port: 1 }, { host: "a", port: 2 })).toBe(false)
  })
})

it("tells the local network from the rest of the world", () => {
  const isLocal = (host: string): boolean => Address.isLocal({ host, port: 1 })
  const local =
    "127.0.0.1 localhost ::1 10.1.2.3 172.16.0.1 172.31.255.255 192.168.1.1 169.254.3.4 fd00::1 fcab::2 fe80::1"
  for (const host of local.split(" ")) expect(isLocal(host), host).toBe(true)
  const other =
    "80.4.4.4 11.0.0.1 172.15.0.1 172.32.0.1 192.169.0.1 1.10.0.1 2001:db8::1 fec0::1 ff02::1 10.example 192.168.example"
  for (const host of other.split(" ")) expect(isLocal(host), host).toBe(false)
})
