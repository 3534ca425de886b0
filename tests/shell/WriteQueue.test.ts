import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import * as WriteQueue from "../../shell/WriteQueue.ts"

const geometry = Geometry.make(3 * WriteQueue.RUN_BYTES, [10 * WriteQueue.RUN_BYTES])
const piece = (index: number): Geometry.PieceIndex => Geometry.pieceIndex(geometry, index)!
const bytes = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill)

/** A queue over a disk that holds every write until it is told to go on. */
const make = (of = geometry) => {
  const disk = new Uint8Array(of.totalBytes)
  const written: Array<readonly [piece: number, bytes: number]> = []
  const writes: Array<
    { readonly runs: ReadonlyArray<WriteQueue.Run>; readonly settle: (isWritten: boolean) => void }
  > = []
  const queue = WriteQueue.make(
    of,
    (runs, settled) => {
      const settle = (isWritten: boolean): void => {
        for (const { offset, buffers } of isWritten ? runs : []) {
          let at = offset
          for (const buffer of buffers) {
            disk.set(buffer, at)
            at += buffer.length
          }
        }
        settled(isWritten)
      }
      writes.push({ runs, settle })
    },
    { onHandedOver: () => {}, onWritten: (index, count) => written.push([index, count]) },
  )
  const settleAll = (): void => {
    for (let write = writes.shift(); write !== undefined; write = writes.shift()) write.settle(true)
  }
  return { queue, disk, written, writes, settleAll }
}

describe("WriteQueue", () => {
  it("gathers neighbours into one run, and sends it out when it is long enough", () => {
    const { queue, writes } = make()
    const quarter = WriteQueue.RUN_BYTES / 4
    for (const at of [1, 0, 3]) queue.push(piece(1), at * quarter, bytes(quarter), 0)
    expect(writes).toEqual([])
    queue.push(piece(1), 2 * quarter, bytes(quarter), 0)
    expect(writes).toHaveLength(1)
    expect(writes[0]!.runs.map(({ offset, buffers }) => [offset, buffers.length])).toEqual([
      [geometry.pieceBytes, 4],
    ])
  })

  it("never copies a fragment", () => {
    const { queue, writes } = make()
    const fragment = bytes(WriteQueue.RUN_BYTES)
    queue.push(piece(0), 0, fragment, 0)
    expect(writes[0]!.runs[0]!.buffers[0]).toBe(fragment)
  })

  it("sends out what is left when the piece is whole, however short", () => {
    const { queue, writes, written, settleAll } = make()
    const length = geometry.pieceBytes
    queue.push(piece(0), 0, bytes(length - 10), 0)
    settleAll()
    queue.push(piece(0), length - 10, bytes(10), 0)
    expect(writes).toHaveLength(1)
    settleAll()
    expect(written).toEqual([[0, length - 10], [0, 10]])
    expect(queue.pendingBytes()).toBe(0)
  })

  it("writes a piece one run after the other, so that the later of two fragments wins", () => {
    const { queue, disk, writes, settleAll } = make()
    queue.push(piece(0), 0, bytes(WriteQueue.RUN_BYTES, 1), 0)
    queue.push(piece(0), 0, bytes(WriteQueue.RUN_BYTES, 2), 0)
    expect(writes).toHaveLength(1)
    settleAll()
    expect(disk[0]).toBe(2)
    queue.push(piece(0), 100, bytes(50, 3), 0)
    queue.push(piece(0), 120, bytes(10, 4), 0)
    queue.flushAll()
    settleAll()
    expect([disk[119], disk[120], disk[129], disk[130]]).toEqual([3, 4, 4, 3])
  })

  it("lets nothing wait for longer than it should", () => {
    const { queue, writes, settleAll } = make()
    queue.push(piece(0), 0, bytes(10), 1_000)
    expect(queue.flushStale(1_000 + WriteQueue.LINGER_MS - 1)).toBe(true)
    expect(writes).toEqual([])
    expect(queue.flushStale(1_000 + WriteQueue.LINGER_MS)).toBe(false)
    expect(writes).toHaveLength(1)
    settleAll()
  })

  it("writes some at a time, and what has become due meanwhile together", () => {
    const small = Geometry.make(1_000, [20_000])
    const { queue, writes, written, settleAll } = make(small)
    const push = (index: number): void => queue.push(index as Geometry.PieceIndex, 0, bytes(1_000), 0)
    for (const index of [0, 2, 4, 6, 10, 9, 12]) push(index)
    expect(writes).toHaveLength(4)
    writes.shift()!.settle(true)
    expect(writes.at(-1)!.runs.map(({ offset, buffers }) => [offset, buffers.length])).toEqual([
      // The end of a piece and the beginning of the next one.
      [9_000, 2],
      [12_000, 1],
    ])
    settleAll()
    expect(written).toEqual([0, 2, 4, 6, 10, 9, 12].map((index) => [index, 1_000]))
  })

  it("goes on with what waits after a write that failed", () => {
    const { queue, writes, written, settleAll } = make()
    for (let at = 0; at < 2; at++) queue.push(piece(0), 0, bytes(WriteQueue.RUN_BYTES), 0)
    writes.shift()!.settle(false)
    queue.flushAll()
    settleAll()
    expect(written).toEqual([[0, WriteQueue.RUN_BYTES]])
    expect(queue.pendingBytes()).toBe(0)
  })

  it("sends everything out when too much is being gathered", () => {
    const count = WriteQueue.GATHER_LIMIT_BYTES / (WriteQueue.RUN_BYTES - 1) + 1 | 0
    const { queue, written, writes, settleAll } = make(
      Geometry.make(2 * WriteQueue.RUN_BYTES, [count * 2 * WriteQueue.RUN_BYTES]),
    )
    for (let index = 0; index < count; index++) {
      expect(writes).toEqual([])
      queue.push(index as Geometry.PieceIndex, 0, bytes(WriteQueue.RUN_BYTES - 1), 0)
    }
    settleAll()
    expect(written.map(([index]) => index)).toEqual(Array.from({ length: count }, (_, index) => index))
  })

  it("counts what failed as done, and goes no further", () => {
    const { queue, writes, written } = make()
    queue.push(piece(0), 0, bytes(WriteQueue.RUN_BYTES), 0)
    writes[0]!.settle(false)
    expect(queue.pendingBytes()).toBe(0)
    expect(written).toEqual([])
  })

  it.prop(
    "whatever the order of the fragments, the disk gets all of them",
    [
      fc.uniqueArray(fc.integer({ min: 0, max: 39 }), { minLength: 40, maxLength: 40 }),
      fc.infiniteStream(fc.boolean()),
    ],
    ([order, settles]) => {
      const { queue, disk, written, settleAll } = make()
      const length = geometry.totalBytes / 40
      for (const at of order) {
        const offset = at * length
        const index = Math.floor(offset / geometry.pieceBytes)
        const head = Math.min(length, (index + 1) * geometry.pieceBytes - offset)
        queue.push(piece(index), offset - index * geometry.pieceBytes, bytes(head, at + 1), 0)
        if (head < length) queue.push(piece(index + 1), 0, bytes(length - head, at + 1), 0)
        if (settles.next().value === true) settleAll()
      }
      settleAll()
      expect(Array.from({ length: 40 }, (_, at) => disk[at * length])).toEqual(
        Array.from({ length: 40 }, (_, at) => at + 1),
      )
      expect(written.reduce((sum, [, count]) => sum + count, 0)).toBe(geometry.totalBytes)
      expect(queue.pendingBytes()).toBe(0)
    },
    { fastCheck: { numRuns: 30 } },
  )
})
