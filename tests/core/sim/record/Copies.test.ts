import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Copies from "../../../../core/sim/record/Copies.ts"
import * as Bitfield from "../../../../core/torrent/Bitfield.ts"

const PIECES = 37

const bits = (pieces: Iterable<number>): Bitfield.Bitfield => {
  const field = Bitfield.make(PIECES)
  for (const piece of pieces) Bitfield.set(field, piece)
  return field
}

const action = fc.oneof(
  fc.record({ what: fc.constant("add" as const), peer: fc.nat(3), piece: fc.nat(PIECES - 1) }),
  fc.record({
    what: fc.constant("set" as const),
    peer: fc.nat(3),
    pieces: fc.uniqueArray(fc.nat(PIECES - 1)),
  }),
  fc.record({ what: fc.constant("remove" as const), peer: fc.nat(3) }),
)

describe("Copies", () => {
  it("has a row a piece where there are few", () => {
    const copies = Copies.make(3, 10)
    expect(copies.rows).toBe(3)
    Copies.set(copies, 0, Bitfield.full(3))
    Copies.add(copies, 1, 2)
    expect([0, 1, 2].map((row) => Copies.perPiece(copies, row))).toEqual([1, 1, 2])
  })

  it("averages over neighbours where there are many", () => {
    const copies = Copies.make(4, 2)
    Copies.add(copies, 0, 0)
    Copies.add(copies, 1, 0)
    Copies.add(copies, 1, 1)
    expect([0, 1].map((row) => Copies.perPiece(copies, row))).toEqual([1.5, 0])
  })

  it("counts what everybody has, whoever comes, goes, or starts again", () => {
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 60 }),
        fc.integer({ min: 1, max: 50 }),
        (actions, maxRows) => {
          const copies = Copies.make(PIECES, maxRows)
          const model = new Map<number, Set<number>>()
          for (const one of actions) {
            if (one.what === "remove") {
              model.delete(one.peer)
              Copies.remove(copies, one.peer)
            } else if (one.what === "set") {
              model.set(one.peer, new Set(one.pieces))
              Copies.set(copies, one.peer, bits(one.pieces))
            } else {
              const has = model.get(one.peer) ?? new Set()
              if (has.has(one.piece)) continue
              model.set(one.peer, has.add(one.piece))
              Copies.add(copies, one.peer, one.piece)
            }
          }
          const expected = new Array<number>(copies.rows).fill(0)
          for (const has of model.values()) {
            for (const piece of has) expected[Math.floor(piece * copies.rows / PIECES)]!++
          }
          expect([...copies.totals]).toEqual(expected)
          expect(copies.widths.reduce((a, b) => a + b)).toBe(PIECES)
        },
      ),
    )
  })
})
