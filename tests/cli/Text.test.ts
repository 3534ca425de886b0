import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Text from "../../cli/Text.ts"

const anyText = fc.string({ unit: "binary", maxLength: 40 })

describe("printable", () => {
  it.each([
    ["escape sequences", "a\x1b[31mb", "a\ufffd[31mb"],
    ["the one-byte form of CSI", "a\x9b31mb", "a\ufffd31mb"],
    ["line breaks, carriage returns and tabs", "a\nb\rc\td", "a\ufffdb\ufffdc\ufffdd"],
    ["marks that turn the direction around", "invoice\u202Efdp.exe", "invoice\ufffdfdp.exe"],
    ["lone surrogates", "a\ud800b", "a\ufffdb"],
  ])("replaces %s", (_, text, expected) => expect(Text.printable(text)).toBe(expected))

  it("leaves letters of every script and emoji as they are", () => {
    const text = "Übung 電影 фильм فیلم می‌خواهم 🎬"
    expect(Text.printable(text)).toBe(text)
  })

  it.prop("leaves no control character, whatever comes in", [anyText], ([text]) => {
    expect(Text.printable(text)).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u)
  })

  it.prop("JSON keeps its meaning when unprintable characters are escaped", [anyText], ([text]) => {
    const json = Text.escapeUnprintable(JSON.stringify({ text }))
    expect(json).not.toMatch(/\p{Cc}/u)
    expect(JSON.parse(json)).toEqual({ text })
  })
})

describe("painted text", () => {
  it("has colours where there are some, and keeps its own alone", () => {
    expect(Text.painter(true)("green", "done")).toBe("\x1b[32mdone\x1b[0m")
    expect(Text.painter(false)("green", "done")).toBe("done")
    const line = `\x1b[31mevil\n${Text.painter(true)("dim", "12%\x1b[2J")}`
    expect(Text.printablePainted(line)).toBe("\ufffd[31mevil\ufffd\x1b[2m12%\ufffd[2J\x1b[0m")
  })
})

describe("amounts", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [1024 ** 2 - 1, "1.0 MiB"],
    [256 * 1024 ** 2, "256.0 MiB"],
    [3 * 1024 ** 5, "3.0 PiB"],
    [-5, "0 B"],
  ])("%d bytes are %s", (count, expected) => expect(Text.bytes(count)).toBe(expected))

  it.prop(
    "never shows 1024 of a unit that has a next one",
    [fc.integer({ min: 0, max: 2 ** 49 })],
    ([count]) => {
      expect(Number.parseFloat(Text.bytes(count))).toBeLessThan(1024)
    },
  )

  it.each([
    [0, "0 ms"],
    [850, "850 ms"],
    [3_200, "3.2 s"],
    [59_990, "1m00s"],
    [245_000, "4m05s"],
    [7_620_000, "2h07m"],
    [273_600_000, "3d04h"],
    [Infinity, "-"],
    [-1, "-"],
  ])("%d ms are %s", (ms, expected) => expect(Text.duration(ms)).toBe(expected))

  it("counts", () =>
    expect([0, 1, 2].map((n) => Text.count(n, "file"))).toEqual(["0 files", "1 file", "2 files"]))
})

describe("columns", () => {
  it("counts wide characters twice and combining ones not at all", () => {
    expect(Text.width("abc")).toBe(3)
    expect(Text.width("電影")).toBe(4)
    expect(Text.width("e\u0301")).toBe(1)
  })
  it("marks what was cut", () => {
    expect(Text.fit("abcdef", 6)).toBe("abcdef")
    expect(Text.fit("abcdef", 4)).toBe("abc…")
    expect(Text.fit("電影電影", 4)).toBe("電…")
    expect(Text.fit("abc", 0)).toBe("")
  })
  it.prop(
    "never exceeds the columns it is given",
    [anyText, fc.integer({ min: 0, max: 30 })],
    ([text, columns]) => {
      expect(Text.width(Text.fit(Text.printable(text), columns))).toBeLessThanOrEqual(columns)
    },
  )
})
