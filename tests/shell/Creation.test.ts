import { describe, expect, it } from "@effect/vitest"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import type * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawnSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import * as Bytes from "../../core/base/Bytes.ts"
import { sha1 } from "../../core/base/Sha1.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import type { BlockStore } from "../../shell/BlockStore.ts"
import type { CreateError } from "../../shell/CreateError.ts"
import * as Creation from "../../shell/Creation.ts"
import * as CreationLive from "../../shell/CreationLive.ts"
import type { FileTree } from "../../shell/FileTree.ts"
import { Hasher } from "../../shell/Hasher.ts"
import * as Corpora from "../support/Corpora.ts"
import * as TempDir from "../support/TempDir.ts"

type Env = BlockStore | Hasher | FileTree | Path.Path | FileSystem.FileSystem

const live = Layer.mergeAll(CreationLive.layer, NodePath.layer, NodeFileSystem.layer)

/** Runs `body` with a new folder below which `files` are. */
const withFiles = <A, E>(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (folder: string) => Effect.Effect<A, E, Env>,
) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const temp = TempDir.make("creation")
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(temp.path, path)), { recursive: true })
        writeFileSync(join(temp.path, path), content)
      }
      return temp
    }),
    (temp) => body(temp.path),
    (temp) => Effect.sync(temp.remove),
  ).pipe(Effect.provide(live))

const create = (path: string, options: Partial<Creation.CreateOptions> = {}) =>
  Creation.create({
    path,
    trackers: [],
    webSeeds: [],
    isPrivate: false,
    creationDate: undefined,
    onProgress: () => undefined,
    ...options,
  })

const paths = ({ metainfo }: Creation.Created) => metainfo.files.map(({ path }) => path)

const failure = (path: string, options: Partial<Creation.CreateOptions> = {}) =>
  Effect.map(Effect.flip(create(path, options)), ({ reason, message }: CreateError) => ({ reason, message }))

/** For what must fail before it. */
const unused = { sha1: () => Effect.die("nothing is to be hashed") }

/** Runs `disturb` when the first piece is to be hashed. */
const disturbed = (disturb: () => void) =>
  Layer.effect(
    Hasher,
    Effect.map(Hasher, (hasher) => {
      let isDone = false
      return {
        sha1: (...args: Parameters<typeof hasher.sha1>) =>
          Effect.suspend(() => {
            if (!isDone) disturb()
            isDone = true
            return hasher.sha1(...args)
          }),
      }
    }),
  )

Corpora.describeWithCorpora("the golden torrents of other creators", () => {
  // libtorrent's order is that of the directory on the disk where it ran, which nobody can repeat, in these two.
  const unordered = new Set(["lots-of-numbers", "testdir"])
  const rows = Corpora.isThere
    ? Corpora.table("golden-create", "GOLDEN.tsv").filter((row) => !unordered.has(row["payload"]!))
    : []
  it("there are eight", () => expect(rows).toHaveLength(8))

  it.effect.each(rows)("$payload in pieces of $piece_length", (row) =>
    Effect.gen(function* () {
      const { metainfo } = yield* create(Corpora.path("golden-create", "payload", row["payload"]!), {
        pieceLength: Number(row["piece_length"]),
      })
      expect(metainfo.infoHash).toBe(row["v1_only_infohash(libtorrent 2.0.8)"])
    }).pipe(Effect.provide(live)))
})

