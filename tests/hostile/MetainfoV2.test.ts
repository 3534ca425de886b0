/** Bad metainfo of version 2 (BEP 52): each is refused by a name of its own, or accepted where that is the policy. */
import { describe, expect, test } from "vitest"
import * as Encode from "../../core/bencode/Encode.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as V2 from "../support/V2.ts"
import { row } from "./Row.ts"

const reason = (bytes: Uint8Array): string => {
  const parsed = Parse.parseAny(bytes)
  return parsed.ok ? "ok" : parsed.error.reason
}

/** A torrent whose tree is `x` with these properties. */
const withFile = (properties: V2.Fields): Uint8Array =>
  V2.torrent({ "file tree": { x: { "": properties } } }, { "piece layers": undefined })

const hybrid = (info: V2.Fields = {}): Uint8Array => V2.torrent({ ...V2.V1, ...info })

const v1Files = (...files: ReadonlyArray<V2.Fields>): Uint8Array => hybrid({ files })

const LARGE = { length: V2.LARGE.length, path: ["large"] }
const PAD = { attr: "p", length: 31_072, path: [".pad", "31072"] }
const SMALL = { length: V2.SMALL.length, path: ["small"] }

test("what the others are changes of is accepted", () => {
  expect(reason(V2.torrent())).toBe("ok")
  expect(reason(hybrid())).toBe("ok")
})

for (const size of [49_152, 32_767, 1, 8_192, 16_383]) {
  row(18, `a piece length of ${size} in version 2 -> BadPieceLength`, () => {
    expect(reason(V2.torrent({ "piece length": size }))).toBe("BadPieceLength")
    expect(reason(hybrid({ "piece length": size }))).toBe("BadPieceLength")
  })
}

row(18, "the same in version 1 -> accepted, which has no such rule", () => {
  const v1 = { length: 5, name: "x", "piece length": 32_767, pieces: new Uint8Array(20) }
  expect(reason(Encode.encode({ info: v1 }))).toBe("ok")
})

row(29, "meta version 3 -> UnsupportedVersion, whatever else is wrong", () => {
  for (const wrong of [{}, { name: undefined }, { "file tree": 1 }, { "piece length": -1 }]) {
    expect(reason(V2.torrent({ ...wrong, "meta version": 3 }))).toBe("UnsupportedVersion")
  }
  expect(reason(V2.torrent({ "meta version": "2" }))).toBe("UnsupportedVersion")
  expect(reason(V2.torrent({ "meta version": 2n ** 64n }))).toBe("UnsupportedVersion")
})

row(30, "meta version 2 without file tree -> MissingFileTree, hybrid or not", () => {
  expect(reason(V2.torrent({ "file tree": undefined }))).toBe("MissingFileTree")
  expect(reason(hybrid({ "file tree": undefined }))).toBe("MissingFileTree")
  expect(reason(V2.torrent({ "file tree": ["x"] }))).toBe("BadFileTree")
})

row(30, "file tree without meta version -> MissingMetaVersion, hybrid or not", () => {
  expect(reason(V2.torrent({ "meta version": undefined }))).toBe("MissingMetaVersion")
  expect(reason(hybrid({ "meta version": undefined }))).toBe("MissingMetaVersion")
  expect(reason(hybrid({ "meta version": 1 }))).toBe("MissingMetaVersion")
})

describe("a hybrid", () => {
  const mismatches: ReadonlyArray<readonly [string, Uint8Array]> = [
    ["another name", v1Files({ ...LARGE, path: ["larger"] }, PAD, SMALL)],
    ["another folder", v1Files({ ...LARGE, path: ["d", "large"] }, PAD, SMALL)],
    ["another size", v1Files({ ...LARGE, length: 99_999 }, { ...PAD, length: 31_073 }, SMALL)],
    ["another order", v1Files(SMALL, { ...PAD, length: 32_758 }, LARGE)],
    ["no padding", v1Files(LARGE, SMALL)],
    ["padding of another size", v1Files(LARGE, { ...PAD, length: 31_071 }, SMALL)],
    ["padding of a piece too much", v1Files(LARGE, { ...PAD, length: 31_072 + V2.PIECE }, SMALL)],
    ["padding in front", v1Files({ ...PAD, length: V2.PIECE }, LARGE, PAD, SMALL)],
    ["padding that is a file", v1Files(LARGE, { ...PAD, attr: undefined }, SMALL)],
    ["a file too few", v1Files(LARGE)],
    ["a file too many", v1Files(LARGE, PAD, SMALL, { length: 0, path: ["empty"] })],
    ["a link for a file", v1Files({ ...LARGE, attr: "l" }, SMALL)],
    ["padding at the end of another size", v1Files(LARGE, PAD, SMALL, { ...PAD, length: 7 })],
    ["a lone file", hybrid({ files: undefined, length: 10 })],
  ]
  for (const [what, bytes] of mismatches) {
    row(31, `${what} in the list of version 1 -> HybridMismatch`, () => {
      expect(reason(bytes)).toBe("HybridMismatch")
    })
  }

  row(31, "padding after the last file or none -> accepted, for creators do either", () => {
    const padded = v1Files(LARGE, PAD, SMALL, { ...PAD, length: V2.PIECE - 10, path: [".pad", "32758"] })
    expect(reason(padded)).toBe("ok")
    expect(reason(v1Files(LARGE, PAD, SMALL))).toBe("ok")
  })
})

row(32, "pieces root missing, of another length or all zeros -> MissingPiecesRoot, BadPiecesRoot", () => {
  const { length } = V2.properties(V2.SMALL)
  expect(reason(withFile({ length }))).toBe("MissingPiecesRoot")
  for (
    const root of [new Uint8Array(32), new Uint8Array(31).fill(1), new Uint8Array(33).fill(1), "", 7, []]
  ) {
    expect(reason(withFile({ length, "pieces root": root }))).toBe("BadPiecesRoot")
  }
})

