import { describe, expect, it } from "vitest"
import { outstanding } from "../../../../core/sim/check/Outstanding.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { BLOCK, say, Story } from "./Story.ts"

const story = (): Story => new Story(outstanding()).add()
const blocks = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => say.request((from + i) >> 1, ((from + i) & 1) * BLOCK))

describe("outstanding", () => {
  it("sees one request more than the peer takes", () => {
    expect(story().meet(1, say.reqq(4)).says(1, ...blocks(4)).faults).toEqual([])
    expect(story().meet(1, say.reqq(4)).says(1, ...blocks(5)).faults).toEqual([
      "on connection 1 it waits for 5 of 4 blocks",
    ])
  })

  it("takes a peer that doesn't say for a usual one", () => {
    expect(story().meet(1).says(1, ...blocks(250)).faults).toEqual([])
    expect(story().meet(1).says(1, ...blocks(251)).faults).toHaveLength(1)
  })

  it("counts no longer what was answered, rejected or taken back", () => {
    const told = story().meet(1, say.reqq(3)).says(1, ...blocks(3))
    told.hears(1, [say.piece(0, 0), say.reject(0, BLOCK)]).says(1, say.cancel(1, 0))
    expect(told.says(1, ...blocks(3, 3)).faults).toEqual([])
  })

  it("still counts them all after a choke, with the fast extension, and none without", () => {
    const fast = story().meet(1, say.reqq(2)).says(1, ...blocks(2)).hears(1, [Encoder.choke])
    expect(fast.says(1, ...blocks(1, 2)).faults).toHaveLength(1)
    const slow = story()
    slow.tick({ _tag: "Dial", torrent: 1, conn: 1, address: { host: "10.0.0.9", port: 1 } })
    slow.step({ _tag: "ConnOpened", now: 0, conn: 1 }, [slow.sends(1, say.handshake())])
    slow.hears(1, [say.handshake({ fast: false }), say.reqq(2)]).says(1, ...blocks(2)).hears(1, [
      Encoder.choke,
    ])
    expect(slow.says(1, ...blocks(2, 2)).faults).toEqual([])
  })

  it("forgets what has been late for so long that it is given up", () => {
    const told = story().meet(1, say.reqq(2)).says(1, ...blocks(2))
    expect(told.after(25_000).says(1, ...blocks(2, 2)).faults).toEqual([])
  })
})
