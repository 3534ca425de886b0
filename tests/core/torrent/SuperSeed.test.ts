import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Rng from "../../../core/base/Rng.ts"
import type { PieceIndex } from "../../../core/metainfo/Geometry.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as SuperSeed from "../../../core/torrent/SuperSeed.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import { CoreNetwork, type MachineOptions } from "../../support/CoreNetwork.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
import { Door, idOf } from "../client/Door.ts"

const SECONDS = 1_000
const MINUTES = 60_000

/** Peers as strings: `#` has the piece. */
class Scene {
  readonly seed = SuperSeed.make()
  readonly rng = Rng.make(1)
  readonly peers = new Map<number, string>()
  now = 0

  constructor(...peers: ReadonlyArray<string>) {
    peers.forEach((pieces, i) => this.peers.set(i + 1, pieces))
  }

  get swarm(): SuperSeed.Swarm {
    const pieceCount = [...this.peers.values()][0]!.length
    const leechers = [...this.peers].map(([conn, pieces]) => {
      const has = Bitfield.make(pieceCount)
      for (let i = 0; i < pieceCount; i++) if (pieces[i] === "#") Bitfield.set(has, i)
      return { conn, has }
    })
    const owners = (piece: PieceIndex) => leechers.filter(({ has }) => Bitfield.get(has, piece)).length
    return { now: this.now, pieceCount, leechers, owners, rng: this.rng }
  }

  /** What is shown now: `conn:piece`. */
  reveal(): ReadonlyArray<string> {
    return SuperSeed.reveal(this.seed, this.swarm).map(({ conn, piece }) => `${conn}:${piece}`)
  }

  get isOver(): boolean {
    return SuperSeed.isOver(this.seed, this.swarm)
  }

  has(conn: number, pieces: string): this {
    this.peers.set(conn, pieces)
    return this
  }
}

describe("what is shown", () => {
  it("is another piece to everybody", () => {
    const scene = new Scene("....", "....", "....")
    const shown = scene.reveal()
    expect(shown.map((one) => one.split(":")[0])).toEqual(["1", "2", "3"])
    expect(new Set(shown.map((one) => one.split(":")[1])).size).toBe(3)
    expect(scene.reveal()).toEqual([])
  })

  it("is a piece that nobody has, as long as there is one", () => {
    expect(new Scene("##.#", "....").reveal()).toEqual(["1:2"])
  })

  it("is the next one once another peer has announced the last one", () => {
    const scene = new Scene(".....", "##...")
    const [mine, theirs] = scene.reveal().map((one) => Number(one.split(":")[1]))
    const left = [2, 3, 4].find((piece) => piece !== mine && piece !== theirs)!
    const having = (pieces: string, piece: number) =>
      pieces.split("").map((c, i) => i === piece ? "#" : c).join("")
    scene.has(1, having(".....", mine!))
    expect(scene.reveal()).toEqual([])
    scene.has(2, having("##...", mine!))
    expect(scene.reveal()).toEqual([`1:${left}`])
  })

  it("is nothing to a peer that keeps its piece to itself, until a minute later", () => {
    const scene = new Scene("....", "....")
    const [first] = scene.reveal()
    const piece = Number(first!.split(":")[1])
    scene.has(1, "....".split("").map((dot, i) => i === piece ? "#" : dot).join(""))
    expect(scene.reveal()).toEqual([])
    expect(scene.seed.wakeAt).toBe(SuperSeed.RELAY_MS)
    scene.now = SuperSeed.RELAY_MS - 1
    expect(SuperSeed.isDue(scene.seed, scene.now)).toBe(false)
    scene.now = SuperSeed.RELAY_MS
    expect(SuperSeed.isDue(scene.seed, scene.now)).toBe(true)
    expect(scene.reveal()).toHaveLength(1)
  })

  it("is one piece after the other to a lone peer, which has nobody to pass them on to", () => {
    const scene = new Scene("...")
    const shown: Array<string> = []
    for (let has = "..."; has !== "###";) {
      const [one] = scene.reveal()
      shown.push(one!)
      has = has.split("").map((dot, i) => i === Number(one!.split(":")[1]) ? "#" : dot).join("")
      scene.has(1, has)
    }
    expect(shown.toSorted()).toEqual(["1:0", "1:1", "1:2"])
    expect(scene.isOver).toBe(true)
  })

  it("is a piece that somebody else was shown long ago and never announced", () => {
    const scene = new Scene(".")
    expect(scene.reveal()).toEqual(["1:0"])
    scene.has(2, ".")
    SuperSeed.changed(scene.seed)
    scene.now = 1_000
    expect(scene.reveal()).toEqual([])
    expect(scene.seed.wakeAt).toBe(SuperSeed.STALE_MS)
    scene.now = SuperSeed.STALE_MS
    expect(scene.reveal()).toEqual(["2:0"])
  })

  it("may be asked for, and by nobody else", () => {
    const scene = new Scene("..", "..")
    const [first] = scene.reveal()
    const piece = Number(first!.split(":")[1]) as PieceIndex
    expect([1, 2].map((conn) => SuperSeed.isVisible(scene.seed, conn, piece))).toEqual([true, false])
    SuperSeed.left(scene.seed, 1)
    expect(SuperSeed.isVisible(scene.seed, 1, piece)).toBe(false)
  })
})

