/** Bad inputs 15 to 28 but for what is of version 2: a `.torrent` file that is bencoded well and makes no sense. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Buffer } from "node:buffer"
import { execFileSync } from "node:child_process"
import { mkdtemp, open, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { expect, vi } from "vitest"
import * as Source from "../../cli/Source.ts"
import * as Limits from "../../core/metainfo/Limits.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as Corpora from "../support/Corpora.ts"
import { row } from "./Row.ts"
import { accepted, bytes, many, single, verdict, within } from "./Torrent.ts"

vi.setConfig({ testTimeout: 60_000 })
const MIB = 1024 * 1024

/** What the command line says of a SOURCE that it cannot use; any URL answers with `answer`. */
const refusal = (source: string, answer?: Response) =>
  Effect.runPromise(
    Effect.flip(Source.load(source)).pipe(
      Effect.provide(Layer.merge(
        NodeFileSystem.layer,
        Layer.succeed(
          HttpClient.HttpClient,
          HttpClient.make((request) =>
            answer === undefined
              ? Effect.die("no network in this test")
              : Effect.succeed(HttpClientResponse.fromWeb(request, answer))
          ),
        ),
      )),
    ),
  )

const withFolder = async (use: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), "shoal-hostile-"))
  try {
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

row(15, "100 MB of bencoding -> TooLarge before a byte of it is read", () => {
  const huge = Buffer.alloc(100 * MIB, "l")
  expect(within(300, () => verdict(huge))).toBe("TooLarge")
  expect(verdict(huge.subarray(0, Limits.MAX_BYTES))).toMatch(/^DepthExceeded/)
  expect(verdict(huge.subarray(0, Limits.MAX_BYTES + 1))).toBe("TooLarge")
})
row(15, "a file of 100 GB -> too-large by its size alone", () =>
  withFolder(async (folder) => {
    const path = join(folder, "huge.torrent")
    const file = await open(path, "w")
    await file.truncate(100_000 * MIB) // a hole: it occupies nothing
    await file.close()
    expect(await refusal(path)).toMatchObject({ reason: "too-large" })
  }))
row(15, "a URL whose answer never ends -> too-large once it is over the limit", async () => {
  let sent = 0
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      sent += MIB
      controller.enqueue(new Uint8Array(MIB))
    },
  })
  expect(await refusal("http://torrents.example/a.torrent", new Response(endless)))
    .toMatchObject({ reason: "too-large" })
  expect(sent).toBeLessThan(2 * Limits.MAX_BYTES)
})
row(
  15,
  "a folder, a device that never ends, a pipe that nobody writes to -> unreadable, without waiting",
  () =>
    withFolder(async (folder) => {
      expect(await refusal(folder)).toMatchObject({ reason: "unreadable" })
      if (process.platform === "win32") return // has neither
      expect(await refusal("/dev/zero")).toMatchObject({ reason: "unreadable" })
      const pipe = join(folder, "pipe.torrent")
      execFileSync("mkfifo", [pipe])
      expect(await refusal(pipe)).toMatchObject({ reason: "unreadable" })
    }),
)
row(
  15,
  "a page of HTML with the name of a torrent -> invalid, with the place",
  () =>
    withFolder(async (folder) => {
      const path = join(folder, "page.torrent")
      await writeFile(path, "<!doctype html><title>404</title>")
      expect(await refusal(path)).toMatchObject({
        reason: "invalid",
        message: expect.stringContaining("not valid bencode"),
      })
    }),
)

for (
  const [text, expected] of [
    ["4:spam", "NotADictionary"],
    ["le", "NotADictionary"],
    ["i1e", "NotADictionary"],
    ["de", "MissingInfo"],
    ["d8:announce0:e", "MissingInfo"],
    ["d4:info4:spame", "BadInfo"],
    ["d4:infolee", "BadInfo"],
    ["d4:infoi1ee", "BadInfo"],
  ] as const
) {
  row(16, `${text} -> ${expected}`, () => expect(verdict(bytes(text))).toBe(expected))
}
row(16, "metadata from peers that is no dictionary -> BadInfo", () => {
  expect(Parse.parseInfo(bytes("4:spam"))).toMatchObject({ ok: false, error: { reason: "BadInfo" } })
})

for (
  const [what, value, expected] of [
    ["missing", undefined, "MissingPieceLength"],
    ["0", 0, "BadPieceLength"],
    ["-1", -1, "BadPieceLength"],
    ["a text", "16384", "BadPieceLength"],
    ["a list", [16_384], "BadPieceLength"],
    ["one over the greatest", 2 ** 29 - 16_384 + 1, "BadPieceLength"],
    ["2^53 - 1", Number.MAX_SAFE_INTEGER, "BadPieceLength"],
    ["the greatest", 2 ** 29 - 16_384, "ok"],
    ["1", 1, "ok"],
  ] as const
) {
  row(17, `piece length ${what} -> ${expected}`, () => {
    expect(verdict(single({ "piece length": value }))).toBe(expected)
  })
}

