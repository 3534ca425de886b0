import { describe, expect, it } from "vitest"
import * as Client from "../../../../core/client/Client.ts"
import * as Frame from "../../../../core/sim/check/Frame.ts"
import { type Machine, ticks } from "../../../../core/sim/check/Ticks.ts"
import type { NodeView } from "../../../../core/sim/Observer.ts"
import { CoreSwarm, torrentOf } from "../../../support/CoreSwarm.ts"
import { nodeOf } from "./Story.ts"

const metainfo = torrentOf(65_536, [500_000])

/** A download under the eyes of the checker, which looks at every step. */
const watch = (machine: Machine): ReadonlyArray<string> => {
  const swarm = new CoreSwarm({ metainfo, peers: [{}, { supportsFast: true }] })
  const node: NodeView = {
    ...nodeOf(0, { torrent: swarm.torrent }),
    client: () => swarm.client,
  }
  const panel = Frame.make([ticks(machine, 1)])
  for (let now = 0; now < 200_000 && !swarm.isComplete; now += 50) {
    swarm.run(now)
    panel.observer.stepped?.(node, { _tag: "Tick", now: swarm.now }, [], now)
  }
  return panel.violations().map(({ message }) => message)
}

describe("ticks", () => {
  it("has nothing to say of the client", () => {
    expect(watch(Client)).toEqual([])
  })

  it("sees a machine that acts before its time", () => {
    const late: Machine = { ...Client, nextWake: (client) => Client.nextWake(client) + 3_600_000 }
    expect(watch(late)[0]).toMatch(/a tick 1 ms before its time (asks for|changes)/)
  })

  it("sees one that wants ticks and does nothing with them", () => {
    const restless: Machine = { ...Client, nextWake: () => 0 }
    expect(watch(restless)[0]).toBe("a tick at its time gets nowhere, and wants another one at once")
  })

  it("leaves the client as it was", () => {
    const swarm = new CoreSwarm({ metainfo, peers: [{}] })
    const node: NodeView = { ...nodeOf(0, { torrent: swarm.torrent }), client: () => swarm.client }
    Frame.make([ticks(Client, 1)]).observer.stepped?.(node, { _tag: "Tick", now: 0 }, [], 0)
    expect(swarm.run(60_000).isComplete).toBe(true)
  })
})
