/** What every layer of `BlockStore` does. `TestDisk` reaches behind the store, as other programs do. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Scope } from "effect/Scope"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import { BlockStore, type Layout, type LayoutFile } from "../../shell/BlockStore.ts"
import { type Inside, outside } from "./Inside.ts"

export class TestDisk extends Context.Tag("test/Disk")<TestDisk, {
  /** Empty, but there. */
  readonly directory: string
  /** A directory with room for less than 1 MiB. */
  readonly smallDirectory: string
  /** These take absolute paths; directories above are made. */
  readonly put: (path: string, bytes: Uint8Array) => void
  readonly putDirectory: (path: string) => void
  readonly putLink: (path: string, target: string) => void
  readonly get: (path: string) => Uint8Array | undefined
}>() {}

export const PIECE_BYTES = 32_768

export const layoutOf = (
  directory: string,
  files: ReadonlyArray<readonly [string, number, string?]>,
): Layout => ({
  directory,
  files: files.map(([path, bytes, flags = ""]): LayoutFile => ({
    path,
    bytes,
    isPadding: flags.includes("padding"),
    isWanted: !flags.includes("unwanted"),
  })),
  geometry: Geometry.make(PIECE_BYTES, files.map(([, bytes]) => bytes)),
  partsFile: ".shoal/test.parts",
})

export const random = (bytes: number, seed = 1): Uint8Array => Rng.fill(Rng.make(seed), new Uint8Array(bytes))

/** `toEqual` goes through an array one element at a time, which takes seconds for what a disk does in no time. */
export const expectBytes = (found: Uint8Array | undefined, wanted: Uint8Array): void => {
  expect(found?.length).toBe(wanted.length)
  expect(Bytes.equals(found!, wanted), "the same bytes").toBe(true)
}

/** Five files of the kinds that there are: 100,000 bytes in all. */
const mixed = (directory: string): Layout =>
  layoutOf(directory, [
    ["a/first.bin", 40_000],
    ["empty", 0],
    [".pad/1", 10_000, "padding"],
    ["skipped.bin", 20_000, "unwanted"],
    ["b/c/last.bin", 30_000],
  ])

