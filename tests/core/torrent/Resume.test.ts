import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { latin1, toHex, toLatin1 } from "../../../core/base/Bytes.ts"
import * as Encode from "../../../core/bencode/Encode.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import type { InfoHash } from "../../../core/metainfo/Metainfo.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Resume from "../../../core/torrent/Resume.ts"

const infoHash = "0123456789abcdef0123456789abcdef01234567" as InfoHash

/** `"1 1"`: a bit a character, set where it is no space. */
const bits = (text: string): Bitfield.Bitfield => {
  const bits = Bitfield.make(text.length)
  for (let i = 0; i < text.length; i++) if (text[i] !== " ") Bitfield.set(bits, i)
  return bits
}
const text = (bits: Bitfield.Bitfield): string =>
  Array.from({ length: bits.length }, (_, i) => Bitfield.get(bits, i) ? "1" : " ").join("")

/** Pieces of 10 bytes:  |aaaaaaaaaa|aaaaabbbbb|bbbbbbbbbb|cccccccccc|ccc|  and an empty file between b and c. */
const geometry = Geometry.make(10, [15, 15, 0, 13])
const A: Resume.FileStat = { bytes: 15, mtimeMs: 1_000 }
const B: Resume.FileStat = { bytes: 15, mtimeMs: 2_000 }
const EMPTY: Resume.FileStat = { bytes: 0, mtimeMs: 2_500 }
const C: Resume.FileStat = { bytes: 13, mtimeMs: 3_000 }
const all = [A, B, EMPTY, C]

const resume = (have: string, files: Resume.Resume["files"] = all): Resume.Resume => ({
  infoHash,
  have: bits(have),
  files,
  uploadedBytes: 5,
  downloadedBytes: 2 ** 40,
})

