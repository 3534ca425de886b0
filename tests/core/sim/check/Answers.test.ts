import { describe, expect, it } from "vitest"
import type { Command } from "../../../../core/client/Command.ts"
import type { Input } from "../../../../core/client/Input.ts"
import type { PieceIndex } from "../../../../core/metainfo/Geometry.ts"
import { answers } from "../../../../core/sim/check/Answers.ts"
import { BLOCK, blockRead, read, scenario, Story } from "./Story.ts"

const story = (): Story => new Story(answers(scenario)).add()
const piece = 3 as PieceIndex
const hash: Command = { _tag: "Hash", torrent: 1, piece }
const hashed: Input = { _tag: "PieceHashed", now: 0, torrent: 1, piece, digest: new Uint8Array(20) }
const write: Command = { _tag: "Write", torrent: 1, piece, begin: 0, bytes: new Uint8Array(BLOCK) }
const written = (bytes: number): Input => ({ _tag: "Written", now: 0, torrent: 1, piece, bytes })

describe("answers", () => {
  it("has nothing to say of a world that answers once", () => {
    const told = story().meet(1).tick(hash, write).tick(read(1, 0, 0)).step(hashed)
    told.step(written(BLOCK - 1)).step(written(1)).step(blockRead(0, 1, 0, 0))
    expect(told.after(3_600_000).tick().faults).toEqual([])
  })

  it("sees what comes twice, or without having been asked for", () => {
    expect(story().tick(hash).step(hashed).step(hashed).faults).toEqual([
      "an answer came that was not asked for: hash 3",
    ])
    expect(story().meet(1).step(blockRead(0, 1, 0, 0)).faults).toHaveLength(1)
    expect(story().tick(write).step(written(BLOCK + 2)).faults).toEqual([
      "of piece 3 2 bytes more were written than were sent",
    ])
    expect(story().step({ _tag: "ConnOpened", now: 0, conn: 4 }).faults).toEqual([
      "connection 4 was not dialled",
    ])
    expect(story().hears(4, []).faults).toEqual(["connection 4 was never opened"])
    const failure = { reason: "Timeout", message: "" } as const
    expect(story().step({ _tag: "AnnounceFailed", now: 0, torrent: 1, tracker: 0, failure }).faults)
      .toEqual(["tracker 0 answered what it was not asked"])
  })

  it("sees what is never answered", () => {
    const told = story().tick(hash).after(170_000).tick()
    expect(told.faults).toEqual([])
    expect(told.after(200_000).tick().faults).toEqual(["nobody has answered hash 3, asked 370000 ms ago"])
  })

  it("expects nothing for what was closed, nor of a disk that has failed", () => {
    const closed = story().meet(1).tick(read(1, 0, 0)).tick({ _tag: "Close", conn: 1 })
    closed.step(blockRead(0, 1, 0, 0)).hears(1, [])
    expect(closed.after(3_600_000).tick().faults).toEqual([])
    const failed = story().tick(hash, write)
    failed.step({ _tag: "StorageFailed", now: 0, torrent: 1, reason: "full", message: "" })
    expect(failed.after(3_600_000).tick().faults).toEqual([])
  })
})
