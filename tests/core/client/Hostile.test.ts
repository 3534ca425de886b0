import { describe, expect, it } from "@effect/vitest"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as Limits from "../../../core/torrent/Limits.ts"
import { MAX_PARDONS } from "../../../core/torrent/SelfDoubt.ts"
import { addressOf, CoreSwarm, type PeerScript, torrentOf } from "../../support/CoreSwarm.ts"

const MINUTES = 60_000
const torrent = torrentOf(65_536, [2_000_000])

const download = (peers: ReadonlyArray<PeerScript>, untilMs = 10 * MINUTES): CoreSwarm =>
  new CoreSwarm({ metainfo: torrent, peers }).run(untilMs)

describe("bad data", () => {
  it("bans a peer that alone sent a bad piece, and fetches it elsewhere", () => {
    const swarm = download([{ spoils: "all", latencyMs: 1 }, { latencyMs: 30 }])
    expect(swarm.isComplete).toBe(true)
    expect(swarm.isIntact).toBe(true)
    expect(swarm.eventsOf("PeerBanned").map((event) => event.address)).toEqual([addressOf(0)])
  })

  it("finds a peer that spoils some pieces among many that don't", () => {
    const honest: PeerScript = { latencyMs: 20, reqq: 2 }
    const swarm = download([honest, honest, { spoils: [2, 9, 17, 25], latencyMs: 20, reqq: 2 }, honest])
    expect(swarm.isComplete).toBe(true)
    expect(swarm.isIntact).toBe(true)
    expect(swarm.eventsOf("PeerBanned").map((event) => event.address)).toEqual([addressOf(2)])
  })

  it("finds the one of two that spoils, and completes from the other", () => {
    const swarm = download([{ spoils: [3, 4, 5, 6, 7, 8], latencyMs: 20, reqq: 2 }, {
      latencyMs: 20,
      reqq: 2,
    }])
    expect(swarm.isComplete && swarm.isIntact).toBe(true)
    expect(swarm.eventsOf("PeerBanned").map((event) => event.address)).toEqual([addressOf(0)])
  })

  it("convicts exactly who sent the wrong block, however many had a part in the piece", () => {
    const large = torrentOf(16 * 16_384, [8 * 16 * 16_384])
    const honest: PeerScript = { latencyMs: 20, reqq: 2 }
    const reasons = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) {
      const peers = [honest, honest, { ...honest, spoils: [0] }, honest, honest]
      const swarm = new CoreSwarm({ metainfo: large, peers, seed, strategy: "sequential" }).run(10 * MINUTES)
      expect(swarm.isComplete && swarm.isIntact).toBe(true)
      expect(swarm.eventsOf("PieceFailed")[0]!.suspects).toHaveLength(5)
      expect(swarm.eventsOf("PeerBanned").map((event) => event.address)).toEqual([addressOf(2)])
      reasons.add(swarm.eventsOf("PeerBanned")[0]!.reason)
    }
    expect(reasons).toContain("it sent a wrong block of piece 0")
  })

  it("fetches nothing of a bad piece until its blocks have been looked at", () => {
    const honest: PeerScript = { latencyMs: 20, reqq: 2 }
    const swarm = new CoreSwarm({
      metainfo: torrentOf(16 * 16_384, [4 * 16 * 16_384]),
      peers: [honest, { ...honest, spoils: [0, 1] }, honest],
    })
    const held = new Set<number>()
    const looked = new Set<number>()
    while (!swarm.isComplete) {
      const [inputs, commands] = [swarm.journal.length, swarm.commands.length]
      swarm.run(swarm.now + 1)
      swarm.now++
      for (const input of swarm.journal.slice(inputs)) {
        if (input._tag === "BlocksHashed") held.delete(input.piece)
      }
      for (const command of swarm.commands.slice(commands)) {
        if (command._tag === "Write") expect(held.has(command.piece)).toBe(false)
        if (command._tag !== "HashBlocks") continue
        held.add(command.piece)
        looked.add(command.piece)
      }
    }
    expect(looked.size).toBeGreaterThan(0)
  })

  it("gives a piece of a slow peer on parole to one that would idle", () => {
    const swarm = download([
      { spoils: [5], latencyMs: 20, reqq: 1 },
      { latencyMs: 20, reqq: 1 },
      { latencyMs: 20, reqq: 1 },
      { ponderMs: 19_000, reqq: 1 },
    ])
    expect(swarm.isComplete && swarm.isIntact).toBe(true)
    expect(swarm.now).toBeLessThan(15_000)
  })

  it("never dials a banned peer again, but where nobody else is left: then it may have been our own disk", () => {
    const liar: PeerScript = { spoils: "all" }
    const swarm = download([liar, { pieces: [1, 2, 3] }], 60 * MINUTES)
    expect(swarm.isComplete).toBe(false)
    const connections = swarm.eventsOf("PeerConnected").filter(({ address }) => address.port === 1)
    expect(connections).toHaveLength(1)
    const alone = download([liar], 24 * 60 * MINUTES)
    expect(alone.eventsOf("PeerConnected")).toHaveLength(1 + MAX_PARDONS)
  })
})

