import { describe, expect, it } from "@effect/vitest"
import * as Client from "../../../core/client/Client.ts"
import * as Snapshot from "../../../core/client/Snapshot.ts"
import type * as Choker from "../../../core/torrent/Choker.ts"
import { GRACE_MS } from "../../../core/torrent/Choking.ts"
import type * as State from "../../../core/torrent/State.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import { CoreNetwork, type MachineOptions } from "../../support/CoreNetwork.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
import { UploadScene } from "./UploadScene.ts"

const SECONDS = 1_000
const MINUTES = 60_000
const KIB = 1024
const MIB = 1024 * KIB

const choker = (slots: number, seeding: Choker.PolicyName = "round-robin"): Partial<State.Options> => ({
  choker: { leeching: "tit-for-tat", seeding, slots: { _tag: "Fixed", slots } },
})

const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from }, (_, i) => from + i)

/** How many rounds' worth of time machine `at` had `whom` unchoked, and the reasons given for it. */
const timeUnchoked = (
  network: CoreNetwork,
  at: number,
  whom: number,
): { readonly ms: number; readonly reasons: ReadonlySet<Choker.Reason> } => {
  const { host } = network.addressOf(whom)
  let ms = 0
  let since: number | undefined
  const reasons = new Set<Choker.Reason>()
  for (const { at: when, event } of network.machines[at]!.events) {
    const isPeer = "address" in event && event.address.host === host
    if (!isPeer) continue
    if (event._tag === "PeerUnchoked") {
      since = when
      reasons.add(event.reason)
    } else if (event._tag === "PeerChoked" || event._tag === "PeerDisconnected") {
      if (since !== undefined) ms += when - since
      since = undefined
    }
  }
  return { ms: ms + (since === undefined ? 0 : network.now - since), reasons }
}

