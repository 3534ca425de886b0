import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Clone from "../../../core/base/Clone.ts"
import * as Digest from "../../../core/base/Digest.ts"

describe("Clone", () => {
  it("copies every kind of a state's parts, sharing none of them", () => {
    const original = {
      text: "a",
      none: undefined,
      nil: null,
      big: 1n,
      list: [1, [2]],
      map: new Map<unknown, unknown>([["k", { n: 1 }], [{ key: true }, 2]]),
      set: new Set([1, "b"]),
      bytes: Uint8Array.of(1, 2, 3),
      floats: Float64Array.of(-0, NaN, 0.1),
      bare: Object.assign(Object.create(null), { x: 1 }),
    }
    const copy = Clone.clone(original)
    expect(copy).toEqual(original)
    expect(Object.keys(copy)).toEqual(Object.keys(original))
    for (const key of ["list", "map", "set", "bytes", "floats", "bare"] as const) {
      expect(copy[key]).not.toBe(original[key])
    }
    expect(Object.getPrototypeOf(copy.bare)).toBeNull()
    expect([...copy.map.keys()][1]).not.toBe([...original.map.keys()][1])
    copy.bytes[0] = 9
    ;(copy.list[1] as Array<number>).push(3)
    expect(original.bytes[0]).toBe(1)
    expect(original.list).toEqual([1, [2]])
  })

  it("copies what a view shows, not the buffer behind it", () => {
    const buffer = new Uint8Array(65_536)
    buffer.set([7, 8], 1_000)
    const copy = Clone.clone({ view: buffer.subarray(1_000, 1_002) })
    expect([...copy.view]).toEqual([7, 8])
    expect(copy.view.buffer.byteLength).toBe(2)
    expect(Clone.clone(new Uint16Array(buffer.buffer, 1_000, 1))[0]).toBe(0x0807)
  })

  it("keeps shared parts shared, once each", () => {
    const part = { bytes: Uint8Array.of(1) }
    const copy = Clone.clone({ a: part, b: part, list: [part.bytes], keyed: new Map([[part, part]]) })
    expect(copy.a).toBe(copy.b)
    expect(copy.a).not.toBe(part)
    expect(copy.list[0]).toBe(copy.a.bytes)
    expect(copy.keyed.get(copy.a)).toBe(copy.a)
  })

  it("copies cycles, and chains that would overflow a stack", () => {
    interface Node {
      next?: Node
    }
    const loop: Node = {}
    loop.next = { next: loop }
    const copy = Clone.clone(loop)
    expect(copy.next!.next).toBe(copy)
    expect(copy).not.toBe(loop)

    let chain: Node = {}
    for (let i = 0; i < 100_000; i++) chain = { next: chain }
    let length = 0
    for (let node = Clone.clone(chain); node.next !== undefined; node = node.next) length++
    expect(length).toBe(100_000)
  })

  it("shares what is frozen, and functions", () => {
    const metainfo = Object.freeze({ name: "a", files: [1] })
    const policy = (): number => 1
    const copy = Clone.clone({ metainfo, policy, open: { metainfo } })
    expect(copy.metainfo).toBe(metainfo)
    expect(copy.open.metainfo).toBe(metainfo)
    expect(copy.policy).toBe(policy)
  })

  it("takes __proto__ for the name of a property", () => {
    const copy = Clone.clone(JSON.parse(`{"__proto__": {"a": 1}}`))
    expect(Object.keys(copy)).toEqual(["__proto__"])
    expect(Object.getPrototypeOf(copy)).toBe(Object.prototype)
  })

  it("refuses what is no plain data", () => {
    class Thing {}
    for (const value of [new Thing(), new Date(0), new WeakMap(), new DataView(new ArrayBuffer(1))]) {
      expect(() => Clone.clone({ value })).toThrow("a state holds")
    }
  })

  it.prop("a copy has the same digest, and digests differ once it is changed", [plain()], ([value]) => {
    const copy = Clone.clone({ value, counter: 0 })
    expect(copy).toEqual({ value, counter: 0 })
    expect(Digest.digest(copy)).toBe(Digest.digest({ value, counter: 0 }))
    copy.counter++
    expect(Digest.digest(copy)).not.toBe(Digest.digest({ value, counter: 0 }))
  })
})

function plain(): fc.Arbitrary<unknown> {
  return fc.anything({
    withMap: true,
    withSet: true,
    withTypedArray: true,
    withNullPrototype: true,
    withBigInt: true,
  })
}
