import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Digest from "../../../core/base/Digest.ts"
import * as Client from "../../../core/client/Client.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import { CoreSwarm, makeClient, type PeerScript, torrentOf } from "../../support/CoreSwarm.ts"

const MINUTES = 60_000
const small = torrentOf(32_768, [100_000, 0, 5, 300_000])

const fetched = (swarm: CoreSwarm): ReadonlyArray<string> =>
  [...swarm.peers.values()].flatMap((peer) => peer.requests.map(({ piece, begin }) => `${piece}:${begin}`))

describe("a download", () => {
  it("completes from one seeder, asking for each block once", () => {
    const swarm = new CoreSwarm({ metainfo: small, peers: [{}] }).run(MINUTES)
    expect(swarm.isComplete).toBe(true)
    expect(swarm.isIntact).toBe(true)
    expect(new Set(fetched(swarm)).size).toBe(fetched(swarm).length)
    expect(swarm.torrent.wastedBytes).toBe(0)
  })

  it("completes from several peers that each have a part", () => {
    const peers: ReadonlyArray<PeerScript> = [
      { pieces: [0, 1, 2, 3], latencyMs: 20 },
      { pieces: [3, 4, 5, 6, 7, 8], supportsFast: true },
      { pieces: [8, 9, 10, 11, 12], reqq: 5 },
    ]
    const swarm = new CoreSwarm({ metainfo: small, peers }).run(MINUTES)
    expect(swarm.isComplete).toBe(true)
    expect(swarm.isIntact).toBe(true)
  })

  it("asks only for the pieces of selected files", () => {
    const swarm = new CoreSwarm({ metainfo: small, peers: [{}], selection: new Set([0]) }).run(MINUTES)
    expect(swarm.isComplete).toBe(true)
    expect([...Bitfield.pieces(swarm.torrent.have)]).toEqual([0, 1, 2, 3])
    expect(swarm.torrent.wantedBytes).toBe(4 * 32_768)
  })

  it("tells trackers what is left of the whole torrent, and of a part no completion", () => {
    const metainfo = { ...small, trackers: [["http://tracker.test/announce"]] }
    const announces = (swarm: CoreSwarm) =>
      swarm.commands.flatMap((command) => command._tag === "Announce" ? [command.request] : [])
    const part = new CoreSwarm({ metainfo, peers: [{}], selection: new Set([0]) }).run(MINUTES)
    expect(part.isComplete).toBe(true)
    expect(announces(part).map(({ event, leftBytes }) => [event, leftBytes])).toEqual([["started", 400_005]])
    const whole = new CoreSwarm({ metainfo, peers: [{}] }).run(MINUTES)
    expect(announces(whole).map(({ event }) => event)).toEqual(["started", "completed"])
  })

  it("asks for nothing that is there already", () => {
    const have = Bitfield.full(small.geometry.pieceCount)
    Bitfield.clear(have, 7)
    const swarm = new CoreSwarm({ metainfo: small, peers: [{}], have }).run(MINUTES)
    expect(swarm.isComplete).toBe(true)
    expect(new Set(fetched(swarm))).toEqual(new Set(["7:0", "7:16384"]))
  })

  it("goes in order when told to be sequential", () => {
    const swarm = new CoreSwarm({ metainfo: small, peers: [{}], strategy: "sequential" }).run(MINUTES)
    const pieces = fetched(swarm).map((block) => Number(block.split(":")[0]))
    expect(pieces).toEqual(pieces.toSorted((a, b) => a - b))
  })

  it("never has more outstanding than the peer's reqq", () => {
    const swarm = new CoreSwarm({
      metainfo: torrentOf(65_536, [4_000_000]),
      peers: [{ reqq: 6, latencyMs: 50 }],
    })
    let most = 0
    for (let at = 0; !swarm.isComplete && at < MINUTES; at += 10) {
      swarm.run(at)
      for (const peer of swarm.torrent.peers.values()) most = Math.max(most, peer.requests.size)
    }
    expect(swarm.isComplete).toBe(true)
    expect(most).toBe(6)
  })
})

