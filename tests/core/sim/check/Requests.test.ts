import { describe, expect, it } from "vitest"
import { requests } from "../../../../core/sim/check/Requests.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { BLOCK, say, Story } from "./Story.ts"

const story = (): Story => new Story(requests())

describe("requests", () => {
  it("has nothing to say of what the peer has and we lack", () => {
    const told = story().add({}, 0).meet(1, say.bitfield(0, 2)).hears(1, [say.have(4)])
    expect(told.says(1, say.request(2, 0), say.request(2, BLOCK), say.request(4, 0)).faults).toEqual([])
    expect(story().add().meet(1, Encoder.haveAll).says(1, say.request(9, 0)).faults).toEqual([])
  })

  it("sees a request for what the peer hasn't said it has, hint or no hint", () => {
    const told = story().add().meet(1, say.bitfield(2), say.allowedFast(3))
    expect(told.says(1, say.request(3, 0)).faults).toEqual([
      "on connection 1 it asks for 3:0+16384, which the peer hasn't said it has",
    ])
  })

  it("doesn't take one peer's word for another's", () => {
    const told = story().add().meet(1, Encoder.haveAll).meet(2, Encoder.haveNone)
    expect(told.says(2, say.request(0, 0)).faults).toHaveLength(1)
  })

  it("sees a request for a piece that is verified", () => {
    const told = story().add({}, 0).meet(1, Encoder.haveAll).verifies(1)
    expect(told.says(1, say.request(0, 0), say.request(1, BLOCK), say.request(2, 0)).faults).toHaveLength(2)
  })

  it("sees a request that is no block", () => {
    const told = story().add().meet(1, Encoder.haveAll)
    told.says(1, say.request(0, 1), say.request(0, 0, 100), say.request(10, 0), say.request(0, 2 * BLOCK))
    expect(told.faults).toHaveLength(4)
  })
})
