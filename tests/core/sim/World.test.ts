/** Whole swarms: what has to come of them. */
import { describe, expect, it } from "vitest"
import * as Flow from "../../../core/sim/Flow.ts"
import * as Link from "../../../core/sim/Link.ts"
import type { Observer } from "../../../core/sim/Observer.ts"
import type { PeerClass, Scenario } from "../../../core/sim/Scenario.ts"
import * as Defaults from "../../../core/sim/scenario/Defaults.ts"
import * as Store from "../../../core/sim/Store.ts"
import * as World from "../../../core/sim/World.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"

const { calm, leecher, polluter, seeder } = Defaults
const MIB = 2 ** 20

const play = (changes: Partial<Scenario>, observer: Observer = {}) => {
  const log: Array<string> = []
  const wrong: Array<string> = []
  const world = World.make(Defaults.scenario({ seed: 1, sizeBytes: MIB, pieceBytes: 65_536, ...changes }), [
    {
      nodeUp: (node) => log.push(`up ${node.index}`),
      nodeDown: (node, _, why) => log.push(`${why} ${node.index}`),
      completed: (node) => log.push(`completed ${node.index}`),
      pieceOnDisk: (node, piece, isRight) => {
        if (!isRight) wrong.push(`${node.index}: ${piece}`)
      },
    },
    observer,
  ])
  World.run(world)
  return { world, log, wrong, ...World.view(world) }
}

const completions = (log: ReadonlyArray<string>) =>
  new Set(log.filter((one) => one.startsWith("completed"))).size

const isWhole = (world: World.World, index: number): boolean => {
  const { store } = world.nodes[index]!.disk
  return [...Geometry.pieces(world.content.metainfo.geometry)].every((piece) => Store.isRight(store, piece))
}

describe("a calm swarm", () => {
  it("completes, found through its tracker alone", () => {
    const { log, world, wrong } = play({ pieceBytes: MIB / 8, classes: [seeder, { ...leecher, count: 50 }] })
    expect(completions(log)).toBe(50)
    expect(wrong).toEqual([])
    expect(world.nodes.every((node) => isWhole(world, node.index))).toBe(true)
    expect(world.tracker.server.counters.announces).toBeGreaterThanOrEqual(51)
  })

  it("takes as long as the line takes, where there is one seeder and one leecher", () => {
    const latencyMs = { min: 20, mean: 20 }
    const { now } = play({
      sizeBytes: 16 * MIB,
      pieceBytes: MIB / 4,
      classes: [
        { ...seeder, uploadRateBytesPerSec: MIB, latencyMs },
        { ...leecher, count: 1, downloadRateBytesPerSec: 0, latencyMs },
      ],
    })
    expect(now).toBeGreaterThan(16_000)
    expect(now).toBeLessThan(17_000)
  })

  it("loses no byte: what was sent was delivered, was lost with its connection, or is on its way", () => {
    const { world } = play({ sizeBytes: MIB / 2, classes: [seeder, { ...leecher, count: 33 }] })
    let underWay = 0
    for (const link of Link.all(world.links)) {
      underWay += Flow.unsentBytes(world.links, link) + Flow.flightBytes(world.links, link)
    }
    expect(world.bytes.delivered).toBeGreaterThan(33 * MIB / 2)
    expect(world.bytes.delivered + world.bytes.lost + underWay).toBe(world.bytes.sent)
  })

  it("counts a delivery for every block that came, duplicates included", () => {
    const { deliveries } = play({ classes: [seeder, { ...leecher, count: 4 }] })
    expect(deliveries).toBeGreaterThanOrEqual(4 * 64)
    expect(deliveries).toBeLessThan(6 * 64)
  })

  it("cannot complete without a seeder, and ends when its time is up", () => {
    const { log, now, world } = play({ classes: [{ ...leecher, count: 3 }], maxVirtualMs: 60_000 })
    expect(completions(log)).toBe(0)
    expect(now).toBeLessThanOrEqual(60_000)
    expect(World.isOver(world)).toBe(true)
  })
})