describe("the contract of the core", () => {
  const anySwarm = fc.record({
    seed: fc.integer(),
    chunkSeed: fc.integer(),
    peers: fc.array(
      fc.record({
        pieces: fc.uniqueArray(fc.integer({ min: 0, max: small.geometry.pieceCount - 1 }), { minLength: 1 }),
        supportsFast: fc.boolean(),
        reqq: fc.integer({ min: 1, max: 300 }),
        latencyMs: fc.integer({ min: 1, max: 300 }),
        spoils: fc.constantFrom([], [3], [1, 5]),
      }),
      { maxLength: 4 },
    ),
  })

  it.prop(
    "twin replay: the same journal gives the same commands and the same state",
    [anySwarm],
    ([options]) => {
      const peers = [{}, ...options.peers]
      const swarm = new CoreSwarm({ metainfo: small, ...options, peers }).run(5 * MINUTES)
      let twin = makeClient()
      const digest = Digest.make()
      for (const input of swarm.journal) {
        // The bitfield that came with `Add` was spent by the first run.
        const fresh = input._tag === "Add"
          ? { ...input, options: { ...input.options, have: Bitfield.make(small.geometry.pieceCount) } }
          : input
        const [next, commands] = Client.step(twin, fresh)
        twin = next
        for (const command of commands) Digest.add(digest, command)
      }
      const expected = Digest.make()
      for (const command of swarm.commands) Digest.add(expected, command)
      expect(Digest.toHex(digest)).toBe(Digest.toHex(expected))
      expect(Digest.digest(twin.machine)).toBe(Digest.digest(swarm.client.machine))
      expect(swarm.isComplete).toBe(true)
    },
    { fastCheck: { numRuns: 40 } },
  )

  it.prop(
    "chunking invariance: any split of the same bytes gives the same facts",
    [anySwarm],
    ([options]) => {
      const run = (chunkSeed?: number) => {
        const swarm = new CoreSwarm({
          metainfo: small,
          seed: options.seed,
          strategy: "sequential",
          peers: [{ supportsFast: true, reqq: 250 }],
          ...(chunkSeed === undefined ? {} : { chunkSeed }),
        }).run(MINUTES)
        return {
          requested: fetched(swarm),
          isIntact: swarm.isIntact,
          pieces: new Set(swarm.eventsOf("PieceVerified").map((event) => event.piece)),
        }
      }
      expect(run(options.chunkSeed)).toEqual(run())
    },
    { fastCheck: { numRuns: 40 } },
  )

  it.prop("spurious ticks change nothing", [anySwarm], ([options]) => {
    const swarm = new CoreSwarm({
      metainfo: small,
      ...options,
      peers: [{ latencyMs: 40 }, ...options.peers],
      spuriousTicks: true,
    }).run(5 * MINUTES)
    expect(swarm.isComplete).toBe(true)
  }, { fastCheck: { numRuns: 20 } })

  it("a fork goes its own way", () => {
    const swarm = new CoreSwarm({ metainfo: small, peers: [{ latencyMs: 100 }] }).run(450)
    const before = Digest.digest(swarm.client.machine)
    const [forked] = Client.step(Client.fork(swarm.client), { _tag: "Stop", now: swarm.now, torrent: 1 })
    expect(Digest.digest(swarm.client.machine)).toBe(before)
    expect(Client.torrents(forked).get(1)!.phase).toBe("stopped")
    expect(swarm.torrent.phase).toBe("running")
    expect(swarm.run(MINUTES).isComplete).toBe(true)
  })

  it("a spent state is refused", () => {
    const client = makeClient()
    Client.step(client, { _tag: "Tick", now: 0 })
    expect(() => Client.step(client, { _tag: "Tick", now: 0 })).toThrow("spent")
  })
})

describe("the download limit", () => {
  const large = torrentOf(262_144, [8 * 1024 * 1024])
  const limited = (peers: ReadonlyArray<PeerScript>, rateBytesPerSec: number) => {
    const swarm = new CoreSwarm({ metainfo: large, peers })
    swarm.input({
      _tag: "Limits",
      now: 0,
      downloadRateBytesPerSec: rateBytesPerSec,
      uploadRateBytesPerSec: 0,
      isLanExempt: false,
      maxConnections: 200,
    })
    return swarm.run(60 * MINUTES)
  }

  it("holds within 5 % for one peer and for many", () => {
    for (const peers of [[{}], Array.from({ length: 12 }, () => ({}))]) {
      const swarm = limited(peers, 1024 * 1024)
      expect(swarm.isComplete).toBe(true)
      const rate = (swarm.torrent.downloadRate.totalBytes * 1_000) / swarm.now / 1024 / 1024
      expect(rate).toBeGreaterThan(0.95)
      expect(rate).toBeLessThan(1.05)
    }
  })

  it("is not held against the peers, however low it is", () => {
    const swarm = limited(Array.from({ length: 12 }, () => ({})), 16 * 1024)
    expect(swarm.isComplete).toBe(true)
    expect(swarm.eventsOf("PeerSnubbed")).toEqual([])
    expect(swarm.eventsOf("PeerDisconnected").filter((event) => !event.reason.includes("both"))).toEqual([])
    expect(swarm.torrent.wastedBytes).toBeLessThan(large.geometry.totalBytes / 10)
  })
})

describe("stopping", () => {
  it("closes every connection, asks for nothing more and leaves what is verified", () => {
    const swarm = new CoreSwarm({ metainfo: small, peers: [{ latencyMs: 50 }, { latencyMs: 60 }] }).run(600)
    const have = swarm.torrent.have.count
    swarm.input({ _tag: "Stop", now: swarm.now, torrent: 1 })
    expect([...swarm.peers.values()].every((peer) => peer.isClosed)).toBe(true)
    const sent = swarm.commands.length
    swarm.run(5 * MINUTES)
    expect(swarm.commands.slice(sent).filter((command) => command._tag !== "Hash" && command._tag !== "Emit"))
      .toEqual([])
    expect(swarm.torrent.have.count).toBeGreaterThanOrEqual(have)
    expect(Client.nextWake(swarm.client)).toBe(Infinity)
  })

  it("fails when the disk does, saying why", () => {
    const swarm = new CoreSwarm({ metainfo: small, peers: [{ latencyMs: 50 }] }).run(300)
    swarm.input({
      _tag: "StorageFailed",
      now: swarm.now,
      torrent: 1,
      reason: "NoSpace",
      message: "the disk is full",
    })
    expect(swarm.eventsOf("Failed")).toEqual([{
      _tag: "Failed",
      reason: "NoSpace",
      message: "the disk is full",
    }])
    expect(swarm.torrent.peers.size).toBe(0)
  })
})
