import { describe, expect, it } from "vitest"
import { integrity } from "../../../../core/sim/check/Integrity.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { nodeOf, say, Story, verified } from "./Story.ts"

const story = (node = nodeOf(0)): Story => new Story(integrity(), node)

describe("integrity", () => {
  it("has nothing to say of pieces that are hashed, right, and then announced", () => {
    const told = story().add({}, 0).meet(1)
    told.says(1, say.bitfield(0))
    told.verifies(1, [told.sends(1, say.have(1))])
    told.panel.observer.pieceOnDisk?.(told.node, 1, true, 0)
    expect(told.faults).toEqual([])
  })

  it("sees a verified piece that is wrong on the disk", () => {
    const told = story().add()
    told.panel.observer.pieceOnDisk?.(told.node, 4, false, 0)
    expect(told.faults).toEqual(["piece 4 counts as verified and is wrong"])
  })

  it("sees a piece that is verified without its hash, or by another piece's, or by a wrong one", () => {
    expect(story().add().tick(verified(2)).faults).toEqual(["piece 2 is verified without its hash"])
    expect(story().add().verifies(2, [verified(3)]).faults).toEqual([
      "piece 3 is verified without its hash",
      "one input, and several pieces verified",
    ])
    expect(story().add().verifies(2, [], new Uint8Array(20)).faults).toEqual([
      "piece 2 is verified by a hash that doesn't match",
    ])
    expect(story().add().verifies(2).verifies(2).faults).toEqual(["piece 2 is verified twice"])
  })

  it("sees claims that nothing stands behind", () => {
    expect(story().add({}, 0).meet(1).says(1, say.have(5)).faults).toHaveLength(1)
    expect(story().add({}, 0).meet(1).says(1, say.bitfield(0, 1)).faults).toHaveLength(1)
    expect(story().add({}, 0).meet(1).says(1, Encoder.haveAll).faults).toEqual([
      "on connection 1 it claims all pieces, and has 1 of 10",
    ])
  })

  it("sees a completion with pieces missing", () => {
    const told = story().add({}, 0, 1, 2)
    told.panel.observer.completed?.(told.node, 0)
    expect(told.faults).toEqual(["it is complete with 3 of 10 pieces"])
  })

  it("asks nothing of those who don't mean to keep the rules", () => {
    const liar = story(nodeOf(0, { peerClass: { behaviour: "liar" } })).add().meet(1).says(1, say.have(5))
    expect(liar.faults).toEqual([])
  })
})