describe("the calendar", () => {
  const metainfo = torrentOf(16 * KIB, [MIB])

  it("has nothing in it while nobody is interested", () => {
    const scene = new UploadScene(metainfo)
    const conn = scene.join(true)
    expect(scene.torrent.choking.roundAt).toBe(Infinity)
    scene.say(conn, Encoder.interested)
    expect(scene.torrent.choking.roundAt).toBe(scene.now + 10 * SECONDS)
    scene.say(conn, Encoder.notInterested)
    scene.wait(9 * SECONDS)
    // Nobody else wants the slot, so that it may keep it until the round.
    expect(scene.heard(conn).filter((text) => text.endsWith("hoke"))).toEqual(["Unchoke"])
    scene.wait(2 * SECONDS)
    expect(scene.torrent.choking.roundAt).toBe(Infinity)
    expect(scene.heard(conn).filter((text) => text.endsWith("hoke"))).toEqual(["Choke"])
  })

  it("unchokes at once who finds a slot free, and says why", () => {
    const scene = new UploadScene(metainfo, choker(2))
    const conns = [scene.join(true), scene.join(false), scene.join(true)]
    for (const conn of conns) {
      scene.say(conn, Encoder.interested)
      scene.wait(200)
    }
    expect(conns.map((conn) => scene.heard(conn).includes("Unchoke"))).toEqual([true, true, false])
    expect(scene.events.filter((event) => event._tag === "PeerUnchoked")).toHaveLength(2)
    expect(scene.peer(conns[2]!).reason).toBe("no-slot")
    // One of them goes: its slot is free, and the next one gets it.
    scene.input({ _tag: "ConnClosed", now: scene.now, conn: conns[0]!, reason: undefined })
    scene.wait(200)
    expect(scene.heard(conns[2]!)).toContain("Unchoke")
    expect(scene.heard(conns[1]!)).toEqual([])
  })

  it("looks at a peer that changes its mind all the time only so often", () => {
    const scene = new UploadScene(metainfo)
    const conn = scene.join(true)
    for (let i = 0; i < 2_000; i++) {
      scene.say(conn, i % 2 === 0 ? Encoder.interested : Encoder.notInterested)
      scene.wait(1)
    }
    expect(scene.heard(conn).filter((text) => text.endsWith("hoke")).length).toBeLessThanOrEqual(21)
  })

  describe("when who has a slot wants nothing any more", () => {
    const waitFor = (wantsNothingMs: number) => {
      const scene = new UploadScene(metainfo, choker(1))
      const [holder, other] = [scene.join(true), scene.join(true)]
      scene.say(holder, Encoder.interested)
      scene.wait(1 * SECONDS)
      scene.say(other, Encoder.interested)
      scene.say(holder, Encoder.notInterested)
      scene.wait(wantsNothingMs)
      scene.say(holder, Encoder.interested)
      scene.wait(4 * SECONDS)
      const chokes = (conn: number) => scene.heard(conn).filter((text) => text.endsWith("hoke"))
      return { holder: chokes(holder), other: chokes(other), torrent: scene.torrent, conns: [holder, other] }
    }

    it("and does again a moment later, nothing happens", () => {
      const { conns, holder, other, torrent } = waitFor(GRACE_MS - 100)
      expect([holder, other]).toEqual([["Unchoke"], []])
      expect(torrent.choking.unchoked).toEqual([conns[0]])
    })

    it("its slot goes to who waits, once, though it comes back", () => {
      const { conns, holder, other, torrent } = waitFor(GRACE_MS + 100)
      expect([holder, other]).toEqual([["Unchoke", "Choke"], ["Unchoke"]])
      expect(torrent.choking.unchoked).toEqual([conns[1]])
    })

    it("and comes back before anybody else wants its slot, it still has it", () => {
      const scene = new UploadScene(metainfo, choker(1))
      const holder = scene.join(true)
      for (let i = 0; i < 3; i++) {
        scene.say(holder, Encoder.interested)
        scene.wait(300)
        scene.say(holder, Encoder.notInterested)
        scene.wait(2 * SECONDS)
      }
      expect(scene.heard(holder).filter((text) => text.endsWith("hoke"))).toEqual(["Unchoke"])
    })
  })

  it("takes a slot away only in a round", () => {
    const scene = new UploadScene(metainfo, choker(1))
    const [first, second] = [scene.join(true), scene.join(true)]
    scene.say(first, Encoder.interested)
    for (let i = 0; i < 9; i++) {
      scene.wait(1 * SECONDS)
      scene.say(second, i % 2 === 0 ? Encoder.interested : Encoder.notInterested)
    }
    expect(scene.heard(first)).not.toContain("Choke")
    expect(scene.heard(second)).not.toContain("Unchoke")
  })

  it("draws up a table of the peers for people", () => {
    const scene = new UploadScene(metainfo, choker(1))
    const conns = [scene.join(true), scene.join(true), scene.join(true)]
    scene.say(conns[0]!, Encoder.interested)
    scene.say(conns[0]!, (encoder) => Encoder.request(encoder, 0, 0, 16 * KIB))
    scene.answer()
    scene.wait(1 * SECONDS)
    scene.say(conns[1]!, Encoder.interested)
    const table = Snapshot.peers(scene.torrent, scene.now)
    expect(table.map(({ amChoking, conn, isIncoming, reason, uploadedBytes }) => ({
      conn,
      amChoking,
      isIncoming,
      reason,
      uploadedBytes,
    }))).toEqual([
      { conn: conns[0], amChoking: false, isIncoming: true, reason: "round-robin", uploadedBytes: 16 * KIB },
      { conn: conns[1], amChoking: true, isIncoming: true, reason: "no-slot", uploadedBytes: 0 },
      { conn: conns[2], amChoking: true, isIncoming: true, reason: "not-interested", uploadedBytes: 0 },
    ])
    expect(table[0]!.uploadRateBytesPerSec).toBeGreaterThan(0)
  })
})