describe("Resume.encode and decode", () => {
  const decode = (bytes: Uint8Array) => Resume.decode(bytes, geometry, infoHash)
  const entries = {
    version: 2,
    infoHash: latin1("\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67"),
    have: Uint8Array.of(0b10100000),
    files: [[15, 1_000], [], [0, 2_500], [13, 3_000]],
    uploadedBytes: 5,
    downloadedBytes: 2 ** 40,
  }

  it("has a format that stays", () => {
    const bytes = Resume.encode(resume("1 1  ", [A, undefined, EMPTY, C]))
    expect(toLatin1(bytes.subarray(0, -20))).toBe(
      "d15:downloadedBytesi1099511627776e5:filesl" +
        "li15ei1000eeleli0ei2500eeli13ei3000eee" +
        "4:have1:\xa08:infoHash20:\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67" +
        "13:uploadedBytesi5e7:versioni2ee",
    )
    expect(toHex(bytes.subarray(-20))).toBe("7a6d5a8f95dbf4107e165c63fee308333d34a1fa")
  })

  it.prop(
    "gives back what was saved, for any torrent",
    {
      fileBytes: fc.array(fc.integer({ min: 0, max: 100_000 }), { minLength: 1, maxLength: 30 }),
      pieceBytes: fc.integer({ min: 500, max: 40_000 }),
      stats: fc.array(
        fc.option(fc.record({ bytes: fc.nat(), mtimeMs: fc.integer({ min: -(2 ** 50), max: 2 ** 50 }) }), {
          nil: undefined,
        }),
        { minLength: 30, maxLength: 30 },
      ),
      claims: fc.infiniteStream(fc.boolean()),
      uploadedBytes: fc.maxSafeNat(),
      downloadedBytes: fc.maxSafeNat(),
    },
    ({ fileBytes, pieceBytes, stats, claims, uploadedBytes, downloadedBytes }) => {
      const geometry = Geometry.make(pieceBytes, fileBytes)
      const have = Bitfield.make(geometry.pieceCount)
      for (const piece of Geometry.pieces(geometry)) if (claims.next().value) Bitfield.set(have, piece)
      const saved = {
        infoHash,
        have,
        files: stats.slice(0, fileBytes.length),
        uploadedBytes,
        downloadedBytes,
      }
      expect(Resume.decode(Resume.encode(saved), geometry, infoHash)).toEqual({ ok: true, value: saved })
    },
  )

  it("refuses itself cut off at every byte, and with bytes after its end", () => {
    const bytes = Resume.encode(resume("11111"))
    for (let length = 0; length < bytes.length; length++) {
      expect(decode(bytes.subarray(0, length))).toEqual({ ok: false, error: "damaged" })
    }
    expect(decode(Uint8Array.from([...bytes, 0]))).toEqual({ ok: false, error: "damaged" })
  })

  const refused: ReadonlyArray<readonly [string, Encode.Encodable, Resume.ResumeError]> = [
    ["a list", [], "malformed"],
    [
      "more values than ours has",
      { ...entries, files: Array.from({ length: 1_000 }, () => []) },
      "malformed",
    ],
    ["no version", { ...entries, version: undefined }, "unsupported version"],
    ["another version", { ...entries, version: 1 }, "unsupported version"],
    ["no info-hash", { ...entries, infoHash: undefined }, "of another torrent"],
    ["another info-hash", { ...entries, infoHash: new Uint8Array(20) }, "of another torrent"],
    ["a short info-hash", { ...entries, infoHash: entries.infoHash.subarray(0, 19) }, "of another torrent"],
    ["no bitfield", { ...entries, have: undefined }, "bad bitfield"],
    ["a longer bitfield", { ...entries, have: new Uint8Array(2) }, "bad bitfield"],
    ["a shorter bitfield", { ...entries, have: new Uint8Array(0) }, "bad bitfield"],
    ["a bit beyond the last piece", { ...entries, have: Uint8Array.of(0b00000100) }, "bad bitfield"],
    ["a bitfield that is a number", { ...entries, have: 7 }, "bad bitfield"],
    ["no files", { ...entries, files: undefined }, "bad list of files"],
    ["a file too few", { ...entries, files: [[], [], []] }, "bad list of files"],
    ["a file too many", { ...entries, files: [[], [], [], [], []] }, "bad list of files"],
    ["a negative size", { ...entries, files: [[-1, 0], [], [], []] }, "bad list of files"],
    ["a size beyond 2^53", { ...entries, files: [[2n ** 60n, 0], [], [], []] }, "bad list of files"],
    ["a file without a time", { ...entries, files: [[1], [], [], []] }, "bad list of files"],
    ["a file with three numbers", { ...entries, files: [[1, 2, 3], [], [], []] }, "bad list of files"],
    ["a file that is a text", { ...entries, files: ["", [], [], []] }, "bad list of files"],
    ["a negative total", { ...entries, uploadedBytes: -1 }, "bad totals"],
    ["a total beyond 2^53", { ...entries, downloadedBytes: 2n ** 63n }, "bad totals"],
    ["a total that is missing", { ...entries, downloadedBytes: undefined }, "bad totals"],
  ]
  it.each(refused)("refuses %s", (_, value, error) => {
    expect(decode(Resume.seal(Encode.encode(value)))).toEqual({ ok: false, error })
  })

  it("reads what the table above varies, and ignores keys that a later version may add", () => {
    expect(decode(Resume.seal(Encode.encode({ ...entries, later: ["x"] })))).toEqual({
      ok: true,
      value: resume("1 1  ", [A, undefined, EMPTY, C]),
    })
  })

  it.prop("takes any bytes for what they are", { bytes: fc.uint8Array({ maxLength: 200 }) }, ({ bytes }) => {
    expect(decode(bytes).ok).toBe(false)
  })

  it("refuses itself with any one bit turned over", () => {
    const bytes = Resume.encode(resume("11111"))
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      expect(decode(bytes)).toEqual({ ok: false, error: "damaged" })
      bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
    expect(decode(bytes).ok).toBe(true)
  })

  it.prop(
    "takes any sealed bytes for what they are",
    { bytes: fc.uint8Array({ maxLength: 200 }) },
    ({ bytes }) => {
      expect(decode(Resume.seal(bytes)).ok).toBe(false)
    },
  )

  it("keeps no reference to the bytes that it read", () => {
    const bytes = Resume.encode(resume("1 1 1"))
    const result = decode(bytes)
    bytes.fill(0)
    expect(result.ok && text(result.value.have)).toBe("1 1 1")
  })
})

