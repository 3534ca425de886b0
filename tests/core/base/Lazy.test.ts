import { describe, expect, it } from "@effect/vitest"
import * as Clone from "../../../core/base/Clone.ts"
import * as Lazy from "../../../core/base/Lazy.ts"

describe("Lazy", () => {
  it("gives each owner a table of its own once something is put in", () => {
    let first = Lazy.noEntries<string, number>()
    let second = Lazy.noEntries<string, number>()
    expect(first).toBe(second)
    first = Lazy.set(first, "a", 1)
    expect([...second]).toEqual([])
    second = Lazy.set(second, "b", 2)
    const kept = first
    first = Lazy.set(first, "c", 3)
    expect(first).toBe(kept)
    expect([[...first], [...second]]).toEqual([[["a", 1], ["c", 3]], [["b", 2]]])
    expect(Lazy.noEntries().size).toBe(0)
  })

  it("does the same for sets", () => {
    const none = Lazy.noItems<number>()
    const one = Lazy.add(none, 1)
    expect(Lazy.add(one, 2)).toBe(one)
    expect([[...none], [...one]]).toEqual([[], [1, 2]])
  })

  it("keeps owners apart in a fork, too", () => {
    const fork = Clone.clone([{ table: Lazy.noEntries<string, number>(), set: Lazy.noItems<string>() }, {
      table: Lazy.noEntries<string, number>(),
      set: Lazy.noItems<string>(),
    }])
    fork[0]!.table = Lazy.set(fork[0]!.table, "a", 1)
    fork[0]!.set = Lazy.add(fork[0]!.set, "a")
    expect(fork[1]!.table.size).toBe(0)
    expect(fork[1]!.set.size).toBe(0)
    expect(Lazy.noEntries().size + Lazy.noItems().size).toBe(0)
  })
})
