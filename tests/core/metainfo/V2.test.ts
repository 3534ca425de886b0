/** Version 2 and hybrids (BEP 52) as they should be; what is wrong with others is in tests/hostile/MetainfoV2.test.ts. */
import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { createHash } from "node:crypto"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Encode from "../../../core/bencode/Encode.ts"
import * as FilePath from "../../../core/metainfo/FilePath.ts"
import * as Limits from "../../../core/metainfo/Limits.ts"
import * as Merkle from "../../../core/metainfo/Merkle.ts"
import { isV2Only, type Metainfo, type V2Only } from "../../../core/metainfo/Metainfo.ts"
import * as Parse from "../../../core/metainfo/Parse.ts"
import * as V2 from "../../support/V2.ts"

const must = (bytes: Uint8Array, options?: Parse.Options): Metainfo | V2Only => {
  const parsed = Parse.parseAny(bytes, options)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

const alone = (bytes: Uint8Array, options?: Parse.Options): V2Only => {
  const torrent = must(bytes, options)
  if (!isV2Only(torrent)) throw new Error("it has version 1")
  return torrent
}

const reason = (bytes: Uint8Array, options?: Parse.Options): string => {
  const parsed = Parse.parseAny(bytes, options)
  return parsed.ok ? "ok" : parsed.error.reason
}

const hash = (algorithm: string, bytes: Uint8Array): string =>
  createHash(algorithm).update(bytes).digest("hex")

/** A torrent of these files, of which none needs a layer. */
const tree = (files: Encode.Encodable, info: V2.Fields = {}): Uint8Array =>
  V2.torrent({ "file tree": files, ...info }, { "piece layers": undefined })

const paths = (bytes: Uint8Array, names: FilePath.Names = "posix") =>
  must(bytes, { names }).files.map(({ path }) => path)

const SMALL = V2.file(V2.SMALL)

describe("a torrent of version 2 alone", () => {
  it("has its files, roots and layers, and counts pieces a file", () => {
    const torrent = alone(
      V2.torrent({ private: 1, source: "s" }, { announce: "http://a", "creation date": 5 }),
    )
    expect(torrent).toMatchObject({
      name: "t",
      files: [
        {
          path: "t/large",
          bytes: 100_000,
          piecesRoot: V2.root(V2.LARGE),
          pieceLayer: V2.layer(V2.LARGE, V2.PIECE),
        },
        { path: "t/small", bytes: 10, piecesRoot: V2.root(V2.SMALL) },
      ],
      pieceBytes: V2.PIECE,
      pieceCount: 5,
      totalBytes: 100_010,
      isPrivate: true,
      source: "s",
      trackers: [["http://a"]],
      creationDate: 5,
      warnings: [],
    })
    expect(torrent.files[1]).not.toHaveProperty("pieceLayer")
  })

  it("is known by the SHA-256 of info, and by the first 20 bytes of that where there is room for no more", () => {
    const info = Encode.encode(V2.INFO)
    const torrent = alone(V2.torrent())
    expect(torrent.infoBytes).toEqual(info)
    expect(torrent.v2.infoHash).toBe(hash("sha256", info))
    expect(Bytes.toHex(torrent.v2.infoHashBytes)).toBe(hash("sha256", info))
    expect(torrent.infoHash).toBe(hash("sha256", info).slice(0, 40))
    expect(Bytes.toHex(torrent.infoHashBytes)).toBe(torrent.infoHash)
  })

  it("is refused by name where version 1 is needed, from a file and from peers", () => {
    const error = { _tag: "MetainfoError", reason: "UnsupportedV2Only" }
    expect(Parse.parse(V2.torrent())).toMatchObject({ ok: false, error })
    expect(Parse.parseInfo(Encode.encode(V2.INFO))).toMatchObject({ ok: false, error })
  })

  it("has no use for pieces of version 1 without files of it", () => {
    expect(isV2Only(must(V2.torrent({ pieces: new Uint8Array(20) })))).toBe(true)
  })

  it("takes the example of BEP 52, once its length is spelt right", () => {
    const root = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    const files = `d4:dir1d4:dir2d9:fileA.txtd0:d6:lengthi1024e11:pieces root32:${root}eeeee`
    expect(paths(tree(new Encode.Raw(Bytes.latin1(files))))).toEqual(["t/dir1/dir2/fileA.txt"])
  })

  it("counts pieces up to the limit", () => {
    expect(reason(V2.torrent(), { maxPieces: 5 })).toBe("ok")
    expect(reason(V2.torrent(), { maxPieces: 4 })).toBe("TooManyPieces")
  })
})

describe("files of a tree", () => {
  it("alone at the top have their own name, else the torrent's is in front", () => {
    expect(paths(tree({ a: SMALL }))).toEqual(["a"])
    expect(paths(tree({ a: SMALL, b: SMALL }))).toEqual(["t/a", "t/b"])
    expect(paths(tree({ d: { a: SMALL } }))).toEqual(["t/d/a"])
  })

  it("come in the order of the tree, files and folders as their names are sorted", () => {
    expect(paths(tree({ "a.txt": SMALL, a: { z: SMALL, y: { x: SMALL } }, B: SMALL, empty: {} }))).toEqual([
      "t/B",
      "t/a/y/x",
      "t/a/z",
      "t/a.txt",
    ])
  })

  it("get safe names, each its own", () => {
    expect(paths(tree({ "//": SMALL, "\\": SMALL, "..": { "..": SMALL }, x: SMALL, X: SMALL }))).toEqual([
      "t/_/_",
      "t/_.1",
      "t/X",
      "t/_.2",
      "t/x.1",
    ])
    expect(paths(tree({ con: SMALL, "a:b": { "c.": SMALL } }), "portable")).toEqual(["t/a_b/c", "t/_con"])
    expect(must(tree({ "..": SMALL })).files[0]!.path).toBe("_")
    expect(must(tree({ "../x": SMALL, y: SMALL })).warnings).toEqual([
      "parts of file names changed to be safe: 1, for example to ..x",
    ])
  })

  it("may be empty or links, which have no root", () => {
    const link = { "": { attr: "xl", length: 0, "symlink path": ["a"] } }
    const { files, warnings } = alone(tree({ a: SMALL, b: { "": { length: 0 } }, c: link }))
    expect(
      files.map(({ bytes, isSymlink = false, piecesRoot }) => [bytes, isSymlink, piecesRoot !== undefined]),
    )
      .toEqual([[10, false, true], [0, false, false], [0, true, false]])
    expect(warnings).toEqual(["symbolic links are not created"])
  })

  it("are as large as the tree of their hashes may be, and no larger", () => {
    const of = (length: number | bigint | string) =>
      reason(
        tree({ a: { "": { length, "pieces root": "r".repeat(32) } } }, { "piece length": 2 ** 28 }),
      )
    expect(of(Limits.MAX_V2_FILE_BYTES)).toBe("ok")
    for (const length of [Limits.MAX_V2_FILE_BYTES + 1, -1, 2n ** 64n, "1"]) {
      expect(of(length)).toBe("BadFileLength")
    }
    const large = { "": { length: Limits.MAX_V2_FILE_BYTES, "pieces root": "r".repeat(32) } }
    const many = new Map(Array.from({ length: 20 }, (_, i) => [`${i + 10}`, large]))
    expect(reason(tree(many, { "piece length": 2 ** 28 }))).toBe("TotalTooLarge")
    expect(reason(tree({ a: { "": { "pieces root": "r".repeat(32) } } }))).toBe("MissingFileLength")
  })

  it("may lie deep, without a stack that grows", () => {
    const nested = (depth: number): Encode.Encodable => {
      let node: Encode.Encodable = SMALL
      for (let i = 0; i < depth; i++) node = { d: node }
      return node
    }
    expect(paths(tree(nested(90)))).toEqual([`t/${"d/".repeat(89)}d`])
    expect(reason(tree(nested(98)))).toBe("DepthExceeded")
    // Written as bytes, for the writer of the tests is not made for this.
    const deep = new Encode.Raw(Bytes.latin1("d1:d".repeat(100_000) + "de" + "e".repeat(100_000)))
    expect(reason(tree(deep))).toBe("DepthExceeded")
  })

  it("cannot write paths of gigabytes by a long folder's name", () => {
    const many = new Map(Array.from({ length: 4_000 }, (_, i) => [`${i}`.padStart(4, "0"), SMALL]))
    let node: Encode.Encodable = many
    for (let i = 0; i < 80; i++) node = { ["x".repeat(240)]: node }
    expect(reason(tree(node))).toBe("PathsTooLong")
  })
})

describe("a hybrid", () => {
  const bytes = V2.torrent(V2.V1)

  it("is read as version 1 with both hashes, roots and layers", () => {
    const torrent = must(bytes) as Metainfo
    const info = Encode.encode({ ...V2.INFO, ...V2.V1 })
    expect(torrent.infoHash).toBe(hash("sha1", info))
    expect(torrent.v2?.infoHash).toBe(hash("sha256", info))
    expect(torrent.geometry).toMatchObject({ pieceCount: 5, pieceBytes: V2.PIECE })
    expect(torrent.files).toMatchObject([
      { path: "t/large", piecesRoot: V2.root(V2.LARGE), pieceLayer: V2.layer(V2.LARGE, V2.PIECE) },
      { isPadding: true },
      { path: "t/small", piecesRoot: V2.root(V2.SMALL) },
    ])
    expect(torrent.files[1]).not.toHaveProperty("piecesRoot")
    expect(Parse.parse(bytes)).toEqual({ ok: true, value: torrent })
  })

  it("comes from peers without layers", () => {
    const parsed = Parse.parseInfo(Encode.encode({ ...V2.INFO, ...V2.V1 }))
    expect(parsed).toMatchObject({ ok: true, value: { files: [{ path: "t/large" }, {}, {}] } })
    expect(parsed.ok && parsed.value.files[0]).not.toHaveProperty("pieceLayer")
    expect(parsed.ok && parsed.value.v2?.infoHash).toBe(must(bytes).v2?.infoHash)
  })

  it("of one file has it at the top in both halves, or in a folder in both", () => {
    const lone = { "file tree": { t: SMALL }, length: 10, pieces: new Uint8Array(20) }
    expect(paths(V2.torrent(lone, { "piece layers": {} }))).toEqual(["t"])
    const folder = {
      "file tree": { a: SMALL },
      files: [{ length: 10, path: ["a"] }],
      pieces: new Uint8Array(20),
    }
    expect(paths(V2.torrent(folder, { "piece layers": {} }))).toEqual(["t/a"])
    expect(reason(V2.torrent({ ...lone, "file tree": { u: SMALL } }, { "piece layers": {} }))).toBe(
      "HybridMismatch",
    )
  })

  it("agrees on names that had to be changed, and on empty files wherever they stand", () => {
    const empty = { "": { length: 0 } }
    const info = {
      "file tree": { "..": empty, a: V2.file(V2.SMALL), "a/": V2.file(V2.SMALL), z: empty },
      files: [
        { length: 0, path: [".."] },
        { length: 10, path: ["a"] },
        { attr: "p", length: V2.PIECE - 10, path: [".pad", "1"] },
        { length: 10, path: ["a/"] },
        { length: 0, path: ["z"] },
      ],
      pieces: new Uint8Array(40),
    }
    expect(
      must(V2.torrent(info, { "piece layers": {} })).files.filter((file) => !file.isPadding).map(({ path }) =>
        path
      ),
    )
      .toEqual(["t/_", "t/a", "t/a.1", "t/z"])
  })
})

describe("Merkle.rootAbove", () => {
  it("is the root of the whole tree, from its leaves and from each layer above", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700_000 }), fc.nat(255), (bytes, fill) => {
        const content = V2.content(bytes, fill)
        for (let pieceBytes = 16_384; pieceBytes < bytes; pieceBytes *= 2) {
          expect(Merkle.rootAbove(V2.layer(content, pieceBytes), pieceBytes)).toEqual(V2.root(content))
        }
      }),
      { numRuns: 20 },
    )
  })

  it("of one hash is that hash", () => {
    expect(Merkle.rootAbove(V2.root(V2.SMALL), 16_384)).toEqual(V2.root(V2.SMALL))
  })
})

