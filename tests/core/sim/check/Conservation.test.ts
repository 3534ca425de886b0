import { describe, expect, it } from "vitest"
import * as Bytes from "../../../../core/base/Bytes.ts"
import type { Command } from "../../../../core/client/Command.ts"
import * as Frame from "../../../../core/sim/check/Frame.ts"
import { conservation } from "../../../../core/sim/check/Conservation.ts"
import type * as State from "../../../../core/torrent/State.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { BLOCK, nodeOf, say, Story, type Words, worldOf } from "./Story.ts"

/** A torrent that counts so many bytes up and down. */
const counting = (up: number, down: number) =>
  ({ downloadRate: { totalBytes: down }, uploadRate: { totalBytes: up } }) as State.Torrent

/** Two nodes, connected: what is said on the one side is heard on the other, unless a test has it otherwise. */
class Pair {
  readonly a: Story
  readonly b: Story
  constructor(blocks = 0) {
    const panel = Frame.make([conservation()])
    this.a = new Story(panel, nodeOf(0, { torrent: counting(blocks * BLOCK, 0) })).add()
    this.b = new Story(panel, nodeOf(1, { torrent: counting(0, blocks * BLOCK) })).add()
    panel.observer.connected?.(this.a.node, 1, this.b.node, -1, 0)
    this.a.tick({ _tag: "Dial", torrent: 1, conn: 1, address: this.b.node.address })
    this.b.step({ _tag: "ConnAccepted", now: 0, conn: -1, address: this.a.node.address })
    const hello = this.a.sends(1, say.handshake())
    this.a.step({ _tag: "ConnOpened", now: 0, conn: 1 }, [hello])
    this.carry(hello)
  }

  says(...words: ReadonlyArray<Words>): Command {
    const send = this.a.sends(1, ...words)
    this.a.tick(send)
    return send
  }

  carry(...sends: ReadonlyArray<Command>): this {
    for (const send of sends) {
      if (send._tag !== "Send") continue
      const bytes = Bytes.concat(send.chunks)
      this.b.panel.observer.delivered?.(this.a.node, this.b.node, -1, bytes, 0)
      this.b.step({ _tag: "ConnRead", now: 0, conn: -1, bytes })
    }
    return this
  }

  get faults(): ReadonlyArray<string> {
    return this.a.faults
  }
}

describe("conservation", () => {
  it("has nothing to say of what comes as it was sent", () => {
    const pair = new Pair()
    const sent = [pair.says(Encoder.haveNone, say.have(1)), pair.says(say.piece(1, 0), Encoder.choke)]
    expect(pair.carry(...sent).faults).toEqual([])
  })

  it("sees bytes that come twice", () => {
    const pair = new Pair()
    const send = pair.says(Encoder.haveNone, say.have(1))
    expect(pair.carry(send, send).faults).toEqual([
      "on connection -1 96 bytes have come from node 0, which has sent 82",
    ])
  })

  it("sees messages that come in another order, and such as were never said", () => {
    const swapped = new Pair()
    const [first, second] = [swapped.says(Encoder.haveNone), swapped.says(say.have(1))]
    expect(swapped.carry(second, first).faults).toEqual([
      "on connection -1 it hears what was not said, or not next",
    ])
    const forged = new Pair()
    forged.says(say.have(1))
    expect(forged.carry(forged.b.sends(-1, say.have(2))).faults).toHaveLength(1)
  })

  const announce = (uploadedBytes: number, downloadedBytes: number): Command => ({
    _tag: "Announce",
    torrent: 1,
    tracker: 0,
    url: "http://tracker/announce",
    request: {
      infoHash: new Uint8Array(20),
      peerId: new Uint8Array(20),
      port: 1,
      leftBytes: 0,
      event: undefined,
      numWant: 0,
      key: 1,
      uploadedBytes,
      downloadedBytes,
    },
  })

  it("sees totals that the wires don't bear out", () => {
    const pair = new Pair()
    pair.carry(pair.says(say.piece(1, 0)))
    pair.a.tick(announce(BLOCK, 0))
    pair.b.tick(announce(0, BLOCK))
    expect(pair.faults).toEqual([])
    pair.a.tick(announce(0, 0))
    pair.b.tick(announce(0, 2 * BLOCK))
    expect(pair.faults).toEqual([
      "it tells the tracker 0 bytes up, and has sent 16384",
      "it tells the tracker 32768 bytes down, and has received 16384",
    ])
  })

  it("sees more blocks heard than delivered", () => {
    const pair = new Pair(1)
    pair.carry(pair.says(say.piece(1, 0)))
    pair.a.panel.observer.ended?.(worldOf([], 0, 1))
    expect(pair.faults).toEqual([])
    pair.a.panel.observer.ended?.(worldOf([], 0, 0))
    expect(pair.faults).toEqual(["1 blocks were heard, 0 delivered"])
  })

  it("sees totals at the end of a life that the wires don't bear out", () => {
    const pair = new Pair(2)
    pair.carry(pair.says(say.piece(1, 0)))
    pair.a.panel.observer.nodeDown?.(pair.a.node, 0, "crashed")
    pair.a.panel.observer.ended?.(worldOf([], 0, 1))
    expect(pair.faults).toEqual([
      "it counts 32768 bytes up, and has sent 16384",
      "it counts 32768 bytes down, and has received 16384",
    ])
  })
})
