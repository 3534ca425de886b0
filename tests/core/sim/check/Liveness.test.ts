import { describe, expect, it } from "vitest"
import { liveness } from "../../../../core/sim/check/Liveness.ts"
import type { NodeView } from "../../../../core/sim/Observer.ts"
import type { PeerClass } from "../../../../core/sim/Scenario.ts"
import { nodeOf, scenario, Story, verified, worldOf } from "./Story.ts"

const HOUR = 3_600_000
const ALL = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]

const seeder = nodeOf(0, { peerClass: { role: "seeder" } })
const leecher = nodeOf(1)

/** Nodes with these pieces each, up from the start, under one checker; what it says after so long. */
const outcome = (
  nodes: ReadonlyArray<readonly [NodeView, ReadonlyArray<number>]>,
  now: number,
  then: (told: Story) => void = () => {},
): ReadonlyArray<string> => {
  const told = new Story(liveness())
  for (const [node, pieces] of nodes) {
    told.node = node
    told.add({}, ...pieces)
  }
  then(told)
  told.panel.observer.ended?.(worldOf(nodes.map(([node]) => node), now))
  return told.faults
}
const of = (peerClass: Partial<PeerClass>) => (index: number): NodeView => nodeOf(index, { peerClass })

describe("liveness", () => {
  it("sees a leecher that never gets what a seeder has", () => {
    expect(outcome([[seeder, ALL], [leecher, [3]]], 0.5 * HOUR)).toEqual([])
    expect(outcome([[seeder, ALL], [leecher, [3]]], 3 * HOUR)).toEqual([
      "it lacks 9 of 10 pieces, 10800 s after it could begin to get them",
    ])
  })

  it("has nothing to say once it is complete", () => {
    const done = (told: Story) => {
      told.node = leecher
      told.tick(...ALL.slice(1).map(verified), { _tag: "Emit", torrent: 1, event: { _tag: "Completed" } })
    }
    expect(outcome([[seeder, ALL], [leecher, [0]]], 3 * HOUR, done)).toEqual([])
  })

  it("puts a copy together from several, but not from those who keep no rules", () => {
    const half = nodeOf(2)
    expect(outcome([[leecher, [0, 1, 2, 3, 4]], [half, [5, 6, 7, 8, 9]]], 3 * HOUR)).toHaveLength(2)
    expect(outcome([[leecher, [0, 1, 2, 3, 4]], [half, [5, 6, 7, 8]]], 3 * HOUR)).toEqual([])
    const liar = of({ behaviour: "liar" })(2)
    expect(outcome([[leecher, [0, 1, 2, 3, 4]], [liar, ALL]], 3 * HOUR)).toEqual([])
  })

  it("asks nothing of two that nobody can connect to, unless there is a third between them", () => {
    const hidden = of({ isBehindNat: true })
    const hiddenSeeder = of({ isBehindNat: true, role: "seeder" })
    expect(outcome([[hiddenSeeder(0), ALL], [hidden(1), []]], 3 * HOUR)).toEqual([])
    expect(outcome([[hiddenSeeder(0), ALL], [hidden(1), []], [nodeOf(2), []]], 3 * HOUR)).toHaveLength(2)
  })

  it("asks nothing of one whose disk has failed, and counts from its last start", () => {
    const failed = (told: Story) => {
      told.node = leecher
      told.tick({ _tag: "Emit", torrent: 1, event: { _tag: "Failed", reason: "full", message: "" } })
    }
    expect(outcome([[seeder, ALL], [leecher, []]], 3 * HOUR, failed)).toEqual([])
    const restarted = (told: Story) => {
      told.now = 2.5 * HOUR
      told.node = leecher
      told.panel.observer.nodeDown?.(leecher, told.now, "crashed")
      told.add()
    }
    expect(outcome([[seeder, ALL], [leecher, []]], 3 * HOUR, restarted)).toEqual([])
  })

  it("begins when the faults end", () => {
    const told = new Story(liveness())
    for (const node of [seeder, leecher]) {
      told.node = node
      told.add({}, ...(node === seeder ? ALL : []))
    }
    const faults = { ...scenario.faults, untilMs: 2.5 * HOUR }
    told.panel.observer.ended?.({
      ...worldOf([seeder, leecher], 3 * HOUR),
      scenario: { ...scenario, faults },
    })
    expect(told.faults).toEqual([])
  })
})
