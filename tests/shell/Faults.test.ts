import { describe, expect, it } from "@effect/vitest"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import type { FileStat } from "../../core/torrent/Resume.ts"
import * as Faults from "../../shell/Faults.ts"
import { torrentOf } from "../support/CoreSwarm.ts"

/** Pieces of 1,000 bytes: file 0 in 0 to 2, file 1 in 2, file 2 in 2 to 4, an empty file, file 4 in 4. */
const metainfo = torrentOf(1_000, [2_500, 100, 2_000, 0, 300])
const whole = metainfo.files.map(({ bytes }): FileStat => ({ bytes, mtimeMs: 1 }))

const faults = (
  pieces: ReadonlyArray<number>,
  stats: ReadonlyArray<FileStat | undefined> = whole,
  selection?: ReadonlySet<number>,
) => {
  const have = Bitfield.make(metainfo.geometry.pieceCount)
  for (const piece of pieces) Bitfield.set(have, piece)
  return Faults.of(metainfo, have, stats, selection).map(({ fileIndex, problem, piecesHave, pieceCount }) =>
    `${fileIndex} ${problem} ${piecesHave}/${pieceCount}`
  )
}

describe("the faults of files", () => {
  it("are none where every piece is right", () => {
    expect(faults([0, 1, 2, 3, 4])).toEqual([])
  })

  it("are told from what is there, and not laid on a neighbour", () => {
    const stats: Array<FileStat | undefined> = [...whole]
    stats[0] = undefined
    expect(faults([3, 4], stats)).toEqual(["0 missing 0/3", "1 unverifiable 0/1", "2 unverifiable 2/3"])
    stats[0] = { bytes: 2_499, mtimeMs: 1 }
    expect(faults([0, 1, 3, 4], stats)).toEqual(["0 short 2/3", "1 unverifiable 0/1", "2 unverifiable 2/3"])
    expect(faults([0, 2, 3, 4])).toEqual(["0 different 2/3"])
  })

  it("are everybody's where only a shared piece is wrong and all files have their length", () => {
    expect(faults([0, 1, 2, 3])).toEqual(["2 different 2/3", "4 different 0/1"])
  })

  it("concern selected files only", () => {
    expect(faults([], whole, new Set([1, 3]))).toEqual(["1 different 0/1"])
  })
})
