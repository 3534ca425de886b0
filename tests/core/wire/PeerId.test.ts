import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as PeerId from "../../../core/wire/PeerId.ts"

describe("make", () => {
  it("gives a name of ours and twelve characters of the random bytes", () => {
    const bytes = Uint8Array.of(0, 1, 9, 10, 35, 36, 61, 62, 63, 64, 255, 128, 200)
    expect(Bytes.toLatin1(PeerId.make(bytes))).toBe("-SH0100-019AZaz._0_0")
    expect(PeerId.clientName(PeerId.make(bytes))).toBe("shoal 0.1.0")
  })

  it("keeps six bits of each random byte", () => {
    const ids = new Set<string>()
    for (let i = 0; i < 256; i++) ids.add(Bytes.toHex(PeerId.make(new Uint8Array(12).fill(i))))
    expect(ids.size).toBe(64)
  })

  it("crashes rather than repeat itself for want of random bytes", () => {
    expect(() => PeerId.make(new Uint8Array(11))).toThrow("12 random bytes")
  })
})

describe("clientName", () => {
  it.each([
    // Azureus style (BEP 20)
    ["-qB4250-scysDI_JuVN3", "qBittorrent 4.2.5"],
    ["-TR300Z-w4bd4mkebkbi", "Transmission 3.00+"],
    ["-TR2940-k8hj0wgej6ch", "Transmission 2.94"],
    ["-TR0072-............", "Transmission 0.72"],
    ["-TR0006-............", "Transmission 0.6"],
    ["-TR4000-............", "Transmission 4.0.0"],
    ["-TR4Az0-............", "Transmission 4.10.61"],
    ["-LT20B0-............", "libtorrent 2.0.11"],
    ["-lt0D80-............", "rTorrent 0.13.8"],
    ["-DE13F0-............", "Deluge 1.3.15"],
    ["-DE2101-............", "Deluge 2.1.0.1"],
    ["-UT341\0-............", "µTorrent 3.4.1"],
    ["-UT7a5\0-............", "µTorrent 7.10.5"],
    ["-UT3450-............", "µTorrent 3.4.5"],
    ["-UM1860-............", "µTorrent Mac 1.8.6"],
    ["-BT7950-............", "BitTorrent 7.9.5"],
    ["-BC0241-............", "BitComet 2.41"],
    ["-BC0107-............", "BitComet 1.07"],
    ["-BI2300-............", "BiglyBT 2.3.0"],
    ["-AZ8421-............", "Vuze 8.4.2.1"],
    ["-WW0205-............", "WebTorrent 2.5"],
    ["-rQ0001-............", "rqbit 0.0.0.1"],
    ["-KT\xff\x001-............", "KTorrent"],
    ["-TR\xff\x001-............", "Transmission"],
    // Dashes between the parts
    ["A2-1-36-0-..........", "aria2 1.36.0"],
    ["M7-10-5--...........", "BitTorrent 7.10.5"],
    ["Q1-23-4-............", "Queen Bee 1.23.4"],
    // Shadow's style
    ["S58B-----...........", "Shadow 5.8.11"],
    ["T03I--00gu6NT8Zq37MB", "BitTornado 0.3.18"],
    ["A310--001v5Gysr4NxNK", "ABC 3.1.0"],
    // Unknown
    ["-XX1234-............", "-XX1234-"],
    ["-IIO\x10\x2d\x04-............", "-IIO.-.-"],
    ["\x1b[2J\r\nboom!.........", ".[2J..bo"],
    ["\0".repeat(20), "unknown"],
    ["\x9b".repeat(20), "unknown"],
    ["        abcdefghijkl", "unknown"],
  ])("%j is %s", (id, name) => {
    expect(PeerId.clientName(Bytes.latin1(id))).toBe(name)
  })

  it.prop("is short and printable for any bytes", [
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.tuple(
        fc.constantFrom("-TR", "-qB", "-WW", "-BC", "A2-", "M", "S", "T0"),
        fc.uint8Array({ maxLength: 17 }),
      )
        .map(([start, rest]) => Bytes.concat([Bytes.latin1(start), rest])),
      fc.stringMatching(/^(A2-|M|Q)\d{1,4}-\d{1,4}-\d{1,4}-$/).map(Bytes.latin1),
    ),
  ], ([id]) => {
    const name = PeerId.clientName(id)
    expect(name).toMatch(/^[\x20-\x7eµ]+$/)
    expect(name.length).toBeLessThanOrEqual(48)
    // As a part of a version: an unknown id is shown as it is, and may have "-1" in it.
    expect(name).not.toMatch(/NaN|undefined| (\d+\.)*-1/)
  })
})