for (
  const [what, value, expected] of [
    ["missing", undefined, "MissingPieces"],
    ["empty", "", "BadPieces"],
    ["a number", 20, "BadPieces"],
    ["a list of hashes", ["x".repeat(20)], "BadPieces"],
    ["of 19 bytes", "x".repeat(19), "BadPieces"],
    ["of 21 bytes", "x".repeat(21), "BadPieces"],
    ["one hash too many", "x".repeat(40), "PieceCountMismatch"],
  ] as const
) {
  row(19, `pieces ${what} -> ${expected}`, () => expect(verdict(single({ pieces: value }))).toBe(expected))
}
row(19, "pieces one hash too few -> PieceCountMismatch", () => {
  expect(verdict(single({ length: 16_385 }))).toBe("PieceCountMismatch")
})

row(
  20,
  "2^45 bytes in pieces of 1 byte, with one hash -> TooManyPieces before anything of that size is made",
  () => {
    const before = process.memoryUsage()
    expect(within(100, () => verdict(single({ length: 2 ** 45, "piece length": 1 })))).toBe("TooManyPieces")
    const after = process.memoryUsage()
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(MIB)
  },
)
row(20, "2,097,153 pieces with as many hashes -> TooManyPieces even where the file may be that large", () => {
  const count = Limits.MAX_PIECES + 1
  const torrent = single({ length: count, "piece length": 1, pieces: new Uint8Array(20 * count) })
  expect(verdict(torrent)).toBe("TooLarge")
  expect(verdict(torrent, { maxBytes: torrent.length })).toBe("TooManyPieces")
})

for (
  const [what, value, expected] of [
    ["missing", undefined, "MissingFileLength"],
    ["-1", -1, "BadFileLength"],
    ["a text", "1", "BadFileLength"],
    ["2^48", 2 ** 48, "TotalTooLarge"],
  ] as const
) {
  row(21, `length ${what} -> ${expected}`, () => expect(verdict(single({ length: value }))).toBe(expected))
  row(21, `length of a file in the list ${what} -> ${expected}`, () => {
    const files = [{ length: 1, path: ["a"] }, { length: value, path: ["b"] }]
    expect(verdict(many([], { files }))).toBe(expected)
  })
}
row(21, "lengths that add up to 2^48, each below it -> TotalTooLarge", () => {
  const files = Array.from({ length: 4 }, (_, i) => ({ length: 2 ** 46, path: [`${i}`] }))
  expect(verdict(many([], { files }))).toBe("TotalTooLarge")
})
row(21, "600,000 files -> TooManyFiles before one is looked at", () => {
  const torrent = many([], { files: new Array<number>(600_000).fill(0) })
  expect(within(2_000, () => verdict(torrent))).toBe("TooManyFiles")
})

row(22, "no byte in all, no files, a list that is none -> named", () => {
  expect(verdict(single({ length: 0 }))).toBe("NoContent")
  expect(verdict(many([], { files: [{ length: 0, path: ["a"] }, { length: 0, path: ["b"] }] }))).toBe(
    "NoContent",
  )
  expect(verdict(many([]))).toBe("NoFiles")
  expect(verdict(many([], { files: { length: 1, path: ["a"] } }))).toBe("BadFiles")
  expect(verdict(many([], { files: ["a"] }))).toBe("BadFiles")
})

row(23, "name missing or no text -> MissingName, BadName", () => {
  expect(verdict(single({ name: undefined }))).toBe("MissingName")
  expect(verdict(single({ name: 1 }))).toBe("BadName")
  expect(verdict(single({ name: ["a"] }))).toBe("BadName")
})
for (const name of ["", "/", "//\\", "..", ".", "../", "\u202e\u200b", "\0hidden"]) {
  row(23, `name ${JSON.stringify(name)} -> the info-hash as name`, () => {
    const torrent = accepted(single({ name }))
    expect(torrent.name).toBe(torrent.infoHash)
    expect(torrent.files.map(({ path }) => path)).toEqual([torrent.infoHash])
  })
}

for (
  const [what, file, expected] of [
    ["an empty list", { length: 1, path: [] }, "BadPath"],
    ["missing", { length: 1 }, "MissingPath"],
    ["a text", { length: 1, path: "a/b" }, "BadPath"],
    ["with a dictionary in it", { length: 1, path: ["a", { b: 1 }] }, "BadPath"],
    ["with a number in it", { length: 1, path: ["a", 1] }, "BadPath"],
    ["with a list in it", { length: 1, path: [["a"]] }, "BadPath"],
  ] as const
) {
  row(24, `path ${what} -> ${expected}`, () => {
    expect(verdict(many([], { files: [file] }))).toBe(expected)
  })
}

