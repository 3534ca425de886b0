import { describe, expect, it } from "@effect/vitest"
import * as Client from "../../../core/client/Client.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Goals from "../../../core/torrent/Goals.ts"
import { CoreNetwork } from "../../support/CoreNetwork.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
import { Door } from "../client/Door.ts"

const MINUTES = 60_000
const progress = { uploadedBytes: 150, ratioBytes: 100, seedingSince: 1_000 }

describe("a goal", () => {
  const table: ReadonlyArray<
    readonly [string, Goals.Goals, Partial<Goals.Progress>, number, "ratio" | "time" | undefined]
  > = [
    ["of no kind is never reached", { ratio: undefined, seedMs: undefined }, {}, 1e12, undefined],
    ["ratio, not yet", { ratio: 1.6, seedMs: undefined }, {}, 1e12, undefined],
    ["ratio, exactly", { ratio: 1.5, seedMs: undefined }, {}, 1_000, "ratio"],
    [
      "ratio, of a torrent of no bytes",
      { ratio: 2, seedMs: undefined },
      {
        uploadedBytes: 0,
        ratioBytes: 0,
      },
      1_000,
      "ratio",
    ],
    [
      "ratio, while a piece is missing",
      { ratio: 1, seedMs: undefined },
      { seedingSince: undefined },
      0,
      undefined,
    ],
    ["time, not yet", { ratio: undefined, seedMs: 500 }, {}, 1_499, undefined],
    ["time, exactly", { ratio: undefined, seedMs: 500 }, {}, 1_500, "time"],
    [
      "time, while a piece is missing",
      { ratio: undefined, seedMs: 0 },
      { seedingSince: undefined },
      9_999,
      undefined,
    ],
    ["of both kinds: whichever comes first", { ratio: 9, seedMs: 500 }, {}, 1_500, "time"],
    ["of both kinds, the other one", { ratio: 1, seedMs: 500 }, {}, 1_200, "ratio"],
  ]
  for (const [name, goals, change, now, expected] of table) {
    it(name, () => expect(Goals.reached(goals, { ...progress, ...change }, now)).toBe(expected))
  }
})

describe("a torrent with a goal", () => {
  const torrent = torrentOf(32_768, [1_000_000])
  const have = () => Bitfield.full(torrent.geometry.pieceCount)
  const reached = (door: Door) => door.events.filter((event) => event._tag === "SeedGoalReached")

  it("tells it once, at the time itself, which `nextWake` names", () => {
    const door = new Door(torrent, { have: have(), goals: { ratio: undefined, seedMs: 5 * MINUTES } })
    expect(Client.nextWake(door.client)).toBe(5 * MINUTES)
    door.wait(5 * MINUTES - 1)
    expect(reached(door)).toEqual([])
    door.wait(1)
    expect(reached(door)).toEqual([{ _tag: "SeedGoalReached", goal: "time" }])
    expect(Client.nextWake(door.client)).toBe(Infinity)
    door.found("user", 5)
    expect(reached(door.wait(60 * MINUTES))).toHaveLength(1)
  })

  it("counts what earlier runs gave", () => {
    const goals = { ratio: 2, seedMs: undefined }
    expect(reached(new Door(torrent, { have: have(), goals, uploadedBytes: 1_999_999 }))).toEqual([])
    expect(reached(new Door(torrent, { have: have(), goals, uploadedBytes: 2_000_000 }))).toEqual([
      { _tag: "SeedGoalReached", goal: "ratio" },
    ])
  })

  it("reaches its ratio with the block that makes it full", () => {
    const goals = { ratio: 1, seedMs: undefined }
    const network = new CoreNetwork({
      torrents: [torrent],
      machines: [
        { has: "all", uplink: 500_000, options: { goals } },
        { dials: [0] },
      ],
    }).run(MINUTES)
    const [event, ...more] = network.eventsOf(0, "SeedGoalReached")
    expect(event).toMatchObject({ goal: "ratio" })
    expect(more).toEqual([])
    // The last block still has to go down the line.
    expect(network.eventsOf(1, "Completed")[0]!.at).toBeGreaterThan(event!.at)
    expect(event!.at).toBeGreaterThan(500)
  })
})
