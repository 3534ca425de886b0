import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Deadlines from "../../../core/base/Deadlines.ts"
import { NEVER } from "../../../core/base/Time.ts"

const drain = (deadlines: Deadlines.Deadlines, now: number): Array<number> => {
  const keys: Array<number> = []
  for (;;) {
    const key = Deadlines.popDue(deadlines, now)
    if (key === undefined) return keys
    keys.push(key)
  }
}

const of = (...entries: ReadonlyArray<readonly [key: number, at: number]>): Deadlines.Deadlines => {
  const deadlines = Deadlines.make()
  for (const [key, at] of entries) Deadlines.set(deadlines, key, at)
  return deadlines
}

describe("Deadlines", () => {
  it("is never due while empty", () => {
    expect(Deadlines.next(Deadlines.make())).toBe(NEVER)
    expect(Deadlines.popDue(Deadlines.make(), NEVER)).toBeUndefined()
    expect(Deadlines.first(Deadlines.make())).toBeUndefined()
  })

  it("pops what is due, at its very time, and leaves the rest", () => {
    const deadlines = of([1, 30], [2, 10], [3, 20])
    expect(drain(deadlines, 9.9)).toEqual([])
    expect(drain(deadlines, 20)).toEqual([2, 3])
    expect(Deadlines.next(deadlines)).toBe(30)
    expect(Deadlines.size(deadlines)).toBe(1)
  })

  it("breaks ties by the key, whatever the order of setting", () => {
    expect(drain(of([9, 5], [3, 5], [7, 5]), 5)).toEqual([3, 7, 9])
    expect(drain(of([3, 5], [7, 5], [9, 5]), 5)).toEqual([3, 7, 9])
  })

  it("moves a key both ways, and NEVER takes it away", () => {
    const deadlines = of([1, 10], [2, 20], [3, 30])
    Deadlines.set(deadlines, 3, 5)
    Deadlines.set(deadlines, 1, 25)
    expect(Deadlines.at(deadlines, 1)).toBe(25)
    Deadlines.set(deadlines, 2, NEVER)
    expect(Deadlines.at(deadlines, 2)).toBe(NEVER)
    expect(drain(deadlines, 100)).toEqual([3, 1])
  })

  it("refuses a deadline that is no time", () => {
    expect(() => Deadlines.set(Deadlines.make(), 1, NaN)).toThrow("a deadline is a time")
  })

  it("keeps a fork apart", () => {
    const original = of([1, 10], [2, 20])
    const forked = Deadlines.fork(original)
    Deadlines.set(forked, 1, 30)
    Deadlines.remove(original, 2)
    expect(drain(original, 100)).toEqual([1])
    expect(drain(forked, 100)).toEqual([2, 1])
  })

  const operation = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(fc.constant("set" as const), fc.nat(30), fc.nat(50)) },
    { weight: 2, arbitrary: fc.tuple(fc.constant("remove" as const), fc.nat(30), fc.constant(0)) },
    { weight: 2, arbitrary: fc.tuple(fc.constant("pop" as const), fc.constant(0), fc.nat(50)) },
  )

  it.prop(
    "does what a sorted list does",
    [fc.array(operation, { maxLength: 200, size: "max" })],
    ([operations]) => {
      const deadlines = Deadlines.make()
      const model = new Map<number, number>()
      for (const [kind, key, at] of operations) {
        const sorted = [...model].sort((a, b) => a[1] - b[1] || a[0] - b[0])
        if (kind === "set") {
          Deadlines.set(deadlines, key, at)
          model.set(key, at)
        } else if (kind === "remove") {
          Deadlines.remove(deadlines, key)
          model.delete(key)
        } else {
          const due = sorted[0]?.[1]! <= at ? sorted[0]![0] : undefined
          expect(Deadlines.popDue(deadlines, at)).toBe(due)
          model.delete(due!)
        }
        const left = [...model].sort((a, b) => a[1] - b[1] || a[0] - b[0])
        expect(Deadlines.next(deadlines)).toBe(left[0]?.[1] ?? NEVER)
        expect(Deadlines.first(deadlines)).toBe(left[0]?.[0])
        expect(Deadlines.size(deadlines)).toBe(left.length)
        expect(Deadlines.countDue(deadlines, 25)).toBe(left.filter(([, at]) => at <= 25).length)
      }
      expect(drain(deadlines, 50)).toEqual(
        [...model].sort((a, b) => a[1] - b[1] || a[0] - b[0]).map(([key]) => key),
      )
    },
  )

  it("touches a logarithm of what it holds, not all of it", () => {
    const deadlines = Deadlines.make()
    const count = 2 ** 16
    for (let key = 0; key < count; key++) Deadlines.set(deadlines, key, (key * 7919) % count)
    let writes = 0
    const set = deadlines.slots.set.bind(deadlines.slots)
    deadlines.slots.set = (key, slot) => {
      writes++
      return set(key, slot)
    }
    for (let key = 0; key < 1_000; key++) Deadlines.set(deadlines, key, key % 2 === 0 ? -key : count + key)
    expect(writes).toBeLessThan(1_000 * 20)
  })
})
