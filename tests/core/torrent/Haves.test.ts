/** What peers say that they have, in the ways and at the times that real clients do; and what we tell them. */
import { describe, expect, it } from "@effect/vitest"
import { sha1 } from "../../../core/base/Sha1.ts"
import * as Client from "../../../core/client/Client.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import { MAX_DELAY_MS } from "../../../core/torrent/Haves.ts"
import * as Picker from "../../../core/torrent/Picker.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import type { PieceIndex } from "../../../core/metainfo/Geometry.ts"
import { CoreNetwork } from "../../support/CoreNetwork.ts"
import { contentAt, torrentOf } from "../../support/CoreSwarm.ts"
import { Door, idOf } from "../client/Door.ts"

const torrent = torrentOf(32_768, [400_000])
const { pieceCount } = torrent.geometry
const some = (...pieces: ReadonlyArray<number>) => {
  const bits = Bitfield.make(pieceCount)
  for (const piece of pieces) Bitfield.set(bits, piece)
  return bits
}

/** How many connected peers have each piece. */
const availability = (door: Door): ReadonlyArray<number> =>
  Array.from(
    { length: pieceCount },
    (_, piece) => Picker.availability(door.torrent.picker, piece as PieceIndex),
  )

const everywhere = (count: number): ReadonlyArray<number> => new Array<number>(pieceCount).fill(count)

/** Peers that have said something of what they have, and what each of them is known to have by then. */
const openings: Readonly<
  Record<string, readonly [(encoder: Encoder.Encoder) => void, ReadonlyArray<number>]>
> = {
  "have_none": [Encoder.haveNone, []],
  "a bitfield": [(encoder) => Encoder.bitfield(encoder, some(0, 3).bytes), [0, 3]],
  "have": [(encoder) => Encoder.have(encoder, 3), [3]],
}

describe("instead of many HAVEs, as aria2 does, after", () => {
  for (const [name, [opening, before]] of Object.entries(openings)) {
    it(`${name}, a bitfield adds to what is known`, () => {
      const door = new Door(torrent)
      const conn = door.welcome("80.4.4.4", idOf("a"), opening)
      const bits = some(3, 5, 6)
      door.say(conn, (encoder) => Encoder.bitfield(encoder, bits.bytes))
      door.say(conn, (encoder) => Encoder.bitfield(encoder, bits.bytes))
      const has = new Set([...before, 3, 5, 6])
      expect(availability(door)).toEqual(everywhere(0).map((_, piece) => has.has(piece) ? 1 : 0))
      expect(door.torrent.peers.get(conn)!.amInterested).toBe(true)
      // all of it is taken back when the peer goes, and nothing else
      door.input({ _tag: "ConnClosed", now: door.now, conn, reason: undefined })
      expect(availability(door)).toEqual(everywhere(0))
    })

    it(`${name}, have_all makes it a seed`, () => {
      const door = new Door(torrent)
      const conn = door.welcome("80.4.4.4", idOf("a"), opening)
      door.say(conn, Encoder.haveAll, Encoder.haveAll)
      expect(availability(door)).toEqual(everywhere(1))
      door.input({ _tag: "ConnClosed", now: door.now, conn, reason: undefined })
      expect(availability(door)).toEqual(everywhere(0))
    })

    it(`${name}, a seed lets it go once a bitfield shows that it has everything`, () => {
      const have = Bitfield.full(pieceCount)
      const door = new Door(torrent, { have })
      const conn = door.welcome("80.4.4.4", idOf("a"), opening)
      expect(door.isOpen(conn)).toBe(true)
      door.say(conn, (encoder) => Encoder.bitfield(encoder, have.bytes))
      expect(door.isOpen(conn)).toBe(false)
      expect(door.farewells).toEqual(["both have everything"])
    })
  }
})

it("a seed that says so again is counted once", () => {
  const door = new Door(torrent)
  const conn = door.welcome("80.4.4.4", idOf("a"), Encoder.haveAll)
  door.say(conn, Encoder.haveAll, (encoder) => Encoder.bitfield(encoder, some(1).bytes))
  expect(availability(door)).toEqual(everywhere(1))
  door.input({ _tag: "ConnClosed", now: door.now, conn, reason: undefined })
  expect(availability(door)).toEqual(everywhere(0))
})

