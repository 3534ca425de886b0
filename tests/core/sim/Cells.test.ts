/** Lines of entries in cells: what goes in comes out, and every cell comes back. */
import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Rng from "../../../core/base/Rng.ts"
import * as Cells from "../../../core/sim/Cells.ts"

const STORED = 0
const NOT_STORED = 2

interface Entry {
  readonly length: number
  readonly isStored: boolean
}

const entries = fc.array(fc.record({ length: fc.integer({ min: 1, max: 300 }), isStored: fc.boolean() }), {
  minLength: 1,
  maxLength: 40,
})

const bytesOf = (length: number, seed: number) => Rng.fill(Rng.make(seed), new Uint8Array(length))

/** Cells that are neither free nor the first. */
const inUse = (cells: Cells.Cells): number => {
  let free = 0
  for (let cell = cells.free; cell !== 0; cell = cells.words[cell * 16]!) free++
  return cells.touched - 1 - free
}

const write = (cells: Cells.Cells, list: ReadonlyArray<Entry>) => {
  const start = Cells.begin(cells)
  let end = start
  for (const [index, { isStored, length }] of list.entries()) {
    end = isStored
      ? Cells.add(cells, end, STORED, bytesOf(length, index))
      : Cells.addHead(cells, end, NOT_STORED, length)
  }
  return { start, end }
}

describe("Cells", () => {
  it.prop("keep what was put in, in order, in parts as well as whole", [entries, fc.nat()], ([list, cut]) => {
    const cells = Cells.make()
    const { end, start } = write(cells, list)
    let at = start
    for (const [index, { isStored, length }] of list.entries()) {
      const head = Cells.entryAt(cells, at)
      expect(Cells.lengthAt(cells, head)).toBe(length)
      expect(Cells.kindAt(cells, head)).toBe(isStored ? STORED : NOT_STORED)
      at = isStored ? Cells.behind(cells, head) : Cells.behindHead(head)
      if (!isStored) continue
      const out = new Uint8Array(length)
      const first = cut % (length + 1)
      Cells.copy(cells, head, 0, first, out, 0)
      Cells.copy(cells, head, first, length - first, out, first)
      expect(out).toEqual(bytesOf(length, index))
    }
    expect(at).toBe(end)
  })

  it.prop("are released as they are passed, all of them in the end", [entries, entries], ([one, two]) => {
    const cells = Cells.make()
    const a = write(cells, one)
    const b = write(cells, two)
    let at = a.start
    for (const { isStored } of one) {
      const head = Cells.entryAt(cells, at)
      const behind = isStored ? Cells.behind(cells, head) : Cells.behindHead(head)
      Cells.release(cells, at, behind)
      at = behind
    }
    Cells.releaseAll(cells, at, a.end)
    Cells.releaseAll(cells, b.start, b.end)
    expect(inUse(cells)).toBe(0)
  })

  it("are used again, the last one first, and there are as many as are needed", () => {
    const cells = Cells.make()
    const lines = Array.from(
      { length: 5_000 },
      (_, i) => write(cells, [{ length: 9 + i % 7, isStored: true }]),
    )
    expect(inUse(cells)).toBe(5_000)
    for (const [i, { start }] of lines.entries()) {
      const out = new Uint8Array(9 + i % 7)
      Cells.copy(cells, Cells.entryAt(cells, start), 0, out.length, out, 0)
      expect(out).toEqual(bytesOf(out.length, 0))
    }
    const { end, start } = lines[1_234]!
    Cells.releaseAll(cells, start, end)
    expect(Cells.begin(cells)).toBe(start)
  })
})