row(25, "a path of 200 parts, of 100,000 parts -> DirectoryTooDeep", () => {
  const path = (depth: number) => new Array<string>(depth).fill("a")
  expect(verdict(many([path(100)]))).toBe("ok")
  expect(verdict(many([path(101)]))).toBe("DirectoryTooDeep")
  expect(verdict(many([path(200)]))).toBe("DirectoryTooDeep")
  expect(within(1_000, () => verdict(many([path(100_000)])))).toBe("DirectoryTooDeep")
})

row(26, "501 files of one name -> TooManyDuplicates; a few get names of their own", () => {
  const same = (count: number) => Array.from({ length: count }, () => ["a", "b.txt"])
  expect(verdict(many(same(501)))).toBe("TooManyDuplicates")
  const paths = accepted(many(same(32))).files.map(({ path }) => path)
  expect(new Set(paths).size).toBe(32)
  expect(paths.slice(0, 2)).toEqual(["t/a/b.txt", "t/a/b.1.txt"])
})
/** A torrent of a folder with these files, written at once: so many are slow to write value by value. */
const folderOf = (names: ReadonlyArray<string>): Uint8Array => {
  const files = names.map((name) => `d6:lengthi1e4:pathl${name.length}:${name}ee`).join("")
  const pieces = "x".repeat(20 * Math.ceil(names.length / 16_384))
  return bytes(`d4:infod5:filesl${files}e4:name1:t12:piece lengthi16384e6:pieces${pieces.length}:${pieces}ee`)
}
const numbers = Array.from({ length: 100_000 }, (_, i) => i)

row(26, "100,000 files of one name -> TooManyDuplicates in linear time", () => {
  const torrent = folderOf(numbers.map(() => "b.txt"))
  expect(within(8_000, () => verdict(torrent))).toBe("TooManyDuplicates")
})
row(26, "100,000 files that take each other's numbers -> TooManyDuplicates in linear time", () => {
  const torrent = folderOf(numbers.map((i) => i % 2 === 0 ? `b.${i / 2 + 1}.txt` : "b.txt"))
  expect(within(8_000, () => verdict(torrent))).toBe("TooManyDuplicates")
})
row(26, "100,000 files of different names in one folder -> all accepted", () => {
  const torrent = folderOf(numbers.map((i) => `b.${i}.txt`))
  expect(within(8_000, () => accepted(torrent).files)).toHaveLength(100_000)
})

row(27, "a file `a` beside `a/b` -> the file gets another name, whichever comes first", () => {
  const paths = (...list: ReadonlyArray<ReadonlyArray<string>>) =>
    accepted(many(list)).files.map(({ path }) => path)
  expect(paths(["a"], ["a", "b"])).toEqual(["t/a.1", "t/a/b"])
  expect(paths(["a", "b"], ["a"])).toEqual(["t/a/b", "t/a.1"])
  expect(paths(["A"], ["a", "b", "c"])).toEqual(["t/A.1", "t/a/b/c"])
})

row(28, "names that differ in case or composition only -> another name, with a warning", () => {
  const torrent = accepted(many([["x.txt"], ["X.TXT"], ["caf\u00e9"], ["cafe\u0301"], ["\u212a"], ["k"]]))
  expect(torrent.files.map(({ path }) => path)).toEqual([
    "t/x.txt",
    "t/X.1.TXT",
    "t/caf\u00e9",
    "t/cafe\u0301.1",
    "t/\u212a",
    "t/k.1",
  ])
  expect(torrent.warnings).toContain("files numbered because their names were taken: 3")
})

Corpora.describeWithCorpora("other clients' files", () => {
  const judge = (name: string, expected: string) =>
    expect(verdict(Corpora.read("libtorrent", "test", "test_torrents", name)), name).toBe(expected)

  row(16, "string.torrent, invalid_info -> no dictionary", () => {
    judge("string.torrent", "NotADictionary")
    judge("invalid_info.torrent", "BadInfo")
  })
  row(17, "missing, negative and invalid piece_len -> named", () => {
    judge("missing_piece_len.torrent", "MissingPieceLength")
    judge("negative_piece_len.torrent", "BadPieceLength")
    judge("invalid_piece_len.torrent", "BadPieceLength")
  })
  row(20, "many_pieces.torrent -> TooManyPieces", () => judge("many_pieces.torrent", "TooManyPieces"))
  row(22, "zero, zero2, no_files -> nothing to download", () => {
    judge("zero.torrent", "NoContent")
    judge("zero2.torrent", "NoContent")
    judge("no_files.torrent", "NoFiles")
  })
  row(23, "invalid_name2, no_name -> the info-hash, or refused", () => {
    judge("invalid_name2.torrent", "ok")
    judge("no_name.torrent", "MissingName")
  })
  row(24, "invalid_path_list, missing_path_list -> BadPath, MissingPath", () => {
    judge("invalid_path_list.torrent", "BadPath")
    judge("missing_path_list.torrent", "MissingPath")
  })
  row(
    26,
    "duplicate_files2 -> TooManyDuplicates",
    () => judge("duplicate_files2.torrent", "TooManyDuplicates"),
  )
})