it("a super-seeder hears of each piece that it was alone to show, and shows the next one", () => {
  const network = new CoreNetwork({
    torrents: [torrent],
    machines: [{ has: "all", options: { superSeed: true } }, { dials: [0] }],
  }).run(60_000)
  expect(network.isIntact(1)).toBe(true)
})

describe("peers hear of what we verify", () => {
  const BLOCK = 16_384
  const small = torrentOf(BLOCK, [10 * BLOCK])

  /** One slot: `served` has it, `choked` waits for it, and `idle` wants nothing; what `seed` sends is verified at once. */
  const scene = () => {
    const door = new Door(small, {
      choker: { leeching: "tit-for-tat", seeding: "round-robin", slots: { _tag: "Fixed", slots: 1 } },
    })
    const seed = door.welcome("80.4.4.1", idOf("seed"), Encoder.haveAll, Encoder.unchoke)
    const served = door.welcome("80.4.4.2", idOf("served"), Encoder.haveNone, Encoder.interested)
    door.wait(200)
    const choked = door.welcome("80.4.4.3", idOf("choked"), Encoder.haveNone, Encoder.interested)
    const idle = door.welcome("80.4.4.4", idOf("idle"), Encoder.haveNone)
    door.wait(200)
    let answered = 0
    const deliver = (count: number) => {
      for (let left = count; left > 0; left--) {
        const asked = (door.heard.get(seed) ?? []).filter((item) => item._tag === "Request")
        const { begin, piece } = asked[answered++]!
        const { now } = door
        const bytes = contentAt(piece * BLOCK + begin, BLOCK)
        door.say(seed, (encoder) => Encoder.piece(encoder, piece, begin, bytes))
        const input = { torrent: 1, now, piece: piece as PieceIndex }
        door.input({ _tag: "Written", ...input, bytes: BLOCK })
        door.input({ _tag: "PieceHashed", ...input, digest: sha1(bytes) })
      }
    }
    const haves = (...conns: ReadonlyArray<number>) =>
      conns.map((conn) => door.tags(conn).filter((tag) => tag === "Have").length)
    return { choked, deliver, door, haves, idle, seed, served }
  }

  it("at once, who may ask for it and who may want it only now; the others soon, and seeds never", () => {
    const { choked, deliver, door, haves, idle, seed, served } = scene()
    expect(door.torrent.choking.unchoked).toEqual([served])
    deliver(1)
    expect(haves(served, idle, choked, seed)).toEqual([1, 1, 0, 0])
    door.wait(MAX_DELAY_MS / 2)
    deliver(2)
    expect(haves(served, idle, choked, seed)).toEqual([3, 3, 0, 0])
    door.wait(MAX_DELAY_MS / 2)
    expect(haves(served, idle, choked, seed)).toEqual([3, 3, 3, 0])
    // All of it in one write.
    const sends = door.commands.filter((command) => command._tag === "Send" && command.conn === choked)
    expect(sends.at(-1)).toMatchObject({ chunks: [{ length: 3 * 9 }] })
    expect(Client.nextWake(door.client)).toBeGreaterThan(door.now + MAX_DELAY_MS)
  })

  it("with whatever else they are told", () => {
    const { choked, deliver, door, haves } = scene()
    deliver(1)
    expect(haves(choked)).toEqual([0])
    door.say(choked, (encoder) => Encoder.request(encoder, 9, 0, BLOCK))
    expect(door.tags(choked).slice(-2)).toEqual(["Reject", "Have"])
    door.wait(2 * MAX_DELAY_MS)
    expect(haves(choked)).toEqual([1])
  })

  it("at once and all of them, when nothing is missing any more", () => {
    const { choked, deliver, haves, idle, seed, served } = scene()
    deliver(10)
    expect(haves(served, idle, choked, seed)).toEqual([10, 10, 10, 0])
  })

  it("by the first message, who comes later", () => {
    const { deliver, door, haves } = scene()
    deliver(3)
    const late = door.welcome("80.4.4.5", idOf("late"), Encoder.haveNone, Encoder.interested)
    door.wait(2 * MAX_DELAY_MS)
    expect(door.tags(late)).toContain("Bitfield")
    expect(haves(late)).toEqual([0])
    deliver(1)
    door.wait(MAX_DELAY_MS)
    expect(haves(late)).toEqual([1])
  })
})
