/** What every layer of `Hasher` does, over a store that suits it. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Scope } from "effect/Scope"
import { toHex } from "../../core/base/Bytes.ts"
import { sha1 } from "../../core/base/Sha1.ts"
import { BlockStore } from "../../shell/BlockStore.ts"
import { Hasher } from "../../shell/Hasher.ts"
import { layoutOf, random, TestDisk } from "./BlockStore.ts"
import { type Inside, outside } from "./Inside.ts"

export const contract = (
  name: string,
  layer: Layer.Layer<Hasher | BlockStore | TestDisk>,
  inside: Inside = outside,
): void => {
  const setup = Effect.gen(function* () {
    const disk = yield* TestDisk
    const layout = layoutOf(disk.directory, [
      ["one", 300_000],
      ["pad", 20_000, "padding"],
      ["two", 5],
      ["none", 0],
      ["skipped", 100_000, "unwanted"],
      ["three", 300_000],
    ])
    const data = random(layout.geometry.totalBytes)
    data.fill(0, 300_000, 320_000)
    return { disk, data, store: yield* (yield* BlockStore).open(layout), hasher: yield* Hasher }
  })
  const test = (
    title: string,
    body: () => Effect.Effect<void, unknown, Hasher | BlockStore | TestDisk | Scope>,
  ): void => it.scoped(title, () => inside(Effect.scoped(body().pipe(Effect.provide(layer)))))
  const digest = (bytes: Uint8Array): string => toHex(sha1(bytes))

  describe(name, () => {
    test("hashes ranges within a file, across files, of padding, of unwanted files, and none", () =>
      Effect.gen(function* () {
        const { data, store, hasher } = yield* setup
        yield* store.write(0, [data])
        for (
          const [offset, bytes] of [
            [0, 65_536],
            [1, 299_998],
            [0, data.length],
            [290_000, 30_005],
            [300_000, 20_000],
            [320_010, 99_000],
            [17, 0],
          ] as const
        ) {
          const found = yield* hasher.sha1(store, offset, bytes)
          expect(toHex(found)).toBe(digest(data.subarray(offset, offset + bytes)))
        }
      }))

    test("hashes each block of a range by itself, across files and padding", () =>
      Effect.gen(function* () {
        const { data, store, hasher } = yield* setup
        yield* store.write(0, [data])
        for (
          const [offset, bytes, blockBytes] of [
            [0, 65_536, 16_384],
            [0, 65_537, 16_384],
            [0, data.length, 300_001],
            [299_990, 20_020, 7],
            [5, 100, 16_384],
            [17, 0, 16_384],
          ] as const
        ) {
          const expected: Array<string> = []
          for (let at = 0; at < bytes; at += blockBytes) {
            expected.push(digest(data.subarray(offset + at, offset + Math.min(at + blockBytes, bytes))))
          }
          const found = yield* hasher.sha1(store, offset, bytes, blockBytes)
          expect(toHex(found)).toBe(expected.join(""))
        }
      }))

    test("hashes what it is given bit by bit, if it does that at all, and looks at each bit at once", () =>
      Effect.gen(function* () {
        const { data, hasher } = yield* setup
        const hash = hasher.rolling?.()
        if (hash === undefined) return
        const bytes = data.slice(0, 1_000)
        for (const [from, to] of [[0, 1], [1, 1], [1, 900], [900, 1_000]] as const) {
          const part = bytes.subarray(from, to)
          hash.update(part)
          part.fill(0)
        }
        const found = hash.digest()
        expect(found).toBeInstanceOf(Uint8Array)
        expect(toHex(found)).toBe(digest(data.subarray(0, 1_000)))
      }))

    test("hashes what is on the disk now", () =>
      Effect.gen(function* () {
        const { disk, data, store, hasher } = yield* setup
        yield* store.write(0, [data])
        const before = yield* hasher.sha1(store, 0, 1_000)
        disk.put(`${disk.directory}/one`, random(300_000, 9))
        expect(toHex(yield* hasher.sha1(store, 0, 1_000))).toBe(digest(random(300_000, 9).subarray(0, 1_000)))
        expect(toHex(before)).toBe(digest(data.subarray(0, 1_000)))
      }))

    test("answers many at once, each with its own hash", () =>
      Effect.gen(function* () {
        const { data, store, hasher } = yield* setup
        yield* store.write(0, [data])
        const offsets = Array.from({ length: 200 }, (_, i) => i * 3_000)
        const hashes = yield* Effect.forEach(offsets, (offset) => hasher.sha1(store, offset, 4_000), {
          concurrency: "unbounded",
        })
        offsets.forEach((offset, i) => {
          expect(toHex(hashes[i]!)).toBe(digest(data.subarray(offset, offset + 4_000)))
        })
      }))

    test("says Missing for a file that is not there or too short, and goes on", () =>
      Effect.gen(function* () {
        const { disk, store, hasher } = yield* setup
        const path = `${disk.directory}/one`
        const absent = yield* Effect.flip(hasher.sha1(store, 0, 10))
        expect(absent).toMatchObject({ _tag: "StorageError", reason: "Missing", path })
        disk.put(path, random(50))
        expect(yield* Effect.flip(hasher.sha1(store, 0, 51))).toMatchObject({ reason: "Missing", path })
        expect(toHex(yield* hasher.sha1(store, 0, 50))).toBe(digest(random(50)))
      }))

    test("reads through no link", () =>
      Effect.gen(function* () {
        const { disk, store, hasher } = yield* setup
        disk.put(`${disk.directory}/elsewhere`, random(300_000))
        disk.putLink(`${disk.directory}/one`, `${disk.directory}/elsewhere`)
        expect(yield* Effect.flip(hasher.sha1(store, 0, 10))).toMatchObject({ reason: "Conflict" })
      }))
  })
}
