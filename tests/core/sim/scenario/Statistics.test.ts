import { describe, expect, it } from "@effect/vitest"
import type { NodeView } from "../../../../core/sim/Observer.ts"
import type { PeerClass } from "../../../../core/sim/Scenario.ts"
import * as Defaults from "../../../../core/sim/scenario/Defaults.ts"
import * as Statistics from "../../../../core/sim/scenario/Statistics.ts"

const scenario = Defaults.scenario({
  sizeBytes: 32_768,
  pieceBytes: 16_384,
  classes: [
    Defaults.seeder,
    { ...Defaults.leecher, count: 2 },
    { ...Defaults.freeRider(Defaults.leecher), count: 1 },
    Defaults.polluter,
  ],
})

const node = (index: number, peerClass: PeerClass): NodeView => ({
  index,
  peerClass,
  address: { host: `10.0.0.${index + 1}`, port: 6881 },
  torrent: () => undefined,
  client: () => {
    throw new Error("not looked at")
  },
  isUp: true,
})

const classes = scenario.classes as [PeerClass, PeerClass, PeerClass, PeerClass]
const seeder = node(0, classes[0])
const a = node(1, classes[1])
const b = node(2, classes[1])
const rider = node(3, classes[2])
const polluter = node(4, classes[3])

const bytes = (length: number) => new Uint8Array(length)

/** The seeder serves `a`, which serves `b`; the free rider comes late and is served by the seeder. */
const played = () => {
  const statistics = Statistics.make(scenario)
  const see = statistics.observer
  for (const one of [seeder, a, b, polluter]) see.nodeUp!(one, 0)
  see.nodeUp!(rider, 1_000)
  see.completed!(seeder, 0)
  see.delivered!(seeder, a, 1, bytes(32_768), 500)
  see.pieceOnDisk!(a, 0, true, 600)
  see.pieceOnDisk!(a, 1, false, 650)
  see.delivered!(seeder, a, 1, bytes(16_384), 700)
  see.pieceOnDisk!(a, 1, true, 1_000)
  see.completed!(a, 1_000)
  see.delivered!(a, b, 1, bytes(32_768), 1_500)
  see.completed!(b, 2_000)
  see.delivered!(seeder, rider, 1, bytes(32_768), 3_000)
  see.delivered!(polluter, rider, 2, bytes(16_384), 3_000)
  see.completed!(rider, 5_000)
  return statistics
}

describe("statistics of a run", () => {
  it("count those that wanted a copy and have it, from their coming on", () => {
    const statistics = played()
    expect(statistics.completed()).toBe(3)
    expect(statistics.summary()).toMatchObject({
      peers: 3,
      completed: 3,
      completion: { min: 1_000, median: 2_000, max: 4_000, p95: 3_800 },
      lastCompletionAtMs: 5_000,
    })
  })

  it("say what the seeder gave, in all and until every piece was right somewhere else", () => {
    expect(played().summary()).toMatchObject({ seederCopies: 2.5, firstCopyCost: 1.5 })
  })

  it("tell the classes apart", () => {
    expect(played().summary().classes).toMatchObject([
      { name: "seeder", arrived: 1, completed: 0, uploadedBytes: 81_920, ratio: NaN },
      { name: "leecher", count: 2, completed: 2, uploadedBytes: 32_768, downloadedBytes: 81_920, ratio: 0.4 },
      { name: "free rider", completed: 1, completion: { min: 4_000, max: 4_000 }, ratio: 0 },
      { name: "polluter", completed: 0, uploadedBytes: 16_384, ratio: NaN },
    ])
  })

  it("find it unfair if one gives and the other takes", () => {
    // a gave 2/3 of what it took, b nothing: (2/3)² / (2 · (2/3)²).
    expect(played().summary().fairness).toBeCloseTo(0.5, 10)
  })

  it("count a node that crashes and completes again once, at its first time", () => {
    const statistics = played()
    statistics.observer.nodeUp!(a, 6_000)
    statistics.observer.completed!(a, 9_000)
    expect(statistics.completed()).toBe(3)
    expect(statistics.summary().lastCompletionAtMs).toBe(5_000)
  })

  it("of a run that has not begun have no times and no costs", () => {
    expect(Statistics.make(scenario).summary()).toMatchObject({
      peers: 3,
      completed: 0,
      completion: { min: NaN, median: NaN, mean: NaN, p95: NaN, max: NaN },
      lastCompletionAtMs: NaN,
      seederCopies: 0,
      firstCopyCost: NaN,
      fairness: NaN,
    })
  })
})
