import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import { crc32c } from "../../../core/base/Crc32c.ts"
import * as IpBytes from "../../../core/base/IpBytes.ts"
import * as PeerPriority from "../../../core/torrent/PeerPriority.ts"

const end = (host: string, port = 6_881): PeerPriority.End => ({ ip: IpBytes.fromText(host)!, port })

describe("canonical peer priority (BEP 40)", () => {
  it.each([
    // The examples of the BEP itself.
    ["123.213.32.10", "98.76.54.32", 0xec2d7224],
    ["123.213.32.10", "123.213.32.234", 0x99568189],
  ])("of %s and %s", (a, b, priority) => {
    expect(PeerPriority.of(end(a), end(b))).toBe(priority)
    expect(PeerPriority.of(end(b), end(a))).toBe(priority)
  })

  // What is hashed: the buffers of libtorrent's test for IPv4, those of the BEP's masks for IPv6.
  it.each([
    ["230.12.123.1", "230.12.123.3", "e60c7b01e60c7b03"],
    ["230.12.23.1", "230.12.123.3", "e60c1701e60c7b01"],
    ["230.120.23.1", "230.12.123.3", "e60c5101e6781501"],
    [
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "0:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "0000ffffffff55555555555555555555" + "ffffffffffff55555555555555555555",
    ],
    [
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "ffff:ffff:ffff:00ff:ffff:ffff:ffff:ffff",
      "ffffffffffff00555555555555555555" + "ffffffffffffff555555555555555555",
    ],
    [
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "ffff:ffff:ffff:ff00:ffff:ffff:ffff:ffff",
      "ffffffffffffff005555555555555555" + "ffffffffffffffff5555555555555555",
    ],
    [
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
      "fffffffffffffffffffffffffffffffe" + "ffffffffffffffffffffffffffffffff",
    ],
  ])("of %s and %s", (a, b, buffer) => {
    expect(PeerPriority.of(end(a), end(b))).toBe(crc32c(Bytes.fromHex(buffer)!))
  })

  it("goes by the ports of one address", () => {
    expect(PeerPriority.of(end("80.1.1.1", 1_234), end("80.1.1.1", 300))).toBe(
      crc32c(Bytes.fromHex("012c04d2")!),
    )
  })

  it.prop("is the same at both ends", [
    fc.tuple(fc.ipV4(), fc.ipV4()),
    fc.tuple(fc.nat(65_535), fc.nat(65_535)),
  ], ([[a, b], [p, q]]) => {
    expect(PeerPriority.of(end(a, p), end(b, q))).toBe(PeerPriority.of(end(b, q), end(a, p)))
  })
})

describe("of an address, from where we are", () => {
  const self = { ipv4: IpBytes.fromText("123.213.32.10"), ipv6: undefined, port: 6_881 }

  it("is that of the family's own address", () => {
    expect(PeerPriority.between(self, { host: "98.76.54.32", port: 1 })).toBe(0xec2d7224)
  })

  it.each(["2001:db8::1", "example.org"])("isn't known of %s", (host) => {
    expect(PeerPriority.between(self, { host, port: 6_881 })).toBeUndefined()
  })
})