describe("it is over", () => {
  it("when every piece has an owner, and not when one has left", () => {
    const scene = new Scene("##.", "..#")
    expect(scene.isOver).toBe(true)
    scene.peers.delete(2)
    expect(scene.isOver).toBe(false)
    expect(scene.has(2, "...").isOver).toBe(false)
    expect(scene.has(2, "..#").isOver).toBe(true)
  })

  it.prop(
    "sooner or later, whoever takes part, and nobody is ever shown what somebody has or it was shown before",
    [fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 30 }), fc.integer()],
    ([peers, pieces, luck]) => {
      const scene = new Scene(...Array.from({ length: peers }, () => ".".repeat(pieces)))
      const rng = Rng.make(luck)
      const shown = new Map<number, Set<number>>()
      for (let round = 0; !scene.isOver; round++) {
        expect(round).toBeLessThan(1_000)
        const { owners } = scene.swarm
        for (const one of scene.reveal()) {
          const [conn, piece] = one.split(":").map(Number) as [number, number]
          expect(owners(piece as PieceIndex)).toBe(0)
          const seen = shown.get(conn) ?? new Set()
          expect(seen.has(piece)).toBe(false)
          shown.set(conn, seen.add(piece))
        }
        // Somebody fetches what it was shown, or something from somebody else.
        const conn = 1 + Rng.below(rng, peers)
        const known = new Set([...shown.get(conn) ?? []])
        for (const has of scene.peers.values()) {
          for (let i = 0; i < pieces; i++) if (has[i] === "#") known.add(i)
        }
        const missing = [...known].filter((i) => scene.peers.get(conn)![i] === ".")
        const piece = missing[Rng.below(rng, missing.length)]
        if (piece !== undefined) {
          scene.has(conn, scene.peers.get(conn)!.split("").map((c, i) => i === piece ? "#" : c).join(""))
        }
        scene.now += 10_000
      }
    },
  )
})

const torrent = torrentOf(65_536, [65_536 * 100])
const have = () => Bitfield.full(torrent.geometry.pieceCount)

