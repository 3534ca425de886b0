import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as InfoHash from "../../../core/metainfo/InfoHash.ts"
import { MAX_MAGNET_LENGTH } from "../../../core/metainfo/Limits.ts"
import * as Magnet from "../../../core/metainfo/Magnet.ts"

const HASH = "cd".repeat(20)
const BASE = `magnet:?xt=urn:btih:${HASH}`

const must = (link: string): Magnet.Magnet => {
  const parsed = Magnet.parse(link)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

const reason = (link: string): string => {
  const parsed = Magnet.parse(link)
  return parsed.ok ? "ok" : parsed.error.reason
}

it("takes the first of several info-hashes, and says so", () => {
  const other = `urn:btih:${"ab".repeat(20)}`
  expect(must(`${BASE}&xt=urn:btih:${HASH}`).warnings).toEqual([])
  expect(must(`${BASE}&xt=${other}&xt.2=${other}`)).toMatchObject({
    infoHash: HASH,
    warnings: ["info-hashes after the first, ignored: 2"],
  })
})

describe("InfoHash", () => {
  it("reads both forms of either case", () => {
    expect(InfoHash.parse("CD".repeat(20))).toBe(HASH)
    expect(InfoHash.parse("MFRGCYTBMJQWEYLCMFRGCYTBMJQWEYLC")).toBe(
      "6162616261626162616261626162616261626162",
    )
    expect(InfoHash.parse("mfrgcytbmjqweylcmfrgcytbmjqweylc")).toBe(
      "6162616261626162616261626162616261626162",
    )
  })

  it.each([
    "",
    "cd".repeat(19),
    "z".repeat(40),
    "0".repeat(32),
    "1".repeat(32),
    "é".repeat(32),
    "cd".repeat(20) + "c",
  ])(
    "refuses %j",
    (text) => expect(InfoHash.parse(text)).toBeUndefined(),
  )

  it("goes to bytes and back", () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (bytes) => {
      expect(InfoHash.toBytes(InfoHash.fromBytes(bytes))).toEqual(bytes)
    }))
  })
})

