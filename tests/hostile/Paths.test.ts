/** Bad inputs 36 and 37: names of files that lead elsewhere, that a system reads otherwise, or that deceive who reads them. */
import { posix, win32 } from "node:path"
import { expect, vi } from "vitest"
import { latin1, utf8 } from "../../core/base/Bytes.ts"
import * as FilePath from "../../core/metainfo/FilePath.ts"
import { row } from "./Row.ts"
import { accepted, many, single } from "./Torrent.ts"

vi.setConfig({ testTimeout: 60_000 })

const ROOT = "/downloads"
const DRIVE = "D:\\downloads"

/** The paths of these files below the torrent's name, each proved to stay below the root. */
const paths = (
  list: ReadonlyArray<ReadonlyArray<string | Uint8Array>>,
  names: FilePath.Names,
): ReadonlyArray<string> =>
  accepted(many(list), { names }).files.map(({ path }) => {
    expect(posix.resolve(ROOT, path).startsWith(`${ROOT}/t/`), path).toBe(true)
    if (names === "portable") {
      expect(win32.resolve(DRIVE, path).startsWith(`${DRIVE}\\t\\`), path).toBe(true)
      expect(path).not.toMatch(/[<>:"|?*\\]|[. ](\/|$)/)
    }
    expect(FilePath.isSafe(path, names)).toBe(true)
    return path.slice("t/".length)
  })

for (
  const [path, posixPath, portablePath = posixPath] of [
    [["..", "..", "etc", "passwd"], "_/_/etc/passwd"],
    [["a", "..", "b"], "a/_/b"],
    [[".", "a"], "_/a"],
    [["/etc/passwd"], "etcpasswd"],
    [["/", "etc"], "_/etc"],
    [["a/../../b"], "a....b"],
    [["..\\..\\evil.exe"], "....evil.exe"],
    [["\\\\server\\share"], "servershare"],
    [["\\\\?\\C:\\evil"], "?C:evil", "_C_evil"],
    [["C:"], "C:", "C_"],
    [["C:evil.txt"], "C:evil.txt", "C_evil.txt"],
    [["c:", "evil.txt"], "c:/evil.txt", "c_/evil.txt"],
    [["file.txt:stream"], "file.txt:stream", "file.txt_stream"],
    [["CON"], "CON", "_CON"],
    [["nul.txt"], "nul.txt", "_nul.txt"],
    [["COM1", "lpt9.log"], "COM1/lpt9.log", "_COM1/_lpt9.log"],
    [["con .txt"], "con .txt", "_con .txt"],
    [["trailing dot."], "trailing dot.", "trailing dot"],
    [["trailing space "], "trailing space ", "trailing space"],
    [["evil.exe . . ."], "evil.exe . . .", "evil.exe"],
    [["..."], "...", "_"],
    [[". ."], ". .", "_"],
    [["\0"], "_"],
    [["a.txt\0.exe"], "a.txt"],
    [["a\x7fb"], "a_b"],
    [["a\nb\rc\td"], "a_b_c_d"],
    [["\x1b[2J"], "_[2J"],
    [[""], "_"],
    [["", "a"], "_/a"],
    [["~"], "~"],
    [["$HOME", "`id`"], "$HOME/`id`"],
    [["foo... bar"], "foo... bar"],
    [["abc....def"], "abc....def"],
    [[".shoal", "x.resume"], "_.shoal/x.resume"],
    [[".SHOAL"], "_.SHOAL"],
  ] as ReadonlyArray<readonly [ReadonlyArray<string>, string, string?]>
) {
  row(36, `${JSON.stringify(path)} -> ${posixPath}, on Windows ${portablePath}`, () => {
    expect(paths([path], "posix")).toEqual([posixPath])
    expect(paths([path], "portable")).toEqual([portablePath])
  })
}

row(36, "a name of 300 bytes -> cut at a character, with its extension", () => {
  expect(paths([[`${"x".repeat(300)}.mkv`]], "portable")).toEqual([`${"x".repeat(240)}.mkv`])
  expect(paths([[`${"é".repeat(300)}.mkv`]], "portable")).toEqual([`${"é".repeat(120)}.mkv`])
  expect(paths([[`x${"\u{1f600}".repeat(100)}`]], "posix")).toEqual([`x${"\u{1f600}".repeat(59)}`])
  // What is cut alike does not become one file.
  const [a, b] = paths([[`${"x".repeat(300)}a.mkv`], [`${"x".repeat(300)}b.mkv`]], "posix")
  expect([a, b]).toEqual([`${"x".repeat(240)}.mkv`, `${"x".repeat(238)}.1.mkv`])
})
row(36, "a name of nine million bytes -> cut in linear time", () => {
  expect(paths([["\x01".repeat(9_000_000)]], "portable")).toEqual(["_".repeat(240)])
})
row(36, "the torrent's own name -> made safe like any other", () => {
  for (
    const [name, expected] of [["../../x", "....x"], ["C:\\x", "C_x"], ["/abs", "abs"], [
      "nul",
      "_nul",
    ]] as const
  ) {
    const torrent = accepted(single({ name }), { names: "portable" })
    expect(torrent.name).toBe(expected)
    expect(torrent.files[0]!.path).toBe(expected)
    expect(torrent.warnings).toContain(`the torrent's name was changed to be safe: ${expected}`)
  }
})
row(36, "paths that were made somewhere else -> the last guard refuses them", () => {
  for (const path of ["", "/etc", "../a", "a/../b", "a//b", "a/", "./a", "a\\..\\b", "a\0b"]) {
    expect(FilePath.isSafe(path, "posix"), path).toBe(false)
    expect(FilePath.isSafe(path, "portable"), path).toBe(false)
  }
  for (const path of ["C:/a", "a/b:c", "a/NUL", "a./b", "a /b", "a/com3.txt"]) {
    expect(FilePath.isSafe(path, "portable"), path).toBe(false)
  }
})

for (
  const [what, raw, expected] of [
    ["U+202E, which turns the text around", utf8("invoice\u202Efdp.exe"), "invoicefdp.exe"],
    ["U+2066 to U+2069 and U+200E", utf8("a\u2066b\u2069c\u200ed"), "abcd"],
    ["zero-width space, joiners, word joiner", utf8("pay\u200bpal\u200c\u200d\u2060"), "paypal"],
    ["a byte order mark", utf8("\ufeffreadme"), "readme"],
    ["U+2028, a line's end to some", utf8("a\u2028b"), "a_b"],
    ["C1 controls", utf8("a\u009b31mb"), "a_31mb"],
    ["dots that zero-width marks keep apart", utf8(".\u200b."), "_"],
    ["a slash in two bytes", latin1("a\xc0\xafb"), "a_b"],
    ["a dot in two bytes, twice", latin1("\xc0\xae\xc0\xae"), "_"],
    ["a slash in three bytes", latin1("a\xe0\x80\xafb"), "a_b"],
    ["a slash in four bytes", latin1("a\xf0\x80\x80\xafb"), "a_b"],
    ["NUL in two bytes", latin1("a\xc0\x80b"), "a_b"],
    ["a sequence of five bytes", latin1("a\xf8\x88\x80\x80\x80b"), "a_b"],
    ["beyond U+10FFFF", latin1("a\xf4\x90\x80\x80b"), "a_b"],
    ["a lone surrogate", latin1("a\xed\xa0\x80b"), "a_b"],
    ["a pair of surrogates in six bytes", latin1("a\xed\xa0\xbd\xed\xb8\x80b"), "a_b"],
    ["a sequence that is cut off", latin1("a\xe2\x82"), "a_"],
    ["Latin-1", latin1("caf\xe9.txt"), "caf_.txt"],
  ] as const
) {
  row(37, `${what} -> ${expected}`, () => {
    expect(paths([[raw]], "posix")).toEqual([expected])
    expect(paths([[raw]], "portable")).toEqual([expected])
  })
}
row(37, "names that only differ in what is dropped -> files of their own", () => {
  expect(paths([["a"], ["a\u200b"], ["\u202ea"]], "posix")).toEqual(["a", "a.1", "a.2"])
})
