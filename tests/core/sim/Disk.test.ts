import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import { pieceHash } from "../../../core/metainfo/Metainfo.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Content from "../../../core/sim/Content.ts"
import * as Disk from "../../../core/sim/Disk.ts"
import * as Defaults from "../../../core/sim/scenario/Defaults.ts"
import * as Store from "../../../core/sim/Store.ts"

const BLOCK = Geometry.BLOCK_BYTES
const CALM = { diskLatencyMs: 0, bitFlipsPerGiB: 0 }

const contentOf = (payload: "shared" | "full") =>
  Content.make(Defaults.scenario({ seed: 7, sizeBytes: 5 * BLOCK + 100, pieceBytes: 2 * BLOCK, payload }))

const pieceOf = ({ metainfo }: Content.Content, index: number) =>
  Geometry.pieceIndex(metainfo.geometry, index)!

/** Writes a part as a receiver does: right or wrong bytes from its place in the torrent. */
const write = (store: Store.Store, index: number, begin: number, length: number, isRight: boolean): void => {
  const { content } = store
  const piece = pieceOf(content, index)
  const block = begin - begin % BLOCK
  const whole = Geometry.blockLength(
    content.metainfo.geometry,
    Geometry.blockAt(content.metainfo.geometry, piece, begin),
  )
  const bytes = Content.payload(content, piece, block, whole, isRight)
  Store.write(store, piece, begin, bytes.subarray(begin - block, begin - block + length), !isRight)
}

describe("Store", () => {
  it.prop(
    "knows by place what real bytes and SHA-1 would say",
    [fc.array(
      fc.record({
        block: fc.nat({ max: 1 }),
        from: fc.nat({ max: BLOCK - 1 }),
        length: fc.integer({ min: 1, max: BLOCK }),
        isWhole: fc.boolean(),
        isRight: fc.boolean(),
      }),
      { maxLength: 12 },
    )],
    ([writes]) => {
      const stores = [contentOf("shared"), contentOf("full")].map((content) => Store.make(content, false))
      for (const { block, from, isRight, isWhole, length } of writes) {
        const start = isWhole ? 0 : from
        const bytes = isWhole ? BLOCK : Math.min(length, BLOCK - from)
        for (const store of stores) write(store, 1, block * BLOCK + start, bytes, isRight)
      }
      const [shared, full] = stores.map((store) => Store.isRight(store, pieceOf(store.content, 1)))
      expect(shared).toBe(full)
    },
    { fastCheck: { numRuns: 60 } },
  )

  for (const payload of ["shared", "full"] as const) {
    it(`has the digest of the torrent where it is right, and another one where it isn't (${payload})`, () => {
      const content = contentOf(payload)
      const store = Store.make(content, true)
      for (const piece of Geometry.pieces(content.metainfo.geometry)) {
        expect(Store.digest(store, piece)).toEqual(pieceHash(content.metainfo, piece))
      }
      const last = pieceOf(content, 2)
      const before = Store.blockDigests(store, last)
      Store.flip(store, Geometry.blockAt(content.metainfo.geometry, last, BLOCK))
      expect(Store.digest(store, last)).not.toEqual(pieceHash(content.metainfo, last))
      const after = Store.blockDigests(store, last)
      expect(after.subarray(0, 20)).toEqual(before.subarray(0, 20))
      expect(after.subarray(20)).not.toEqual(before.subarray(20))
    })
  }
})

