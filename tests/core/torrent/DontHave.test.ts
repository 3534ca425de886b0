import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import type { ConnId } from "../../../core/client/Input.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Picker from "../../../core/torrent/Picker.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as ExtendedDontHave from "../../../core/wire/ExtendedDontHave.ts"
import * as ExtendedIds from "../../../core/wire/ExtendedIds.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
import { Door, idOf } from "../client/Door.ts"

const torrent = torrentOf(32_768, [300_000])
const { geometry } = torrent
const { pieceCount } = geometry

const lose = (piece: number) => (encoder: Encoder.Encoder) =>
  Encoder.extended(encoder, ExtendedIds.OURS.lt_donthave, ExtendedDontHave.encode(piece))

const availability = (door: Door): ReadonlyArray<number> =>
  [...Geometry.pieces(geometry)].map((piece) => Picker.availability(door.torrent.picker, piece))

const piecesAsked = (door: Door, conn: ConnId): ReadonlySet<number> =>
  new Set(
    [...door.torrent.peers.get(conn)!.requests.keys()].map((block) => Geometry.blockPiece(geometry, block)),
  )

describe("a peer that loses a piece (BEP 54)", () => {
  it("is counted on for the others only, a seed as well", () => {
    const door = new Door(torrent)
    const seed = door.welcome("80.1.1.1", idOf("a"), Encoder.haveAll)
    const other = door.welcome("80.2.2.2", idOf("b"), (encoder) => Encoder.have(encoder, 3))
    door.say(seed, lose(3))
    expect(availability(door)).toEqual(Array.from({ length: pieceCount }, () => 1))
    expect(door.torrent.peers.get(seed)!.isSeed).toBe(false)
    door.say(other, lose(3))
    expect(availability(door)[3]).toBe(0)
    door.say(seed, (encoder) => Encoder.have(encoder, 3))
    expect(availability(door)).toEqual(Array.from({ length: pieceCount }, () => 1))
    door.leave(seed)
    expect(availability(door)).toEqual(Array.from({ length: pieceCount }, () => 0))
  })

  it("is not waited for any more: others are asked for those blocks, a late one is taken all the same", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.1.1.1", idOf("a"), Encoder.haveAll, Encoder.unchoke)
    const [piece] = piecesAsked(door, conn)
    const blocks = [...door.torrent.peers.get(conn)!.requests.keys()]
      .filter((block) => Geometry.blockPiece(geometry, block) === piece)
    door.say(conn, lose(piece!))
    expect(piecesAsked(door, conn).has(piece!)).toBe(false)
    const other = door.welcome(
      "80.2.2.2",
      idOf("b"),
      (encoder) => Encoder.have(encoder, piece!),
      Encoder.unchoke,
    )
    expect([...piecesAsked(door, other)]).toEqual([piece])
    const begin = Geometry.blockBegin(geometry, blocks[0]!)
    const length = Geometry.blockLength(geometry, blocks[0]!)
    door.say(conn, (encoder) => Encoder.piece(encoder, piece!, begin, new Uint8Array(length)))
    expect(door.isOpen(conn)).toBe(true)
    expect(door.commands.some((command) => command._tag === "Write" && command.piece === piece)).toBe(true)
  })

  it("is of no interest any more with the last piece that we want", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.1.1.1", idOf("a"), (encoder) => Encoder.have(encoder, 2))
    expect(door.tags(conn).at(-1)).toBe("Interested")
    door.say(conn, lose(2))
    expect(door.tags(conn).at(-1)).toBe("NotInterested")
  })

  it("that it never had tells nothing", () => {
    const door = new Door(torrent)
    const conn = door.welcome("80.1.1.1", idOf("a"), (encoder) => Encoder.have(encoder, 2))
    const before = availability(door)
    door.say(conn, lose(4), lose(4))
    expect(availability(door)).toEqual(before)
  })

  it.each([
    ["that doesn't exist", lose(pieceCount)],
    ["far beyond any", lose(2 ** 32 - 1)],
    [
      "that it doesn't name",
      (encoder: Encoder.Encoder) =>
        Encoder.extended(encoder, ExtendedIds.OURS.lt_donthave, new Uint8Array(3)),
    ],
  ])("%s is closed", (_, say) => {
    const door = new Door(torrent)
    const conn = door.welcome("80.1.1.1", idOf("a"), Encoder.haveAll)
    door.say(conn, say)
    expect(door.isOpen(conn)).toBe(false)
    expect(door.farewells.at(-1)).toContain("BEP 54")
  })

  it("may want something from a seed again", () => {
    const door = new Door(torrent, { have: Bitfield.make(pieceCount) })
    const conn = door.welcome("80.1.1.1", idOf("a"), Encoder.haveAll, Encoder.interested)
    door.say(conn, lose(0))
    door.wait(30_000)
    expect(door.tags(conn)).toContain("Unchoke")
  })
})

it.prop("whatever peers gain and lose, the picker counts what they have", [
  fc.array(fc.tuple(fc.nat(2), fc.boolean(), fc.nat(pieceCount - 1)), { maxLength: 100 }),
  fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
], ([changes, areSeeds]) => {
  const door = new Door(torrent)
  const conns = areSeeds.map((isSeed, i) =>
    door.welcome(`80.1.1.${i}`, idOf(`${i}`), isSeed ? Encoder.haveAll : Encoder.haveNone)
  )
  const has = areSeeds.map((isSeed) => new Set(isSeed ? Array.from({ length: pieceCount }, (_, i) => i) : []))
  for (const [peer, gains, piece] of changes) {
    door.say(conns[peer]!, gains ? (encoder) => Encoder.have(encoder, piece) : lose(piece))
    if (gains) has[peer]!.add(piece)
    else has[peer]!.delete(piece)
  }
  expect(availability(door)).toEqual(
    Array.from({ length: pieceCount }, (_, piece) => has.filter((one) => one.has(piece)).length),
  )
  for (const conn of conns) door.leave(conn)
  expect(availability(door).every((count) => count === 0)).toBe(true)
})
