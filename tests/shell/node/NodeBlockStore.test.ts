/** What only a real file system does. The rest is in tests/contract/BlockStore.ts. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import fs, {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import process from "node:process"
import { BlockStore } from "../../../shell/BlockStore.ts"
import * as FilePool from "../../../shell/node/FilePool.ts"
import * as NodeBlockStore from "../../../shell/node/NodeBlockStore.ts"
import * as StorageError from "../../../shell/StorageError.ts"
import { expectBytes, layoutOf, random } from "../../contract/BlockStore.ts"
import * as TempDir from "../../support/TempDir.ts"
import * as Mount from "./Mount.ts"

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
/** Deno duplicates a descriptor for the time of an operation on it. */
const mostOpen = (capacity: number) => "Deno" in globalThis ? 2 * capacity : capacity
const isLinux = process.platform === "linux"

const tempDir = Effect.map(
  Effect.acquireRelease(Effect.sync(() => TempDir.make("node-store")), (dir) => Effect.sync(dir.remove)),
  (dir) => dir.path,
)

const open = (...args: Parameters<typeof layoutOf>) =>
  Effect.flatMap(BlockStore, (blockStore) => blockStore.open(layoutOf(...args)))

/** Runs `body` without root's privileges, where there are any to lose. */
const asNobody = <A, E, R>(body: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  isRoot
    ? Effect.acquireUseRelease(
      Effect.sync(() => process.seteuid!(NOBODY)),
      () => body,
      () => Effect.sync(() => process.seteuid!(0)),
    )
    : body

/** For everybody who imports it. */
const replaceFsync = (fsync: typeof fs.fsync): void => {
  fs.fsync = fsync
  syncBuiltinESMExports()
}

const openFiles = (below: string): Array<string> =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = realpathSync(`/proc/self/fd/${fd}`)
      return path.startsWith(below) ? [path] : []
    } catch {
      return []
    }
  })

