import { describe, expect, it } from "@effect/vitest"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import type { PeerSource } from "../../../core/client/Input.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as ExtendedIds from "../../../core/wire/ExtendedIds.ts"
import * as UploadOnly from "../../../core/wire/ExtendedUploadOnly.ts"
import { CoreNetwork } from "../../support/CoreNetwork.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
import { Door, extended, handshake, idOf } from "./Door.ts"

const SECONDS = 1_000
const MINUTES = 60_000
const torrent = torrentOf(32_768, [200_000, 100_000])
const { pieceCount } = torrent.geometry
const have = () => Bitfield.full(pieceCount)
const some = (...pieces: ReadonlyArray<number>) => {
  const bits = Bitfield.make(pieceCount)
  for (const piece of pieces) Bitfield.set(bits, piece)
  return bits
}

describe("a complete torrent", () => {
  it("dials those that it hears of, and serves them", () => {
    const network = new CoreNetwork({
      torrents: [torrent],
      machines: [{ has: "all", dials: [1] }, {}],
    }).run(60 * MINUTES)
    expect(network.isIntact(1)).toBe(true)
    // Who has completed goes without a word; that it is a seed by now is seen at the next visit, which is the last one.
    expect(network.machines[1]!.accepted).toBe(2)
  })

  it("goes on serving after it has completed itself", () => {
    const network = new CoreNetwork({
      torrents: [torrent],
      machines: [{ has: "all" }, { dials: [0] }, { dials: [1], joinsAt: 30 * SECONDS }],
    }).run(2 * MINUTES)
    expect(network.eventsOf(1, "Completed")[0]!.at).toBeLessThan(30 * SECONDS)
    expect(network.isIntact(2)).toBe(true)
  })

  it("asks trackers for peers, says `completed` once, and that nothing is left from then on", () => {
    const door = new Door({ ...torrent, trackers: [["http://tracker.test/announce"]] }, { have: have() })
    const announces = () =>
      door.commands.flatMap((command) => command._tag === "Announce" ? [command.request] : [])
    expect(announces()).toMatchObject([{ event: "started", leftBytes: 0, numWant: 80 }])
    const response = { intervalMs: 30 * MINUTES, peers: [] }
    door.input({ _tag: "Announced", now: 0, torrent: 1, tracker: 0, response })
    door.wait(31 * MINUTES)
    expect(announces().at(-1)).toMatchObject({ event: undefined, leftBytes: 0, numWant: 80 })
  })

  it("closes a connection to another seed, and does not dial it again", () => {
    const door = new Door(torrent, { have: have() })
    door.found("tracker", 5)
    const conn = door.open()
    door.say(conn, handshake(torrent, idOf("a")), Encoder.haveAll)
    expect(door.farewells).toEqual(["both have everything"])
    expect(door.wait(120 * MINUTES).dialled).toHaveLength(1)
    door.found("tracker", 5)
    expect(door.wait(MINUTES).dialled).toHaveLength(1)
  })

  it("dials leechers again", () => {
    const door = new Door(torrent, { have: have() })
    door.found("tracker", 5)
    const conn = door.open()
    door.say(conn, handshake(torrent, idOf("a")), Encoder.haveNone)
    door.input({ _tag: "ConnClosed", now: 0, conn, reason: undefined })
    expect(door.wait(MINUTES).dialled).toHaveLength(2)
  })

  it("drops a seed that becomes one piece by piece, too", () => {
    const door = new Door(torrent, { have: have() })
    const conn = door.welcome("80.4.4.4", idOf("a"), (encoder) => Encoder.bitfield(encoder, some(0, 1).bytes))
    for (let piece = 2; piece < pieceCount; piece++) {
      expect(door.isOpen(conn)).toBe(true)
      door.say(conn, (encoder) => Encoder.have(encoder, piece))
    }
    expect(door.isOpen(conn)).toBe(false)
  })
})

describe("while something is missing", () => {
  it("seeds are dialled again", () => {
    const door = new Door(torrent)
    door.found("tracker", 5)
    const conn = door.open()
    door.say(conn, handshake(torrent, idOf("a")), Encoder.haveAll)
    door.input({ _tag: "ConnClosed", now: 0, conn, reason: undefined })
    expect(door.wait(MINUTES).dialled).toHaveLength(2)
  })
})

