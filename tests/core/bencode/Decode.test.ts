import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { latin1 } from "../../../core/base/Bytes.ts"
import * as Decode from "../../../core/bencode/Decode.ts"
import * as Value from "../../../core/bencode/Value.ts"
import * as Bencode from "../../support/Bencode.ts"

const decode = (text: string, options?: Decode.DecodeOptions) => Decode.decode(latin1(text), options)

const must = (text: string, options?: Decode.DecodeOptions): Value.Value => {
  const decoded = decode(text, options)
  if (!decoded.ok) throw new Error(Decode.describe(decoded.error))
  return decoded.value
}

const reason = (text: string, options?: Decode.DecodeOptions): string => {
  const decoded = decode(text, options)
  return decoded.ok ? "ok" : `${decoded.error.reason} at ${decoded.error.offset}`
}

describe("Decode", () => {
  it("keeps where every value lies", () => {
    const whole = latin1("??d1:ali1e2:xye1:bdee")
    const source = whole.subarray(2)
    const decoded = Decode.decode(source)
    if (!decoded.ok) throw new Error(Decode.describe(decoded.error))
    const a = Value.get(decoded.value, "a")!
    expect(decoded.value).toMatchObject({ start: 0, end: source.length })
    expect(Value.span(source, a)).toEqual(latin1("li1e2:xye"))
    expect(Value.list(a)!.map((item) => [item.start, item.end])).toEqual([[5, 8], [8, 12]])
    expect(Value.span(source, Value.get(decoded.value, "b")!)).toEqual(latin1("de"))
  })

  it("hands out texts as views of the source", () => {
    const source = latin1("4:spam")
    const decoded = Decode.decode(source)
    expect(decoded.ok && Value.bytes(decoded.value)!.buffer).toBe(source.buffer)
  })

  it.each<[string, number | bigint]>([
    ["i0e", 0],
    ["i-3e", -3],
    ["i9007199254740991e", Number.MAX_SAFE_INTEGER],
    ["i-9007199254740991e", Number.MIN_SAFE_INTEGER],
    ["i9007199254740992e", 9007199254740992n],
    ["i9007199254740993e", 9007199254740993n],
    ["i-9223372036854775808e", -9223372036854775808n],
    [`i${"9".repeat(400)}e`, BigInt("9".repeat(400))],
  ])("reads %.30s exactly", (text, value) => {
    expect(must(text)).toMatchObject({ _tag: "Integer", value })
  })

  it.each([
    ["", "Truncated at 0"],
    [" ", "UnexpectedByte at 0"],
    ["\n", "UnexpectedByte at 0"],
    ["e", "UnexpectedByte at 0"],
    ["d1:ae", "UnexpectedByte at 4"],
    ["di1ei2ee", "KeyNotText at 1"],
    ["d-3:abci1ee", "BadLength at 1"],
    ["-10:foobar", "BadLength at 0"],
    ["5spam", "BadLength at 1"],
    ["0x3:abc", "BadLength at 1"],
    ["06:foobar", "NonCanonicalLength at 0"],
    ["00:", "NonCanonicalLength at 0"],
    ["9:ab", "Truncated at 0"],
    ["18446744073709551615:x", "Truncated at 0"],
    ["i-0e", "BadInteger at 0"],
    ["i01e", "BadInteger at 0"],
    ["ie", "BadInteger at 0"],
    ["i-e", "BadInteger at 0"],
    ["i+1e", "BadInteger at 0"],
    ["i1.0e", "BadInteger at 0"],
    ["i1", "Truncated at 2"],
    [`i${"1".repeat(Decode.MAX_INTEGER_DIGITS + 1)}e`, "BadInteger at 0"],
    ["l", "Truncated at 1"],
    ["d1:a", "Truncated at 4"],
    ["d1:ai1e1:ai2ee", "DuplicateKey at 7"],
    ["d1:ai1e1:b0:1:ai2ee", "DuplicateKey at 12"],
    ["4:spam4:eggs", "TrailingBytes at 6"],
  ])("refuses %.24j: %s", (text, expected) => {
    expect(reason(text)).toBe(expected)
  })

  it("leaves bytes after the value to a caller who allows them", () => {
    expect(must("4:spam4:eggs", { trailing: "allow" }).end).toBe(6)
    expect(reason("4:spa", { trailing: "allow" })).toBe("Truncated at 0")
  })

  it("tells sorted dictionaries from others, by raw bytes", () => {
    const isSorted = (text: string) => Value.dict(must(text))!.isSorted
    expect(isSorted("d1:a0:1:b0:e")).toBe(true)
    expect(isSorted("d1:b0:1:a0:e")).toBe(false)
    expect(isSorted("d1:B0:1:a0:e")).toBe(true)
    expect(isSorted("d1:z0:1:\xe90:e")).toBe(true)
    expect(isSorted("d2:ab0:1:a0:e")).toBe(false)
    // The order of an inner dictionary is its own.
    const outer = Value.dict(must("d1:ad1:c0:1:b0:e1:b0:e"))!
    expect(outer.isSorted).toBe(true)
    expect(Value.dict(outer.entries.get("a"))!.isSorted).toBe(false)
  })

  it("has no key that is special, and keeps keys that are no UTF-8", () => {
    const value = must("d9:__proto__i1e11:constructori2e2:\xff\xfei3ee")
    expect(Value.get(value, "__proto__")).toMatchObject({ value: 1 })
    expect(Value.get(value, "constructor")).toMatchObject({ value: 2 })
    expect(Value.get(value, "\xff\xfe")).toMatchObject({ value: 3 })
    expect(Value.get(value, "toString")).toBeUndefined()
  })

  it("stops at the depth limit, without recursion", () => {
    const nested = (depth: number) => "l".repeat(depth) + "e".repeat(depth)
    expect(reason(nested(101))).toBe("ok")
    expect(reason(nested(102))).toBe("DepthExceeded at 101")
    expect(reason("l".repeat(100_000))).toBe("DepthExceeded at 101")
    expect(reason("d1:a".repeat(50_000))).toMatch(/^DepthExceeded/)
    expect(reason("lleli1eee", { maxDepth: 1 })).toBe("DepthExceeded at 4")
    expect(reason(nested(200_000), { maxDepth: 1_000_000 })).toBe("ok")
  })

  it("stops at the token limit, keys counted", () => {
    expect(reason("d1:ai1e1:bi2ee", { maxTokens: 5 })).toBe("ok")
    expect(reason("d1:ai1e1:bi2ee", { maxTokens: 4 })).toBe("TokenLimit at 10")
    expect(reason(`l${"le".repeat(Decode.MAX_TOKENS)}e`)).toBe(`TokenLimit at ${Decode.MAX_TOKENS * 2 - 1}`)
  })

  it("returns for any bytes, with an offset inside them", () => {
    const symbol = fc.constantFrom(..."0123456789idle:-", "\x00", "\xff")
    const soup = fc.array(symbol, { maxLength: 60 }).map((parts) => latin1(parts.join("")))
    fc.assert(
      fc.property(fc.oneof(soup, fc.uint8Array()), (bytes) => {
        const decoded = Decode.decode(bytes, { trailing: "allow" })
        const end = decoded.ok ? decoded.value.end : decoded.error.offset
        expect(end).toBeGreaterThanOrEqual(0)
        expect(end).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe("Value", () => {
  const value = must("d1:a4:spam1:bli1ei2ee1:ci7e1:di99999999999999999999e1:e2:\xff\xfee")

  it("reads a path into the value, or undefined where it leads nowhere", () => {
    expect(Value.utf8(Value.get(value, "a"))).toBe("spam")
    expect(Value.list(Value.get(value, "b"))).toHaveLength(2)
    expect(Value.get(Value.get(Value.get(value, "a"), "x"), "y")).toBeUndefined()
    expect(Value.dict(Value.get(value, "b"))).toBeUndefined()
    expect(Value.list(Value.get(value, "a"))).toBeUndefined()
    expect(Value.bytes(Value.get(value, "c"))).toBeUndefined()
    expect(Value.utf8(undefined)).toBeUndefined()
  })

  it("gives integers in their range only, and never one that lost digits", () => {
    const c = Value.get(value, "c")
    expect(Value.integer(c)).toBe(7)
    expect(Value.integer(c, 7, 7)).toBe(7)
    expect(Value.integer(c, 8)).toBeUndefined()
    expect(Value.integer(c, 0, 6)).toBeUndefined()
    expect(Value.integer(Value.get(value, "d"))).toBeUndefined()
  })

  it("gives texts of a given length only, and shows bad UTF-8", () => {
    expect(Value.bytesOf(Value.get(value, "a"), 4)).toEqual(latin1("spam"))
    expect(Value.bytesOf(Value.get(value, "a"), 5)).toBeUndefined()
    expect(Value.utf8(Value.get(value, "e"))).toBe("\ufffd\ufffd")
  })
})

describe("lists and dictionaries", () => {
  const many = must(`l${"i1e".repeat(1_000)}l${"le".repeat(500)}ed1:ai1eee`)

  it("are counted and begun without making all of what is in them", () => {
    if (many._tag !== "List") throw new Error("not a list")
    expect(many.size).toBe(1_002)
    expect(many.first(2).map((item) => Value.integer(item))).toEqual([1, 1])
    expect(many.first(5_000)).toHaveLength(1_002)
    expect(many.first(0)).toEqual([])
    expect(Value.firstOf(many, 3)).toHaveLength(3)
    expect(Value.firstOf(Value.list(many)![1_001], 3)).toBeUndefined()
    expect(many.items).toHaveLength(many.size)
  })

  it("give the same values each time they are asked", () => {
    expect(Value.list(many)).toBe(Value.list(many))
    const dict = Value.list(many)![1_001]
    expect(Value.get(dict, "a")).toBe(Value.get(dict, "a"))
  })

  /** A value as plain data, keys in the order of the source. */
  const plain = (value: Value.Value): unknown => {
    switch (value._tag) {
      case "Integer":
        return value.value
      case "Text":
        return [...value.bytes]
      case "List":
        return value.items.map(plain)
      case "Dict":
        return [...value.entries].map(([key, member]) => [key, plain(member)])
    }
  }

  it("hold what another decoder finds in them, and lie where it is", () => {
    type Tree = number | string | ReadonlyArray<Tree> | { readonly [key: string]: Tree }
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.maxSafeInteger(),
        fc.string({ maxLength: 12 }),
        fc.array(tie("tree"), { maxLength: 5 }),
        fc.dictionary(fc.string({ unit: "grapheme-ascii", maxLength: 4 }), tie("tree"), { maxKeys: 5 }),
      ),
    }))
    const plainly = (value: Bencode.Value): unknown =>
      typeof value === "number"
        ? value
        : value instanceof Uint8Array
        ? [...value]
        : Array.isArray(value)
        ? value.map(plainly)
        : Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
          .map(([key, member]) => [key, plainly(member as Bencode.Value)])
    fc.assert(fc.property(tree, (wanted) => {
      const source = Uint8Array.from(Bencode.encode(wanted))
      const decoded = Decode.decode(source)
      if (!decoded.ok) throw new Error(Decode.describe(decoded.error))
      expect(plain(decoded.value)).toEqual(plainly(Bencode.decode(source)))
      const check = (value: Value.Value): void => {
        const again = Decode.decode(Value.span(source, value))
        expect(again.ok && plain(again.value)).toEqual(plain(value))
        for (const member of Value.list(value) ?? Value.dict(value)?.entries.values() ?? []) check(member)
      }
      check(decoded.value)
    }))
  })

  it("find a key twice wherever it stands, whatever the order", () => {
    const keys = fc.array(fc.constantFrom("", "a", "aa", "ab", "b", "\xff", "B", "c"), { maxLength: 8 })
    fc.assert(fc.property(keys, (names) => {
      const decoded = decode(`d${names.map((name) => `${name.length}:${name}le`).join("")}e`)
      const isTwice = new Set(names).size < names.length
      expect(decoded.ok ? "ok" : decoded.error.reason).toBe(isTwice ? "DuplicateKey" : "ok")
      if (!decoded.ok) return
      expect([...Value.dict(decoded.value)!.entries.keys()]).toEqual(names)
      expect(Value.dict(decoded.value)!.isSorted).toBe([...names].sort().join() === names.join())
    }))
  })

  it("give one member, or one item after another, without what lies beside it", () => {
    const dict = must("d1:ai1e2:abl1:xe1:b0:e") as Value.Dict
    expect(["a", "ab", "b", "aa", "", "abc"].map((key) => dict.get(key)?._tag)).toEqual([
      ...["Integer", "List", "Text"],
      ...[undefined, undefined, undefined],
    ])
    expect(dict.get("ab")).toEqual(dict.entries.get("ab"))
    const list = must("li1el1:xed1:ali2eeei3ee") as Value.List
    expect([...list.each()]).toEqual(list.items)
    expect([...(must("le") as Value.List).each()]).toEqual([])
  })
})
