/** What happens when it is our own disk that spoils the pieces, and what strangers can make of the same rule. */
import { describe, expect, it } from "vitest"
import * as SelfDoubt from "../../../core/torrent/SelfDoubt.ts"
import { addressOf, CoreSwarm, type PeerScript, torrentOf } from "../../support/CoreSwarm.ts"

const MINUTES = 60_000
const torrent = torrentOf(65_536, [2_000_000])
const honest: PeerScript = { latencyMs: 20 }

/** A swarm of honest peers, whose blocks our disk spoils until `healsAt`. */
class BadDisk extends CoreSwarm {
  healsAt = Infinity

  override input(input: Parameters<CoreSwarm["input"]>[0]): void {
    const isSpoilt = input._tag === "PieceHashed" && input.now < this.healsAt
    super.input(isSpoilt ? { ...input, digest: new Uint8Array(20) } : input)
  }
}

const badDisk = (peers: number, healsAt = Infinity): BadDisk => {
  const swarm = new BadDisk({ metainfo: torrent, peers: Array.from({ length: peers }, () => honest) })
  swarm.healsAt = healsAt
  return swarm
}

const warnings = (swarm: CoreSwarm, reason: "SelfDoubt" | "Stalled"): ReadonlyArray<string> =>
  swarm.eventsOf("Warning").flatMap((event) => event.reason === reason ? [event.message] : [])

describe("a disk that spoils every piece", () => {
  it("is told of once so many peers are banned in a row, and they get another chance", () => {
    const swarm = badDisk(SelfDoubt.MIN_PLACES).run(MINUTES)
    expect(swarm.eventsOf("PeerBanned").length).toBeGreaterThanOrEqual(SelfDoubt.MIN_PLACES)
    expect(warnings(swarm, "SelfDoubt")[0]).toBe(
      "every piece is wrong, from 4 peers in a row: this machine's disk or memory may spoil them, check both; " +
        "the peers get another chance",
    )
    const dialled = swarm.commands.flatMap((command) => command._tag === "Dial" ? [command.address] : [])
    for (let i = 0; i < SelfDoubt.MIN_PLACES; i++) {
      expect(dialled.filter(({ port }) => port === addressOf(i).port).length).toBeGreaterThan(1)
    }
  })

  it("that heals costs nothing but time: the download completes from the same peers", () => {
    const swarm = badDisk(SelfDoubt.MIN_PLACES, 5_000).run(30 * MINUTES)
    expect(swarm.isComplete && swarm.isIntact).toBe(true)
  })

  it("does not fetch for ever what it cannot keep, and is never silent", () => {
    const swarm = badDisk(12).run(3 * 60 * MINUTES)
    expect(swarm.isComplete).toBe(false)
    const received = swarm.torrent.downloadRate.totalBytes
    expect(received).toBeLessThan(40 * torrent.geometry.totalBytes)
    expect(warnings(swarm, "SelfDoubt").length).toBeGreaterThanOrEqual(SelfDoubt.MAX_PARDONS)
    // When all are banned at last, it is said every half hour what the download waits for.
    swarm.run(5 * 60 * MINUTES)
    expect(swarm.torrent.downloadRate.totalBytes).toBe(received)
    expect(warnings(swarm, "Stalled").at(-1)).toMatch(/^stalled: no peer is connected .* banned for bad data/)
  })

  it("and a single seed: the user hears of both, and the seed is asked again", () => {
    const swarm = badDisk(1, 30_000).run(30 * MINUTES)
    expect(warnings(swarm, "Stalled")).toEqual([
      "stalled: no peer is connected for the 31 missing pieces; 1 peer had been banned for bad data and may try " +
      "again; if it is bad again, check this machine's disk and memory",
    ])
    expect(swarm.isComplete && swarm.isIntact).toBe(true)
  })
})

describe("liars", () => {
  it("are banned for good while anything good comes from others", () => {
    const liar: PeerScript = { spoils: "all", latencyMs: 20 }
    const swarm = new CoreSwarm({
      metainfo: torrentOf(65_536, [6_000_000]),
      peers: [liar, honest, liar, honest, liar],
    }).run(30 * MINUTES)
    expect(swarm.isComplete && swarm.isIntact).toBe(true)
    expect(swarm.eventsOf("PeerBanned").map(({ address }) => address.port).sort()).toEqual([1, 3, 5])
    expect(warnings(swarm, "SelfDoubt")).toEqual([])
  })

  it("that are all there is are pardoned a bounded number of times", () => {
    const liars = Array.from({ length: 8 }, (): PeerScript => ({ spoils: "all", latencyMs: 20 }))
    const swarm = new CoreSwarm({ metainfo: torrent, peers: liars }).run(5 * 60 * MINUTES)
    expect(swarm.torrent.selfDoubt.pardons).toBe(SelfDoubt.MAX_PARDONS)
    expect(swarm.eventsOf("PeerBanned").length).toBeLessThanOrEqual(
      8 + SelfDoubt.MAX_PARDONS * SelfDoubt.MIN_PLACES,
    )
    expect(swarm.torrent.peers.size).toBe(0)
  })
})
