import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Value from "../../cli/Value.ts"

const value = <A>(parse: Value.Parser<A>, text: string): A | "refused" => {
  const result = parse(text)
  return result.ok ? result.value : "refused"
}

describe("RATE and SIZE", () => {
  it.each([
    ["0", 0],
    ["1", 1],
    ["500K", 512_000],
    ["500k", 512_000],
    ["2M", 2 * 1024 ** 2],
    ["1.5M", 1.5 * 1024 ** 2],
    ["3G", 3 * 1024 ** 3],
    ["", "refused"],
    ["-1", "refused"],
    ["1T", "refused"],
    ["K", "refused"],
    ["1 M", "refused"],
    ["1e3", "refused"],
    ["0x10", "refused"],
    ["999999999999999G", "refused"],
  ])("%s is %s", (text, expected) => {
    expect(value(Value.rate, text)).toBe(expected)
    expect(value(Value.size, text)).toBe(expected)
  })

  it.prop("K, M and G are powers of 1024", [fc.integer({ min: 0, max: 1_000_000 })], ([count]) => {
    expect(value(Value.size, `${count}K`)).toBe(count * 1024)
    expect(value(Value.size, `${count}M`)).toBe(value(Value.size, `${count * 1024}K`))
    expect(value(Value.size, `${count}G`)).toBe(value(Value.size, `${count * 1024}M`))
  })
})

describe("DURATION", () => {
  it.each([
    ["90s", 90_000],
    ["15m", 900_000],
    ["2h", 7_200_000],
    ["0.5s", 500],
    ["90", "refused"],
    ["s", "refused"],
    ["1d", "refused"],
    ["-1s", "refused"],
  ])("%s is %s ms", (text, expected) => expect(value(Value.duration, text)).toBe(expected))
})

describe("HOST:PORT", () => {
  it.each([
    ["127.0.0.1:6881", { host: "127.0.0.1", port: 6881 }],
    ["peer.example:1", { host: "peer.example", port: 1 }],
    ["[2001:db8::1]:65535", { host: "2001:db8::1", port: 65535 }],
    ["127.0.0.1", "refused"],
    ["127.0.0.1:0", "refused"],
    ["127.0.0.1:65536", "refused"],
    ["2001:db8::1:6881", "refused"],
    [":6881", "refused"],
  ])("%s", (text, expected) => expect(value(Value.hostPort, text)).toEqual(expected))
})

describe("ADDR", () => {
  it.each(["127.0.0.1", "0.0.0.0", "::1", "2001:db8::1", "::ffff:192.0.2.1"])("%s is an address", (text) => {
    expect(value(Value.ip, text)).toBe(text)
  })
  it.each(["", "localhost", "256.0.0.1", "1.2.3", "1:2", "::1]:80", "[::1]"])("'%s' is none", (text) => {
    expect(value(Value.ip, text)).toBe("refused")
  })
})

describe("whole numbers and words", () => {
  it("keeps to the range, ends included", () => {
    const port = Value.integer(0, 65_535)
    expect(["0", "65535", "65536", "-1", "1.5", "abc", ""].map((text) => value(port, text)))
      .toEqual([0, 65_535, "refused", "refused", "refused", "refused", "refused"])
  })
  it("takes a word in any case", () => {
    const word = Value.oneOf("json", "pretty")
    expect(value(word, "JSON")).toBe("json")
    expect(value(word, "xml")).toBe("refused")
  })
  it("refuses empty text and NUL", () => {
    expect([" ", "", "a\0b", "a"].map((text) => value(Value.text("a file"), text)))
      .toEqual(["refused", "refused", "refused", "a"])
  })
})

it.prop("no text makes a parser throw, and a refusal says what was expected", [fc.string()], ([text]) => {
  for (
    const parse of [Value.rate, Value.size, Value.duration, Value.hostPort, Value.ip, Value.integer(1, 9)]
  ) {
    const result = (parse as Value.Parser<unknown>)(text)
    if (!result.ok) expect(result.error).toMatch(/^expected /)
  }
})

describe("a ratio", () => {
  it.each([
    ["1", 1],
    ["1.5", 1.5],
    ["0.25", 0.25],
    ["0", "refused"],
    ["0.0", "refused"],
    ["-1", "refused"],
    ["1e3", "refused"],
    ["1:2", "refused"],
    ["", "refused"],
    ["Infinity", "refused"],
  ])("%s is %s", (text, expected) => expect(value(Value.ratio, text)).toBe(expected))
})
