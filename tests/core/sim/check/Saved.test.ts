import { describe, expect, it } from "vitest"
import { saved } from "../../../../core/sim/check/Saved.ts"
import * as Bitfield from "../../../../core/torrent/Bitfield.ts"
import * as Resume from "../../../../core/torrent/Resume.ts"
import type * as State from "../../../../core/torrent/State.ts"
import { torrentOf } from "../../../support/CoreSwarm.ts"
import { nodeOf, PIECE, Story } from "./Story.ts"

/** A torrent with these pieces, of whose state nothing else is looked at. */
const torrentWith = (...pieces: ReadonlyArray<number>): State.Torrent => {
  const have = Bitfield.make(10)
  for (const piece of pieces) Bitfield.set(have, piece)
  return {
    have,
    metainfo: torrentOf(PIECE, [10 * PIECE]),
    downloadRate: { totalBytes: 5 },
    uploadRate: { totalBytes: 7 },
  } as State.Torrent
}

describe("resume", () => {
  it("has nothing to say where what is saved is what there is", () => {
    const told = new Story(saved(), nodeOf(0, { torrent: torrentWith(3) })).add()
    told.verifies(3)
    told.panel.observer.nodeDown?.(told.node, 0, "crashed")
    expect(told.faults).toEqual([])
  })

  it("sees a state that is not what the node said", () => {
    const told = new Story(saved(), nodeOf(0, { torrent: torrentWith(3, 4) })).add().verifies(3)
    expect(told.faults).toEqual(["its resume data has 2 pieces, and it has verified 1"])
  })

  it("sees resume data that loses something, or can't be read", () => {
    const forgetful = (resume: Resume.Resume) => Resume.encode({ ...resume, uploadedBytes: 0 })
    const told = new Story(
      saved({ ...Resume, encode: forgetful }),
      nodeOf(0, { torrent: torrentWith(3) }),
    )
    expect(told.add().verifies(3).faults).toEqual(["its resume data says something else when it is read"])
    const cut = (resume: Resume.Resume) => Resume.encode(resume).slice(1)
    const broken = new Story(saved({ ...Resume, encode: cut }), nodeOf(0, { torrent: torrentWith(3) }))
    expect(broken.add().verifies(3).faults).toEqual(["its resume data can't be read: damaged"])
  })
})