describe("those who take part", () => {
  it("come when they are said to", () => {
    const arrivals: Array<number> = []
    const classes: ReadonlyArray<PeerClass> = [
      seeder,
      { ...leecher, count: 4, arrival: { _tag: "Flash", overMs: 4_000 } },
      { ...leecher, count: 2, arrival: { _tag: "AtOnce", atMs: 2_500 } },
    ]
    play({ classes, sizeBytes: 8 * MIB }, { nodeUp: (_, now) => arrivals.push(now) })
    expect(arrivals).toEqual([0, 0, 1_000, 2_000, 2_500, 2_500, 3_000])
  })

  it("leave at completion, and tell the tracker", () => {
    const { log, world } = play({
      classes: [
        seeder,
        { ...leecher, count: 3, departure: { _tag: "AtCompletion" } },
        { ...leecher, count: 1, uploadRateBytesPerSec: 1, downloadRateBytesPerSec: 20_000 },
      ],
    })
    expect(log.filter((one) => one.startsWith("left")).sort()).toEqual(["left 1", "left 2", "left 3"])
    expect(world.nodes[1]!.status).toBe("gone")
    expect(world.nodes[1]!.conns.size).toBe(0)
  })

  it("come and go, and complete in the end", () => {
    const { log, world } = play({
      sizeBytes: 4 * MIB,
      classes: [
        { ...seeder, uploadRateBytesPerSec: 100_000 },
        { ...leecher, count: 4, departure: { _tag: "Churn", meanSessionMs: 20_000 } },
      ],
    })
    expect(completions(log)).toBe(4)
    expect(log.filter((one) => one.startsWith("up")).length).toBeGreaterThan(5)
    expect(world.nodes.slice(1).every((node) => isWhole(world, node.index))).toBe(true)
  })

  it("find each other if one of two can be reached, and not if neither can", () => {
    const behind = { isBehindNat: true }
    const one = play({ classes: [{ ...seeder, ...behind }, { ...leecher, count: 1 }], maxVirtualMs: 900_000 })
    expect(completions(one.log)).toBe(1)
    const none = play({
      classes: [{ ...seeder, ...behind }, { ...leecher, ...behind, count: 1 }],
      maxVirtualMs: 900_000,
    })
    expect(completions(none.log)).toBe(0)
  })

  it("take and give nothing, as free riders", () => {
    const { world } = play({
      classes: [
        { ...seeder, uploadRateBytesPerSec: 200_000 },
        { ...leecher, count: 3 },
        { ...Defaults.freeRider(leecher), count: 1 },
      ],
    })
    expect(world.nodes[4]!.view.torrent()!.downloadRate.totalBytes).toBeGreaterThan(0)
    // Pieces for newcomers (BEP 6) aside, which need no slot.
    expect(world.nodes[4]!.view.torrent()!.uploadRate.totalBytes).toBeLessThan(MIB)
  })

  for (const behaviour of ["polluter", "liar", "silent", "slow-loris"] as const) {
    it(`get a right copy in spite of each ${behaviour}`, () => {
      const { log, world, wrong } = play({
        classes: [seeder, { ...leecher, count: 4 }, { ...polluter, name: behaviour, behaviour, count: 2 }],
      })
      expect(completions(log)).toBe(4)
      expect(wrong).toEqual([])
      expect(world.nodes.slice(1, 5).every((node) => isWhole(world, node.index))).toBe(true)
    })
  }
})

describe("faults", () => {
  const classes = [{ ...seeder, uploadRateBytesPerSec: 60_000 }, { ...leecher, count: 5 }]

  it("crash clients, which come back with what their disks have", () => {
    const { log, world } = play({
      sizeBytes: 2 * MIB,
      classes,
      faults: { ...calm, crashesPerMinute: 3, restartMs: 2_000, untilMs: 60_000 },
    })
    expect(log.some((one) => one.startsWith("crashed"))).toBe(true)
    expect(completions(log)).toBe(5)
    expect(world.nodes.every((node) => isWhole(world, node.index))).toBe(true)
  })

  it("are told of, each by its name, and end with the safety phase", () => {
    const kinds = new Map<string, number>()
    const untilMs = 60_000
    play({
      sizeBytes: 4 * MIB,
      classes,
      faults: {
        ...calm,
        resetsPerMinute: 3,
        stallsPerMinute: 3,
        partitionsPerMinute: 2,
        diskErrorsPerMinute: 1,
        trackerDownPart: 0.9,
        untilMs,
      },
    }, {
      fault: (kind, _, now) => {
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
        expect(now).toBeLessThanOrEqual(untilMs)
      },
    })
    const names = [...kinds.keys()].join(", ")
    for (
      const name of ["connection reset", "connection stalled", "partition", "disk", "tracker down", "healed"]
    ) {
      expect(names).toContain(name)
    }
  })

  it("let each clock go its own way, and never back", () => {
    const last = new Map<number, number>()
    const { log, world } = play({ classes, faults: { ...calm, clockDriftPart: 0.1, untilMs: 1 } }, {
      stepped: (node, input) => {
        expect(input.now).toBeGreaterThanOrEqual(last.get(node.index) ?? 0)
        last.set(node.index, input.now)
      },
    })
    expect(completions(log)).toBe(5)
    expect(new Set(world.nodes.map((node) => node.drift)).size).toBe(6)
  })
})