describe("in a swarm, while downloading", () => {
  /**
   * Machine 0 watches: it has the second half of the pieces, the others each some of the first half at their own speed, so
   * that all of them want something of each other for as long as the test lasts.
   */
  const PIECES = 300
  const metainfo = torrentOf(64 * KIB, [PIECES * 64 * KIB])
  const swarm = (others: ReadonlyArray<MachineOptions>, slots = 3): CoreNetwork =>
    new CoreNetwork({
      torrents: [metainfo],
      machines: [
        {
          has: range(PIECES / 2, PIECES),
          options: choker(slots),
          uplink: 200 * KIB,
          dials: others.map((_, i) => i + 1),
        },
        ...others.map((other) => ({ has: range(0, PIECES / 2), options: choker(4), ...other })),
      ],
    })

  it("the best uploaders keep their slots", () => {
    const network = swarm([40, 30, 5, 4, 3, 2].map((kib) => ({ uplink: kib * KIB }))).run(2 * MINUTES)
    expect(network.isComplete(0)).toBe(false)
    const times = [1, 2, 3, 4, 5, 6].map((peer) => timeUnchoked(network, 0, peer).ms)
    expect(times[0]).toBeGreaterThan(0.7 * 2 * MINUTES)
    expect(times[1]).toBeGreaterThan(0.7 * 2 * MINUTES)
    expect(Math.max(...times.slice(2))).toBeLessThan(0.6 * 2 * MINUTES)
  })

  it("a free rider gets only optimistic slots", () => {
    const freeRider: MachineOptions = { has: [], options: choker(0) }
    const giver: MachineOptions = { uplink: 20 * KIB }
    const network = swarm([giver, giver, giver, freeRider]).run(2 * MINUTES)
    expect(network.isComplete(0)).toBe(false)
    const { ms, reasons } = timeUnchoked(network, 0, 4)
    expect([...reasons]).toEqual(["optimistic"])
    expect(ms).toBeGreaterThan(0)
    // Of three slots two are given by merit; the third giver competes with the free rider.
    const givers = [1, 2, 3].map((peer) => timeUnchoked(network, 0, peer).ms).sort((a, b) => b - a)
    expect(givers[1]).toBeGreaterThan(1.2 * ms)
  })

  it("a newcomer is started within three rounds' time of an optimistic slot", () => {
    const giver: MachineOptions = { uplink: 20 * KIB }
    const joinsAt = 60 * SECONDS
    const network = swarm([giver, giver, giver, giver, { has: [], joinsAt, dials: [0] }])
    network.run(joinsAt + 65 * SECONDS)
    const [first] = network.eventsOf(5, "PieceVerified")
    // An optimistic turn lasts three rounds; at worst one has just begun.
    expect(first?.at).toBeLessThan(joinsAt + 60 * SECONDS)
  })

  it("a peer that snubs us loses its slot", () => {
    const giver: MachineOptions = { uplink: 20 * KIB }
    const network = swarm([giver, giver, giver, { isSnubbing: true }], 4).run(2 * MINUTES)
    expect(network.eventsOf(0, "PeerSnubbed").map((event) => event.address.host)).toContain(
      network.addressOf(4).host,
    )
    const { reasons } = timeUnchoked(network, 0, 4)
    expect([...reasons].filter((reason) => reason !== "optimistic")).toEqual([])
    const table = Snapshot.peers(network.torrent(0), network.now)
    const snubbing = table.find((peer) => peer.address.host === network.addressOf(4).host)
    if (snubbing !== undefined) expect(snubbing.amChoking || snubbing.reason === "optimistic").toBe(true)
  })
})

describe("in a swarm, while seeding", () => {
  const metainfo = torrentOf(64 * KIB, [12 * MIB])
  for (const seeding of ["round-robin", "fastest-upload", "anti-leech"] as const) {
    it(`with all equal everybody is served over time: ${seeding}`, () => {
      const leecher: MachineOptions = { dials: [0], options: choker(0) }
      const network = new CoreNetwork({
        torrents: [metainfo],
        machines: [
          { has: "all", options: choker(3, seeding), uplink: 60 * KIB },
          ...range(0, 9).map(() => leecher),
        ],
      }).run(10 * MINUTES)
      const shares = range(1, 10).map((peer) => network.torrent(peer).downloadRate.totalBytes)
      const mean = shares.reduce((sum, share) => sum + share) / shares.length
      expect(Math.min(...shares)).toBeGreaterThan(seeding === "fastest-upload" ? 0 : 0.6 * mean)
      // The line was full all the time.
      expect(network.torrent(0).uploadRate.totalBytes).toBeGreaterThan(0.9 * 60 * KIB * 10 * 60)
    })
  }

  it("finds out how many slots the line pays for", () => {
    const network = new CoreNetwork({
      torrents: [metainfo],
      machines: [
        {
          has: "all",
          options: {
            choker: {
              leeching: "tit-for-tat",
              seeding: "round-robin",
              slots: { _tag: "RateBased", min: 2, max: 10 },
            },
          },
        },
        // Each takes 40 KiB/s at most, so that more slots mean more upload.
        ...range(0, 8).map(() => ({
          dials: [0],
          options: choker(0),
          limits: { downloadRateBytesPerSec: 40 * KIB },
        })),
      ],
    }).run(3 * MINUTES)
    expect(network.torrent(0).choking.slots.count).toBeGreaterThanOrEqual(6)
    expect(Client.nextWake(network.machines[0]!.client)).toBeGreaterThan(network.now)
  })
})
