/** Bad inputs 41 to 45: magnet links, and the addresses in them and in torrents. */
import { posix } from "node:path"
import { expect, vi } from "vitest"
import * as Limits from "../../core/metainfo/Limits.ts"
import * as Magnet from "../../core/metainfo/Magnet.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import { row } from "./Row.ts"
import { accepted, single, within } from "./Torrent.ts"

vi.setConfig({ testTimeout: 60_000 })

const HASH = "cd".repeat(20)
const V2 = "cd".repeat(32)

const reason = (link: string): string => {
  const parsed = Magnet.parse(link)
  if (parsed.ok) return "ok"
  expect(parsed.error._tag).toBe("MagnetError")
  return parsed.error.reason
}
/** A link to a torrent, with these parameters besides. */
const link = (parameters: string) => {
  const parsed = Magnet.parse(`magnet:?xt=urn:btih:${HASH}&${parameters}`)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

for (
  const [what, text, expected] of [
    ["no xt", "magnet:?dn=foo", "MissingInfoHash"],
    ["nothing at all", "magnet:?", "MissingInfoHash"],
    ["a topic of another network", "magnet:?xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C", "MissingInfoHash"],
    ["39 digits", `magnet:?xt=urn:btih:${HASH.slice(1)}`, "BadInfoHash"],
    ["41 digits", `magnet:?xt=urn:btih:${HASH}0`, "BadInfoHash"],
    ["no digits", "magnet:?xt=urn:btih:", "BadInfoHash"],
    ["40 x z", `magnet:?xt=urn:btih:${"z".repeat(40)}`, "BadInfoHash"],
    ["base32 of 31", `magnet:?xt=urn:btih:${"A".repeat(31)}`, "BadInfoHash"],
    ["base32 with 0, 1 and 8", `magnet:?xt=urn:btih:${"018A".repeat(8)}`, "BadInfoHash"],
    ["digits that only look so", `magnet:?xt=urn:btih:${"\uff10".repeat(40)}`, "BadInfoHash"],
    ["a line break after the digits", `magnet:?xt=urn:btih:${HASH}%0a`, "BadInfoHash"],
    ["a multihash 1221", `magnet:?xt=urn:btmh:1221${V2}`, "BadInfoHash"],
    ["a multihash of 62 digits", `magnet:?xt=urn:btmh:1220${V2.slice(2)}`, "BadInfoHash"],
    ["a multihash of an odd number", `magnet:?xt=urn:btmh:1220${V2.slice(1)}`, "BadInfoHash"],
    ["64 x z", `magnet:?xt=urn:btmh:1220${"z".repeat(64)}`, "BadInfoHash"],
    ["a bad one beside a good one", `magnet:?xt=urn:btih:${HASH}&xt=urn:btmh:1221${V2}`, "BadInfoHash"],
    ["% without digits", "magnet:?xt=urn%%3A", "BadEscape"],
    ["% at the end", `magnet:?xt=urn:btih:${HASH}%`, "BadEscape"],
    ["another scheme", `http:?xt=urn:btih:${HASH}`, "NotAMagnet"],
    ["a megabyte", `magnet:?xt=urn:btih:${HASH}&dn=${"x".repeat(1_000_000)}`, "TooLong"],
  ] as const
) {
  row(41, `${what} -> ${expected}`, () => expect(reason(text)).toBe(expected))
}

row(42, "2,000 trackers -> 256, and a warning of the others", () => {
  const trackers = Array.from({ length: 2_000 }, (_, i) => `tr=udp://tracker${i}.example:80`).join("&")
  const magnet = link(trackers)
  expect(magnet.trackers).toHaveLength(Limits.MAX_TRACKERS)
  expect(magnet.warnings).toEqual(["trackers beyond the limit, ignored: 1744"])
})
row(42, "as many of each parameter as fit -> caps and warnings, in linear time", () => {
  const most = (parameter: (i: number) => string) => {
    let text = parameter(0)
    for (let i = 1; text.length < Limits.MAX_MAGNET_LENGTH - 200; i++) text += `&${parameter(i)}`
    return within(2_000, () => link(text))
  }
  expect(most((i) => `ws=http://${i}.example/`).webSeeds).toHaveLength(Limits.MAX_WEB_SEEDS)
  expect(most((i) => `x.pe=192.0.2.1:${i % 65_535 + 1}`).peers).toHaveLength(Limits.MAX_ADDRESSES)
  expect(most(() => "so=0-10000").select).toHaveLength(Limits.MAX_SELECT_INDEX + 1)
  expect(most(() => "&").warnings).toEqual([])
  expect(most((i) => `xt=urn:btih:${String(i).padStart(40, "0")}`).infoHash).toBe(HASH)
})
row(
  42,
  "a torrent of 100,000 trackers, web seeds and nodes, of URLs of a megabyte -> caps and warnings",
  () => {
    const urls = (scheme: string) =>
      Array.from({ length: 100_000 }, (_, i) => `${scheme}://${i}.example/announce`)
    const torrent = within(3_000, () =>
      accepted(single({}, {
        "announce-list": urls("udp").map((url) => [url]),
        "url-list": urls("http"),
        httpseeds: ["http://a.example", `http://b.example/${"x".repeat(1_000_000)}`],
        nodes: Array.from({ length: 100_000 }, () => ["http://no.host", 1]),
      })))
    expect(torrent.trackers).toHaveLength(Limits.MAX_TRACKERS)
    expect(torrent.webSeeds).toHaveLength(Limits.MAX_WEB_SEEDS)
    expect(torrent.httpSeeds).toEqual(["http://a.example"])
    expect(torrent.nodes).toBeUndefined()
    expect(torrent.warnings).toEqual([
      "trackers ignored, beyond the limit: 99744",
      "web seeds ignored, beyond the limit: 99744",
      "web seeds ignored, URL over 8192 bytes: 1",
    ])
  },
)

for (const so of ["0-1000000000", "100000000", "-4", "4-", "4-2", "a", "", "1.5", "0x1", "9".repeat(400)]) {
  row(43, `so=${so.slice(0, 20)} -> ignored with a warning`, () => {
    const magnet = link(`so=${so}`)
    expect(magnet.select).toBeUndefined()
    expect(magnet.warnings).toEqual(["parts of the file selection that make no sense, ignored: 1"])
  })
}
row(43, "so=1,0-1000000000,3 -> what makes sense of it", () => {
  expect(link("so=1,0-1000000000,3").select).toEqual([1, 3])
})

row(44, "dn=../../etc/passwd -> shown as it is, and no part of any path", () => {
  const magnet = link("dn=..%2F..%2Fetc%2Fpasswd")
  expect(magnet.name).toBe("../../etc/passwd")
  // The name on the disk is that of the metadata, which the info-hash vouches for.
  const known = { trackers: [magnet.trackers], webSeeds: magnet.webSeeds }
  const parsed = Parse.parseInfo(accepted(single({ name: "real" })).infoBytes, known)
  expect(parsed.ok && parsed.value.name).toBe("real")
  expect(parsed.ok && posix.resolve("/downloads", parsed.value.files[0]!.path)).toBe("/downloads/real")
})

for (
  const url of [
    "file:///etc/passwd",
    "ftp://192.0.2.1/a",
    "javascript:alert(1)",
    "data:text/plain,a",
    "//example.com/a",
    "/etc/passwd",
    "http:",
    "http://",
    "unix:/run/docker.sock",
  ]
) {
  row(45, `a web seed at ${url} -> refused with a warning, from a link and from a torrent`, () => {
    const magnet = link(`ws=${encodeURIComponent(url)}`)
    expect(magnet.webSeeds).toEqual([])
    expect(magnet.warnings).toEqual(["web seeds that are neither HTTP nor HTTPS, ignored: 1"])
    const torrent = accepted(single({}, { "url-list": [url], httpseeds: [url] }))
    expect(torrent.webSeeds).toEqual([])
    expect(torrent.httpSeeds).toBeUndefined()
    expect(torrent.warnings).toEqual(new Array(2).fill("web seeds ignored, neither HTTP nor HTTPS: 1"))
  })
}
row(45, "xs=, as=, mt=, kt= to this machine -> not even kept, so never fetched", () => {
  const parameters = ["xs", "as", "mt", "kt", "xs.1"].map((key) => `${key}=http://127.0.0.1/reboot`).join("&")
  expect(JSON.stringify(link(parameters))).not.toContain("127.0.0.1")
})
row(45, "a URL with a line break, blanks and quotes -> nothing that could end a line of a request", () => {
  const [url] = link(`ws=${encodeURIComponent('http://a.example/x\r\nHost: b "c"\u0000')}`).webSeeds
  expect(url).toBe("http://a.example/x%0D%0AHost:%20b%20%22c%22%00")
})
