import { describe, expect, it } from "vitest"
import { capacity } from "../../../../core/sim/check/Capacity.ts"
import * as Frame from "../../../../core/sim/check/Frame.ts"
import { nodeOf } from "./Story.ts"

const KIB = 1024
const a = nodeOf(0, { peerClass: { uploadRateBytesPerSec: 100 * KIB, downloadRateBytesPerSec: 0 } })
const b = nodeOf(1, { peerClass: { uploadRateBytesPerSec: 0, downloadRateBytesPerSec: 200 * KIB } })

/** `a` sends to `b`, on one connection. */
class Wire {
  readonly panel = Frame.make([capacity()])
  now = 0

  constructor() {
    this.panel.observer.connected?.(a, 1, b, -1, 0)
  }

  send(bytes: number): this {
    const chunks = [new Uint8Array(bytes)]
    this.panel.observer.stepped?.(
      a,
      { _tag: "Tick", now: this.now },
      [{ _tag: "Send", conn: 1, chunks }],
      this.now,
    )
    return this
  }

  arrive(bytes: number, afterMs: number): this {
    this.now += afterMs
    this.panel.observer.delivered?.(a, b, -1, new Uint8Array(bytes), this.now)
    return this
  }

  get faults(): ReadonlyArray<string> {
    return this.panel.violations().map(({ message }) => message)
  }
}

describe("capacity", () => {
  it("has nothing to say of a line in full use, for however long", () => {
    const wire = new Wire().send(10_000 * KIB)
    for (let i = 0; i < 500; i++) wire.arrive(20 * KIB, 200)
    expect(wire.faults).toEqual([])
  })

  it("sees a line that sends a tenth faster than it can", () => {
    const wire = new Wire().send(10_000 * KIB)
    for (let i = 0; i < 200; i++) wire.arrive(22 * KIB, 200)
    expect(wire.faults[0]).toMatch(/^\d+ bytes more have left it than 102400 bytes a second allow$/)
  })

  it("sees what has left before it can have, though the line was idle for long", () => {
    const wire = new Wire()
    wire.now = 60_000
    expect(wire.send(500 * KIB).arrive(150 * KIB, 500).faults[0]).toMatch(/more have left it than/)
    const late = new Wire()
    late.now = 60_000
    // What waited at the other end, and not here, may come at once.
    expect(late.send(500 * KIB).arrive(60 * KIB, 10_000).faults).toEqual([])
  })

  it("sees a line that takes in more than it can, but for a turn of each connection", () => {
    const wire = new Wire().send(1_000 * KIB)
    wire.arrive(60 * KIB, 20_000)
    expect(wire.faults).toEqual([])
    expect(wire.arrive(20 * KIB, 1).faults).toEqual([
      expect.stringMatching(/^\d+ bytes more have come than 204800 bytes a second allow$/),
    ])
  })

  it("lets come what had piled up where a client did not read", () => {
    const wire = new Wire().send(1_000 * KIB)
    const pause = { _tag: "PauseReads", conn: -1 } as const
    wire.panel.observer.stepped?.(b, { _tag: "Tick", now: 0 }, [pause], 0)
    expect(wire.arrive(900 * KIB, 20_000).faults).toEqual([])
  })

  it("counts what scripted peers send", () => {
    const wire = new Wire()
    wire.panel.observer.scripted?.(a, 1, [new Uint8Array(60 * KIB)], 0)
    expect(wire.arrive(60 * KIB, 1_000).faults).toEqual([])
    expect(wire.arrive(60 * KIB, 1_000).arrive(60 * KIB, 1_000).faults).toHaveLength(1)
  })
})
