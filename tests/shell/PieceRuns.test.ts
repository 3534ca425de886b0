import { expect, it } from "@effect/vitest"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import * as PieceRuns from "../../shell/PieceRuns.ts"

const MIB = 1024 * 1024

const lengths = (pieceBytes: number, totalBytes: number): ReadonlyArray<number> => {
  const geometry = Geometry.make(pieceBytes, [totalBytes])
  const runs = [...PieceRuns.cut(geometry, Geometry.pieces(geometry))]
  expect(runs.flat()).toEqual([...Geometry.pieces(geometry)])
  expect(runs.reduce((sum, run) => sum + PieceRuns.span(geometry, run).bytes, 0)).toBe(totalBytes)
  return runs.map((run) => run.length)
}

it("a run has 4 MiB, 64 pieces, or one piece that is larger", () => {
  expect(new Set(lengths(MIB / 4, 1024 * MIB))).toEqual(new Set([16]))
  expect(lengths(MIB / 64, 1024 * MIB + 1)[0]).toBe(64)
  expect(lengths(16 * MIB, 40 * MIB)).toEqual([1, 1, 1])
})

it("a small torrent has a run for each piece", () => {
  expect(lengths(1_000, 4_500)).toEqual([1, 1, 1, 1, 1])
  expect(lengths(1_000, 1_000_500)).toEqual([...Array.from({ length: 200 }, () => 5), 1])
})

it("pieces that do not lie side by side are in different runs", () => {
  const geometry = Geometry.make(MIB / 4, [1024 * MIB - 5])
  const pieces = [0, 1, 3, 4, 5, 9, 4_095].map((piece) => Geometry.pieceIndex(geometry, piece)!)
  const runs = [...PieceRuns.cut(geometry, pieces)]
  expect(runs).toEqual([[0, 1], [3, 4, 5], [9], [4_095]])
  expect(runs.map((run) => PieceRuns.span(geometry, run))).toEqual([
    { offset: 0, bytes: MIB / 2 },
    { offset: 3 * MIB / 4, bytes: 3 * MIB / 4 },
    { offset: 9 * MIB / 4, bytes: MIB / 4 },
    { offset: 1024 * MIB - MIB / 4, bytes: MIB / 4 - 5 },
  ])
  expect([...PieceRuns.cut(geometry, [])]).toEqual([])
})
