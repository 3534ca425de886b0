import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { toHex } from "../../core/base/Bytes.ts"
import { sha1 } from "../../core/base/Sha1.ts"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import * as Hasher from "../../shell/Hasher.ts"
import * as PieceDigests from "../../shell/PieceDigests.ts"

const PIECE_BYTES = 64
const geometry = Geometry.make(PIECE_BYTES, [10 * PIECE_BYTES])
const piece = (index: number): Geometry.PieceIndex => Geometry.pieceIndex(geometry, index)!
const content = Uint8Array.from({ length: PIECE_BYTES }, (_, at) => at)

/** Pushes fragments of `content`; a number is where one of `bytes` bytes begins, `disk` hands over what came before. */
const play = (
  digests: PieceDigests.PieceDigests,
  bytes: number,
  ...moves: ReadonlyArray<number | "disk">
): void => {
  for (const move of moves) {
    if (move === "disk") digests.handedOver(piece(0))
    else digests.push(piece(0), move, content.subarray(move, move + bytes))
  }
}

const taken = (...moves: ReadonlyArray<number | "disk">): string | undefined => {
  const digests = PieceDigests.make(Hasher.rolling)
  play(digests, 16, ...moves)
  const digest = digests.take(piece(0), PIECE_BYTES)
  return digest && toHex(digest)
}

describe("PieceDigests", () => {
  const whole = toHex(sha1(content))

  it("hashes what comes in order, or in any order while the disk waits", () => {
    expect(taken(0, 16, 32, 48)).toBe(whole)
    expect(taken(0, "disk", 16, "disk", 32, 48, "disk")).toBe(whole)
    expect(taken(48, 16, 0, 32, "disk")).toBe(whole)
    expect(taken(0, "disk", 32, 16, "disk", 48, "disk")).toBe(whole)
  })

  it("has none for a piece with a gap, or that went to the disk before a gap was filled", () => {
    expect(taken(0, 16, 48)).toBeUndefined()
    expect(taken(16, 32, 48)).toBeUndefined()
    expect(taken(16, "disk", 0, 32, 48)).toBeUndefined()
    expect(taken()).toBeUndefined()
  })

  it("has none where bytes came twice: the disk may have the others", () => {
    expect(taken(0, 16, 0, 32, 48)).toBeUndefined()
    expect(taken(0, 32, 32, 16, 48)).toBeUndefined()
    expect(taken(0, 16, 32, 48, 48)).toBeUndefined()
  })

  it("begins anew after a piece was taken, and keeps pieces apart", () => {
    const digests = PieceDigests.make(Hasher.rolling)
    play(digests, 16, 16, "disk", 0, 32, 48)
    digests.push(piece(1), 0, content)
    expect(digests.take(piece(0), PIECE_BYTES)).toBeUndefined()
    play(digests, 16, 0, 16, 32, 48)
    expect(toHex(digests.take(piece(0), PIECE_BYTES)!)).toBe(whole)
    expect(toHex(digests.take(piece(1), PIECE_BYTES)!)).toBe(whole)
  })

  it("gives the digest of what the disk has, or none, whatever comes when", () => {
    const fragment = fc.record({
      begin: fc.nat(PIECE_BYTES - 1),
      bytes: fc.integer({ min: 1, max: 12 }),
      fill: fc.nat(3),
      isHandedOver: fc.boolean(),
    })
    // All eighths of the piece in some order, and sometimes what overlaps them, or comes twice.
    const eighths = fc.tuple(
      ...Array.from({ length: 8 }, (_, at) =>
        fc.record({
          begin: fc.constant(8 * at),
          bytes: fc.constant(8),
          fill: fc.nat(3),
          isHandedOver: fc.constant(false),
        })),
    )
    const arrivals = fc.tuple(eighths, fc.array(fragment, { maxLength: 2 })).chain(([all, more]) =>
      fc.shuffledSubarray([...all, ...more], { minLength: 8 })
    )
    let digested = 0
    fc.assert(
      fc.property(arrivals, (fragments) => {
        const digests = PieceDigests.make(Hasher.rolling)
        const disk = new Uint8Array(PIECE_BYTES)
        const missing = new Set(disk.keys())
        let gathered: Array<Uint8Array> = []
        for (const { begin, bytes, fill, isHandedOver } of fragments) {
          const some = new Uint8Array(Math.min(bytes, PIECE_BYTES - begin)).fill(fill)
          digests.push(piece(0), begin, some)
          disk.set(some, begin)
          gathered.push(some)
          for (const at of some.keys()) missing.delete(begin + at)
          if (!isHandedOver) continue
          digests.handedOver(piece(0))
          for (const one of gathered) one.fill(255)
          gathered = []
        }
        const digest = digests.take(piece(0), PIECE_BYTES)
        if (digest === undefined) return
        digested++
        expect(missing.size).toBe(0)
        expect(toHex(digest)).toBe(toHex(sha1(disk)))
      }),
      { numRuns: 2_000 },
    )
    expect(digested).toBeGreaterThan(500)
  })
})
