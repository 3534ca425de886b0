/** What every layer of `ResumeStore` does. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { InfoHash } from "../../core/metainfo/Metainfo.ts"
import { ResumeStore } from "../../shell/ResumeStore.ts"
import { expectBytes, random } from "./BlockStore.ts"
import { type Inside, outside } from "./Inside.ts"

/** An empty directory. */
export class TestDirectory extends Context.Tag("test/Directory")<TestDirectory, string>() {}

export const infoHash = (digit: string): InfoHash => digit.repeat(40) as InfoHash

export const contract = (
  name: string,
  layer: Layer.Layer<ResumeStore | TestDirectory>,
  inside: Inside = outside,
): void => {
  const test = (
    title: string,
    body: (store: ResumeStore["Type"], directory: string) => Effect.Effect<void, unknown>,
  ): void =>
    it.scoped(title, () =>
      inside(Effect.scoped(
        Effect.gen(function* () {
          yield* body(yield* ResumeStore, yield* TestDirectory)
        }).pipe(Effect.provide(layer)),
      )))

  describe(name, () => {
    test("has nothing of a torrent that was never saved", (store, directory) =>
      Effect.gen(function* () {
        expect(yield* store.load(directory, infoHash("a"))).toBeUndefined()
        expect(yield* store.load(`${directory}/not/there`, infoHash("a"))).toBeUndefined()
        yield* store.remove(directory, infoHash("a"))
      }))

    test(
      "gives back what was saved last, for each torrent and directory",
      (store, directory) =>
        Effect.gen(function* () {
          yield* store.save(directory, infoHash("a"), random(5_000, 1))
          yield* store.save(directory, infoHash("b"), random(10, 2))
          yield* store.save(`${directory}/other`, infoHash("a"), random(0))
          yield* store.save(directory, infoHash("a"), random(300, 3))
          expectBytes(yield* store.load(directory, infoHash("a")), random(300, 3))
          expectBytes(yield* store.load(directory, infoHash("b")), random(10, 2))
          expectBytes(yield* store.load(`${directory}/other`, infoHash("a")), random(0))
        }),
    )

    test(
      "keeps metadata apart from resume data, and longer",
      (store, directory) =>
        Effect.gen(function* () {
          expect(yield* store.loadMetadata(directory, infoHash("a"))).toBeUndefined()
          yield* store.saveMetadata(directory, infoHash("a"), random(100, 1))
          expect(yield* store.load(directory, infoHash("a"))).toBeUndefined()
          yield* store.save(directory, infoHash("a"), random(50, 2))
          yield* store.saveMetadata(directory, infoHash("a"), random(70, 3))
          expectBytes(yield* store.load(directory, infoHash("a")), random(50, 2))
          yield* store.remove(directory, infoHash("a"))
          expect(yield* store.load(directory, infoHash("a"))).toBeUndefined()
          expectBytes(yield* store.loadMetadata(directory, infoHash("a")), random(70, 3))
        }),
    )

    test(
      "takes saves that come at the same time in their order",
      (store, directory) =>
        Effect.gen(function* () {
          yield* Effect.forEach(
            [1, 2, 3, 4, 5],
            (seed) => store.save(directory, infoHash("a"), random(1_000, seed)),
            {
              concurrency: "unbounded",
              discard: true,
            },
          )
          expectBytes(yield* store.load(directory, infoHash("a")), random(1_000, 5))
        }),
    )

    test("keeps bytes of its own", (store, directory) =>
      Effect.gen(function* () {
        const bytes = random(10)
        yield* store.save(directory, infoHash("a"), bytes)
        bytes.fill(0)
        const loaded = yield* store.load(directory, infoHash("a"))
        expectBytes(loaded, random(10))
        loaded!.fill(0)
        expectBytes(yield* store.load(directory, infoHash("a")), random(10))
      }))

    test("forgets what is removed, and only that", (store, directory) =>
      Effect.gen(function* () {
        yield* store.save(directory, infoHash("a"), random(10))
        yield* store.save(directory, infoHash("b"), random(20))
        yield* store.remove(directory, infoHash("a"))
        expect(yield* store.load(directory, infoHash("a"))).toBeUndefined()
        expectBytes(yield* store.load(directory, infoHash("b")), random(20))
      }))
  })
}