describe("a partial seed (BEP 21)", () => {
  const selection = new Set([1])
  const partial = () => new Door(torrent, { have: some(6, 7, 8, 9), selection })

  it("says so in its handshake, and serves what it has", () => {
    const door = partial()
    const conn = door.welcome("80.4.4.4", idOf("a"), Encoder.haveNone, Encoder.interested)
    expect(door.hello(conn)).toMatchObject({ uploadOnly: true })
    expect(door.tags(conn).filter((tag) => tag !== "AllowedFast")).toEqual([
      "Handshake",
      "Bitfield",
      "Extended",
      "Unchoke",
    ])
    const reads = door.say(conn, (encoder) => Encoder.request(encoder, 7, 0, 16_384))
    expect(reads).toMatchObject([{ _tag: "Read", piece: 7 }])
  })

  it("says so when it becomes one, to those that take the message", () => {
    const network = new CoreNetwork({
      torrents: [torrent],
      machines: [{ has: "all", options: {} }, { dials: [0], options: { selection } }, {
        has: [0],
        dials: [1],
        options: { selection: new Set([0]) },
      }],
    }).run(20 * SECONDS)
    expect(network.eventsOf(1, "Completed")).toHaveLength(1)
    const [peer] = network.torrent(2).peers.values()
    expect(peer).toMatchObject({ isUploadOnly: true, phase: "ready" })
  })

  for (
    const [name, says] of [
      ["in its handshake", [extended({ uploadOnly: true })]],
      ["by message", [
        (encoder: Encoder.Encoder) =>
          Encoder.extended(encoder, ExtendedIds.OURS.upload_only, UploadOnly.encode(true)),
      ]],
    ] as const
  ) {
    it(`and another one have nothing to tell each other: it says so ${name}`, () => {
      const door = partial()
      const conn = door.welcome("80.4.4.4", idOf("a"), Encoder.haveNone)
      expect(door.isOpen(conn)).toBe(true)
      door.say(conn, ...says)
      expect(door.farewells).toEqual(["neither side wants anything more"])
    })
  }

  it("may come to want something again", () => {
    const door = new Door(torrent)
    const message = (isUploadOnly: boolean) => (encoder: Encoder.Encoder) =>
      Encoder.extended(encoder, ExtendedIds.OURS.upload_only, UploadOnly.encode(isUploadOnly))
    const conn = door.welcome("80.4.4.4", idOf("a"), Encoder.haveNone, message(true))
    expect(door.torrent.peers.get(conn)!.isUploadOnly).toBe(true)
    door.say(conn, message(false))
    expect(door.torrent.peers.get(conn)!.isUploadOnly).toBe(false)
    door.say(conn, (encoder) => Encoder.extended(encoder, ExtendedIds.OURS.upload_only, new Uint8Array(0)))
    expect(door.isOpen(conn)).toBe(true)
  })
})

describe("a torrent that is only to be seeded", () => {
  it("serves what is there and asks for nothing else, so that nothing is ever written", () => {
    const door = new Door(torrent, { have: some(0, 3), mode: "seed" })
    expect(door.events).toContainEqual({ _tag: "Completed" })
    expect(door.torrent).toMatchObject({ haveBytes: 65_536, wantedBytes: 65_536 })
    const conn = door.welcome(
      "80.4.4.4",
      idOf("a"),
      (encoder) => Encoder.bitfield(encoder, some(1, 2, 4).bytes),
      Encoder.unchoke,
      Encoder.interested,
    )
    expect(door.tags(conn).filter((tag) => tag !== "AllowedFast")).toEqual([
      "Handshake",
      "Bitfield",
      "Extended",
      "Unchoke",
    ])
    door.say(conn, (encoder) => Encoder.piece(encoder, 1, 0, new Uint8Array(16_384)))
    expect(door.isOpen(conn)).toBe(false)
    expect(door.commands.some((command) => command._tag === "Write")).toBe(false)
  })
})

describe("a private torrent (BEP 27)", () => {
  const secret = { ...torrent, isPrivate: true }
  const sources: ReadonlyArray<readonly [PeerSource, number]> = [
    ["tracker", 1],
    ["user", 1],
    ["pex", 0],
    ["dht", 0],
    ["lsd", 0],
  ]
  for (const [source, dials] of sources) {
    it(`${dials === 0 ? "ignores" : "dials"} peers from: ${source}`, () => {
      const door = new Door(secret)
      door.found(source, 5)
      expect(door.dialled).toHaveLength(dials)
    })
  }

  it("takes those who come, and dials them later: they have it from the tracker", () => {
    const door = new Door(secret)
    const conn = door.welcome("80.4.4.4", idOf("a"), extended({ listenPort: 7_000 }))
    expect(door.isOpen(conn)).toBe(true)
    door.input({ _tag: "ConnClosed", now: 0, conn, reason: undefined })
    expect(door.wait(MINUTES).dialled).toEqual(["80.4.4.4:7000"])
  })
})