describe("what belongs to a torrent", () => {
  it.effect("all files of a folder, hidden and empty ones too, in the order of their bytes; no empty folder", () =>
    withFiles(
      { "d/b": "1", "d/.hidden": "2", "d/a/z": "3", "d/a.txt": "", "d/C": "4" },
      (folder) =>
        Effect.gen(function* () {
          mkdirSync(join(folder, "d/empty/too"), { recursive: true })
          const created = yield* create(join(folder, "d"))
          expect(paths(created)).toEqual(["d/.hidden", "d/C", "d/a.txt", "d/a/z", "d/b"])
          expect(created.metainfo.pieceHashes).toEqual(sha1(Bytes.utf8("2431")))
          expect(created.metainfo.name).toBe("d")
          expect(created.directory).toBe(folder)
          expect(created.warnings).toEqual([])
        }),
    ))

  it.effect("a file alone has no folder, a folder with one file has", () =>
    withFiles({ "d/f": "1" }, (folder) =>
      Effect.gen(function* () {
        expect(paths(yield* create(join(folder, "d/f")))).toEqual(["f"])
        expect(paths(yield* create(join(folder, "d/")))).toEqual(["d/f"])
      })))

  it.effect("pieces cross the borders of files", () =>
    withFiles(
      { "d/a": new Uint8Array(20_000).fill(1), "d/b": new Uint8Array(20_000).fill(2) },
      (folder) =>
        Effect.gen(function* () {
          const { metainfo } = yield* create(join(folder, "d"), { pieceLength: 16_384 })
          const all = new Uint8Array(40_000).fill(2)
          all.fill(1, 0, 20_000)
          expect(metainfo.pieceHashes).toEqual(Bytes.concat([
            sha1(all.subarray(0, 16_384)),
            sha1(all.subarray(16_384, 32_768)),
            sha1(all.subarray(32_768)),
          ]))
        }),
    ))

  it.effect("links are followed, with a warning for those to files", () =>
    withFiles({ "d/a": "1", "elsewhere/x": "22" }, (folder) =>
      Effect.gen(function* () {
        symlinkSync(join(folder, "elsewhere/x"), join(folder, "d/file"))
        symlinkSync("../elsewhere", join(folder, "d/folder"))
        symlinkSync("d", join(folder, "top"))
        const created = yield* create(join(folder, "top"))
        expect(paths(created)).toEqual(["top/a", "top/file", "top/folder/x"])
        expect(created.metainfo.pieceHashes).toEqual(sha1(Bytes.utf8("12222")))
        expect(created.warnings).toEqual([
          "symbolic links followed: 1, for example file; to be seeded from here they must become files",
        ])
        symlinkSync("elsewhere/x", join(folder, "one"))
        expect((yield* create(join(folder, "one"))).metainfo.pieceHashes).toEqual(sha1(Bytes.utf8("22")))
      })))

  it.effect("what is neither file nor folder is left out with a warning", () =>
    withFiles({ "d/a": "1" }, (folder) =>
      Effect.gen(function* () {
        const pipe = join(folder, "d/pipe")
        expect(spawnSync("mkfifo", [pipe]).status).toBe(0)
        const created = yield* create(join(folder, "d"))
        expect(paths(created)).toEqual(["d/a"])
        expect(created.warnings).toEqual([`left out, neither files nor folders: 1, for example ${pipe}`])
        expect(yield* failure(pipe)).toEqual({
          reason: "NotAFile",
          message: `${pipe} is neither a file nor a folder`,
        })
      })))

  it.effect("says so when other clients will see other names", () =>
    withFiles({ "d/a": "1", "d/A": "2", "d/x\ny": "3" }, (folder) =>
      Effect.gen(function* () {
        const { warnings } = yield* create(join(folder, "d"))
        expect(warnings).toEqual([
          "parts of file names changed to be safe: 1, for example to x_y",
          "files numbered because their names were taken: 1",
        ])
      })))
})

describe("what it is told", () => {
  it.effect("stands in the torrent, which parses to the metainfo that is returned", () =>
    withFiles({ f: "12345" }, (folder) =>
      Effect.gen(function* () {
        const { bytes, metainfo } = yield* create(join(folder, "f"), {
          pieceLength: 32_768,
          trackers: [["http://a/announce", "udp://b:1"], ["http://c/announce"]],
          webSeeds: ["http://w/f"],
          isPrivate: true,
          source: "S",
          comment: "C",
          creationDate: 7,
        })
        expect(metainfo).toMatchObject({
          name: "f",
          trackers: [["http://a/announce", "udp://b:1"], ["http://c/announce"]],
          webSeeds: ["http://w/f"],
          isPrivate: true,
          source: "S",
          comment: "C",
          creationDate: 7,
          geometry: { pieceBytes: 32_768, pieceCount: 1, totalBytes: 5 },
        })
        expect(Parse.parse(bytes)).toEqual({ ok: true, value: metainfo })
      })))

  it.effect("without a date the same content gives the same bytes, whenever it was written", () =>
    withFiles({ "one/d/a": "1", "two/d/a": "1" }, (folder) =>
      Effect.gen(function* () {
        utimesSync(join(folder, "one/d/a"), 1, 1)
        const one = yield* create(join(folder, "one/d"))
        const two = yield* create(join(folder, "two/d"))
        expect(one.bytes).toEqual(two.bytes)
      })))

  it.effect("progress only grows, and ends with everything", () =>
    withFiles({ f: new Uint8Array(100_000) }, (folder) =>
      Effect.gen(function* () {
        const told: Array<readonly [number, number]> = []
        yield* create(join(folder, "f"), {
          pieceLength: 16_384,
          onProgress: (...progress) => told.push(progress),
        })
        expect(told).toHaveLength(7)
        expect(told.map(([done]) => done)).toEqual(told.map(([done]) => done).sort((a, b) => a - b))
        expect(told.at(-1)).toEqual([100_000, 100_000])
      })))
})

