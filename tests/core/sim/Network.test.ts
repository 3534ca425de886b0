/** The network alone: two or three machines without clients, and what they hear. */
import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Rng from "../../../core/base/Rng.ts"
import type { ConnId } from "../../../core/client/Input.ts"
import * as Dials from "../../../core/sim/Dials.ts"
import * as Flow from "../../../core/sim/Flow.ts"
import * as Link from "../../../core/sim/Link.ts"
import * as Network from "../../../core/sim/Network.ts"
import type { PeerClass } from "../../../core/sim/Scenario.ts"
import * as Defaults from "../../../core/sim/scenario/Defaults.ts"
import type * as State from "../../../core/sim/State.ts"
import * as World from "../../../core/sim/World.ts"

const NEVER_MS = 3_000_000
const LATENCY_MS = 10

interface Heard {
  readonly node: number
  readonly at: number
  readonly what: string
  readonly bytes: Bytes.Bytes
}

/** Machines whose clients never come: the test speaks for them, and listens. */
const machines = (classes: ReadonlyArray<Partial<PeerClass>>, isCut = false) => {
  const heard: Array<Heard> = []
  const made = World.make(
    Defaults.scenario({
      payload: "full",
      sizeBytes: 16_384,
      pieceBytes: 16_384,
      maxVirtualMs: NEVER_MS,
      classes: classes.map((one) => ({
        ...Defaults.leecher,
        count: 1,
        uploadRateBytesPerSec: 0,
        downloadRateBytesPerSec: 0,
        latencyMs: { min: LATENCY_MS, mean: LATENCY_MS },
        arrival: { _tag: "AtOnce", atMs: NEVER_MS + 1 },
        ...one,
      })),
    }),
    [],
  )
  const hear = (node: State.Node, conn: ConnId, what: string, bytes = Bytes.empty): void => {
    heard.push({ node: node.index, at: made.queue.now, what: `${what} ${conn}`, bytes: bytes.slice() })
  }
  const receiver: State.Receiver = {
    ...made.receiver,
    opened: (_, node, conn) => hear(node, conn, "opened"),
    failed: (_, node, conn, reason) => hear(node, conn, `failed: ${reason}`),
    accepted: (_, node, conn) => hear(node, conn, "accepted"),
    read: (_, node, conn, bytes) => hear(node, conn, "read", bytes),
    closed: (_, node, conn) => hear(node, conn, "closed"),
    crowded: (_, node, conn, isCongested) => hear(node, conn, isCongested ? "congested" : "drained"),
  }
  const world: State.World = { ...made, receiver, cuts: isCut ? made.cuts : undefined }
  for (const node of world.nodes) node.status = "up"
  const [a, b, c] = world.nodes as [State.Node, State.Node, State.Node]
  const run = (virtualMs = NEVER_MS): void => World.run(world, { virtualMs })
  const readBy = (node: State.Node): Bytes.Bytes =>
    Bytes.concat(heard.filter((one) => one.node === node.index).map((one) => one.bytes))
  const whats = (node: State.Node): ReadonlyArray<string> =>
    heard.filter((one) => one.node === node.index).map((one) => one.what)
  return { world, a, b, c, heard, run, readBy, whats }
}

const random = (length: number, seed = 1): Bytes.Bytes => Rng.fill(Rng.make(seed), new Uint8Array(length))

