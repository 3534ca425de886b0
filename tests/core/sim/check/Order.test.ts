import { describe, expect, it } from "vitest"
import { order } from "../../../../core/sim/check/Order.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { BLOCK, say, Story, type Words } from "./Story.ts"

const story = (): Story => new Story(order()).add()

/** A connection that is open, and on which the peer has said these words. */
const open = (...words: ReadonlyArray<Words>): Story => {
  const told = story()
  told.tick({ _tag: "Dial", torrent: 1, conn: 1, address: { host: "10.0.0.9", port: 1 } })
  told.step({ _tag: "ConnOpened", now: 0, conn: 1 })
  return words.length === 0 ? told : told.hears(1, words)
}

describe("order", () => {
  it("has nothing to say of a connection as it should be", () => {
    const told = story().meet(1, say.bitfield(1), say.reqq(10))
    told.says(1, say.reqq(250), Encoder.interested).hears(1, [Encoder.unchoke])
    told.says(1, say.request(1, 0), say.request(1, BLOCK), Encoder.unchoke)
    told.hears(1, [say.piece(1, 0), Encoder.choke]).says(1, say.cancel(1, BLOCK), Encoder.notInterested)
    expect(told.says(1, Encoder.choke, Encoder.keepAlive).faults).toEqual([])
  })

  it("sees anything that comes before the handshakes", () => {
    expect(open().says(1, say.handshake(), Encoder.haveNone).faults).toEqual([
      'on connection 1 it says "havenone" before it has heard a handshake',
    ])
    expect(open(say.handshake()).says(1, say.piece(0, 0)).faults[0]).toMatch(/garbage/)
  })

  it("sees an account that is missing, late or given twice", () => {
    const missing = open(say.handshake()).says(1, say.handshake(), Encoder.unchoke)
    expect(missing.faults).toEqual([
      'on connection 1 it says "unchoke" before it has said which pieces it has',
    ])
    expect(story().meet(1).says(1, say.bitfield(1)).faults).toEqual([
      'on connection 1 it says "bitfield" not right after the handshake',
    ])
  })

  it("sees messages of extensions that the peer doesn't speak", () => {
    const plain = say.handshake({ fast: false, extended: false })
    expect(open(plain).says(1, say.handshake(), Encoder.haveNone).faults).toHaveLength(1)
    expect(open(plain).says(1, say.handshake(), say.reqq(1)).faults).toHaveLength(1)
    expect(open(plain).says(1, say.handshake(), Encoder.unchoke).faults).toEqual([])
  })

  it("sees a request without leave or interest, but for pieces that are allowed fast", () => {
    const choked = story().meet(1, say.allowedFast(3)).says(1, Encoder.interested)
    expect(choked.says(1, say.request(3, 0)).faults).toEqual([])
    expect(choked.says(1, say.request(4, 0)).faults).toEqual([
      'on connection 1 it says "request 4:0+16384" while it is choked',
    ])
    const indifferent = story().meet(1, Encoder.unchoke).says(1, say.request(4, 0))
    expect(indifferent.faults).toEqual([
      'on connection 1 it says "request 4:0+16384" without being interested',
    ])
  })

  it("sees changes that are none, and a cancel of nothing", () => {
    const told = story().meet(1).says(1, Encoder.choke, Encoder.notInterested, say.cancel(0, 0))
    expect(told.faults).toHaveLength(3)
  })

  it("sees words on a connection that isn't open", () => {
    expect(story().says(7, Encoder.choke).faults[0]).toMatch(/sent on a connection that isn't open/)
  })
})
