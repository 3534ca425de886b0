import { describe, expect, it } from "vitest"
import { starvation } from "../../../../core/sim/check/Starvation.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { say, Story } from "./Story.ts"

const HOUR = 3_600_000

const story = (): Story =>
  new Story(starvation()).add({
    choker: {
      leeching: "tit-for-tat",
      seeding: "round-robin",
      slots: { _tag: "Fixed", slots: 4 },
    },
  })

describe("starvation", () => {
  it("sees a peer that waits for ever", () => {
    const told = story().meet(1).hears(1, [Encoder.interested])
    expect(told.after(60_000).tick().faults).toEqual([])
    told.after(HOUR).tick()
    expect(told.faults).toEqual([
      "connection 1 has waited for one of 4 slots for 3660 s, with at most 1 waiting",
    ])
  })

  it("is content once it is unchoked, and begins anew when it is choked again", () => {
    const told = story().meet(1).hears(1, [Encoder.interested]).says(1, Encoder.unchoke)
    expect(told.after(HOUR).tick().faults).toEqual([])
    told.says(1, Encoder.choke)
    expect(told.after(60_000).tick().faults).toEqual([])
    expect(told.after(HOUR).tick().faults).toHaveLength(1)
  })

  it("doesn't count those who want nothing, have everything, or are gone", () => {
    const told = story().meet(1).meet(2, Encoder.haveAll).meet(3).meet(4)
    told.hears(2, [Encoder.interested]).hears(3, [Encoder.interested]).hears(4, [Encoder.interested])
    told.hears(4, [Encoder.notInterested])
    told.step({ _tag: "ConnClosed", now: told.now, conn: 3, reason: undefined })
    expect(told.after(HOUR).tick().faults).toEqual([])
  })

  it("gives a crowd more time", () => {
    const crowd = story()
    for (let conn = 1; conn <= 10; conn++) crowd.meet(conn).hears(conn, [Encoder.interested])
    expect(crowd.after(600_000).tick().faults).toEqual([])
    expect(crowd.after(HOUR).tick().faults).toHaveLength(10)
    expect(story().meet(1, say.bitfield(1)).hears(1, [Encoder.interested]).after(600_000).tick().faults)
      .toHaveLength(1)
  })
})
