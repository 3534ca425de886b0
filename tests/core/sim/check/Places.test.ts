import { describe, expect, it } from "vitest"
import type { Command } from "../../../../core/client/Command.ts"
import { places } from "../../../../core/sim/check/Places.ts"
import { nodeOf, say, Story } from "./Story.ts"

const story = (maxPeers: number): Story => new Story(places(), nodeOf(0)).add({ maxPeers })
const dial = (conn: number): Command => ({
  _tag: "Dial",
  torrent: 1,
  conn,
  address: { host: "10.0.0.9", port: conn },
})
const dials = (count: number): ReadonlyArray<Command> => Array.from({ length: count }, (_, i) => dial(i + 1))

describe("places", () => {
  it("sees a connection more than there may be, dialled or accepted", () => {
    expect(story(3).tick(...dials(3)).faults).toEqual([])
    expect(story(3).tick(...dials(4)).faults).toEqual(["it has 4 connections, and may have 3"])
    const told = story(3).tick(...dials(3)).step({
      _tag: "ConnAccepted",
      now: 0,
      conn: -1,
      address: { host: "10.0.0.8", port: 5 },
    })
    expect(told.faults).toEqual([])
    expect(told.hears(-1, [say.handshake()], [told.sends(-1, say.handshake())]).faults).toHaveLength(1)
  })

  it("counts no longer what has ended", () => {
    const told = story(2).tick(...dials(2)).tick({ _tag: "Close", conn: 1 }, dial(3))
    told.step({ _tag: "ConnFailed", now: 0, conn: 2, reason: "refused" }, [dial(4)])
    expect(told.faults).toEqual([])
  })

  it("sees too many dials at a time", () => {
    expect(story(100).tick(...dials(30)).faults).toEqual([])
    expect(story(100).tick(...dials(31)).faults).toEqual(["it dials 31 at a time, and may dial 30"])
  })
})