describe("any change of a torrent of version 2", () => {
  it("is refused by name, or gives a sound value", () => {
    const seeds = [V2.torrent(), V2.torrent(V2.V1), tree({ a: SMALL, d: { "..": SMALL } })]
    const edit = fc.record({ at: fc.nat(), remove: fc.nat(2), insert: fc.uint8Array({ maxLength: 2 }) })
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        (seed, edits) => {
          let bytes = [...seed]
          for (const { at, insert, remove } of edits) {
            const start = at % bytes.length
            bytes = [...bytes.slice(0, start), ...insert, ...bytes.slice(start + remove)]
          }
          const parsed = Parse.parseAny(Uint8Array.from(bytes))
          if (!parsed.ok) {
            expect(parsed.error._tag).toBe("MetainfoError")
            return
          }
          for (const { bytes, isPadding, path, pieceLayer, piecesRoot } of parsed.value.files) {
            expect(FilePath.isSafe(path, "portable")).toBe(true)
            if (parsed.value.v2 !== undefined && !isPadding) expect(piecesRoot !== undefined).toBe(bytes > 0)
            if (pieceLayer !== undefined) expect(Merkle.rootAbove(pieceLayer, V2.PIECE)).toEqual(piecesRoot)
          }
        },
      ),
      { numRuns: 1_000 },
    )
  })
})
