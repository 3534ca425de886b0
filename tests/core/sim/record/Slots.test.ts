import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Slots from "../../../../core/sim/record/Slots.ts"

const ticks = fc.array(fc.record({ gap: fc.nat(40), column: fc.nat(2), value: fc.nat(1_000) }), {
  maxLength: 200,
})

/** Puts values at ascending ticks; gives back what was put where. */
const fill = (slots: Slots.Slots, puts: ReadonlyArray<{ gap: number; column: number; value: number }>) => {
  let tick = 0
  return puts.map(({ column, gap, value }) => {
    tick += gap
    Slots.put(slots, Slots.rowAt(slots, tick), column, value)
    return { tick, column, value }
  })
}

describe("Slots", () => {
  it("keeps what was put as it is while there is room", () => {
    const slots = Slots.make({ capacity: 4, columns: 2, merge: "sum", stride: 1 })
    fill(slots, [{ gap: 0, column: 0, value: 3 }, { gap: 3, column: 1, value: 5 }])
    expect([slots.count, slots.stride]).toEqual([4, 1])
    expect([Slots.get(slots, 0, 0), Slots.get(slots, 0, 1), Slots.get(slots, 3, 1)]).toEqual([3, 0, 5])
  })

  it("makes two slots one when it is full: sums add up", () => {
    const slots = Slots.make({ capacity: 4, columns: 1, merge: "sum", stride: 1 })
    fill(slots, [1, 2, 3, 4, 5].map((value, i) => ({ gap: i === 0 ? 0 : 1, column: 0, value })))
    expect([slots.count, slots.stride]).toEqual([3, 2])
    expect([0, 1, 2].map((slot) => Slots.get(slots, slot, 0))).toEqual([3, 7, 5])
  })

  it("makes two slots one when it is full: of two states the later one stays", () => {
    const slots = Slots.make({ capacity: 4, columns: 1, merge: "last", stride: 1 })
    fill(slots, [1, 2, 3, 0, 5].map((value, i) => ({ gap: i === 0 ? 0 : 1, column: 0, value })))
    expect([0, 1, 2].map((slot) => Slots.get(slots, slot, 0))).toEqual([2, 0, 5])
  })

  it("keeps a state whose later neighbour was never seen", () => {
    const slots = Slots.make({ capacity: 4, columns: 1, merge: "last", stride: 1 })
    fill(slots, [{ gap: 2, column: 0, value: 7 }, { gap: 2, column: 0, value: 9 }])
    expect([1, 2].map((slot) => Slots.get(slots, slot, 0))).toEqual([7, 9])
  })

  it("finds every sum in the slot of its tick, however long the run", () => {
    fc.assert(fc.property(ticks, (puts) => {
      const slots = Slots.make({ capacity: 8, columns: 3, merge: "sum", stride: 2 })
      const put = fill(slots, puts)
      const expected = new Map<string, number>()
      for (const { column, tick, value } of put) {
        const key = `${Math.floor(tick / slots.stride)} ${column}`
        expected.set(key, (expected.get(key) ?? 0) + value)
      }
      expect(slots.count).toBeLessThanOrEqual(8)
      for (let slot = 0; slot < slots.count; slot++) {
        for (let column = 0; column < 3; column++) {
          expect(Slots.get(slots, slot, column)).toBe(expected.get(`${slot} ${column}`) ?? 0)
        }
      }
    }))
  })

  it("lets tables of other widths halve themselves at the same ticks", () => {
    const fine = Slots.make({ capacity: 8, columns: 1, merge: "sum", stride: 1 })
    const coarse = Slots.make({ capacity: 2, columns: 1, merge: "sum", stride: 4 })
    for (let tick = 0; tick < 1_000; tick++) {
      Slots.rowAt(fine, tick)
      Slots.rowAt(coarse, tick)
      expect(coarse.stride).toBe(4 * fine.stride)
    }
  })
})
