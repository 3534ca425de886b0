import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { AssertionFailure } from "../../../core/base/Assert.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"

/** Three pieces of two and a half blocks; the last piece has one byte. Files cross pieces, and one is empty. */
const sample = Geometry.make(40_960, [10, 0, 81_910, 1])

const geometry = fc.record({
  pieceBytes: fc.integer({ min: 1, max: 100_000 }),
  fileBytes: fc.array(fc.oneof(fc.constant(0), fc.nat(200_000)), { minLength: 1, maxLength: 8 }),
}).map(({ pieceBytes, fileBytes }) => Geometry.make(Math.max(pieceBytes, 500), fileBytes))

describe("Geometry", () => {
  it("lays files end to end and cuts them into pieces", () => {
    expect(sample).toMatchObject({ totalBytes: 81_921, pieceCount: 3, blocksPerPiece: 3 })
    expect(sample.files.map((file) => file.offset)).toEqual([0, 10, 10, 81_920])
  })

  it("refuses a piece index that is out of range or no whole number", () => {
    for (const value of [-1, 3, 0.5, NaN, Infinity, 2 ** 32]) {
      expect(Geometry.pieceIndex(sample, value)).toBeUndefined()
    }
    expect(Geometry.pieceIndex(sample, 2)).toBe(2)
    expect([...Geometry.pieces(sample)]).toEqual([0, 1, 2])
  })

  it("gives the last piece, and the last block of a piece, what is left", () => {
    const [first, , last] = [...Geometry.pieces(sample)]
    expect(Geometry.pieceLength(sample, first!)).toBe(40_960)
    expect(Geometry.pieceLength(sample, last!)).toBe(1)
    expect(Geometry.blockCount(sample, first!)).toBe(3)
    expect(Geometry.blockCount(sample, last!)).toBe(1)
    expect(Geometry.blockLength(sample, Geometry.blockAt(sample, first!, 32_768))).toBe(8_192)
    expect(Geometry.blockLength(sample, Geometry.blockAt(sample, last!, 0))).toBe(1)
  })

  it.each([
    [0, 0, 16_384, true],
    [0, 32_768, 8_192, true],
    [2, 0, 1, true],
    [0, 0, 16_383, false],
    [0, 1, 16_384, false],
    [0, 32_768, 16_384, false],
    [0, 49_152, 16_384, false],
    [2, 0, 2, false],
  ])("says whether piece %i, begin %i, length %i is a block: %s", (piece, begin, length, expected) => {
    expect(Geometry.blockIndex(sample, piece, begin, length) !== undefined).toBe(expected)
  })

  it("finds the file of a byte, never an empty one", () => {
    expect([0, 9, 10, 81_919, 81_920].map((offset) => Geometry.fileAt(sample, offset))).toEqual([
      0,
      0,
      2,
      2,
      3,
    ])
  })

  it("cuts a range into the files it lies in", () => {
    expect(Geometry.segments(sample, 8, 81_913)).toEqual([
      { fileIndex: 0, offset: 8, bytes: 2 },
      { fileIndex: 2, offset: 0, bytes: 81_910 },
      { fileIndex: 3, offset: 0, bytes: 1 },
    ])
    expect(Geometry.segments(sample, 81_921, 0)).toEqual([])
    expect(() => Geometry.segments(sample, 81_921, 1)).toThrow(AssertionFailure)
  })

  it("gives the pieces of a file, and none for an empty one", () => {
    expect(Geometry.piecesOfFile(sample, 0)).toEqual({ first: 0, last: 0 })
    expect(Geometry.piecesOfFile(sample, 1)).toBeUndefined()
    expect(Geometry.piecesOfFile(sample, 2)).toEqual({ first: 0, last: 1 })
    expect(Geometry.piecesOfFile(sample, 3)).toEqual({ first: 2, last: 2 })
  })

  it("covers every byte once, by pieces, by blocks and by segments", () => {
    fc.assert(fc.property(geometry, (it) => {
      let covered = 0
      for (const piece of Geometry.pieces(it)) {
        expect(Geometry.pieceOffset(it, piece)).toBe(covered)
        let inPiece = 0
        for (let i = 0; i < Geometry.blockCount(it, piece); i++) {
          const block = Geometry.blockAt(it, piece, inPiece)
          expect(Geometry.blockPiece(it, block)).toBe(piece)
          expect(Geometry.blockBegin(it, block)).toBe(inPiece)
          const length = Geometry.blockLength(it, block)
          expect(length).toBeGreaterThan(0)
          expect(Geometry.blockIndex(it, piece, inPiece, length)).toBe(Geometry.blockAt(it, piece, inPiece))
          inPiece += length
        }
        expect(inPiece).toBe(Geometry.pieceLength(it, piece))
        let inFiles = 0
        for (const segment of Geometry.segments(it, covered, inPiece)) {
          expect(segment.bytes).toBeGreaterThan(0)
          expect(it.files[segment.fileIndex]!.offset + segment.offset).toBe(covered + inFiles)
          expect(segment.offset + segment.bytes).toBeLessThanOrEqual(it.files[segment.fileIndex]!.bytes)
          inFiles += segment.bytes
        }
        expect(inFiles).toBe(inPiece)
        covered += inPiece
      }
      expect(covered).toBe(it.totalBytes)
    }))
  })

  it("agrees with itself on which pieces a file lies in", () => {
    fc.assert(fc.property(geometry, (it) => {
      for (const [fileIndex] of it.files.entries()) {
        const range = Geometry.piecesOfFile(it, fileIndex)
        const touching = [...Geometry.pieces(it)].filter((piece) =>
          Geometry.segments(it, Geometry.pieceOffset(it, piece), Geometry.pieceLength(it, piece))
            .some((segment) => segment.fileIndex === fileIndex)
        )
        expect([range?.first, range?.last]).toEqual([touching[0], touching.at(-1)])
      }
    }))
  })
})