describe("peers that hold nothing up", () => {
  const slow: PeerScript = { latencyMs: 40 }
  const idlers: Readonly<Record<string, PeerScript>> = {
    "never answers the dial": { silence: "dial" },
    "accepts and says nothing": { silence: "handshake" },
    "chokes for ever": { unchokes: false, latencyMs: 1 },
    "unchokes and never sends a block": { silence: "requests", latencyMs: 1 },
    "rejects every request": { rejectsAll: true, supportsFast: true, latencyMs: 1 },
  }
  for (const [name, idler] of Object.entries(idlers)) {
    it(name, () => {
      const alone = download([slow])
      const swarm = download([idler, idler, slow])
      expect(swarm.isComplete).toBe(true)
      expect(swarm.isIntact).toBe(true)
      // A snubbed block is given to others after the time-out, not after minutes.
      expect(swarm.now).toBeLessThan(alone.now + Limits.OWED_TIMEOUT + 5_000)
      expect(swarm.eventsOf("PeerBanned")).toEqual([])
    })
  }

  it("drops a silent peer when its handshake is overdue, and a snubbing one when its patience is", () => {
    const swarm = download([{ silence: "handshake" }, { silence: "requests" }], 4 * MINUTES)
    expect(swarm.eventsOf("PeerSnubbed")[0]).toEqual({
      _tag: "PeerSnubbed",
      address: addressOf(1),
      reason: "it owes us blocks and has sent none for too long",
    })
    expect(swarm.eventsOf("PeerDisconnected")[0]!.reason).toContain("doesn't send what it promises")
    const first = [...swarm.peers.values()][0]!
    expect(first.isClosed).toBe(true)
  })

  it("takes a late block and ends the snub", () => {
    const swarm = download([{ ponderMs: 25_000 }], 60 * MINUTES)
    expect(swarm.isComplete).toBe(true)
    expect(swarm.eventsOf("PeerSnubbed").length).toBeGreaterThan(0)
    expect(swarm.eventsOf("PeerDisconnected").map((event) => event.reason)).toEqual(["both have everything"])
  })
})

describe("broken rules close the connection, saying which", () => {
  const block = (encoder: Encoder.Encoder, piece: number, begin: number, length: number): Uint8Array => {
    Encoder.pieceHeader(encoder, piece, begin, length)
    return new Uint8Array(length)
  }
  const cases: Readonly<
    Record<string, { readonly says: PeerScript["says"]; readonly reason: string; fast?: boolean }>
  > = {
    "a piece that doesn't exist": {
      says: (e) => Encoder.have(e, 1_000_000),
      reason: "a piece that doesn't exist",
    },
    "a bitfield of the wrong size": {
      says: (e) => Encoder.bitfield(e, new Uint8Array(1)),
      reason: "bitfield",
    },
    "a bitfield with spare bits": {
      says: (e) => Encoder.bitfield(e, new Uint8Array(4).fill(255)),
      reason: "bitfield",
    },
    "have_none after a bitfield": {
      says: (e) => {
        Encoder.bitfield(e, new Uint8Array(4))
        Encoder.haveNone(e)
      },
      reason: "have_none after",
      fast: true,
    },
    "have_all without the fast extension": { says: Encoder.haveAll, reason: "have_all without" },
    "have_none without the fast extension": { says: Encoder.haveNone, reason: "have_none without" },
    "allowed fast without the fast extension": {
      says: (e) => Encoder.allowedFast(e, 1),
      reason: "hint without",
    },
    "a suggestion of no piece": {
      says: (e) => Encoder.suggest(e, 99_999),
      reason: "doesn't exist",
      fast: true,
    },
    "a reject without the fast extension": {
      says: (e) => Encoder.reject(e, 0, 0, 16_384),
      reason: "reject without",
    },
    "a reject of nothing asked": {
      says: (e) => Encoder.reject(e, 0, 0, 16_384),
      reason: "never requested",
      fast: true,
    },
    "a block that was never requested": { says: (e) => block(e, 0, 0, 16_384), reason: "never requested" },
    "a block of a wrong length": { says: (e) => block(e, 0, 0, 100), reason: "doesn't exist" },
    "a block across blocks": { says: (e) => block(e, 0, 8_192, 16_384), reason: "doesn't exist" },
    "a block beyond the torrent": { says: (e) => block(e, 0xffff_ffff, 0, 16_384), reason: "doesn't exist" },
    "a request of nothing": { says: (e) => Encoder.request(e, 0, 0, 0), reason: "request" },
    "a request beyond its piece": { says: (e) => Encoder.request(e, 0, 65_535, 16_384), reason: "request" },
    "a request of more than any client ever asked for": {
      says: (e) => Encoder.request(e, 0, 0, 128 * 1024 + 1),
      reason: "request",
    },
    "a request of a piece that doesn't exist": {
      says: (e) => Encoder.request(e, 1_000_000, 0, 16_384),
      reason: "request",
    },
  }
  for (const [name, { says, reason, fast }] of Object.entries(cases)) {
    it(name, () => {
      const swarm = download([{ says: says!, supportsFast: fast ?? false }], 1_000)
      const [gone] = swarm.eventsOf("PeerDisconnected")
      expect(gone?.reason).toMatch(/^protocol error: /)
      expect(gone?.reason).toContain(reason)
      expect(swarm.commands.some((command) => command._tag === "Write")).toBe(false)
    })
  }

  it("and the download goes on from the others", () => {
    const liar: PeerScript = { says: (encoder) => Encoder.have(encoder, 1_000_000) }
    expect(download([liar, liar, {}]).isComplete).toBe(true)
  })
})
