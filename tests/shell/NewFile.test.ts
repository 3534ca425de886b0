import { describe, expect, it } from "@effect/vitest"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { SystemError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { utf8 } from "../../core/base/Bytes.ts"
import * as NewFile from "../../shell/NewFile.ts"
import * as TempDir from "../support/TempDir.ts"

type Env = Layer.Layer.Success<typeof live>
const live = Layer.merge(NodeFileSystem.layer, NodePath.layer)

const inFolder = <A, E>(body: (folder: string) => Effect.Effect<A, E, Env>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => TempDir.make("newfile")),
    (temp) => body(temp.path),
    (temp) => Effect.sync(temp.remove),
  ).pipe(Effect.provide(live))

const failed = (code: string) =>
  new SystemError({
    reason: "Unknown",
    module: "FileSystem",
    method: "test",
    cause: Object.assign(new Error(code), { code }),
  })

/** A file system that is the real one but for these operations. */
const but = (change: (fs: FileSystem.FileSystem) => Partial<FileSystem.FileSystem>) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({ ...fs, ...change(fs) })),
  )

const CONTENT = utf8("content")

describe("write", () => {
  it.effect("writes the bytes, and leaves nothing else", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        yield* NewFile.write(join(folder, "f"), CONTENT)
        expect(readFileSync(join(folder, "f"), "utf8")).toBe("content")
        expect(TempDir.list(folder)).toEqual(["f"])
      })
    ))

  it.effect("never over a file, not even through a link to nothing", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        writeFileSync(join(folder, "f"), "old")
        symlinkSync("nowhere", join(folder, "link"))
        for (const name of ["f", "link"]) {
          const { reason, message } = yield* Effect.flip(NewFile.write(join(folder, name), CONTENT))
          expect(reason).toBe("Exists")
          expect(message).toBe(
            `${join(folder, name)} exists already; move it away, or choose another name (-o FILE)`,
          )
        }
        expect(readFileSync(join(folder, "f"), "utf8")).toBe("old")
        expect(TempDir.list(folder)).toEqual(["f", "link@"])
      })
    ))

  it.effect("a full disk leaves nothing", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const full = but((fs) => ({
          open: (...args) =>
            Effect.map(
              fs.open(...args),
              (file) => Object.assign(Object.create(file), { writeAll: () => Effect.fail(failed("ENOSPC")) }),
            ),
        }))
        const error = yield* Effect.flip(
          NewFile.write(join(folder, "f"), CONTENT).pipe(Effect.provide(full)),
        )
        expect(error.reason).toBe("NoSpace")
        expect(error.message).toContain(`cannot write ${join(folder, "f")}: the disk or the quota is full`)
        expect(TempDir.list(folder)).toEqual([])
      })
    ))

  it.effect("works where a file can have one name only", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const fat = but(() => ({ link: () => Effect.fail(failed("EPERM")) }))
        yield* NewFile.write(join(folder, "f"), CONTENT).pipe(Effect.provide(fat))
        expect(readFileSync(join(folder, "f"), "utf8")).toBe("content")
        expect(TempDir.list(folder)).toEqual(["f"])
        const again = yield* Effect.flip(
          NewFile.write(join(folder, "f"), utf8("new")).pipe(Effect.provide(fat)),
        )
        expect(again.reason).toBe("Exists")
        expect(readFileSync(join(folder, "f"), "utf8")).toBe("content")
      })
    ))
})

describe("check", () => {
  it.effect("passes where write would, and leaves nothing", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        mkdirSync(join(folder, "content"))
        // Not inside, although it begins with the same letters.
        mkdirSync(join(folder, "content too"))
        yield* NewFile.check(join(folder, "content too/f"), join(folder, "content"))
        yield* NewFile.check(join(folder, "f"), join(folder, "not there"))
        expect(TempDir.list(folder)).toEqual(["content too/", "content/"])
      })
    ))

  it.effect("finds what stands in the way", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        mkdirSync(join(folder, "content/deep"), { recursive: true })
        writeFileSync(join(folder, "content/file"), "")
        symlinkSync("content/deep", join(folder, "link"))
        const refusals: ReadonlyArray<readonly [string, string]> = [
          ["content/file", "InsideContent"],
          ["content/f", "InsideContent"],
          ["content/deep/f", "InsideContent"],
          ["link/f", "InsideContent"],
          ["missing/f", "NotFound"],
          ["content", "Exists"],
          ["content/file/f", "Conflict"],
        ]
        for (const [path, reason] of refusals) {
          const error = yield* Effect.flip(NewFile.check(join(folder, path), join(folder, "content")))
          expect([path, error.reason]).toEqual([path, reason])
        }
      })
    ))

  it.effect("tries, where asking for permission says yes to everything", () =>
    inFolder((folder) =>
      Effect.gen(function* () {
        const readOnly = but(() => ({ open: () => Effect.fail(failed("EROFS")) }))
        const error = yield* Effect.flip(
          NewFile.check(join(folder, "f"), "/nowhere").pipe(Effect.provide(readOnly)),
        )
        expect(error.reason).toBe("ReadOnly")
        expect(error.message).toContain(`cannot write to ${folder}: the file system is read-only`)
      })
    ))
})
