/** Who is banned for bad data, and who is not: by what connections it came, and whether they are still there. */
import { describe, expect, it } from "vitest"
import * as Address from "../../../core/base/Address.ts"
import type { ConnId } from "../../../core/client/Input.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import { addressOf, contentAt, CoreSwarm, type PeerScript, torrentOf } from "../../support/CoreSwarm.ts"
import { Door, idOf } from "../client/Door.ts"

const torrent = torrentOf(32_768, [320_000])

/** Somebody gives what it was asked for of the first piece that we ask of anybody: `part` of two, spoilt or not. */
const give = (door: Door, conn: ConnId, blocks: ReadonlyArray<number>, isSpoilt = true): void => {
  for (const block of blocks) {
    const content = contentAt(block * 16_384, 16_384)
    if (isSpoilt) content[0]! ^= 1
    door.say(conn, (e) => Encoder.piece(e, block >> 1, (block & 1) * 16_384, content))
  }
}

/** Blocks that a connection was asked for, the first of both of which a piece consists. */
const asked = (door: Door, conn: ConnId): ReadonlyArray<number> =>
  (door.heard.get(conn) ?? []).flatMap((item) =>
    item._tag === "Request" ? [item.piece * 2 + item.begin / 16_384] : []
  )

const seed = (door: Door, host: string, id: string): ConnId =>
  door.welcome(host, idOf(id), Encoder.haveAll, Encoder.unchoke)

/** The disk does what it was asked for; every piece is found wrong. */
const settle = (door: Door): void => {
  for (const command of [...door.commands]) {
    if (command._tag !== "Write") continue
    const { bytes, piece } = command
    for (
      const next of door.input({ _tag: "Written", now: door.now, torrent: 1, piece, bytes: bytes.length })
    ) {
      if (next._tag !== "Hash") continue
      door.input({ _tag: "PieceHashed", now: door.now, torrent: 1, piece, digest: new Uint8Array(20) })
    }
  }
}

const banned = (door: Door): ReadonlyArray<string> =>
  door.events.flatMap((event) => event._tag === "PeerBanned" ? [event.address.host] : [])

describe("a bad piece convicts its only sender", () => {
  it("even if it has gone before the piece was looked at, and comes back by another port and name", () => {
    const door = new Door(torrent)
    const conn = seed(door, "80.4.4.4", "a")
    const [block] = asked(door, conn)
    const piece = block! >> 1
    give(door, conn, [2 * piece, 2 * piece + 1])
    door.leave(conn)
    settle(door)
    expect(banned(door)).toEqual(["80.4.4.4"])
    const again = door.accept("80.4.4.4", 50_001)
    expect(door.isOpen(again)).toBe(true)
    expect(door.isOpen(seed(door, "80.4.4.4", "b"))).toBe(false)
    expect(door.isOpen(seed(door, "80.4.4.5", "c"))).toBe(true)
  })

  it("a host that sends its halves by two connections is one sender", () => {
    const door = new Door(torrent)
    const first = seed(door, "80.4.4.4", "a")
    const piece = asked(door, first)[0]! >> 1
    give(door, first, [2 * piece])
    door.leave(first)
    // What has been begun is asked for first.
    const second = seed(door, "80.4.4.4", "b")
    expect(asked(door, second)).toContain(2 * piece + 1)
    give(door, second, [2 * piece + 1])
    settle(door)
    expect(banned(door)).toEqual(["80.4.4.4"])
    expect(door.isOpen(second)).toBe(false)
  })
})

describe("polluters that complement each other", () => {
  it("are both found, and nobody else is", () => {
    const large = torrentOf(16 * 16_384, [6 * 16 * 16_384])
    const honest: PeerScript = { latencyMs: 20, reqq: 2 }
    const liar: PeerScript = { ...honest, spoils: [0, 1, 2, 3, 4, 5] }
    for (let run = 1; run <= 10; run++) {
      const swarm = new CoreSwarm({ metainfo: large, peers: [honest, liar, honest, liar, honest], seed: run })
      swarm.run(30 * 60_000)
      expect(swarm.isComplete && swarm.isIntact).toBe(true)
      const found = swarm.eventsOf("PeerBanned").map(({ address }) => Address.format(address))
      const liars = [1, 3].map((index) => Address.format(addressOf(index)))
      expect(found.filter((address) => !liars.includes(address))).toEqual([])
      expect(new Set(found).size).toBeGreaterThan(0)
    }
  })
})
