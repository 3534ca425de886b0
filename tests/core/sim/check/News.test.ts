import { describe, expect, it } from "vitest"
import { news } from "../../../../core/sim/check/News.ts"
import * as Haves from "../../../../core/torrent/Haves.ts"
import { say, Story } from "./Story.ts"

const story = (): Story => new Story(news()).add().meet(1, say.bitfield(5)).meet(2)

describe("news", () => {
  it("has nothing to say where everybody hears of it who lacks it", () => {
    const told = story()
    told.verifies(5, [told.sends(2, say.have(5))])
    told.verifies(6, [told.sends(1, say.have(6)), told.sends(2, say.have(6))])
    expect(told.after(60_000).tick().faults).toEqual([])
  })

  it("sees a peer that isn't told", () => {
    const told = story()
    told.verifies(6, [told.sends(1, say.have(6))])
    expect(told.after(Haves.MAX_DELAY_MS).tick().faults).toEqual([])
    expect(told.after(1_000).tick().faults).toEqual([
      "on connection 2 it has not said for long that piece 6 is verified",
    ])
  })

  it("sees a peer that is told twice", () => {
    const told = story()
    told.verifies(6, [told.sends(1, say.have(6), say.have(6)), told.sends(2, say.have(6))])
    expect(told.faults).toEqual(["on connection 1 it announces have 6 a second time"])
  })

  it("expects nothing for those who are gone", () => {
    const told = story().tick({ _tag: "Close", conn: 2 })
    expect(told.verifies(6, [told.sends(1, say.have(6))]).after(60_000).tick().faults).toEqual([])
  })
})
