/** What peers say that they have, in the ways and at the times that real clients do. */
import { describe, expect, it } from "@effect/vitest"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Picker from "../../../core/torrent/Picker.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import type { PieceIndex } from "../../../core/metainfo/Geometry.ts"
import { CoreNetwork } from "../../support/CoreNetwork.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
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
