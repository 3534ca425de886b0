import { describe, expect, it } from "vitest"
import { news } from "../../../../core/sim/check/News.ts"
import * as Transcript from "../../../../core/sim/check/Transcript.ts"
import { say, Story } from "./Story.ts"

const story = (): Story => new Story(news(Transcript.make())).add().meet(1, say.bitfield(5)).meet(2)

describe("news", () => {
  it("has nothing to say where everybody hears of it who lacks it", () => {
    const told = story()
    told.verifies(5, [told.sends(2, say.have(5))])
    told.verifies(6, [told.sends(1, say.have(6)), told.sends(2, say.have(6))])
    expect(told.faults).toEqual([])
  })

  it("sees a peer that isn't told", () => {
    const told = story()
    told.verifies(6, [told.sends(1, say.have(6))])
    expect(told.faults).toEqual(["on connection 2 it doesn't say that piece 6 is verified"])
  })

  it("sees a peer that is told twice", () => {
    const told = story()
    told.verifies(6, [told.sends(1, say.have(6), say.have(6)), told.sends(2, say.have(6))])
    expect(told.faults).toEqual(["on connection 1 it announces have 6 a second time"])
  })

  it("expects nothing for those who are gone", () => {
    const told = story().tick({ _tag: "Close", conn: 2 })
    expect(told.verifies(6, [told.sends(1, say.have(6))]).faults).toEqual([])
  })
})