describe("Network", () => {
  it.prop(
    "brings every byte, in order, however it was cut",
    [fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 12 }), fc.boolean()],
    ([sizes, isCut]) => {
      const { a, b, readBy, run, world } = machines([{ uploadRateBytesPerSec: 1_000_000 }, {}], isCut)
      Network.connect(world, a, 1, b, -1)
      const chunks = sizes.map((size, index) => random(size, index))
      for (let i = 0; i < chunks.length; i += 3) Network.send(world, a, 1, chunks.slice(i, i + 3))
      run()
      expect(Bytes.equals(readBy(b), Bytes.concat(chunks))).toBe(true)
    },
    { fastCheck: { numRuns: 30 } },
  )

  it("takes latency and the slower line's time", () => {
    const { a, b, heard, run, world } = machines([
      { uploadRateBytesPerSec: 1_000_000 },
      { downloadRateBytesPerSec: 500_000 },
    ])
    Network.connect(world, a, 1, b, -1)
    Network.send(world, a, 1, [random(500_000)])
    run()
    const last = heard.filter(({ what }) => what === "read -1").at(-1)!
    // The first turn's bytes have left the fast line before the slow one begins.
    expect(last.at).toBeGreaterThan(1_000 + 2 * LATENCY_MS - 2)
    expect(last.at).toBeLessThan(1_000 + 2 * LATENCY_MS + 100)
  })

  it("shares a line fairly, and lets who has little to say go first", () => {
    const { a, b, c, heard, run, world } = machines([{ uploadRateBytesPerSec: 1_000_000 }, {}, {}])
    Network.connect(world, a, 1, b, -1)
    Network.connect(world, a, 2, c, -1)
    Network.send(world, a, 1, [random(2_000_000)])
    Network.send(world, a, 2, [random(1_000_000)])
    run(1_000)
    const bytesOf = (node: State.Node) =>
      heard.reduce((sum, one) => sum + (one.node === node.index ? one.bytes.length : 0), 0)
    expect(Math.abs(bytesOf(b) - bytesOf(c))).toBeLessThan(2 * 65_536)
    Network.connect(world, a, 3, c, -2)
    Network.send(world, a, 3, [random(9)])
    run(1_200)
    expect(heard.find(({ what }) => what === "read -2")!.at).toBeLessThan(1_000 + 2 * LATENCY_MS + 70)
  })

  it("says when more is unsent than is worth queueing, and when that has gone", () => {
    const { a, b, run, whats, world } = machines([{ uploadRateBytesPerSec: 1_000_000 }, {}])
    Network.connect(world, a, 1, b, -1)
    Network.send(world, a, 1, [random(200_000)])
    expect(whats(a)).toEqual([])
    Network.send(world, a, 1, [random(200_000)])
    expect(whats(a)).toEqual(["congested 1"])
    run()
    expect(whats(a)).toEqual(["congested 1", "drained 1"])
  })

  it("stops the sender when the receiver does not read, and loses nothing", () => {
    const { a, b, readBy, run, world } = machines([{}, {}])
    Network.connect(world, a, 1, b, -1)
    Network.setPaused(world, b, -1, true)
    const bytes = random(3 * Flow.WINDOW_BYTES)
    Network.send(world, a, 1, [bytes])
    run(1_000)
    const link = a.conns.get(1)!
    expect(readBy(b)).toHaveLength(0)
    expect(Flow.unsentBytes(world.links, link)).toBeGreaterThan(Flow.WINDOW_BYTES)
    Network.setPaused(world, b, -1, false)
    run()
    expect(Bytes.equals(readBy(b), bytes)).toBe(true)
  })

  it("brings what was on its way before it says that the sender has closed", () => {
    const { a, b, heard, readBy, run, whats, world } = machines([{}, {}])
    Network.connect(world, a, 1, b, -1)
    Network.send(world, a, 1, [random(1_000)])
    Network.close(world, a, 1)
    run()
    expect(whats(b)).toEqual(["read -1", "closed -1"])
    expect(readBy(b)).toHaveLength(1_000)
    expect(heard.at(-1)!.at).toBe(2 * LATENCY_MS)
    expect(whats(a)).toEqual([])
    expect(Link.all(world.links)).toEqual([])
  })

  it("delivers nothing to who has closed", () => {
    const { a, b, run, whats, world } = machines([{}, {}])
    Network.connect(world, a, 1, b, -1)
    Network.send(world, a, 1, [random(1_000)])
    Network.close(world, b, -1)
    run()
    expect(whats(b)).toEqual([])
    expect(whats(a)).toEqual(["closed 1"])
    expect(world.bytes).toEqual({ sent: 1_000, delivered: 0, lost: 1_000 })
  })

  it("tells nobody of a machine that lost its power, until it is back and is spoken to", () => {
    const { a, b, run, whats, world } = machines([{}, {}])
    Network.connect(world, a, 1, b, -1)
    Network.close(world, b, -1, true)
    b.status = "down"
    Network.send(world, a, 1, [random(10)])
    run(60_000)
    expect(whats(a)).toEqual([])
    b.status = "up"
    Network.send(world, a, 1, [random(10)])
    run()
    expect(whats(a)).toEqual(["closed 1"])
  })

  it("holds back what a stalled link brings, in order", () => {
    const { a, b, heard, readBy, run, world } = machines([{}, {}])
    Network.connect(world, a, 1, b, -1)
    Link.stall(world.links, a.conns.get(1)!, 5_000)
    const bytes = [random(10), random(20), random(30)]
    for (const one of bytes) Network.send(world, a, 1, [one])
    run()
    expect(heard[0]!.at).toBe(5_000)
    expect(Bytes.equals(readBy(b), Bytes.concat(bytes))).toBe(true)
  })
})

describe("Dials", () => {
  it("opens at both ends, a round trip later at the dialler's", () => {
    const { a, b, heard, run, world } = machines([{}, {}])
    Dials.dial(world, a, 7, b.address)
    run()
    expect(heard.map(({ at, node, what }) => [at, node, what])).toEqual([
      [2 * LATENCY_MS, 1, "accepted -1"],
      [4 * LATENCY_MS, 0, "opened 7"],
    ])
  })

  it("is refused by a machine without a client, and unanswered by none, by a NAT and across a partition", () => {
    const { a, b, c, heard, run, world } = machines([{}, {}, { isBehindNat: true }])
    b.status = "down"
    Dials.dial(world, a, 1, b.address)
    Dials.dial(world, a, 2, c.address)
    Dials.dial(world, a, 3, { host: "1.2.3.4", port: 1 })
    b.cut = { salt: 0, isOneWay: true }
    run()
    expect(heard.map(({ at, what }) => [at, what])).toEqual([
      [4 * LATENCY_MS, "failed: connection refused 1"],
      [10_000, "failed: timed out 2"],
      [10_000, "failed: timed out 3"],
    ])
    b.status = "up"
    b.cutUntil = 20_000
    world.cutUntil = 20_000
    Dials.dial(world, a, 4, b.address)
    run()
    expect(heard.at(-1)!.what).toBe("failed: timed out 4")
  })

  it("hears nothing of a dial that was given up", () => {
    const { a, b, heard, run, world } = machines([{}, {}])
    Dials.dial(world, a, 1, b.address)
    Dials.cancel(a, 1)
    run()
    expect(heard).toEqual([])
  })
})
