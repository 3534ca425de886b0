import { describe, expect, it } from "@effect/vitest"
import { latin1, toHex } from "../../../core/base/Bytes.ts"
import { sha1 } from "../../../core/base/Sha1.ts"
import * as Encode from "../../../core/bencode/Encode.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import * as Limits from "../../../core/metainfo/Limits.ts"
import * as Metainfo from "../../../core/metainfo/Metainfo.ts"
import * as Parse from "../../../core/metainfo/Parse.ts"

type Fields = { readonly [key: string]: Encode.Encodable | undefined }

const PIECES = new Uint8Array(20).fill(7)
const SINGLE: Fields = { name: "temp", length: 425, "piece length": 16_384, pieces: PIECES }

/** A torrent of these fields of `info` over a sound one of a single file; `undefined` takes a field away. */
const single = (info: Fields = {}, root: Fields = {}) =>
  Encode.encode({ ...root, info: { ...SINGLE, ...info } })

/** A torrent of these files, each a dictionary, in the directory `temp`. */
const multi = (files: Encode.Encodable, info: Fields = {}) => single({ length: undefined, files, ...info })

const file = (path: Encode.Encodable, length: Encode.Encodable = 1, more: Fields = {}) => ({
  path,
  length,
  ...more,
})

const must = (bytes: Uint8Array, options?: Parse.Options): Metainfo.Metainfo => {
  const parsed = Parse.parse(bytes, options)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

const reason = (bytes: Uint8Array, options?: Parse.Options): string => {
  const parsed = Parse.parse(bytes, options)
  return parsed.ok ? "ok" : parsed.error.reason
}

const paths = (bytes: Uint8Array) => must(bytes).files.map((each) => each.path)

describe("Parse.parse", () => {
  it("reads a single file", () => {
    const metainfo = must(single({ private: 1, source: "X" }, {
      announce: " udp://test.com/announce\t",
      comment: "µ",
      "created by": "me",
      "creation date": 1_234_567,
      nodes: [["127.0.0.1", 6881], ["::1", 1], ["", 2], ["host", 0], "x"],
    }))
    expect(metainfo).toMatchObject({
      name: "temp",
      files: [{ path: "temp", bytes: 425, isPadding: false }],
      geometry: Geometry.make(16_384, [425]),
      isPrivate: true,
      trackers: [["udp://test.com/announce"]],
      webSeeds: [],
      comment: "µ",
      createdBy: "me",
      creationDate: 1_234_567,
      source: "X",
      nodes: [{ host: "127.0.0.1", port: 6881 }, { host: "::1", port: 1 }],
      warnings: [],
    })
    expect(Metainfo.pieceHash(metainfo, Geometry.pieceIndex(metainfo.geometry, 0)!)).toEqual(PIECES)
  })

  it("leaves out what is not there", () => {
    const metainfo = must(single({}, { comment: 1, "creation date": -1 }))
    for (const key of ["comment", "createdBy", "creationDate", "source", "nodes", "httpSeeds"]) {
      expect(metainfo).not.toHaveProperty(key)
    }
    expect(metainfo.isPrivate).toBe(false)
  })

  it("hashes the original bytes of info, sorted or not, known keys or not", () => {
    const info = latin1(
      `d5:zzzzzle6:pieces20:${"x".repeat(20)}12:piece lengthi16384e4:name1:a6:lengthi1e7:unknowni1ee`,
    )
    const metainfo = must(Encode.encode({ announce: "http://a", info: new Encode.Raw(info), zzz: 1 }))
    expect(metainfo.infoBytes).toEqual(info)
    expect(metainfo.infoHash).toBe(toHex(sha1(info)))
    expect(metainfo.infoHashBytes).toEqual(sha1(info))
    expect(metainfo.warnings).toEqual(["the keys of info are not sorted"])
  })

  it("accepts bytes after the end with a warning", () => {
    expect(must(Uint8Array.from([...single(), 10])).warnings).toEqual(["bytes after the end, ignored: 1"])
  })

  it("names files below the torrent's name, and gives a list of one a directory", () => {
    expect(paths(multi([file(["foo", "bar"]), file(["c"])]))).toEqual(["temp/foo/bar", "temp/c"])
    expect(paths(multi([file(["temp"])]))).toEqual(["temp/temp"])
  })

  it("prefers the UTF-8 names where they can be used", () => {
    const both = multi([
      file(["\u00ff"], 1, { "path.utf-8": ["ä", "b"] }),
      file(["kept"], 1, { "path.utf-8": [1] }),
      file(["kept too"], 1, { "path.utf-8": [] }),
    ], { "name.utf-8": "ö" })
    expect(paths(both)).toEqual(["ö/ä/b", "ö/kept", "ö/kept too"])
    expect(must(single({ "name.utf-8": "" })).name).toBe("temp")
  })

  it("keeps padding files in the byte sequence, and out of the way of names", () => {
    const metainfo = must(multi([
      file(["a"], 10),
      file([".pad", "6"], 6, { attr: "p" }),
      file(["b"], 10),
      file([".pad", "6"], 6, { attr: "xp" }),
      { length: 5, attr: "p" },
      file(["_____padding_file_1_if you see this"], 1),
    ]))
    expect(metainfo.files.map((each) => [each.path, each.bytes, each.isPadding])).toEqual([
      ["temp/a", 10, false],
      ["temp/.pad/6", 6, true],
      ["temp/b", 10, false],
      ["temp/.pad/6", 6, true],
      [".pad/5", 5, true],
      ["temp/_____padding_file_1_if you see this", 1, true],
    ])
    expect(metainfo.geometry.totalBytes).toBe(38)
    expect(metainfo.warnings).toEqual([])
  })

  it("gives a symbolic link no bytes, and says that it is not created", () => {
    const metainfo = must(
      multi([file(["a"], 10), file(["b"], 999, { attr: "l", "symlink path": ["..", "etc"] })]),
    )
    expect(metainfo.files[1]).toEqual({ path: "temp/b", bytes: 0, isPadding: false, isSymlink: true })
    expect(metainfo.geometry.totalBytes).toBe(10)
    expect(metainfo.warnings).toHaveLength(1)
  })

  it("makes paths safe, and says how many it changed", () => {
    const metainfo = must(multi([file(["..", "..", "etc", "passwd"]), file(["/", "x"]), file(["ok"])]))
    expect(metainfo.files.map((each) => each.path)).toEqual(["temp/_/_/etc/passwd", "temp/_/x", "temp/ok"])
    expect(metainfo.warnings).toEqual([
      "parts of file names changed to be safe: 3, for example to _",
    ])
  })

  it("takes the info-hash for a name of which nothing is left", () => {
    for (const name of ["", "..", "//", "\0"]) {
      const metainfo = must(single({ name }))
      expect(metainfo.name).toBe(metainfo.infoHash)
      expect(metainfo.files[0]!.path).toBe(metainfo.infoHash)
      expect(metainfo.warnings).toEqual([`the torrent's name was changed to be safe: ${metainfo.infoHash}`])
    }
  })

  it("makes names fit for Windows, unless told that they need not be", () => {
    const bytes = multi([file(["CON"]), file(["a:b "])])
    expect(paths(bytes)).toEqual(["temp/_CON", "temp/a_b"])
    expect(must(bytes, { names: "posix" }).files.map((each) => each.path)).toEqual(["temp/CON", "temp/a:b "])
  })

  it("renames what would be the same file, or a file and a directory", () => {
    const metainfo = must(multi([file(["a"]), file(["a", "b"]), file(["c.x"]), file(["C.X"])]))
    expect(metainfo.files.map((each) => each.path)).toEqual([
      "temp/a.1",
      "temp/a/b",
      "temp/c.x",
      "temp/C.1.X",
    ])
    expect(metainfo.warnings).toEqual(["files numbered because their names were taken: 2"])
  })

  it("reads tiers, each tracker once, and announce only where there are none", () => {
    const trackers = (root: Fields) => must(single({}, root)).trackers
    expect(
      trackers({
        announce: "http://x",
        "announce-list": [["http://a", "http://b"], [], ["http://a"], ["http://c"]],
      }),
    )
      .toEqual([["http://a", "http://b"], ["http://c"]])
    expect(trackers({ announce: "http://x", "announce-list": [[""], [1]] })).toEqual([["http://x"]])
    expect(trackers({ "announce-list": ["http://a", "http://b"] })).toEqual([["http://a"], ["http://b"]])
    expect(trackers({ announce: ["x"], "announce-list": 1 })).toEqual([["x"]])
    expect(trackers({})).toEqual([])
  })

  it("caps trackers with a warning", () => {
    const metainfo = must(
      single({}, { "announce-list": Array.from({ length: 300 }, (_, i) => [`http://t${i}`]) }),
    )
    expect(metainfo.trackers).toHaveLength(Limits.MAX_TRACKERS)
    expect(metainfo.warnings).toEqual(["trackers ignored, beyond the limit: 44"])
  })

  it("reads web seeds as a text or a list, ready to be asked", () => {
    const seeds = (bytes: Uint8Array) => must(bytes).webSeeds
    const root = { "url-list": ["http://test.com/a file/", " https://b ", "http://test.com/a file/", "", 1] }
    expect(seeds(single({}, root))).toEqual(["http://test.com/a%20file/", "https://b"])
    expect(seeds(single({}, { "url-list": "http://a/b" }))).toEqual(["http://a/b"])
    expect(seeds(single({}, { "url-list": "" }))).toEqual([])
    expect(
      seeds(
        Encode.encode({
          info: { ...SINGLE, length: undefined, files: [file(["a"])] },
          "url-list": "http://a",
        }),
      ),
    )
      .toEqual(["http://a/"])
    expect(must(single({}, { httpseeds: ["http://a/seed?x"] })).httpSeeds).toEqual(["http://a/seed?x"])
  })

  it("refuses web seeds that would read local files, and keeps the torrent", () => {
    const metainfo = must(single({}, { "url-list": ["file:///etc/passwd", "ftp://a/"] }))
    expect(metainfo.webSeeds).toEqual([])
    expect(metainfo.warnings).toEqual(["web seeds ignored, neither HTTP nor HTTPS: 2"])
  })

  const many = (count: number, path: (i: number) => Encode.Encodable) =>
    Array.from({ length: count }, (_, i) => file(path(i)))

  it.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(0), "Empty"],
    ["a line's end", latin1("\n"), "UnexpectedByte"],
    ["a page of HTML", latin1("<html>"), "UnexpectedByte"],
    ["over the limit", new Uint8Array(Limits.MAX_BYTES + 1), "TooLarge"],
    ["a negative length of a text", latin1("d-3:abci1ee"), "BadLength"],
    ["a cut off file", single().subarray(0, -1), "Truncated"],
    ["a length beyond the end", latin1("d18446744073709551615:x"), "Truncated"],
    ["a padded length of a text", latin1("d04:infodee"), "NonCanonicalLength"],
    ["a padded integer", latin1("d4:infod6:lengthi01eee"), "BadInteger"],
    ["lists in lists", latin1("l".repeat(100_000)), "DepthExceeded"],
    ["info twice", latin1("d4:infode4:infodee"), "DuplicateKey"],
    ["a text", latin1("4:spam"), "NotADictionary"],
    ["no info", Encode.encode({ announce: "x" }), "MissingInfo"],
    ["info that is a text", Encode.encode({ info: "files" }), "BadInfo"],
    [
      "version 3, whatever else is wrong",
      single({ "meta version": 3, name: undefined }),
      "UnsupportedVersion",
    ],
    ["a version that is a text", single({ "meta version": "2" }), "UnsupportedVersion"],
    ["no name", single({ name: undefined }), "MissingName"],
    ["a name that is a number", single({ name: 1348 }), "BadName"],
    ["no piece length", single({ "piece length": undefined }), "MissingPieceLength"],
    ["piece length 0", single({ "piece length": 0 }), "BadPieceLength"],
    ["a negative piece length", single({ "piece length": -16_384 }), "BadPieceLength"],
    ["a piece length in text", single({ "piece length": "16384" }), "BadPieceLength"],
    [
      "a piece length over the limit",
      single({ "piece length": Limits.MAX_PIECE_BYTES + 1 }),
      "BadPieceLength",
    ],
    ["a huge piece length", single({ "piece length": 2n ** 64n }), "BadPieceLength"],
    ["no pieces", single({ pieces: undefined }), "MissingPieces"],
    ["empty pieces", single({ pieces: "" }), "BadPieces"],
    ["pieces that are a list", single({ pieces: [] }), "BadPieces"],
    ["a hash that is cut off", single({ pieces: new Uint8Array(39) }), "BadPieces"],
    ["a hash too many", single({ pieces: new Uint8Array(40) }), "PieceCountMismatch"],
    ["a hash too few", single({ length: 16_385 }), "PieceCountMismatch"],
    [
      "more pieces than a bitfield should have",
      single({ "piece length": 1, length: 2_097_153 }),
      "TooManyPieces",
    ],
    ["neither length nor files", single({ length: undefined }), "MissingFileLength"],
    ["a negative length", single({ length: -425 }), "BadFileLength"],
    ["a length in text", single({ length: "425" }), "BadFileLength"],
    ["a length beyond exact numbers", single({ length: 2n ** 63n }), "BadFileLength"],
    ["a length over the limit", single({ length: 2 ** 48 }), "TotalTooLarge"],
    ["length 0", single({ length: 0 }), "NoContent"],
    ["files that are a dictionary", multi({}), "BadFiles"],
    ["a file that is a text", multi(["a"]), "BadFiles"],
    ["no files", multi([]), "NoFiles"],
    ["files without a byte", multi([file(["a"], 0), file(["b"], 0)]), "NoContent"],
    ["a file without a length", multi([{ path: ["a"] }]), "MissingFileLength"],
    ["a file of a negative length", multi([file(["a"], -1)]), "BadFileLength"],
    ["a file whose length is a list", multi([file(["a"], [45])]), "BadFileLength"],
    ["files over the limit together", multi([file(["a"], 2 ** 47), file(["b"], 2 ** 47)]), "TotalTooLarge"],
    ["a file without a path", multi([{ length: 1 }]), "MissingPath"],
    ["a path that is a text", multi([file("a/b")]), "BadPath"],
    ["an empty path", multi([file([])]), "BadPath"],
    ["a path with a number", multi([file([1242, "foo"])]), "BadPath"],
    ["a path with a dictionary", multi([file(["foo", {}])]), "BadPath"],
    ["a padding file whose path is a text", multi([file("a", 1, { attr: "p" })]), "BadPath"],
    ["a path of 101 parts", multi([file(new Array<string>(101).fill("a"))]), "DirectoryTooDeep"],
    ["501 files of one name", multi(many(501, () => ["x.txt"])), "TooManyDuplicates"],
  ])("refuses %s", (_, bytes, expected) => {
    expect(reason(bytes)).toBe(expected)
    const parsed = Parse.parse(bytes)
    expect(!parsed.ok && parsed.error.message.length).toBeGreaterThan(10)
  })

  it("says where", () => {
    const parsed = Parse.parse(multi([file(["a"]), file([])]))
    expect(!parsed.ok && parsed.error.message).toBe("info.files[1].path is an empty list")
    const cut = Parse.parse(latin1("d4:info"))
    expect(!cut.ok && cut.error).toMatchObject({
      message: "not valid bencode: the data end before the value does (byte 7)",
      offset: 7,
    })
  })

  it("accepts what lies at the limits", () => {
    expect(reason(multi([file(new Array<string>(100).fill("a"))]))).toBe("ok")
    expect(reason(single({ "piece length": Limits.MAX_PIECE_BYTES }))).toBe("ok")
    expect(reason(single({ "meta version": 1, "file tree": "none" }))).toBe("ok")
    expect(reason(single(), { maxBytes: single().length })).toBe("ok")
    expect(reason(single(), { maxBytes: single().length - 1 })).toBe("TooLarge")
    expect(reason(single({ length: 32_768, pieces: new Uint8Array(40) }), { maxPieces: 1 })).toBe(
      "TooManyPieces",
    )
  })

  it("reads 50,000 files and a path of each", () => {
    const bytes = multi(many(50_000, (i) => [`directory ${i % 100}`, `file ${i}`]), {
      pieces: new Uint8Array(20 * Math.ceil(50_000 / 16_384)),
    })
    expect(must(bytes).files).toHaveLength(50_000)
  })
})

describe("Parse.parseInfo", () => {
  const metainfo = must(multi([file(["a"]), file(["b"])]))

  it("gives from peers' bytes what the file gives, with what the link said", () => {
    const parsed = Parse.parseInfo(metainfo.infoBytes.slice(), {
      trackers: [["http://a"]],
      webSeeds: ["http://b/x", "file:///etc"],
    })
    expect(parsed).toEqual({
      ok: true,
      value: { ...metainfo, trackers: [["http://a"]], webSeeds: ["http://b/x/"] },
    })
  })

  it("refuses bytes after the end, which the hash would cover", () => {
    const parsed = Parse.parseInfo(Uint8Array.from([...metainfo.infoBytes, 10]))
    expect(!parsed.ok && parsed.error.reason).toBe("TrailingBytes")
    const text = Parse.parseInfo(latin1("4:info"))
    expect(!text.ok && text.error.reason).toBe("BadInfo")
  })
})
