import { describe, expect, it } from "vitest"
import * as Decode from "../../../core/bencode/Decode.ts"
import * as Encode from "../../../core/bencode/Encode.ts"
import type * as Value from "../../../core/bencode/Value.ts"
import * as Limits from "../../../core/metainfo/Limits.ts"
import * as Sources from "../../../core/metainfo/Sources.ts"

const root = (fields: Encode.Encodable): Value.Value => {
  const decoded = Decode.decode(Encode.encode(fields))
  if (!decoded.ok) throw new Error(Decode.describe(decoded.error))
  return decoded.value
}

const numbered = (count: number, scheme = "udp") =>
  Array.from({ length: count }, (_, i) => `${scheme}://${i}.example`)

describe("trackers", () => {
  const trackers = (fields: Encode.Encodable) => Sources.trackers(root(fields))

  it("keep their tiers, each URL once and trimmed", () => {
    expect(trackers({ "announce-list": [["a ", "b"], ["b", "c"], [], ["a"], "d", [1, ""]], announce: "e" }))
      .toEqual({
        values: [["a", "b"], ["c"], ["d"]],
        warnings: [],
      })
    expect(trackers({ "announce-list": [[]], announce: " e\n" }).values).toEqual([["e"]])
    expect(trackers({ "announce-list": "a", announce: "e" }).values).toEqual([["e"]])
  })

  it("beyond their number are left out, in one tier or many, and counted", () => {
    const over = Limits.MAX_TRACKERS + 44
    for (const list of [[numbered(over)], numbered(over).map((url) => [url])]) {
      const { values, warnings } = trackers({ "announce-list": list })
      expect(values.flat()).toHaveLength(Limits.MAX_TRACKERS)
      expect(warnings).toEqual(["trackers ignored, beyond the limit: 44"])
    }
  })

  it("are looked for in so many items only, of one list or all together", () => {
    const junk = new Array<number>(Limits.MAX_SOURCES_READ).fill(1)
    expect(trackers({ "announce-list": [[...junk, "late"]] })).toEqual({
      values: [],
      warnings: ["trackers ignored, beyond the limit: 1"],
    })
    expect(trackers({ "announce-list": [junk, ["late"]] }).values).toEqual([])
    expect(trackers({ "announce-list": [...junk.map(() => []), ["late"]] }).values).toEqual([])
  })

  it("whose URL is too long are left out, and counted", () => {
    const long = (bytes: number) => `udp://${"x".repeat(bytes - 6)}`
    expect(trackers({ "announce-list": [[long(Limits.MAX_URL_BYTES)], [long(Limits.MAX_URL_BYTES + 1)]] }))
      .toEqual({
        values: [[long(Limits.MAX_URL_BYTES)]],
        warnings: [`trackers ignored, URL over ${Limits.MAX_URL_BYTES} bytes: 1`],
      })
  })
})

describe("web seeds", () => {
  it("are HTTP or HTTPS, once each, up to their number", () => {
    const urls = ["http://a/b c", "http://a/b%20c", "ftp://a", 1, ...numbered(Limits.MAX_WEB_SEEDS, "http")]
    const { values, warnings } = Sources.webSeeds(root({ "url-list": urls }), true)
    expect(values).toHaveLength(Limits.MAX_WEB_SEEDS)
    expect(values.slice(0, 2)).toEqual(["http://a/b%20c/", "http://0.example/"])
    expect(warnings).toEqual([
      "web seeds ignored, neither HTTP nor HTTPS: 1",
      "web seeds ignored, beyond the limit: 1",
    ])
    expect(Sources.webSeeds(root({ "url-list": "https://a" }), false).values).toEqual(["https://a"])
  })
})

describe("nodes", () => {
  const nodes = (list: Encode.Encodable) => Sources.nodes(root({ nodes: list }))

  it("are pairs of a host and a port; what else is there is left out", () => {
    expect(
      nodes([["a.example", 1], ["::1", 2], ["a", 0], ["a", 65_536], ["a"], "a", [1, 1], ["a b", 1], [
        "x".repeat(256),
        1,
      ]]),
    )
      .toEqual([{ host: "a.example", port: 1 }, { host: "::1", port: 2 }])
  })

  it("are so many at most", () => {
    expect(nodes(numbered(100, "x").map((_, i) => [`${i}.example`, 1]))).toHaveLength(Limits.MAX_ADDRESSES)
  })
})