describe("Disk", () => {
  const content = contentOf("shared")
  const piece = pieceOf(content, 0)
  const writeOf = (begin: number): Disk.Order => ({
    _tag: "Write",
    torrent: 1,
    piece,
    begin,
    bytes: Content.payload(content, piece, begin, BLOCK, true),
  })
  const read: Disk.Order = { _tag: "Read", torrent: 1, conn: 4, piece, begin: 0, length: BLOCK }

  it("answers transfers at once and in order, several writes of a piece as one", () => {
    const disk = Disk.make(content, false, CALM, Rng.make(1))
    Disk.ask(disk, writeOf(0), false, 10)
    Disk.ask(disk, writeOf(BLOCK), false, 10)
    Disk.ask(disk, read, false, 10)
    expect(Disk.answer(disk, 10, 10)).toEqual({
      _tag: "Written",
      now: 10,
      torrent: 1,
      piece,
      bytes: 2 * BLOCK,
    })
    expect(Disk.answer(disk, 10, 10)).toMatchObject({ _tag: "BlockRead", conn: 4, begin: 0 })
    expect(Disk.answer(disk, 10, 10)).toBeUndefined()
  })

  it("takes its time to hash", () => {
    const disk = Disk.make(content, true, CALM, Rng.make(1))
    Disk.ask(disk, { _tag: "Hash", torrent: 1, piece }, false, 10)
    expect(Disk.answer(disk, 10, 10)).toBeUndefined()
    const at = Disk.nextAt(disk)
    expect(at).toBeGreaterThan(10)
    expect(Disk.answer(disk, at, at)).toMatchObject({ digest: pieceHash(content.metainfo, piece) })
  })

  it("is slow in order, where a scenario says so", () => {
    const disk = Disk.make(content, true, { ...CALM, diskLatencyMs: 50 }, Rng.make(3))
    const dueAt: Array<number> = []
    for (let i = 0; i < 200; i++) Disk.ask(disk, read, false, i)
    for (let at = Disk.nextAt(disk); at < Infinity; at = Disk.nextAt(disk)) {
      dueAt.push(at)
      Disk.answer(disk, at, at)
    }
    expect(dueAt).toEqual([...dueAt].sort((a, b) => a - b))
    expect(dueAt.every((at, i) => at > i)).toBe(true)
    expect(dueAt).toHaveLength(200)
  })

  it("fails the next order, and only that", () => {
    const disk = Disk.make(content, true, CALM, Rng.make(1))
    disk.failure = "DiskFull"
    Disk.ask(disk, read, false, 0)
    Disk.ask(disk, read, false, 0)
    expect(Disk.answer(disk, 0, 0)).toMatchObject({ _tag: "ReadFailed", conn: 4, reason: "DiskFull" })
    expect(Disk.answer(disk, 0, 0)).toMatchObject({ _tag: "BlockRead" })
  })

  it("keeps at a crash what was made safe, and believes of the rest only what is right", () => {
    const geometry = Geometry.make(BLOCK, [64 * BLOCK])
    const many = Content.make(
      Defaults.scenario({ seed: 7, sizeBytes: geometry.totalBytes, pieceBytes: BLOCK }),
    )
    const disk = Disk.make(many, false, CALM, Rng.make(1))
    for (const one of Geometry.pieces(geometry)) {
      const bytes = Content.payload(many, one, 0, BLOCK, true)
      Disk.ask(disk, { _tag: "Write", torrent: 1, piece: one, begin: 0, bytes }, false, 0)
      Disk.verified(disk, one, one < 32 ? 0 : 20_000)
    }
    Disk.crash(disk, Rng.make(5))
    const survivors = [...Bitfield.pieces(disk.safe)]
    expect(survivors.filter((one) => one < 32)).toHaveLength(32)
    expect(survivors.length).toBeGreaterThan(32)
    expect(survivors.length).toBeLessThan(64)
    expect(survivors.every((one) => Store.isRight(disk.store, one))).toBe(true)
    expect(Disk.nextAt(disk)).toBe(Infinity)
  })

  it("turns bits where a scenario says so, of pieces that were good", () => {
    const disk = Disk.make(content, false, { diskLatencyMs: 0, bitFlipsPerGiB: 2 ** 30 / BLOCK }, Rng.make(2))
    Disk.ask(disk, writeOf(0), false, 0)
    Disk.ask(disk, writeOf(BLOCK), false, 0)
    expect(Store.isRight(disk.store, piece)).toBe(true)
    Disk.verified(disk, piece, 0)
    Disk.sync(disk, 0)
    const other = pieceOf(content, 1)
    for (let i = 0; i < 40; i++) {
      const bytes = Content.payload(content, other, 0, BLOCK, true)
      Disk.ask(disk, { _tag: "Write", torrent: 1, piece: other, begin: 0, bytes }, false, 1)
    }
    expect(Store.isRight(disk.store, piece)).toBe(false)
    const answer = Store.read(disk.store, piece, 0, BLOCK)
    expect(Content.isWrong(content, answer)).toBe(true)
    expect(Bytes.equals(Store.digest(disk.store, piece), pieceHash(content.metainfo, piece))).toBe(false)
  })
})