describe("NodeBlockStore", () => {
  it.scoped("finds a file only where its folder is, whatever else is in that place", () =>
    Effect.gen(function* () {
      const directory = yield* tempDir
      mkdirSync(`${directory}/there/deep`, { recursive: true })
      for (const path of ["there/a", "there/deep/a", "file"]) writeFileSync(`${directory}/${path}`, "1")
      const paths = ["there/a", "there/b", "there/deep/a", "nowhere/a", "nowhere/deep/a", "file/a", "file"]
      const store = yield* open(directory, paths.map((path) => [path, 1] as const))
      const stats = yield* store.stats
      expect(paths.filter((_, i) => stats[i] !== undefined)).toEqual(["there/a", "there/deep/a", "file"])
    }).pipe(Effect.provide(NodeBlockStore.layer)))

  it.scoped.skipIf(process.platform === "win32")("makes files sparse", () =>
    // NTFS wants to be asked for it
    Effect.gen(function* () {
      const directory = yield* tempDir
      const store = yield* open(directory, [["big", 2 ** 31]])
      yield* store.write(2 ** 30, [random(1_000)])
      yield* store.sync
      const { size, blocks } = statSync(`${directory}/big`)
      expect(size).toBe(2 ** 31)
      expect(blocks * 512).toBeLessThan(2 ** 20)
    }).pipe(Effect.provide(NodeBlockStore.layer)))

  it.scoped("accepts a directory that is a link: the user chose it", () =>
    Effect.gen(function* () {
      const directory = yield* tempDir
      mkdirSync(`${directory}/real`)
      symlinkSync(`${directory}/real`, `${directory}/link`)
      const store = yield* open(`${directory}/link/`, [["a/b", 100]])
      yield* store.check
      yield* store.write(0, [random(100)])
      expectBytes(readFileSync(`${directory}/real/a/b`), random(100))
    }).pipe(Effect.provide(NodeBlockStore.layer)))

  it.scoped("does not create the target of a dangling link", () =>
    Effect.gen(function* () {
      const directory = yield* tempDir
      symlinkSync(`${directory}/elsewhere`, `${directory}/file`)
      const store = yield* open(directory, [["file", 100]])
      expect(yield* Effect.flip(store.write(0, [random(100)]))).toMatchObject({ reason: "Conflict" })
      expect(existsSync(`${directory}/elsewhere`)).toBe(false)
    }).pipe(Effect.provide(NodeBlockStore.layer)))

  it.scoped("rechecks the way each time it opens a file", () =>
    Effect.gen(function* () {
      const directory = yield* tempDir
      mkdirSync(`${directory}/outside`)
      const store = yield* open(`${directory}/top`, [["a/x", 10], ["b/y", 10], ["c/z", 10]])
      yield* store.write(0, [random(30)]) // a/x has given way to c/z by now
      rmSync(`${directory}/top/a`, { recursive: true })
      symlinkSync(`${directory}/outside`, `${directory}/top/a`)
      expect(yield* Effect.flip(store.write(0, [random(10)]))).toMatchObject({ reason: "Conflict" })
      expect(readdirSync(`${directory}/outside`)).toEqual([])
    }).pipe(Effect.provide(NodeBlockStore.layerWith({ capacity: 1 }))))

  it.scoped.skipIf(!isLinux)("keeps to its number of open files, and closes them with its scope", () =>
    // needs /proc
    Effect.gen(function* () {
      const directory = realpathSync(yield* tempDir)
      yield* Effect.scoped(Effect.gen(function* () {
        const store = yield* open(directory, Array.from({ length: 60 }, (_, i) => [`${i}`, 1_000] as const))
        let most = 0
        yield* Effect.forEach(Array.from({ length: 60 }, (_, i) => i), (i) =>
          Effect.zipRight(
            store.write(i * 1_000, [random(1_000, i)]),
            Effect.sync(() => most = Math.max(most, openFiles(directory).length)),
          ), { concurrency: "unbounded", discard: true })
        expect(most).toBeGreaterThan(0)
        expect(most).toBeLessThanOrEqual(mostOpen(8))
        yield* store.sync
        expect(openFiles(directory).length).toBeLessThanOrEqual(mostOpen(8))
      }))
      expect(openFiles(directory)).toEqual([])
      for (let i = 0; i < 60; i++) expectBytes(readFileSync(`${directory}/${i}`), random(1_000, i))
    }).pipe(Effect.provide(NodeBlockStore.layerWith({ capacity: 8 }))))

  it.scoped("finishes a write whose fiber is interrupted, before its scope closes the file", () =>
    Effect.gen(function* () {
      const directory = yield* tempDir
      const data = random(5_000_000)
      yield* Effect.scoped(Effect.gen(function* () {
        const store = yield* open(directory, [["f", data.length]])
        const started = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(
          Effect.zipRight(Deferred.succeed(started, undefined), store.write(0, [data])),
        )
        yield* Deferred.await(started)
        yield* Fiber.interrupt(fiber)
      }))
      expectBytes(readFileSync(`${directory}/f`), data)
    }).pipe(Effect.provide(NodeBlockStore.layer)))

  // Deno's modules of Node can't be changed.
  it.scoped.skipIf("Deno" in globalThis)(
    "takes no sync for good after one that failed",
    () =>
      Effect.gen(function* () {
        const directory = yield* tempDir
        const store = yield* open(directory, [["f", 100]])
        yield* store.write(0, [random(100)])
        const { fsync } = fs
        yield* Effect.addFinalizer(() => Effect.sync(() => replaceFsync(fsync)))
        replaceFsync(
          ((_file: number, done: (error: Error) => void) =>
            done(Object.assign(new Error("EIO"), { code: "EIO" }))) as typeof fsync,
        )
        expect(yield* Effect.flip(store.sync)).toMatchObject({ reason: "Io", path: `${directory}/f` })
        replaceFsync(fsync)
        // The pages are marked clean by now: the system would say yes.
        expect(yield* Effect.flip(store.sync)).toMatchObject({ reason: "Io" })
        const other = yield* open(directory, [["f", 100]])
        yield* other.write(0, [random(100)])
        yield* other.sync
      }).pipe(Effect.provide(NodeBlockStore.layer)),
  )

  // Mounting takes root on Linux.
  it.scoped.skipIf(!Mount.isPossible)(
    "says ReadOnly before it begins, and when a write finds out",
    () =>
      Effect.gen(function* () {
        const directory = yield* Mount.tmpfs("size=1m,ro")
        const store = yield* open(`${directory}/not/yet`, [["f", 10]])
        expect(yield* Effect.flip(store.check)).toMatchObject({ reason: "ReadOnly" })
        expect(yield* Effect.flip(store.write(0, [random(10)]))).toMatchObject({ reason: "ReadOnly" })
        expect(readdirSync(directory)).toEqual([])
      }).pipe(Effect.provide(NodeBlockStore.layer)),
  )

  // Mounting takes root on Linux.
  it.scoped.skipIf(!Mount.isPossible)(
    "counts what sparse files still need, and not what they have",
    () =>
      Effect.gen(function* () {
        const directory = yield* Mount.tmpfs("size=2m")
        const store = yield* open(directory, [["f", 1_500_000], ["rest", 400_000]])
        yield* store.write(0, [random(1_400_000)])
        yield* store.check
        writeFileSync(`${directory}/other`, random(300_000))
        expect(yield* Effect.flip(store.check)).toMatchObject({ reason: "NoSpace" })
      }).pipe(Effect.provide(NodeBlockStore.layer)),
  )

  it.scoped.skipIf(process.platform === "win32")("says PermissionDenied when it may not write or read", () =>
    // no modes
    Effect.gen(function* () {
      const directory = mkdtempSync("/tmp/shoal-denied-")
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(directory, { recursive: true, force: true })))
      writeFileSync(`${directory}/secret`, random(10))
      chmodSync(`${directory}/secret`, 0)
      mkdirSync(`${directory}/closed`)
      if (isRoot) {
        ;[directory, `${directory}/secret`, `${directory}/closed`].forEach((path) =>
          chownSync(path, NOBODY, NOBODY)
        )
      }
      chmodSync(`${directory}/closed`, 0o555)
      const store = yield* open(directory, [["secret", 10], ["closed/f", 10]])
      yield* asNobody(Effect.gen(function* () {
        const denied = yield* Effect.flip(store.write(10, [random(10)]))
        expect(denied).toMatchObject({ reason: "PermissionDenied", path: `${directory}/closed/f` })
        expect(denied.message).toContain("choose another directory")
        expect(yield* Effect.flip(store.read(0, 10))).toMatchObject({ reason: "PermissionDenied" })
        expect(yield* Effect.flip(store.write(0, [random(10)]))).toMatchObject({ reason: "PermissionDenied" })
      }))
      chmodSync(`${directory}/closed`, 0o755)
    }).pipe(Effect.provide(NodeBlockStore.layer)))

  it.scoped("says BadName for a name that the file system does not take", () =>
    Effect.gen(function* () {
      const store = yield* open(yield* tempDir, [["x".repeat(300), 10]])
      expect(yield* Effect.flip(store.write(0, [random(10)]))).toMatchObject({ reason: "BadName" })
    }).pipe(Effect.provide(NodeBlockStore.layer)))
})

