import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { MAX_PIECES, MAX_TOTAL_BYTES } from "../../../core/metainfo/Limits.ts"
import * as PieceSize from "../../../core/metainfo/PieceSize.ts"

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB

describe("choose", () => {
  // What libtorrent 2.0.8 chooses for a file of each size.
  const libtorrent: ReadonlyArray<readonly [number, number]> = [
    [1, 16 * KIB],
    [MIB, 16 * KIB],
    [10 * MIB, 32 * KIB],
    [50 * MIB, 128 * KIB],
    [100 * MIB, 128 * KIB],
    [200 * MIB, 256 * KIB],
    [500 * MIB, 256 * KIB],
    [700 * MIB, 512 * KIB],
    [2 * GIB, 512 * KIB],
    [4 * GIB, MIB],
    [16 * GIB, 2 * MIB],
    [100 * GIB, 4 * MIB],
    [512 * GIB, 8 * MIB],
    [2048 * GIB, 16 * MIB],
  ]
  it.each(libtorrent)("%d bytes: pieces of %d", (totalBytes, pieceBytes) => {
    expect(PieceSize.choose(totalBytes)).toBe(pieceBytes)
  })

  it.prop("an allowed size, and never less for more content", [
    fc.maxSafeNat(),
    fc.maxSafeNat(),
  ], ([a, b]) => {
    const [small, large] = [Math.min(a, b), Math.max(a, b)].map(PieceSize.choose)
    expect(PieceSize.isAllowed(small!)).toBe(true)
    expect(small).toBeLessThanOrEqual(large!)
  })

  it("no more pieces than clients take, up to 128 TiB", () => {
    const totalBytes = (MAX_TOTAL_BYTES + 1) / 2
    expect(Math.ceil(totalBytes / PieceSize.choose(totalBytes))).toBeLessThanOrEqual(MAX_PIECES)
  })
})

describe("isAllowed", () => {
  it.each([16 * KIB, 32 * KIB, MIB, 64 * MIB])("%d is", (bytes) => {
    expect(PieceSize.isAllowed(bytes)).toBe(true)
  })
  it.each([0, -16 * KIB, 1, 8 * KIB, 16 * KIB + 1, 48 * KIB, 100_000, 128 * MIB, NaN, Infinity])(
    "%d is not",
    (bytes) => {
      expect(PieceSize.isAllowed(bytes)).toBe(false)
    },
  )
})
