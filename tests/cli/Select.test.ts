import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Select from "../../cli/Select.ts"
import { metainfo } from "./support.ts"

const FILES = [
  "album/01 Intro.flac",
  "album/02 Song.flac",
  "album/cover.jpg",
  "album/extra/live/03.FLAC",
  "notes.txt",
]

/** Numbers, from 1, of the files that a list chooses; or the message that refuses it. */
const chosen = (list: string, files: ReadonlyArray<string> = FILES, padding: ReadonlyArray<number> = []) => {
  const selection = Select.parse(list)
  if (!selection.ok) return selection.error
  const torrent = metainfo({ files: files.map((path) => ({ path, bytes: 1 })) })
  const resolved = Select.resolve(selection.value, {
    ...torrent,
    files: torrent.files.map((file, index) => ({ ...file, isPadding: padding.includes(index + 1) })),
  })
  return resolved.ok ? [...resolved.value].map((index) => index + 1).sort((a, b) => a - b) : resolved
}

describe("numbers", () => {
  it.each([
    ["1", [1]],
    ["1,3-5", [1, 3, 4, 5]],
    [" 2 , 2 ", [2]],
    ["4-", [4, 5]],
    ["1-999999999", [1, 2, 3, 4, 5]],
  ])("%s", (list, expected) => expect(chosen(list)).toEqual(expected))

  it.each(["", ",", "1,", "0", "0-2", "3-1"])("'%s' is refused with a reason", (list) => {
    expect(chosen(list)).toBeTypeOf("string")
  })

  it("says which part chooses no file", () => {
    expect(chosen("1,9")).toEqual({ ok: false, error: "file 9" })
    expect(chosen("*.mkv")).toEqual({ ok: false, error: "'*.mkv'" })
  })

  it("never chooses padding, which keeps its number", () => {
    expect(chosen("1-3", FILES, [2])).toEqual([1, 3])
    expect(chosen("2", FILES, [2])).toEqual({ ok: false, error: "file 2" })
    expect(chosen("**", FILES, [2])).toEqual([1, 3, 4, 5])
  })
})

describe("globs", () => {
  it.each([
    ["*.flac", [1, 2, 4]],
    ["*.FLAC", [1, 2, 4]],
    ["0?*", [1, 2, 4]],
    ["album/*.flac", [1, 2]],
    ["album/**", [1, 2, 3, 4]],
    ["album/**/*.flac", [1, 2, 4]],
    ["**/live/*", [4]],
    ["notes.txt,*.jpg", [3, 5]],
    ["album/0? *", [1, 2]],
    ["**", [1, 2, 3, 4, 5]],
  ])("%s", (list, expected) => expect(chosen(list)).toEqual(expected))

  it("has no other special signs", () => {
    expect(chosen("[a].(b)+", ["[a].(b)+", "a.b"])).toEqual([1])
  })

  it("takes bounded time on the patterns that make backtracking explode", () => {
    const path = "a".repeat(20_000)
    const pattern = "*a".repeat(200) + "b"
    expect(chosen(pattern, [path])).toMatchObject({ ok: false })
  })

  const name = fc.stringMatching(/^[a-c*?]{0,8}$/).filter((text) => text !== "")

  it.prop(
    "agrees with the regular expression of the same meaning",
    [name, fc.stringMatching(/^[a-c]{1,8}$/)],
    (
      [pattern, text],
    ) => {
      if (pattern === "**") return
      const expression = new RegExp(`^${pattern.replace(/\*/g, ".*").replace(/\?/g, ".")}$`)
      expect(Array.isArray(chosen(pattern, [text]))).toBe(expression.test(text))
    },
  )
})

it.prop("a list of numbers chooses exactly those", [
  fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
], (
  [numbers],
) => {
  const files = Array.from({ length: 30 }, (_, index) => `f${index}`)
  expect(chosen(numbers.join(","), files)).toEqual([...numbers].sort((a, b) => a - b))
})
