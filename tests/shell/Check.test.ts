import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "effect/FastCheck"
import * as Layer from "effect/Layer"
import { sha1 } from "../../core/base/Sha1.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import type { InfoHash, Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import * as BlockStore from "../../shell/BlockStore.ts"
import * as Check from "../../shell/Check.ts"
import * as Hasher from "../../shell/Hasher.ts"
import * as MemoryDisk from "../../shell/MemoryDisk.ts"

const PIECE = 1_000

/** Files of these lengths with random contents, on a disk and as a torrent. */
const make = (lengths: ReadonlyArray<number>, padding: ReadonlyArray<number> = []) => {
  const rng = Rng.make(1)
  const contents = lengths.map((bytes, index) =>
    padding.includes(index) ? new Uint8Array(bytes) : Rng.fill(rng, new Uint8Array(bytes))
  )
  const geometry = Geometry.make(PIECE, lengths)
  const all = Bytes.concat(contents)
  const metainfo: Metainfo = {
    infoHash: "00".repeat(20) as InfoHash,
    infoHashBytes: new Uint8Array(20),
    infoBytes: Bytes.empty,
    name: "things",
    files: lengths.map((bytes, index) => ({ path: `f${index}`, bytes, isPadding: padding.includes(index) })),
    geometry,
    pieceHashes: Bytes.concat(
      Array.from(
        { length: geometry.pieceCount },
        (_, piece) => sha1(all.subarray(piece * PIECE, (piece + 1) * PIECE)),
      ),
    ),
    isPrivate: false,
    trackers: [],
    webSeeds: [],
    warnings: [],
  }
  const disk = MemoryDisk.make()
  contents.forEach((bytes, index) => {
    if (!padding.includes(index)) MemoryDisk.put(disk, `/d/f${index}`, bytes.slice())
  })
  return { metainfo, disk }
}

const check = (
  { metainfo, disk }: ReturnType<typeof make>,
  options: {
    pieces?: ReadonlyArray<number>
    onProgress?: (doneBytes: number, totalBytes: number) => void
    hasher?: Layer.Layer<Hasher.Hasher>
  } = {},
) =>
  Effect.scoped(Effect.gen(function* () {
    const store = yield* (yield* BlockStore.BlockStore).open({
      directory: "/d",
      geometry: metainfo.geometry,
      files: metainfo.files.map((file) => ({ ...file, isWanted: true })),
      partsFile: ".parts",
    })
    const asked = Bitfield.make(metainfo.geometry.pieceCount)
    for (const piece of options.pieces ?? asked.bytes.keys()) {
      if (options.pieces !== undefined) Bitfield.set(asked, piece)
    }
    if (options.pieces === undefined) Bitfield.fill(asked)
    return [...Bitfield.pieces(yield* Check.check(store, metainfo, asked, options.onProgress))]
  })).pipe(
    Effect.provide(Layer.merge(BlockStore.layerMemory(disk), options.hasher ?? Hasher.layerMemory)),
  )

const fileAt = (disk: MemoryDisk.MemoryDisk, path: string) => {
  const node = disk.nodes.get(path)
  if (node?._tag !== "File") throw new Error(`no file ${path}`)
  return node
}

describe("good pieces", () => {
  it.effect("are all of them where everything is there, across files and the short last piece", () =>
    Effect.gen(function* () {
      expect(yield* check(make([1_500, 0, 1_700, 42]))).toEqual([0, 1, 2, 3])
    }))

  it.effect("are only those that were asked for", () =>
    Effect.gen(function* () {
      expect(yield* check(make([4_000]), { pieces: [1, 3] })).toEqual([1, 3])
      expect(yield* check(make([4_000]), { pieces: [] })).toEqual([])
    }))

  it.effect("are those without a changed byte", () =>
    Effect.gen(function* () {
      const things = make([4_000])
      fileAt(things.disk, "/d/f0").bytes[2_500]! ^= 1
      expect(yield* check(things)).toEqual([0, 1, 3])
    }))

  it.effect("need no padding file on the disk", () =>
    Effect.gen(function* () {
      expect(yield* check(make([1_500, 500, 1_000], [1]))).toEqual([0, 1, 2])
    }))
})

describe("what is not there", () => {
  it.effect("is bad, not an error: a missing file spoils the pieces it shares", () =>
    Effect.gen(function* () {
      const things = make([1_500, 1_500, 2_000])
      things.disk.nodes.delete("/d/f1")
      expect(yield* check(things)).toEqual([0, 3, 4])
    }))

  it.effect("is bad beyond the end of a file that is too short", () =>
    Effect.gen(function* () {
      const things = make([4_000])
      const file = fileAt(things.disk, "/d/f0")
      file.bytes = file.bytes.slice(0, 2_000)
      expect(yield* check(things)).toEqual([0, 1])
    }))

  it.effect("is never read or hashed", () =>
    Effect.gen(function* () {
      const things = make([4_000])
      things.disk.nodes.clear()
      const hasher = Layer.succeed(Hasher.Hasher, { sha1: () => Effect.die("there is nothing to hash") })
      expect(yield* check(things, { hasher })).toEqual([])
    }))

  it.effect("may vanish while the check goes on", () =>
    Effect.gen(function* () {
      const things = make([4_000])
      const hasher = Layer.succeed(Hasher.Hasher, {
        sha1: (store, offset, bytes) => {
          things.disk.nodes.delete("/d/f0")
          return Effect.map(store.read(offset, bytes), sha1)
        },
      })
      expect(yield* check(things, { hasher })).toEqual([])
    }))
})

it.effect("a disk that cannot be read is an error", () =>
  Effect.gen(function* () {
    const things = make([4_000])
    things.disk.failures.read = "Io"
    expect(yield* Effect.flip(check(things))).toMatchObject({ reason: "Io" })
  }))

it.effect("progress only grows, ends with everything, and stays few", () =>
  Effect.gen(function* () {
    const things = make([1_000_500])
    fileAt(things.disk, "/d/f0").bytes = new Uint8Array(500_000)
    const calls: Array<readonly [number, number]> = []
    yield* check(things, { onProgress: (done, total) => void calls.push([done, total]) })
    const done = calls.map(([bytes]) => bytes)
    expect(done).toEqual([...done].sort((a, b) => a - b))
    expect(calls.at(-1)).toEqual([1_000_500, 1_000_500])
    expect(calls.length).toBeLessThanOrEqual(201)
    expect(calls.length).toBeGreaterThan(100)
  }))

it.effect.prop(
  "a changed byte costs its own piece alone, wherever files begin",
  [fc.array(fc.nat({ max: 2_500 }), { minLength: 1, maxLength: 6 }), fc.nat()],
  ([lengths, seed]) =>
    Effect.gen(function* () {
      const things = make([...lengths, 1])
      const { geometry } = things.metainfo
      const at = seed % geometry.totalBytes
      const [segment] = Geometry.segments(geometry, at, 1)
      fileAt(things.disk, `/d/f${segment!.fileIndex}`).bytes[segment!.offset]! ^= 0x80
      const bad = Math.floor(at / PIECE)
      const all = Array.from({ length: geometry.pieceCount }, (_, piece) => piece)
      expect(yield* check(things)).toEqual(all.filter((piece) => piece !== bad))
    }),
)
