import { describe, expect, it } from "vitest"
import * as Arena from "../../../core/base/Arena.ts"

describe("an arena", () => {
  it("keeps the words of each row, over many chunks", () => {
    const arena = Arena.make(3)
    const refs = Array.from({ length: 5_000 }, () => Arena.allocate(arena))
    expect(new Set(refs).size).toBe(5_000)
    refs.forEach((ref, i) =>
      [0, 1, 2].forEach((field) => Arena.set(arena, ref, field, i * 3 + field - 7_000))
    )
    refs.forEach((ref, i) => {
      for (const field of [0, 1, 2]) expect(Arena.get(arena, ref, field)).toBe(i * 3 + field - 7_000)
    })
  })

  it("gives released rows again before it takes more memory", () => {
    const arena = Arena.make(1)
    const refs = Array.from({ length: 10 }, () => Arena.allocate(arena))
    Arena.release(arena, refs[3]!)
    Arena.release(arena, refs[7]!)
    expect(arena.size).toBe(8)
    expect([Arena.allocate(arena), Arena.allocate(arena)]).toEqual([refs[7], refs[3]])
    expect(Arena.allocate(arena)).toBe(10)
  })

  it("gives its memory back when the last row goes", () => {
    const arena = Arena.make(4)
    const refs = Array.from({ length: 3_000 }, () => Arena.allocate(arena))
    expect(arena.chunks.length).toBe(3)
    for (const ref of refs) Arena.release(arena, ref)
    expect(arena).toEqual(Arena.make(4))
  })

  it("keeps bytes in words", () => {
    const arena = Arena.make(6)
    const bytes = Uint8Array.from({ length: 20 }, (_, i) => 255 - i * 9)
    const [first, second] = [Arena.allocate(arena), Arena.allocate(arena)]
    Arena.setBytes(arena, first, 1, bytes)
    Arena.setBytes(arena, second, 0, bytes)
    const out = new Uint8Array(24)
    Arena.copyBytes(arena, first, 1, 20, out, 2)
    expect(out).toEqual(Uint8Array.from([0, 0, ...bytes, 0, 0]))
  })
})