export const contract = (
  name: string,
  layer: Layer.Layer<BlockStore | TestDisk>,
  options: { readonly hasSmallDirectory: boolean; readonly inside?: Inside },
): void => {
  const { inside = outside } = options
  const open = (layout: (directory: string) => Layout) =>
    Effect.gen(function* () {
      const disk = yield* TestDisk
      const store = yield* (yield* BlockStore).open(layout(disk.directory))
      return { disk, store, at: (path: string) => `${disk.directory}/${path}` }
    })
  const test = (
    title: string,
    body: () => Effect.Effect<void, unknown, BlockStore | TestDisk | Scope>,
  ): void => it.scoped(title, () => inside(Effect.scoped(body().pipe(Effect.provide(layer)))))

  describe(name, () => {
    test("touches nothing before the first write", () =>
      Effect.gen(function* () {
        const { disk, store, at } = yield* open((directory) => mixed(`${directory}/new`))
        yield* store.check
        yield* store.stats
        yield* store.sync
        expect(disk.get(at("new/a/first.bin"))).toBeUndefined()
        disk.put(at("new"), new Uint8Array(1)) // fails if a directory were there
      }))

    test("writes across files, drops padding and keeps unwanted bytes in the parts file", () =>
      Effect.gen(function* () {
        const { disk, store, at } = yield* open(mixed)
        const data = random(100_000)
        data.fill(0, 40_000, 50_000)
        yield* store.write(0, [
          data.subarray(0, 39_999),
          data.subarray(39_999, 60_001),
          data.subarray(60_001),
        ])
        expectBytes(disk.get(at("a/first.bin")), data.slice(0, 40_000))
        expectBytes(disk.get(at("b/c/last.bin")), data.slice(70_000))
        expectBytes(disk.get(at(".shoal/test.parts"))?.slice(50_000, 70_000), data.slice(50_000, 70_000))
        expect(disk.get(at(".pad/1"))).toBeUndefined()
        expect(disk.get(at("skipped.bin"))).toBeUndefined()
        expectBytes(yield* store.read(0, 100_000), data)
        expectBytes(yield* store.read(39_990, 30_020), data.slice(39_990, 70_010))
      }))

    test("reads to the memory that it is given, over whatever was in it", () =>
      Effect.gen(function* () {
        const { store } = yield* open(mixed)
        const data = random(100_000)
        data.fill(0, 40_000, 50_000)
        yield* store.write(0, [data])
        const memory = new Uint8Array(40_000).fill(7)
        const into = memory.subarray(5_000, 35_000)
        expect(yield* store.read(30_000, 30_000, into)).toBe(into)
        expectBytes(into, data.slice(30_000, 60_000))
        expect([memory[4_999], memory[35_000]]).toEqual([7, 7])
      }))

    test("gives a file its full length with its first byte, and keeps the rest of what was there", () =>
      Effect.gen(function* () {
        const { disk, store, at } = yield* open(mixed)
        disk.put(at("b/c/last.bin"), random(1_000, 7))
        yield* store.write(100, [random(5, 2)])
        yield* store.write(99_990, [random(10, 3)])
        expect(disk.get(at("a/first.bin"))?.length).toBe(40_000)
        const last = disk.get(at("b/c/last.bin"))!
        expectBytes(last.slice(0, 1_000), random(1_000, 7))
        expectBytes(last.slice(29_990), random(10, 3))
      }))

    test("writes many buffers in one go", () =>
      Effect.gen(function* () {
        const { store } = yield* open((directory) => layoutOf(directory, [["many", 3_000 * 7]]))
        const data = random(3_000 * 7)
        yield* store.write(0, Array.from({ length: 3_000 }, (_, i) => data.subarray(i * 7, i * 7 + 7)))
        expectBytes(yield* store.read(0, data.length), data)
      }))

    test("runs writes and reads at the same time", () =>
      Effect.gen(function* () {
        const { store } = yield* open((directory) =>
          layoutOf(directory, Array.from({ length: 20 }, (_, i) => [`f${i}`, 50_000] as const))
        )
        const data = random(1_000_000)
        const offsets = Array.from({ length: 100 }, (_, i) => ((i * 37) % 100) * 10_000)
        yield* Effect.forEach(offsets, (offset) =>
          store.write(offset, [data.subarray(offset, offset + 10_000)]), {
          concurrency: "unbounded",
          discard: true,
        })
        const parts = yield* Effect.forEach(offsets, (offset) =>
          store.read(offset, 10_000), {
          concurrency: "unbounded",
        })
        parts.forEach((part, i) =>
          expectBytes(part, data.slice(offsets[i]!, offsets[i]! + 10_000))
        )
      }))

    test("says Missing for a file that is not there or too short", () =>
      Effect.gen(function* () {
        const { disk, store, at } = yield* open(mixed)
        const absent = yield* Effect.flip(store.read(0, 10))
        expect(absent).toMatchObject({ _tag: "StorageError", reason: "Missing", path: at("a/first.bin") })
        expect(absent.message).toContain(at("a/first.bin"))
        disk.put(at("a/first.bin"), random(50))
        expect((yield* store.read(0, 50)).length).toBe(50)
        expect(yield* Effect.flip(store.read(0, 51))).toMatchObject({ reason: "Missing" })
        expectBytes(yield* store.read(40_000, 10_000), new Uint8Array(10_000))
      }))

    test("tells what is there", () =>
      Effect.gen(function* () {
        const { disk, store, at } = yield* open(mixed)
        const padding = { bytes: 10_000, mtimeMs: 0 }
        expect(yield* store.stats).toEqual([undefined, undefined, padding, undefined, undefined])
        disk.put(at("a/first.bin"), random(50))
        disk.putDirectory(at("b/c/last.bin"))
        yield* store.write(60_000, [random(5)])
        const stats = yield* store.stats
        expect(stats[0]).toEqual({ bytes: 50, mtimeMs: expect.any(Number) })
        expect(Number.isInteger(stats[0]!.mtimeMs)).toBe(true)
        // Of the unwanted file the parts file has everything up to the end of what was written.
        expect(stats[3]).toEqual({ bytes: 10_005, mtimeMs: expect.any(Number) })
        expect(stats[4]).toBeUndefined()
      }))

    test("creates wanted files of length zero when asked, and only those", () =>
      Effect.gen(function* () {
        const { disk, store, at } = yield* open((directory) =>
          layoutOf(directory, [["d/none", 0], ["some", 5], ["unwanted", 0, "unwanted"], [
            "pad",
            0,
            "padding",
          ]])
        )
        yield* store.createEmpty
        yield* store.createEmpty
        expectBytes(disk.get(at("d/none")), new Uint8Array(0))
        expect(disk.get(at("some"))).toBeUndefined()
        expect(disk.get(at("unwanted"))).toBeUndefined()
        expect(disk.get(at("pad"))).toBeUndefined()
      }))

    test("locates bytes for readers of their own", () =>
      Effect.gen(function* () {
        const { store, at } = yield* open(mixed)
        expect(store.locate(39_000, 31_500)).toEqual([
          { fileIndex: 0, path: at("a/first.bin"), offset: 39_000, bytes: 1_000 },
          { fileIndex: 2, path: undefined, offset: 0, bytes: 10_000 },
          { fileIndex: 3, path: at(".shoal/test.parts"), offset: 50_000, bytes: 20_000 },
          { fileIndex: 4, path: at("b/c/last.bin"), offset: 0, bytes: 500 },
        ])
        expect(store.locate(100_000, 0)).toEqual([])
      }))

    test("refuses a longer file, and leaves it as it is", () =>
      Effect.gen(function* () {
        const { disk, store, at } = yield* open(mixed)
        disk.put(at("a/first.bin"), random(40_001))
        expect(yield* Effect.flip(store.check)).toMatchObject({ reason: "Conflict", path: at("a/first.bin") })
        expect(yield* Effect.flip(store.write(0, [random(5, 2)]))).toMatchObject({ reason: "Conflict" })
        expectBytes(disk.get(at("a/first.bin")), random(40_001))
      }))

    test("refuses a directory in a file's place and a file in a directory's", () =>
      Effect.gen(function* () {
        const { disk, store, at } = yield* open(mixed)
        disk.putDirectory(at("a/first.bin"))
        expect(yield* Effect.flip(store.check)).toMatchObject({ reason: "Conflict", path: at("a/first.bin") })
        expect(yield* Effect.flip(store.write(0, [random(5)]))).toMatchObject({ reason: "Conflict" })
        disk.put(at("b"), random(3))
        expect(yield* Effect.flip(store.write(70_000, [random(5)]))).toMatchObject({
          reason: "Conflict",
          path: at("b"),
        })
        expectBytes(disk.get(at("b")), random(3))
      }))

    test("lets only the first of two torrents write to a path that both have, and both read it", () =>
      Effect.gen(function* () {
        const disk = yield* TestDisk
        const { open } = yield* BlockStore
        const layout = (directory: string, path: string, partsFile: string) => ({
          ...layoutOf(directory, [[path, 40_000], [`${partsFile}.bin`, 10_000]]),
          partsFile,
        })
        const second = yield* Effect.scoped(Effect.gen(function* () {
          const first = yield* open(layout(disk.directory, "x/y", "first"))
          const second = yield* Effect.scoped(Effect.gen(function* () {
            const store = yield* open(layout(`${disk.directory}/x`, "y", "second"))
            const error = yield* Effect.flip(store.write(0, [random(40_000, 2)]))
            expect(error).toMatchObject({ reason: "Conflict", path: `${disk.directory}/x/y` })
            expect(error.message).toContain("another torrent")
            // Also where only a part of what is to be written lies there.
            expect(yield* Effect.flip(store.write(39_990, [random(20)]))).toMatchObject({
              reason: "Conflict",
            })
            yield* store.write(40_000, [random(10_000, 3)])
            yield* first.write(0, [random(40_000, 1)])
            expectBytes(yield* store.read(0, 40_000), random(40_000, 1))
            return true
          }))
          return second
        }))
        expect(second).toBe(true)
        const later = yield* open(layout(`${disk.directory}/x`, "y", "second"))
        yield* later.write(0, [random(40_000, 2)])
        expectBytes(disk.get(`${disk.directory}/x/y`), random(40_000, 2))
      }))

    test("refuses a file in the place of the directory", () =>
      Effect.gen(function* () {
        const { disk, store, at } = yield* open((directory) => mixed(`${directory}/down`))
        disk.put(at("down"), random(3))
        expect(yield* Effect.flip(store.check)).toMatchObject({ reason: "Conflict", path: at("down") })
        expect(yield* Effect.flip(store.write(0, [random(5)]))).toMatchObject({ reason: "Conflict" })
      }))

    test("follows no link below the directory, neither to a file nor on the way to one", () =>
      Effect.gen(function* () {
        const { disk, store, at } = yield* open((directory) => mixed(`${directory}/root`))
        disk.put(at("outside/first.bin"), random(40_000, 9))
        disk.put(at("outside/c/last.bin"), random(30_000, 9))
        disk.putLink(at("root/a/first.bin"), at("outside/first.bin"))
        expect(yield* Effect.flip(store.check)).toMatchObject({
          reason: "Conflict",
          path: at("root/a/first.bin"),
        })
        expect(yield* Effect.flip(store.write(0, [random(5)]))).toMatchObject({ reason: "Conflict" })
        expect(yield* Effect.flip(store.read(0, 5))).toMatchObject({ reason: "Conflict" })
        disk.putLink(at("root/b"), at("outside"))
        expect(yield* Effect.flip(store.write(70_000, [random(5)]))).toMatchObject({
          reason: "Conflict",
          path: at("root/b"),
        })
        expectBytes(disk.get(at("outside/first.bin")), random(40_000, 9))
        expectBytes(disk.get(at("outside/c/last.bin")), random(30_000, 9))
      }))

    test("keeps what it wrote for the next store of the same layout", () =>
      Effect.gen(function* () {
        const disk = yield* TestDisk
        const { open } = yield* BlockStore
        yield* Effect.scoped(Effect.flatMap(open(mixed(disk.directory)), (store) =>
          Effect.zipRight(store.write(10, [random(60_000)]), store.sync)))
        const again = yield* open(mixed(disk.directory))
        expectBytes(yield* again.read(10, 30_000), random(60_000).slice(0, 30_000))
      }))

    it.scoped.skipIf(!options.hasSmallDirectory)(
      "says NoSpace before it begins, and when a write finds out",
      () =>
        inside(Effect.scoped(
          Effect.gen(function* () {
            const { smallDirectory } = yield* TestDisk
            const store = yield* (yield* BlockStore).open(
              layoutOf(smallDirectory, [["small", 50_000], ["big", 3_000_000]]),
            )
            expect(yield* Effect.flip(store.check)).toMatchObject({ reason: "NoSpace", path: smallDirectory })
            yield* store.write(0, [random(50_000)])
            const error = yield* Effect.flip(store.write(50_000, [random(3_000_000)]))
            expect(error).toMatchObject({ reason: "NoSpace", path: `${smallDirectory}/big` })
            expectBytes(yield* store.read(0, 50_000), random(50_000))
          }).pipe(Effect.provide(layer)),
        )),
    )
  })
}