describe("refuses", () => {
  it.effect("a path that is not there", () =>
    withFiles({ f: "" }, (folder) =>
      Effect.gen(function* () {
        for (const path of [join(folder, "nothing"), join(folder, "f/below")]) {
          expect(yield* failure(path)).toEqual({
            reason: "NotFound",
            message: `there is no file or folder ${path}`,
          })
        }
        expect((yield* failure("/")).reason).toBe("BadName")
      })))

  it.effect("what has no content", () =>
    withFiles({ "d/e": "", f: "" }, (folder) =>
      Effect.gen(function* () {
        mkdirSync(join(folder, "none"))
        const why = "so there is nothing to make a torrent of"
        for (
          const [name, what] of [["d", "has no content"], ["f", "has no content"], ["none", "holds no file"]]
        ) {
          expect(yield* failure(join(folder, name!))).toEqual({
            reason: "Empty",
            message: `${join(folder, name!)} ${what}, ${why}`,
          })
        }
      })))

  it.effect("a link to nothing, and one that leads round in a circle", () =>
    withFiles({ "d/a/f": "1", "e/f": "1" }, (folder) =>
      Effect.gen(function* () {
        symlinkSync("nowhere", join(folder, "d/broken"))
        expect(yield* failure(join(folder, "d"))).toEqual({
          reason: "BadLink",
          message: `${join(folder, "d/broken")} is a symbolic link to nothing; remove it, or mend it`,
        })
        symlinkSync("..", join(folder, "e/up"))
        expect((yield* failure(join(folder, "e"))).reason).toBe("BadLink")
        symlinkSync("self", join(folder, "self"))
        expect((yield* failure(join(folder, "self"))).reason).toBe("BadLink")
      })))

  it.effect("a name that is not UTF-8", () =>
    withFiles({ "d/a": "1" }, (folder) =>
      Effect.gen(function* () {
        // By the shell: a runtime may have names as text only.
        const made = spawnSync("sh", ["-c", `printf 1 > "$1/d/$(printf 'x\\377')"`, "sh", folder])
        expect(made.status).toBe(0)
        const { reason, message } = yield* failure(join(folder, "d"))
        expect(reason).toBe("BadName")
        expect(message).toContain("is not UTF-8, as a torrent needs it; rename it")
      })))

  it.effect("more pieces than clients take, before it hashes any", () =>
    withFiles({ f: "" }, (folder) =>
      Effect.gen(function* () {
        truncateSync(join(folder, "f"), 2 ** 40)
        const error = yield* failure(join(folder, "f"), { pieceLength: 16_384 }).pipe(
          Effect.provide(Layer.succeed(Hasher, unused)),
        )
        expect(error).toEqual({
          reason: "TooManyPieces",
          message: `no client would accept a torrent of ${
            join(folder, "f")
          }: it has 67108864 pieces, the limit is 2097152; choose a larger piece size`,
        })
      })))

  it.effect("a file that would be too large for others, before it hashes anything", () =>
    withFiles({ f: "" }, (folder) =>
      Effect.gen(function* () {
        truncateSync(join(folder, "f"), 16_384 * 600_000)
        const error = yield* failure(join(folder, "f"), { pieceLength: 16_384 }).pipe(
          Effect.provide(Layer.succeed(Hasher, unused)),
        )
        expect(error.reason).toBe("TooLarge")
        expect(error.message).toMatch(/the limit is 10485760; choose a larger piece size$/)
      })))

  it.effect("a folder that is too deep", () =>
    withFiles({}, (folder) =>
      Effect.gen(function* () {
        mkdirSync(join(folder, "d/".repeat(102)), { recursive: true })
        expect((yield* failure(join(folder, "d"))).reason).toBe("DirectoryTooDeep")
      })))

  const changes: ReadonlyArray<readonly [string, (path: string) => void]> = [
    ["grows", (path) => appendFileSync(path, "x")],
    ["gets shorter", (path) => truncateSync(path, 10)],
    ["is written to", (path) => utimesSync(path, 1, 1)],
  ]
  it.effect.each(changes)(
    "a file that %s while it is hashed",
    ([, change]) =>
      withFiles({ f: new Uint8Array(100_000) }, (folder) =>
        Effect.gen(function* () {
          const path = join(folder, "f")
          const error = yield* failure(path).pipe(Effect.provide(disturbed(() => change(path))))
          expect(error).toEqual({
            reason: "Changed",
            message:
              `${path} changed while it was being hashed, so the torrent would be wrong; try again once nothing writes to it`,
          })
        })),
  )

  // Root may read everything; the interop tests have this as somebody else.
  const isRoot = process.getuid?.() === 0
  if (!isRoot) {
    it.effect("a file that may not be read", () =>
      withFiles({ "d/f": "1" }, (folder) =>
        Effect.gen(function* () {
          chmodSync(join(folder, "d/f"), 0)
          const { reason, message } = yield* failure(join(folder, "d"))
          expect(reason).toBe("PermissionDenied")
          expect(message).toContain(`cannot read ${join(folder, "d/f")}: permission denied`)
        })))
  }
})