describe("Magnet.parse", () => {
  it("reads all that a link can say", () => {
    expect(
      must(
        `${BASE}&dn=A+b%20c%2B&xl=1234&tr=udp%3A%2F%2Fa%3A1&tr.1=http://b/announce?x=1&ws=http://c/d e` +
          `&x.pe=127.0.0.1:43&x.pe=[::1]:45&x.pe=host.example:1&so=0,2,4,6-8&kt=x&xs=http://127.0.0.1/`,
      ),
    ).toEqual({
      infoHash: HASH,
      name: "A b c+",
      totalBytes: 1234,
      trackers: ["udp://a:1", "http://b/announce?x=1"],
      webSeeds: ["http://c/d%20e"],
      peers: [{ host: "127.0.0.1", port: 43 }, { host: "::1", port: 45 }, { host: "host.example", port: 1 }],
      select: [0, 2, 4, 6, 7, 8],
      warnings: [],
    })
  })

  it("recognises a version 2 hash, alone and beside the other", () => {
    const v2 = "ab".repeat(32)
    const alone = must(`magnet:?xt=urn:btmh:1220${v2.toUpperCase()}`)
    expect(alone).toMatchObject({ infoHashV2: v2 })
    expect(alone.infoHash).toBeUndefined()
    expect(must(`${BASE}&xt=urn:btmh:1220${v2}`)).toMatchObject({ infoHash: HASH, infoHashV2: v2 })
  })

  it.each([
    ["", "NotAMagnet"],
    ["http://x", "NotAMagnet"],
    ["magnet:", "NotAMagnet"],
    ["magnet:?", "MissingInfoHash"],
    ["magnet:?xt=blah&dn=foo", "MissingInfoHash"],
    ["magnet:?xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C", "MissingInfoHash"],
    [`magnet:?xt=urn:btih:${"c".repeat(39)}`, "BadInfoHash"],
    [`magnet:?xt=urn:btih:${"c".repeat(41)}`, "BadInfoHash"],
    [`magnet:?xt=urn:btih:${"z".repeat(40)}`, "BadInfoHash"],
    [`magnet:?xt=urn:btmh:1221${"cd".repeat(32)}`, "BadInfoHash"],
    [`magnet:?xt=urn:btmh:1220${"zz".repeat(32)}`, "BadInfoHash"],
    [`magnet:?xt=urn:btmh:1220${"c".repeat(63)}`, "BadInfoHash"],
    [`${BASE}&xt=urn:btih:`, "BadInfoHash"],
    ["magnet:?xt=urn%%3A", "BadEscape"],
    [BASE + "&".repeat(MAX_MAGNET_LENGTH), "TooLong"],
  ])("refuses %.80j: %s", (link, expected) => expect(reason(link)).toBe(expected))

  it.each([
    ["so=0-1000000000", undefined],
    ["so=-4", undefined],
    ["so=4-", undefined],
    ["so=0x10", undefined],
    ["so=", undefined],
    ["so=7-4,1", [1]],
    ["so=100000000,1", [1]],
    ["so=4,0,2,0-3", [0, 1, 2, 3, 4]],
    ["so=3&so=1", [1, 3]],
  ])("selects by %s", (parameter, expected) => {
    expect(must(`${BASE}&${parameter}`).select).toEqual(expected)
  })

  it("selects in time, however often ranges overlap", () => {
    const { select } = must(`${BASE}&so=${Array.from({ length: 20_000 }, () => "0-10000").join(",")}`)
    expect(select).toHaveLength(10_001)
  })

  it("caps trackers with a warning, and keeps each once", () => {
    const many = must(BASE + Array.from({ length: 2_000 }, (_, i) => `&tr=http://t${i}/a`).join(""))
    expect(many.trackers).toHaveLength(256)
    expect(many.warnings).toEqual(["trackers beyond the limit, ignored: 1744"])
    expect(must(`${BASE}&tr=http://a/&tr=http://a/`).trackers).toEqual(["http://a/"])
  })

  it("refuses web seeds that would read local files, and keeps the link", () => {
    const magnet = must(`${BASE}&ws=file:///etc/passwd`)
    expect(magnet.webSeeds).toEqual([])
    expect(magnet.warnings).toHaveLength(1)
  })

  it("returns for any text", () => {
    const part = fc.constantFrom(
      "magnet:?",
      "xt=",
      "urn:btih:",
      HASH,
      "&",
      "=",
      "%",
      "%41",
      "so=",
      "1-",
      "x.pe=",
      "[",
      "tr.1=",
      "é",
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(part).map((parts) => parts.join("")),
        ),
        (text) => {
          for (const link of [text, `${BASE}&${text}`]) {
            const parsed = Magnet.parse(link)
            if (parsed.ok) expect(parsed.value.infoHash ?? parsed.value.infoHashV2).toMatch(/^[0-9a-f]+$/)
            else expect(parsed.error._tag).toBe("MagnetError")
          }
        },
      ),
    )
  })
})

describe("Magnet.format", () => {
  it("writes a link as people know it", () => {
    expect(Magnet.format({ ...must(`${BASE}&dn=a b&so=8,0-2,4,5`), peers: [{ host: "::1", port: 2 }] }))
      .toBe(`${BASE}&dn=a%20b&x.pe=[::1]:2&so=0-2,4-5,8`)
  })

  it("is read back as what was written", () => {
    const url = fc.webUrl()
    const magnet = fc.record({
      infoHash: fc.uint8Array({ minLength: 20, maxLength: 20 }).map(InfoHash.fromBytes),
      name: fc.string({ unit: "grapheme", minLength: 1 }),
      totalBytes: fc.nat(),
      trackers: fc.uniqueArray(url),
      webSeeds: fc.uniqueArray(url),
      peers: fc.uniqueArray(fc.record({ host: fc.ipV4(), port: fc.integer({ min: 1, max: 65535 }) }), {
        selector: (peer) => `${peer.host}:${peer.port}`,
        maxLength: 20,
      }),
      select: fc.uniqueArray(fc.nat(10_000), { minLength: 1 }).map((list) => list.sort((a, b) => a - b)),
    })
    fc.assert(fc.property(magnet, (original) => {
      expect(must(Magnet.format(original))).toEqual({ ...original, warnings: [] })
    }))
  })

  it("writes hosts that need encoding so that they stay what they were", () => {
    const { peers } = must(`${BASE}&x.pe=a%26dn%3Db:1`)
    expect(peers).toEqual([{ host: "a&dn=b", port: 1 }])
    expect(must(Magnet.format({ ...must(BASE), peers })).peers).toEqual(peers)
  })
})