describe("FilePool", () => {
  const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }))
  const gate = () => {
    let release = (): void => {}
    const open = new Promise<void>((resolve) => release = resolve)
    return { open, release }
  }

  it("lets an operation wait while all files are in use", async () => {
    const pool = FilePool.make(1)
    const owner = {}
    const directory = TempDir.make("pool")
    const opener = (name: string) => () => Promise.resolve(openSync(`${directory.path}/${name}`, "w"))
    const first = gate()
    const order: Array<string> = []
    const a = pool.use(owner, "a", "write", opener("a"), async () => {
      await first.open
      order.push("a")
    })
    const b = pool.use(owner, "b", "write", opener("b"), async () => {
      order.push("b")
      await Promise.resolve()
    })
    expect(pool.size()).toBe(1)
    first.release()
    await Promise.all([a, b])
    expect(order).toEqual(["a", "b"])
    expect(pool.size()).toBe(1)
    await pool.closeAll(owner)
    expect(pool.size()).toBe(0)
    directory.remove()
  })

  it("waits a while for a descriptor where the process has none left", async () => {
    const pool = FilePool.make(10)
    let tries = 0
    const open = () => ++tries < 3 ? failing("EMFILE")() : Promise.resolve(-7)
    expect(await pool.use({}, "a", "read", open, (file) => Promise.resolve(file))).toBe(-7)
    expect(tries).toBe(3)
  })

  it("waits also where that is said in the words of the store", async () => {
    const pool = FilePool.make(10)
    let tries = 0
    const open = () =>
      ++tries < 3 ? Promise.reject(StorageError.fromCode("EMFILE", "write", "/d/f")) : Promise.resolve(-7)
    expect(await pool.use({}, "a", "write", open, (file) => Promise.resolve(file))).toBe(-7)
  })

  it("forgets a file that could not be opened, and frees its place", async () => {
    const pool = FilePool.make(1)
    const owner = {}
    await expect(pool.use(owner, "a", "read", failing("ENOENT"), () => Promise.resolve())).rejects.toThrow(
      "ENOENT",
    )
    expect(pool.size()).toBe(0)
    let opened = 0
    const open = () => Promise.resolve(-1 - opened++)
    expect(await pool.use(owner, "a", "read", open, (file) => Promise.resolve(file))).toBe(-1)
    expect(await pool.use(owner, "a", "read", open, (file) => Promise.resolve(file))).toBe(-1)
    expect(opened).toBe(1)
  })

  it("gives back an idle file where the system has none left, and tries again", async () => {
    const pool = FilePool.make(10)
    const directory = TempDir.make("pool")
    await pool.use(
      {},
      "a",
      "read",
      () => Promise.resolve(openSync(directory.path, "r")),
      () => Promise.resolve(),
    )
    let tries = 0
    const open = () => ++tries === 1 ? failing("EMFILE")() : Promise.resolve(-7)
    expect(await pool.use({}, "b", "read", open, (file) => Promise.resolve(file))).toBe(-7)
    expect(tries).toBe(2)
    expect(pool.size()).toBe(1)
    // With nothing left to give back it is the caller's error.
    const full = FilePool.make(10, 100)
    await expect(full.use({}, "c", "read", failing("EMFILE"), () => Promise.resolve())).rejects.toThrow(
      "EMFILE",
    )
    directory.remove()
  })
})