row(32, "no pieces root of an empty file or a link -> accepted, there is nothing to hash", () => {
  const tree = { ...V2.TREE, empty: { "": { length: 0 } }, link: { "": { attr: "l", length: 5 } } }
  expect(reason(V2.torrent({ "file tree": tree }))).toBe("ok")
})

describe("piece layers", () => {
  const layer = V2.layer(V2.LARGE, V2.PIECE)
  const key = [...V2.layers(V2.LARGE).keys()][0]!
  const withLayers = (layers: Encode.Encodable) => V2.torrent({}, { "piece layers": layers })
  const bent = layer.slice()
  bent[40]! ^= 1

  row(33, "none, or one of them missing -> accepted, and told: peers have them", () => {
    for (const layers of [undefined, {}]) {
      const parsed = Parse.parseAny(V2.torrent({}, { "piece layers": layers }))
      expect(parsed).toMatchObject({
        ok: true,
        value: { warnings: ["files without the version 2 hashes of their pieces: 1"] },
      })
    }
  })

  const wrong: ReadonlyArray<readonly [string, Encode.Encodable]> = [
    ["a hash too many", new Map([[key, Uint8Array.from([...layer, ...layer.subarray(0, 32)])]])],
    ["a hash too few", new Map([[key, layer.subarray(32)]])],
    ["a byte too many", new Map([[key, Uint8Array.from([0, ...layer])]])],
    ["nothing in it", new Map([[key, ""]])],
    ["a number instead", new Map([[key, 128]])],
    ["a bit that is wrong", new Map([[key, bent]])],
    ["the layer below", new Map([[key, V2.layer(V2.LARGE, 16_384)]])],
  ]
  for (const [what, layers] of wrong) {
    row(
      33,
      `a layer with ${what} -> BadPieceLayer`,
      () => expect(reason(withLayers(layers))).toBe("BadPieceLayer"),
    )
  }

  row(33, "a layer of no file, or of one that needs none -> UnknownPieceLayer", () => {
    for (const root of ["", "x", `${key}x`, "r".repeat(32), String.fromCharCode(...V2.root(V2.SMALL))]) {
      const layers = new Map([[key, layer], [root, new Uint8Array(32)]])
      expect(reason(withLayers(layers))).toBe("UnknownPieceLayer")
    }
  })

  row(33, "piece layers that are no dictionary -> BadPieceLayers", () => {
    expect(reason(withLayers([layer]))).toBe("BadPieceLayers")
  })

  row(33, "one root for files of different sizes -> no layer is right for both", () => {
    const tree = { a: V2.file(V2.LARGE), b: { "": { ...V2.properties(V2.LARGE), length: 200_000 } } }
    expect(reason(V2.torrent({ "file tree": tree }))).toBe("BadPieceLayer")
  })

  row(33, "one large layer for 10,000 files of one root -> checked once", () => {
    const bytes = V2.content(40_000_000, 3)
    const properties = V2.file(bytes)
    const tree = new Map(Array.from({ length: 10_000 }, (_, i) => [`${i}`.padStart(5, "0"), properties]))
    const parsed = Parse.parseAny(
      V2.torrent({ "file tree": tree }, { "piece layers": V2.layers(bytes) }),
      { maxPieces: 10 ** 8 },
    )
    // Half a minute if it were hashed for each file, and then the time limit of the test says so.
    expect(parsed.ok && parsed.value.files.every((file) => file.pieceLayer !== undefined)).toBe(true)
  })
})

row(34, "a node that is file and directory, an empty name, a root that is a file -> BadFileTree", () => {
  const file = V2.file(V2.SMALL)
  const trees: ReadonlyArray<Encode.Encodable> = [
    { x: { "": V2.properties(V2.SMALL), y: file } },
    { "": file, x: file },
    { "": V2.properties(V2.SMALL) },
    { x: V2.properties(V2.SMALL) },
    { x: { "": 7 } },
    { x: 7 },
    { x: [file] },
  ]
  for (const tree of trees) expect(reason(V2.torrent({ "file tree": tree }))).toBe("BadFileTree")
  expect(reason(V2.torrent({ "file tree": { x: { "": { "": file } } } }))).toBe("MissingFileLength")
})

row(34, "a tree without a file, or without a byte -> NoFiles, NoContent", () => {
  for (const tree of [{}, { d: {} }, { d: { e: {}, f: {} } }]) {
    expect(reason(V2.torrent({ "file tree": tree }))).toBe("NoFiles")
  }
  expect(reason(withFile({ length: 0 }))).toBe("NoContent")
  expect(reason(withFile({ attr: "l", length: 9 }))).toBe("NoContent")
})

row(34, "keys of the tree out of order -> UnsortedKeys, for a hash of it could be another's", () => {
  const unsorted = new Encode.Raw(
    Uint8Array.from([..."d1:bd0:d6:lengthi0eee1:ad0:d6:lengthi0eeee"].map((c) => c.charCodeAt(0))),
  )
  expect(reason(V2.torrent({ "file tree": unsorted }))).toBe("UnsortedKeys")
  expect(reason(V2.torrent({ extra: [unsorted] }))).toBe("UnsortedKeys")
})

row(35, "a padding file in the tree -> PaddingInFileTree", () => {
  for (const attr of ["p", "xp", "pl"]) {
    const tree = { ...V2.TREE, pad: V2.file(V2.SMALL, { attr }) }
    expect(reason(V2.torrent({ "file tree": tree }))).toBe("PaddingInFileTree")
    expect(reason(hybrid({ "file tree": tree }))).toBe("PaddingInFileTree")
  }
})
