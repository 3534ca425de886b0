import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { posix, win32 } from "node:path"
import { latin1, utf8 } from "../../../core/base/Bytes.ts"
import * as FilePath from "../../../core/metainfo/FilePath.ts"

const posixName = (text: string) => FilePath.component(utf8(text), "posix")
const portableName = (text: string) => FilePath.component(utf8(text), "portable")
const rawName = (text: string) => FilePath.component(latin1(text), "posix")

describe("FilePath.component", () => {
  it.each([
    ["file.txt", "file.txt"],
    ["", ""],
    [".", ""],
    ["..", ""],
    ["/", ""],
    ["//\\", ""],
    ["/etc", "etc"],
    ["../", ""],
    ["..\u200e", ""],
    ["foo/../../../bar", "foo......bar"],
    ["abc....def", "abc....def"],
    ["...", "..."],
    [".bashrc", ".bashrc"],
    ["foobar ", "foobar "],
    ["\0foo", ""],
    ["a\0b", "a"],
    ["a\x1b[2J\x7f\u0085b", "a_[2J__b"],
    ["a\nb", "a_b"],
    ["cod\u202efdp.exe", "codfdp.exe"],
    ["\ufeffa\u200b\u2066b\u061c", "ab"],
    [".Shoal", "_.Shoal"],
    ["日本 \u{1f600} é", "日本 \u{1f600} é"],
  ])("makes %j to %j", (text, expected) => expect(posixName(text)).toBe(expected))

  it.each([
    ["an overlong dot of two bytes", "a\xc0\xaeb", "a_b"],
    ["an overlong slash of three bytes", "a\xe0\x80\xafb", "a_b"],
    ["an overlong slash of four bytes", "a\xf0\x80\x80\xafb", "a_b"],
    ["a sequence of five bytes", "a\xf8\x81\x81\x81\x81b", "a_b"],
    ["a surrogate", "a\xed\xa0\x80b", "a_b"],
    ["a byte of another encoding", "\x82est/MB", "_estMB"],
    ["two overlong dots", "\xc0\xae\xc0\xae", "_"],
  ])("writes %s as one underscore", (_, text, expected) => expect(rawName(text)).toBe(expected))

  it.each([
    ["C:", "C_"],
    ["c:evil.txt", "c_evil.txt"],
    ["CON", "_CON"],
    ["nul.txt", "_nul.txt"],
    ["NUL .txt", "_NUL .txt"],
    ["com1", "_com1"],
    ["LPT\u00b9.log", "_LPT\u00b9.log"],
    ["console", "console"],
    ["com10", "com10"],
    ["auxiliary.c", "auxiliary.c"],
    ["name.", "name"],
    ["name . .", "name"],
    ["...", ""],
    ['<a>"|?*', "_a_____"],
  ])("makes %j fit for Windows: %j", (text, expected) => {
    expect(portableName(text)).toBe(expected)
    // Elsewhere such names are as good as others, and other clients write them.
    if (text !== "...") expect(posixName(text)).toBe(text)
  })

  it("cuts long names between characters, and keeps a short extension", () => {
    expect(posixName(`${"x".repeat(300)}.torrent`)).toBe(`${"x".repeat(240)}.torrent`)
    expect(posixName(`${"x".repeat(300)}.not-an-extension`)).toBe("x".repeat(240))
    expect(posixName("é".repeat(200))).toBe("é".repeat(120))
    expect(posixName("日".repeat(100) + ".mkv")).toBe("日".repeat(80) + ".mkv")
    expect(posixName(`x${"\u{1f600}".repeat(80)}`)).toBe(`x${"\u{1f600}".repeat(59)}`)
    expect(posixName("x".repeat(240))).toHaveLength(240)
    expect(portableName(`con${" ".repeat(300)}x`)).toBe("_con")
    expect(portableName(`con.${"x".repeat(236)}`)).toBe(`_con.${"x".repeat(235)}`)
  })

  it("takes linear time on a name of megabytes", () => {
    const bytes = new Uint8Array(5_000_000).fill(0x20)
    bytes[bytes.length - 1] = 0x78
    expect(FilePath.component(bytes, "portable")).toBe("")
    expect(FilePath.component(bytes.fill(0xe9), "portable")).toBe("_")
    expect(FilePath.isSafe(`${" ".repeat(5_000_000)}x`, "portable")).toBe(true)
  })

  it("gives a name that stays as it is and leads nowhere, for any bytes", () => {
    const nasty = fc.array(
      fc.constantFrom(
        ".",
        "..",
        "/",
        "\\",
        "C:",
        "CON",
        " ",
        "\0",
        "\u202e",
        "\u200b",
        "a",
        "x".repeat(130),
        " ".repeat(120),
        "\u{1f600}",
      ),
      { maxLength: 8 },
    ).map((parts) => utf8(parts.join("")))
    fc.assert(
      fc.property(
        fc.oneof(nasty, fc.uint8Array()),
        fc.constantFrom("posix" as const, "portable" as const),
        (bytes, names) => {
          const name = FilePath.component(bytes, names)
          expect(FilePath.component(utf8(name), names)).toBe(name)
          expect(utf8(name).length).toBeLessThanOrEqual(250)
          if (name === "") return
          expect(FilePath.isSafe(name, names)).toBe(true)
          expect(posix.dirname(posix.resolve("/downloads", name))).toBe("/downloads")
          if (names === "portable") {
            expect(win32.dirname(win32.resolve("D:\\downloads", name))).toBe(
              "D:\\downloads",
            )
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })
})

describe("FilePath.isSafe", () => {
  it.each(["", "/", "/a", "a/", "a//b", "..", "a/../b", "a/.", "a\\b", "a\0"])("refuses %j", (path) => {
    expect(FilePath.isSafe(path, "posix")).toBe(false)
  })

  it.each(["C:/a", "a/b:c", "a/NUL", "a/b. "])("refuses %j where Windows would mind", (path) => {
    expect(FilePath.isSafe(path, "portable")).toBe(false)
    expect(FilePath.isSafe(path, "posix")).toBe(true)
  })

  it("takes an ordinary path", () => expect(FilePath.isSafe("a/b c/..d/e.txt", "portable")).toBe(true))
})

describe("FilePath.unique", () => {
  const unique = (...paths: ReadonlyArray<string>) => {
    const result = FilePath.unique(paths.map((path) => path.split("/")))
    return result.ok ? result.value : result.error
  }

  it("leaves what is unique", () => {
    expect(unique("a/x", "a/y", "b/x", "x")).toEqual(["a/x", "a/y", "b/x", "x"])
  })

  it("numbers equal names before the extension, without regard to case", () => {
    expect(unique("d/x.txt", "d/X.TXT", "d/x.txt")).toEqual(["d/x.txt", "d/X.1.TXT", "d/x.2.txt"])
    expect(unique("D/x", "d/x")).toEqual(["D/x", "d/x.1"])
    expect(unique(".profile", ".profile")).toEqual([".profile", ".profile.1"])
    expect(unique("caf\u00e9", "cafe\u0301")).toEqual(["caf\u00e9", "cafe\u0301.1"])
  })

  it("never takes a name that another file has", () => {
    expect(unique("x", "x", "x.1", "x.1")).toEqual(["x", "x.1", "x.1.1", "x.2.1"])
  })

  it("renames a file that a directory meets, whichever comes first", () => {
    expect(unique("a", "a/b")).toEqual(["a.1", "a/b"])
    expect(unique("A/b", "a", "a.1/c")).toEqual(["A/b", "a.2", "a.1/c"])
  })

  it("gives up where it takes too many tries", () => {
    const same = (count: number) => Array.from({ length: count }, () => "x.txt")
    expect(unique(...same(32))).toHaveLength(32)
    expect(unique(...same(33))).toBe("TooManyDuplicates")
    expect(unique(...same(100_000))).toBe("TooManyDuplicates")
  })

  it("cuts a long name for its number, so that it stays a name of the same length", () => {
    const long = `${"x".repeat(240)}.torrent`
    expect(unique(long, long)).toEqual([long, `${"x".repeat(238)}.1.torrent`])
    expect(unique("日".repeat(80), "日".repeat(80))).toEqual(["日".repeat(80), `${"日".repeat(79)}.1`])
    const blunt = `${"x".repeat(200)}.${"y".repeat(39)}`
    expect(unique(blunt, blunt)).toEqual([blunt, `${blunt}.1`])
  })

  it("takes letters for one that meet in another case or composition only", () => {
    expect(unique("\u212a", "k")).toEqual(["\u212a", "k.1"])
    expect(unique("\u03c3", "\u03c2")).toEqual(["\u03c3", "\u03c2.1"])
    expect(unique("\u1e9e", "\u00df")).toEqual(["\u1e9e", "\u00df.1"])
    expect(unique("\u0390", "\u1fd3")).toEqual(["\u0390", "\u1fd3.1"])
    expect(unique("\u1f80", "\u1f88")).toEqual(["\u1f80", "\u1f88.1"])
    expect(unique("\ud55c", "\u1112\u1161\u11ab")).toEqual(["\ud55c", "\u1112\u1161\u11ab.1"])
  })

  it("is unique and keeps directories, for any paths", () => {
    const part = fc.constantFrom("a", "A", "b", "a.1", "é", "e\u0301")
    fc.assert(
      fc.property(fc.array(fc.array(part, { minLength: 1, maxLength: 3 }), { maxLength: 12 }), (paths) => {
        const result = FilePath.unique(paths)
        if (!result.ok) throw new Error(result.error)
        const folded = result.value.map((path) => path.normalize("NFC").toLowerCase())
        expect(new Set(folded).size).toBe(paths.length)
        for (const [i, path] of result.value.entries()) {
          expect(posix.dirname(path)).toBe(posix.dirname(paths[i]!.join("/")))
          expect(folded.some((other) => other.startsWith(`${folded[i]}/`))).toBe(false)
        }
      }),
    )
  })
})

describe("any list of paths", () => {
  const part = fc.oneof(
    fc.constantFrom(
      ...[
        "a",
        "A",
        "b",
        "a.1",
        "b.1.txt",
        "B.txt",
        "b.txt",
        "é",
        "e\u0301",
        "É",
        "k",
        "\u212a",
        "ß",
        "SS",
        "Σ",
        "ς",
      ],
      ...[
        "..",
        ".",
        "/",
        "\\",
        "a/..",
        "C:",
        "con",
        "NUL.txt",
        "a.",
        "a ",
        "...",
        ".shoal",
        "\u202ea",
        "a\u200b",
        "\0a",
      ],
      ...[
        "x".repeat(240),
        `${"x".repeat(250)}.txt`,
        `${"x".repeat(238)}é.txt`,
        `${"y".repeat(120)}.${"z".repeat(130)}`,
      ],
    ).map(utf8),
    fc.string({ unit: "binary", maxLength: 6 }).map(utf8),
    fc.uint8Array({ maxLength: 6 }),
  )
  const paths = fc.array(fc.array(part, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 16 })
  /** As the reader of a torrent makes them: a component of which nothing is left is `_`. */
  const outcome = (raw: ReadonlyArray<ReadonlyArray<Uint8Array>>, names: FilePath.Names) =>
    FilePath.unique(raw.map((path) => path.map((bytes) => FilePath.component(bytes, names) || "_")))
  it.each(["posix", "portable"] as const)(
    "becomes paths of its own, below the root, for good: %s",
    (names) => {
      fc.assert(
        fc.property(paths, (raw) => {
          const result = outcome(raw, names)
          if (!result.ok) throw new Error(result.error)
          expect(result.value).toHaveLength(raw.length)
          for (const path of result.value) {
            expect(path.startsWith("/")).toBe(false)
            expect(FilePath.isSafe(path, names)).toBe(true)
            expect(posix.resolve("/downloads", path).startsWith("/downloads/")).toBe(true)
            if (names === "portable") {
              expect(win32.resolve("D:\\downloads", path).startsWith("D:\\downloads\\")).toBe(true)
            }
            for (const component of path.split("/")) {
              expect(component).not.toMatch(
                /[\p{Cc}\u2028\u2029\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u,
              )
              expect(component).not.toMatch(/\p{Cs}/u)
              expect(utf8(component).length).toBeLessThanOrEqual(255)
            }
          }
          // Unique without regard to case and composition, and no file where a directory has to be.
          const seen = result.value.map((path) => path.normalize("NFD").toUpperCase().toLowerCase())
          expect(new Set(seen).size).toBe(seen.length)
          for (const path of seen) expect(seen.some((other) => other.startsWith(`${path}/`))).toBe(false)
          // Once more changes nothing.
          const again = outcome(result.value.map((path) => path.split("/").map(utf8)), names)
          expect(again).toEqual(result)
        }),
        { numRuns: 1_000 },
      )
    },
  )
})
