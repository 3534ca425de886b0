import { describe, expect, it } from "vitest"
import type { Command } from "../../../../core/client/Command.ts"
import { service } from "../../../../core/sim/check/Service.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { BLOCK, blockRead, read, say, Story } from "./Story.ts"

/** A peer that is unchoked and has asked for one block, which is being read. */
const asked = (): Story => {
  const told = new Story(service()).add().meet(1).says(1, Encoder.unchoke)
  return told.hears(1, [say.request(0, 0)], [read(1, 0, 0)])
}
const arrives = (told: Story, ...commands: ReadonlyArray<Command>): Story =>
  told.step(blockRead(told.now, 1, 0, 0), commands)

describe("service", () => {
  it("has nothing to say of requests that are answered once", () => {
    const served = asked()
    arrives(served, served.sends(1, say.piece(0, 0)))
    const rejected = asked()
    rejected.tick(rejected.sends(1, Encoder.choke, say.reject(0, 0)))
    const cancelled = asked()
    cancelled.hears(1, [say.cancel(0, 0)], [cancelled.sends(1, say.reject(0, 0))])
    for (const told of [served, rejected, cancelled]) expect(told.faults).toEqual([])
  })

  it("sees a second answer, and one that nobody asked for", () => {
    const twice = asked()
    arrives(twice, twice.sends(1, say.piece(0, 0), say.piece(0, 0)))
    expect(twice.faults).toEqual([
      "on connection 1 it sends 0:0+16384, which was not asked for or answered before",
    ])
    const both = asked()
    arrives(both, both.sends(1, say.piece(0, 0), say.reject(0, 0)))
    expect(both.faults).toEqual([
      "on connection 1 it rejects 0:0+16384, which was not asked for or answered before",
    ])
  })

  it("sees a choke that leaves requests unanswered", () => {
    const told = asked()
    told.tick(told.sends(1, Encoder.choke))
    expect(told.faults).toEqual([
      "on connection 1 it neither serves nor rejects 0:0+16384, of a peer that it chokes",
    ])
  })

  it("sees a block for a peer that is choked, unless it was granted the piece", () => {
    const granted = new Story(service()).add().meet(1).says(1, say.allowedFast(0))
    granted.hears(1, [say.request(0, 0)], [read(1, 0, 0)])
    arrives(granted, granted.sends(1, say.piece(0, 0)))
    expect(granted.faults).toEqual([])
    const choked = new Story(service()).add().meet(1)
    choked.hears(1, [say.request(0, 0)], [choked.sends(1, say.piece(0, 0))])
    expect(choked.faults).toEqual(["on connection 1 it sends 0:0+16384 to a peer that it chokes"])
  })

  it("sees a request that is left lying, unless the line is full or a limit holds", () => {
    const idle = new Story(service()).add().meet(1).says(1, Encoder.unchoke)
    idle.hears(1, [say.request(0, 0), say.request(0, BLOCK)])
    expect(idle.faults).toEqual(["on connection 1 it lets 2 requests lie, and reads nothing for them"])
    const limited = new Story(service()).add({ maxUploadRateBytesPerSec: 1 }).meet(1)
    limited.says(1, Encoder.unchoke).hears(1, [say.request(0, 0)])
    expect(limited.faults).toEqual([])
    const full = asked()
    full.step({ _tag: "ConnCongested", now: 0, conn: 1 }).hears(1, [say.request(0, BLOCK)])
    arrives(full, full.sends(1, say.piece(0, 0)))
    expect(full.faults).toEqual([])
    full.step({ _tag: "ConnDrained", now: 0, conn: 1 })
    expect(full.faults).toHaveLength(1)
  })

  it("takes a request that comes twice for one", () => {
    const told = asked().hears(1, [say.request(0, 0)])
    arrives(told, told.sends(1, say.piece(0, 0)))
    expect(told.faults).toEqual([])
  })
})
