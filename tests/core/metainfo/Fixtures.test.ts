/** Torrents that come with the packages for development, so that these tests run everywhere. */
import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { sha1 } from "../../../core/base/Sha1.ts"
import * as Encode from "../../../core/bencode/Encode.ts"
import * as FilePath from "../../../core/metainfo/FilePath.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import * as Metainfo from "../../../core/metainfo/Metainfo.ts"
import * as Parse from "../../../core/metainfo/Parse.ts"

const must = (bytes: Uint8Array): Metainfo.Metainfo => {
  const parsed = Parse.parse(bytes)
  if (!parsed.ok) throw new Error(parsed.error.message)
  return parsed.value
}

const reason = (bytes: Uint8Array): string => {
  const parsed = Parse.parse(bytes)
  return parsed.ok ? "ok" : parsed.error.reason
}

const FIXTURES = fileURLToPath(
  new URL("../../../node_modules/webtorrent-fixtures/fixtures/", import.meta.url),
)
const fixture = (name: string) => new Uint8Array(readFileSync(FIXTURES + name))

describe("webtorrent's fixtures", () => {
  it.each([
    ["alice.torrent", "722fe65b2aa26d14f35b4ad627d20236e481d924", ["alice.txt"]],
    ["bunny.torrent", "af8f10f30bf9aefecf3686922bfa0d5bd290a395", [
      "bbb_sunflower_1080p_30fps_stereo_abl.mp4",
    ]],
    ["folder.torrent", "b88da2caac6648e6c7d7687e3f89085f7e230e6b", ["folder/file.txt"]],
    ["leaves-metadata.torrent", "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36", [
      "Leaves of Grass by Walt Whitman.epub",
    ]],
    ["leaves.torrent", "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36", ["Leaves of Grass by Walt Whitman.epub"]],
    ["numbers.torrent", "89d97c2261a21b040cf11caa661a3ba7233bb7e6", [
      "numbers/1.txt",
      "numbers/2.txt",
      "numbers/3.txt",
    ]],
    ["lots-of-numbers.torrent", "114ead6243792ba56297edbb9a78dfba84d4fc00", [
      "lots-of-numbers/big numbers/10.txt",
      "lots-of-numbers/big numbers/11.txt",
      "lots-of-numbers/big numbers/12.txt",
      "lots-of-numbers/small numbers/1.txt",
      "lots-of-numbers/small numbers/2.txt",
      "lots-of-numbers/small numbers/3.txt",
    ]],
    ["sintel.torrent", "c334138ef5bfc2d568ea7324e0e2a3a7ec229bdd", [
      "Sintel.2010.4K.DMRip.x264.DD.DTS.SRT-MaLLIeHbKa.mkv",
    ]],
  ])("%s has its info-hash and files", (name, infoHash, expected) => {
    const metainfo = must(fixture(name))
    expect(metainfo.infoHash).toBe(infoHash)
    expect(metainfo.files.map((each) => each.path)).toEqual(expected)
    expect(metainfo.warnings).toEqual([])
  })

  it("hash to their pieces", () => {
    for (const name of ["alice.txt", "Leaves of Grass by Walt Whitman.epub"]) {
      const metainfo = must(fixture(name === "alice.txt" ? "alice.torrent" : "leaves.torrent"))
      const content = fixture(name)
      expect(metainfo.geometry.totalBytes).toBe(content.length)
      for (const piece of Geometry.pieces(metainfo.geometry)) {
        const start = Geometry.pieceOffset(metainfo.geometry, piece)
        const bytes = content.subarray(start, start + Geometry.pieceLength(metainfo.geometry, piece))
        expect(sha1(bytes)).toEqual(Metainfo.pieceHash(metainfo, piece))
      }
    }
  })

  it("corrupt.torrent has no name", () => expect(reason(fixture("corrupt.torrent"))).toBe("MissingName"))
})

const INFO = { name: "temp", "piece length": 16_384, pieces: new Uint8Array(20).fill(7) }

describe("any bytes", () => {
  const seeds = [
    Encode.encode({ info: { ...INFO, length: 425 }, announce: "http://a", "url-list": ["http://b"] }),
    Encode.encode({
      info: {
        ...INFO,
        files: [
          { path: ["..", "a"], length: 1 },
          { path: ["a"], length: 3, attr: "p" },
          { path: ["A"], length: 5, "path.utf-8": ["b"] },
        ],
      },
    }),
    fixture("lots-of-numbers.torrent"),
    fixture("leaves.torrent"),
  ]
  const isSound = (bytes: Uint8Array, names: FilePath.Names) => {
    const parsed = Parse.parse(bytes, { names })
    if (!parsed.ok) {
      expect(parsed.error._tag).toBe("MetainfoError")
      return
    }
    const { files, geometry, pieceHashes } = parsed.value
    expect(pieceHashes.length).toBe(geometry.pieceCount * 20)
    expect(files.length).toBe(geometry.files.length)
    for (const each of files) expect(FilePath.isSafe(each.path, names)).toBe(true)
    const written = files.filter((each) => !each.isPadding).map((each) => each.path.toLowerCase())
    expect(new Set(written).size).toBe(written.length)
  }
  const edit = fc.record({ at: fc.nat(), remove: fc.nat(3), insert: fc.uint8Array({ maxLength: 3 }) })

  it("give a value or a reason, and a value is sound", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(edit, { minLength: 1, maxLength: 4 }),
        fc.constantFrom("posix" as const, "portable" as const),
        (seed, edits, names) => {
          let bytes = [...seed]
          for (const { at, remove, insert } of edits) {
            const start = at % bytes.length
            bytes = [...bytes.slice(0, start), ...insert, ...bytes.slice(start + remove)]
          }
          isSound(Uint8Array.from(bytes), names)
        },
      ),
      { numRuns: 2_000 },
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => isSound(bytes, "portable")))
  })

  it("give a sound value for every digit or name that changes in place", () => {
    // Same length, so that the bencoding mostly stays whole and the checks behind it are reached.
    fc.assert(
      fc.property(
        fc.constantFrom(...seeds),
        fc.array(fc.tuple(fc.nat(), fc.constantFrom(..."0123456789./\\ilde\0")), {
          minLength: 1,
          maxLength: 3,
        }),
        (seed, changes) => {
          const bytes = seed.slice()
          for (const [at, character] of changes) bytes[at % bytes.length] = character.charCodeAt(0)
          isSound(bytes, "portable")
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it("are refused at every cut, short of the whole", () => {
    for (const seed of seeds.slice(0, 3)) {
      for (let length = 0; length < seed.length; length++) {
        expect(reason(seed.subarray(0, length))).toMatch(/^(?:Empty|Truncated)$/)
      }
    }
  })
})