describe("a super-seeder", () => {
  it("pretends to have nothing, shows one piece, and refuses the others", () => {
    const door = new Door(torrent, { have: have(), superSeed: true })
    const conn = door.welcome("80.4.4.4", idOf("a"), Encoder.haveNone, Encoder.interested)
    expect(door.tags(conn)).toEqual(["Handshake", "HaveNone", "Extended", "Have", "Unchoke"])
    expect(door.hello(conn)?.uploadOnly).toBeUndefined()
    const shown = door.heard.get(conn)!.flatMap((item) => item._tag === "Have" ? [item.piece] : [])[0]!
    const reads = (piece: number) =>
      door.say(conn, (encoder) => Encoder.request(encoder, piece, 0, 16_384)).filter((one) =>
        one._tag === "Read"
      )
    expect(reads((shown + 1) % 100)).toEqual([])
    expect(door.tags(conn).at(-1)).toBe("Reject")
    expect(reads(shown)).toHaveLength(1)
  })

  it("says what it has, and that it wants nothing, once everything has been seen elsewhere", () => {
    const door = new Door(torrent, { have: have(), superSeed: true })
    const hello = (encoder: Encoder.Encoder) =>
      Encoder.extended(encoder, 0, new TextEncoder().encode("d1:md11:upload_onlyi7eee"))
    const conn = door.welcome("80.4.4.4", idOf("a"), hello, Encoder.haveNone)
    const half = Bitfield.make(100)
    for (let i = 0; i < 50; i++) Bitfield.set(half, i)
    const rest = Bitfield.make(100)
    for (let i = 50; i < 100; i++) Bitfield.set(rest, i)
    door.welcome("80.4.4.5", idOf("b"), (encoder) => Encoder.bitfield(encoder, half.bytes))
    expect(door.torrent.superSeed).toBeDefined()
    door.welcome("80.4.4.6", idOf("c"), (encoder) => Encoder.bitfield(encoder, rest.bytes))
    expect(door.torrent.superSeed).toBeUndefined()
    const heard = door.heard.get(conn)!
    expect(new Set(heard.flatMap((item) => item._tag === "Have" ? [item.piece] : [])).size).toBe(100)
    expect(heard.at(-1)).toMatchObject({ _tag: "Extended", id: 7 })
  })

  it("is none if something is missing", () => {
    const part = have()
    Bitfield.clear(part, 7)
    const door = new Door(torrent, { have: part, superSeed: true })
    expect(door.torrent.superSeed).toBeUndefined()
  })

  it("drops no peer for wanting nothing while it waits for its turn", () => {
    const network = swarmOf(true, 3).run(10 * MINUTES)
    expect([1, 2, 3].map((index) => network.isIntact(index))).toEqual([true, true, true])
    const reasons = new Set(network.eventsOf(0, "PeerDisconnected").map((event) => event.reason))
    expect(reasons).not.toContain("neither side wants anything")
  })
})

/** A seeder and so many equal leechers, all of whom know each other. */
const swarmOf = (superSeed: boolean, leechers: number) => {
  const uplink = 512 * 1024
  const seeder: MachineOptions = { has: "all", uplink, options: { superSeed } }
  const others = Array.from({ length: leechers }, (_, i): MachineOptions => ({
    uplink,
    joinsAt: i * 100,
    dials: Array.from({ length: i + 1 }, (_, index) => index),
  }))
  return new CoreNetwork({
    torrents: [torrent],
    machines: [seeder, ...others],
  })
}

/** What the seeder has sent when every piece has an owner besides it, in copies of the torrent. */
const copiesUntilSpread = (superSeed: boolean): number => {
  const leechers = Array.from({ length: 10 }, (_, i) => i + 1)
  const network = swarmOf(superSeed, leechers.length).run(SECONDS)
  const isSpread = () => {
    const owned = Bitfield.make(torrent.geometry.pieceCount)
    for (const index of leechers) {
      for (const piece of Bitfield.pieces(network.torrent(index).have)) Bitfield.set(owned, piece)
    }
    return Bitfield.isFull(owned)
  }
  network.run(10 * MINUTES, isSpread)
  const copies = network.torrent(0).uploadRate.totalBytes / torrent.geometry.totalBytes
  network.run(20 * MINUTES, () => leechers.every((index) => network.isComplete(index)))
  expect(leechers.every((index) => network.isIntact(index))).toBe(true)
  return copies
}

describe("in a swarm of ten equal leechers", () => {
  it("a super-seeder has sent about one copy when there is another, a plain seeder clearly more", () => {
    const shy = copiesUntilSpread(true)
    expect(shy).toBeGreaterThanOrEqual(1)
    expect(shy).toBeLessThan(1.1)
    expect(copiesUntilSpread(false)).toBeGreaterThan(1.5)
  }, 60_000)
})