describe("Resume.believe", () => {
  const believe = (saved: Resume.Resume | undefined, stats: Resume.Resume["files"]) => {
    const { believed, recheck } = Resume.believe(saved, stats, geometry)
    return { believed: text(believed), recheck: text(recheck) }
  }
  const nothing = "     "

  it("believes every claim while all files look as they did, and rechecks nothing", () => {
    expect(believe(resume("1 11 "), all)).toEqual({ believed: "1 11 ", recheck: nothing })
  })

  it("rechecks everything that is there when nothing was saved", () => {
    expect(believe(undefined, all)).toEqual({ believed: nothing, recheck: "11111" })
    expect(believe(undefined, [A, B, undefined, undefined])).toEqual({ believed: nothing, recheck: "111  " })
    expect(believe(undefined, [undefined, undefined, undefined, undefined])).toEqual({
      believed: nothing,
      recheck: nothing,
    })
  })

  it("rechecks every piece of a file with another time or size, claimed or not", () => {
    expect(believe(resume("11111"), [A, { ...B, mtimeMs: 2_001 }, EMPTY, C])).toEqual({
      believed: "1  11",
      recheck: " 11  ",
    })
    expect(believe(resume("1    "), [A, { ...B, mtimeMs: 1_999 }, EMPTY, C])).toEqual({
      believed: "1    ",
      recheck: " 11  ",
    })
    expect(believe(resume("11111"), [{ ...A, bytes: 16 }, B, EMPTY, C])).toEqual({
      believed: "  111",
      recheck: "11   ",
    })
  })

  it("believes nothing of a file that is gone, and has nothing of it to recheck", () => {
    expect(believe(resume("11111"), [A, undefined, EMPTY, C])).toEqual({
      believed: "1  11",
      recheck: nothing,
    })
  })

  it("rechecks a file that came since", () => {
    expect(believe(resume("1    ", [A, undefined, EMPTY, undefined]), all)).toEqual({
      believed: "1    ",
      recheck: " 1111",
    })
  })

  it("rechecks of a short file only the pieces that it can hold", () => {
    expect(believe(undefined, [{ bytes: 9, mtimeMs: 0 }, B, EMPTY, { bytes: 10, mtimeMs: 0 }])).toEqual({
      believed: nothing,
      recheck: "  11 ",
    })
  })

  it("believes no claim on bytes that are not there, whatever was saved", () => {
    const short = [A, undefined, EMPTY, { bytes: 10, mtimeMs: 0 }]
    expect(believe(resume("11111", short), short)).toEqual({ believed: "1  1 ", recheck: nothing })
  })

  it("does not care about files of length zero, which no piece lies in", () => {
    expect(believe(resume("11111"), [A, B, undefined, C])).toEqual({ believed: "11111", recheck: nothing })
    expect(believe(resume("11111"), [A, B, { bytes: 0, mtimeMs: 9 }, C])).toEqual({
      believed: "11111",
      recheck: nothing,
    })
  })

  const stat = fc.option(
    fc.record({ bytes: fc.integer({ min: 0, max: 60 }), mtimeMs: fc.integer({ min: 1, max: 2 }) }),
    { nil: undefined },
  )
  const files = fc.array(fc.record({ bytes: fc.integer({ min: 0, max: 50 }), then: stat, now: stat }), {
    minLength: 1,
    maxLength: 8,
  })

  it.prop(
    "agrees with the rule, piece by piece",
    { files, pieceBytes: fc.integer({ min: 1, max: 40 }), claims: fc.infiniteStream(fc.boolean()) },
    ({ files, pieceBytes, claims }) => {
      const geometry = Geometry.make(pieceBytes, files.map(({ bytes }) => bytes))
      const have = Bitfield.make(geometry.pieceCount)
      for (const piece of Geometry.pieces(geometry)) if (claims.next().value) Bitfield.set(have, piece)
      const saved = {
        infoHash,
        have,
        files: files.map(({ then }) => then),
        uploadedBytes: 0,
        downloadedBytes: 0,
      }
      const { believed, recheck } = Resume.believe(saved, files.map(({ now }) => now), geometry)
      for (const piece of Geometry.pieces(geometry)) {
        const parts = Geometry.segments(
          geometry,
          Geometry.pieceOffset(geometry, piece),
          Geometry.pieceLength(geometry, piece),
        )
        const isThere = parts.every(({ fileIndex, offset, bytes }) =>
          offset + bytes <= (files[fileIndex]!.now?.bytes ?? 0)
        )
        const isSame = parts.every(({ fileIndex }) => {
          const { then, now } = files[fileIndex]!
          return then?.bytes === now?.bytes && then?.mtimeMs === now?.mtimeMs
        })
        expect(Bitfield.get(believed, piece)).toBe(isThere && isSame && Bitfield.get(have, piece))
        expect(Bitfield.get(recheck, piece)).toBe(isThere && !isSame)
      }
    },
  )
})
