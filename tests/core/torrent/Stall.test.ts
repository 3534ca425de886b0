/** What a download that gets no blocks says, and when it says nothing. */
import { describe, expect, it } from "vitest"
import * as Limits from "../../../core/torrent/Limits.ts"
import { CoreSwarm, type PeerScript, torrentOf } from "../../support/CoreSwarm.ts"

const MINUTES = 60_000
const torrent = torrentOf(65_536, [2_000_000])

const warnings = (swarm: CoreSwarm): ReadonlyArray<string> =>
  swarm.eventsOf("Warning").flatMap((event) => event.reason === "Stalled" ? [event.message] : [])

describe("a download that stands still", () => {
  const stalled = (peers: ReadonlyArray<PeerScript>, untilMs = 10 * MINUTES): ReadonlyArray<string> =>
    warnings(new CoreSwarm({ metainfo: torrent, peers }).run(untilMs))
  const most = Array.from({ length: 28 }, (_, piece) => piece)

  it("says that nobody has the missing pieces", () => {
    expect(stalled([{ pieces: most }, { pieces: most }])).toEqual([
      "stalled: no peer has the 3 missing pieces (2 peers connected)",
    ])
  })

  it("says that nobody lets us download, or sends anything", () => {
    expect(stalled([{ unchokes: false }])).toEqual([
      "stalled: 1 peer with 31 of the 31 missing pieces, none lets us download",
    ])
    expect(stalled([{ silence: "dial" }])[0]).toMatch(
      /^stalled: no peer is connected for the 31 missing pieces; 1 known/,
    )
    expect(stalled([])[0]).toBe("stalled: no peer is connected for the 31 missing pieces; nobody names one")
  })

  it("says it again after half an hour, and not while blocks come", () => {
    expect(stalled([{ pieces: most }], 2 * 60 * MINUTES).length).toBe(4)
    const slow = new CoreSwarm({ metainfo: torrent, peers: [{ ponderMs: 15_000, reqq: 1 }] }).run(
      2 * 60 * MINUTES,
    )
    expect(slow.isComplete).toBe(true)
    expect(slow.now).toBeGreaterThan(5 * Limits.STALLED_AFTER)
    expect(warnings(slow)).toEqual([])
  })

  it("says nothing once everything is here, or while the user's limit holds it", () => {
    const swarm = new CoreSwarm({ metainfo: torrent, peers: [{ latencyMs: 20 }] })
    const rates = {
      downloadRateBytesPerSec: 20,
      uploadRateBytesPerSec: 0,
      isLanExempt: false,
      maxConnections: 10,
    }
    swarm.input({ _tag: "Limits", now: 0, ...rates })
    swarm.run(20 * MINUTES)
    expect(swarm.isComplete).toBe(false)
    expect(warnings(swarm)).toEqual([])
  })
})
