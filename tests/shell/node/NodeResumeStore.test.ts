/** What resume files go through on a real disk. The rest is in tests/contract/ResumeStore.ts. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, mkdirSync, readdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs"
import process from "node:process"
import * as NodeResumeStore from "../../../shell/node/NodeResumeStore.ts"
import { ResumeStore } from "../../../shell/ResumeStore.ts"
import { expectBytes, random } from "../../contract/BlockStore.ts"
import { infoHash } from "../../contract/ResumeStore.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Mount from "./Mount.ts"

const hash = infoHash("a")

const setup = Effect.gen(function* () {
  const dir = yield* Effect.acquireRelease(
    Effect.sync(() => TempDir.make("node-resume")),
    (dir) => Effect.sync(dir.remove),
  )
  return { directory: dir.path, folder: `${dir.path}/.shoal`, store: yield* ResumeStore }
})

describe("NodeResumeStore", () => {
  it.scoped("keeps one file a torrent, named by its info-hash, and no draft", () =>
    Effect.gen(function* () {
      const { directory, folder, store } = yield* setup
      yield* store.save(directory, hash, random(10))
      yield* store.save(directory, hash, random(20))
      expect(readdirSync(folder)).toEqual([`${hash}.resume`])
      yield* store.remove(directory, hash)
      expect(existsSync(folder)).toBe(false)
    }).pipe(Effect.provide(NodeResumeStore.layer)))

  it.scoped("leaves its folder while something else is in it", () =>
    Effect.gen(function* () {
      const { directory, folder, store } = yield* setup
      yield* store.save(directory, hash, random(10))
      writeFileSync(`${folder}/x.parts`, "kept")
      yield* store.remove(directory, hash)
      expect(readdirSync(folder)).toEqual(["x.parts"])
    }).pipe(Effect.provide(NodeResumeStore.layer)))

  it.scoped("ignores the draft of a process that was killed, and cleans it up", () =>
    Effect.gen(function* () {
      const { directory, folder, store } = yield* setup
      yield* store.save(directory, hash, random(50))
      writeFileSync(`${folder}/${hash}.resume.new`, random(200, 2))
      expectBytes(yield* store.load(directory, hash), random(50))
      yield* store.save(directory, hash, random(40, 3))
      expectBytes(yield* store.load(directory, hash), random(40, 3))
      writeFileSync(`${folder}/${hash}.resume.new`, random(200, 2))
      yield* store.remove(directory, hash)
      expect(existsSync(folder)).toBe(false)
    }).pipe(Effect.provide(NodeResumeStore.layer)))

  // Mounting takes root on Linux.
  it.scoped.skipIf(!Mount.isPossible)(
    "keeps the version before when the disk is full",
    () =>
      Effect.gen(function* () {
        const store = yield* ResumeStore
        const directory = yield* Mount.tmpfs("size=64k")
        yield* store.save(directory, hash, random(10_000))
        const error = yield* Effect.flip(store.save(directory, hash, random(200_000, 2)))
        expect(error).toMatchObject({ _tag: "ResumeStoreError", reason: "NoSpace" })
        expect(error.message).toContain(`${hash}.resume`)
        expectBytes(yield* store.load(directory, hash), random(10_000))
        expect(readdirSync(`${directory}/.shoal`)).toEqual([`${hash}.resume`])
      }).pipe(Effect.provide(NodeResumeStore.layer)),
  )

  it.scoped("keeps the version before when the new one cannot be put in place", () =>
    Effect.gen(function* () {
      const { directory, folder, store } = yield* setup
      yield* store.save(directory, hash, random(10))
      mkdirSync(`${folder}/${hash}.resume.new`)
      expect(yield* Effect.flip(store.save(directory, hash, random(20)))).toMatchObject({
        reason: "Conflict",
      })
      expectBytes(yield* store.load(directory, hash), random(10))
    }).pipe(Effect.provide(NodeResumeStore.layer)))

  it.scoped.skipIf(process.platform === "win32")("goes through no link", () =>
    // links take a privilege there
    Effect.gen(function* () {
      const { directory, folder, store } = yield* setup
      mkdirSync(`${directory}/outside`)
      symlinkSync(`${directory}/outside`, folder)
      expect(yield* Effect.flip(store.save(directory, hash, random(10)))).toMatchObject({
        reason: "Conflict",
      })
      expect(readdirSync(`${directory}/outside`)).toEqual([])
      const other = `${directory}/other`
      mkdirSync(`${other}/.shoal`, { recursive: true })
      writeFileSync(`${directory}/outside/secret`, "secret")
      symlinkSync(`${directory}/outside/secret`, `${other}/.shoal/${hash}.resume`)
      expect(yield* Effect.flip(store.load(other, hash))).toMatchObject({ reason: "Conflict" })
    }).pipe(Effect.provide(NodeResumeStore.layer)))

  it.scoped("does not read a file too large to be ours", () =>
    Effect.gen(function* () {
      const { directory, folder, store } = yield* setup
      yield* store.save(directory, hash, random(10))
      truncateSync(`${folder}/${hash}.resume`, 2 ** 31)
      expect(yield* Effect.flip(store.load(directory, hash))).toMatchObject({ reason: "FileTooLarge" })
    }).pipe(Effect.provide(NodeResumeStore.layer)))

  it.scoped("says so when a directory is in the file's place", () =>
    Effect.gen(function* () {
      const { directory, folder, store } = yield* setup
      mkdirSync(`${folder}/${hash}.resume`, { recursive: true })
      expect(yield* Effect.flip(store.load(directory, hash))).toMatchObject({ reason: "Conflict" })
      expect(yield* Effect.flip(store.save(directory, hash, random(10)))).toMatchObject({
        reason: "Conflict",
      })
    }).pipe(Effect.provide(NodeResumeStore.layer)))
})
