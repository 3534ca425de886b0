/** What hostile peers say on the wire of BEP 3 and BEP 6, through the client that real bytes go through. */
import { expect } from "vitest"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Limits from "../../core/torrent/Limits.ts"
import * as Decoder from "../../core/wire/Decoder.ts"
import * as Encoder from "../../core/wire/Encoder.ts"
import { handshake, idOf, OUR_ID, spoken } from "../core/client/Door.ts"
import { infoOf, Scene } from "../core/torrent/metadata/Scene.ts"
import {
  enter,
  enterPlain,
  expectOthersServed,
  farewell,
  hello,
  leecher,
  raw,
  type Say,
  seeder,
  sentBytes,
  torrent,
} from "./Peers.ts"
import { row } from "./Row.ts"

const SECONDS = 1_000
const MINUTES = 60_000
const NOTHING = new Uint8Array(0)

const bad = (change: (bytes: Uint8Array) => void): Uint8Array => {
  const bytes = spoken(hello)
  change(bytes)
  return bytes
}

for (
  const [what, bytes] of [
    ["pstrlen 18", bad((bytes) => bytes[0] = 18)],
    ["pstrlen 0", bad((bytes) => bytes[0] = 0)],
    ["pstrlen 255", bad((bytes) => bytes[0] = 255)],
    ["another text", bad((bytes) => bytes[19] = 0x4c)],
    ["an unknown info-hash", bad((bytes) => bytes[28]! ^= 1)],
    ["HTTP", Bytes.latin1("GET /announce HTTP/1.1\r\n\r\n")],
  ] as const
) {
  row(66, `a handshake with ${what} -> closed at once, not a byte in answer`, () => {
    for (const size of [bytes.length, 1]) {
      const door = leecher()
      const conn = door.accept("80.4.4.4")
      for (let at = 0; at < bytes.length && door.isOpen(conn); at += size) {
        door.read(conn, bytes.subarray(at, at + size))
      }
      expect(door.isOpen(conn)).toBe(false)
      expect(sentBytes(door.commands, conn)).toBe(0)
      expect(door.torrent.peers.size).toBe(0)
      expectOthersServed(door)
    }
  })
}

row(66, "our own peer id -> nothing is said to ourselves, and the address is never dialled again", () => {
  const door = leecher()
  door.found("tracker", 5_000)
  const conn = door.open()
  door.say(conn, handshake(torrent, OUR_ID))
  expect(door.isOpen(conn)).toBe(false)
  door.found("tracker", 5_000)
  expect(door.wait(60 * MINUTES).dialled).toHaveLength(1)
})

row(66, "the same peer id twice -> the second connection goes, the first stays", () => {
  const door = leecher()
  const first = door.welcome("80.4.4.4", idOf("twin"))
  const second = door.welcome("80.5.5.5", idOf("twin"))
  expect([door.isOpen(first), door.isOpen(second)]).toEqual([true, false])
})

row(66, "a handshake of one byte in five seconds -> closed after ten", () => {
  const door = leecher()
  const conn = door.accept("80.4.4.4")
  const bytes = spoken(hello)
  for (let at = 0; at < 2; at++) {
    door.read(conn, bytes.subarray(at, at + 1))
    door.wait(4_999)
  }
  expect(door.isOpen(conn)).toBe(true)
  expect(door.wait(2).isOpen(conn)).toBe(false)
  expectOthersServed(door)
})

for (const length of [0xffff_ffff, 1024 * 1024 + 1, 0x8000_0000, Limits.MAX_MESSAGE_BYTES + 2 + 1]) {
  row(67, `a message of ${length} bytes -> closed before its id, nothing buffered`, () => {
    const door = leecher()
    const conn = enter(door)
    const prefix = raw(20, NOTHING, length)
    door.read(conn, length > 1024 * 1024 ? prefix.subarray(0, 4) : prefix)
    expect(farewell(door)).toMatch(new RegExp(`^protocol error: a message of ${length} bytes`))
    expectOthersServed(door)
    const decoder = Decoder.make({ maxMessageBytes: Limits.MAX_MESSAGE_BYTES + 2 })
    Decoder.decode(decoder, Bytes.concat([spoken(hello), prefix]))
    expect(decoder.phase).toBe("CLOSED")
    expect(decoder.body.length).toBe(0)
  })
}

row(67, "the longest message that may be, of which little comes -> as much is buffered as came", () => {
  const decoder = Decoder.make({ maxMessageBytes: Limits.MAX_MESSAGE_BYTES })
  Decoder.decode(
    decoder,
    Bytes.concat([spoken(hello), raw(20, new Uint8Array(100), Limits.MAX_MESSAGE_BYTES)]),
  )
  expect(decoder.body.length).toBe(1_024)
  for (let i = 0; i < 40; i++) Decoder.decode(decoder, new Uint8Array(100))
  expect(decoder.body.length).toBeLessThanOrEqual(2 * 4_100)
})

const wireFaults: ReadonlyArray<
  readonly [row: number, what: string, says: Say | Uint8Array, reason: string, isPlain?: boolean]
> = [
  [68, "a bitfield that is too short", (e) => Encoder.bitfield(e, new Uint8Array(1)), "wrong length"],
  [68, "a bitfield that is too long", (e) => Encoder.bitfield(e, new Uint8Array(3)), "wrong length"],
  [68, "an empty bitfield", raw(5, NOTHING), "wrong length"],
  [68, "a bitfield with spare bits", (e) => Encoder.bitfield(e, Uint8Array.of(0xff, 0xff)), "spare bits"],
  [68, "a HAVE of a piece too many", (e) => Encoder.have(e, 10), "a piece that doesn't exist"],
  [68, "a HAVE of 2^32 - 1", (e) => Encoder.have(e, 0xffff_ffff), "a piece that doesn't exist"],
  [68, "a HAVE of 3 bytes", raw(4, new Uint8Array(3)), "a message of 4 bytes with id 4"],
  [69, "a request of nothing", (e) => Encoder.request(e, 0, 0, 0), "a request of 0 bytes"],
  [
    69,
    "a request of 2^32 - 1 bytes",
    (e) => Encoder.request(e, 0, 0, 0xffff_ffff),
    "a request of 4294967295",
  ],
  [69, "begin + length beyond 2^32", (e) => Encoder.request(e, 0, 0xffff_ffff, 16_384), "beyond its piece"],
  [69, "begin + length beyond the piece", (e) => Encoder.request(e, 0, 32_767, 2), "beyond its piece"],
  [
    69,
    "a request of a piece too many",
    (e) => Encoder.request(e, 10, 0, 16_384),
    "a piece that doesn't exist",
  ],
  [70, "a block never requested", (e) => Encoder.piece(e, 0, 0, new Uint8Array(16_384)), "never requested"],
  [70, "a block of a wrong length", (e) => Encoder.piece(e, 0, 0, new Uint8Array(99)), "doesn't exist"],
  [
    70,
    "a block of piece 2^32 - 1",
    (e) => Encoder.piece(e, 0xffff_ffff, 0, new Uint8Array(9)),
    "doesn't exist",
  ],
  [70, "a block of no bytes", raw(7, new Uint8Array(8)), "a PIECE message of 9 bytes"],
  [70, "a block that claims 128 KiB and one", raw(7, NOTHING, 131_072 + 10), "a PIECE message of"],
  [
    71,
    "a reject without the fast extension",
    (e) => Encoder.reject(e, 0, 0, 16_384),
    "without the fast",
    true,
  ],
  [71, "a suggestion without it", (e) => Encoder.suggest(e, 0), "without the fast", true],
  [71, "an allowed-fast without it", (e) => Encoder.allowedFast(e, 0), "without the fast", true],
  [71, "have_all without it", Encoder.haveAll, "without the fast", true],
  [71, "a reject for nothing asked", (e) => Encoder.reject(e, 0, 0, 16_384), "never requested"],
  [71, "a suggestion of no piece", (e) => Encoder.suggest(e, 10), "a piece that doesn't exist"],
  [71, "an allowed-fast of no piece", (e) => Encoder.allowedFast(e, 2 ** 31), "a piece that doesn't exist"],
]
for (const [number, what, says, reason, isPlain] of wireFaults) {
  row(number, `${what} -> closed with the rule that it breaks, nothing read or written for it`, () => {
    const door = seeder()
    const conn = isPlain === true ? enterPlain(door) : enter(door)
    const before = door.commands.length
    if (says instanceof Uint8Array) door.read(conn, says)
    else door.say(conn, says)
    expect(farewell(door)).toMatch(/^protocol error: /)
    expect(farewell(door)).toContain(reason)
    const asked = door.commands.slice(before).map((command) => command._tag)
    expect(asked).not.toContain("Write")
    expect(asked).not.toContain("Read")
    expectOthersServed(door)
  })
}

row(68, "have_none after anything else -> closed", () => {
  const door = leecher()
  enter(door, Encoder.haveAll, Encoder.haveNone)
  expect(farewell(door)).toContain("have_none after it has said what it has")
})

// aria2 sends a bitfield instead of many HAVEs at any time, so that a later one is no offence: it adds, and takes nothing away.
row(
  68,
  "a second bitfield, or one after have_all or HAVEs -> what it adds is taken, what it lacks is not lost",
  () => {
    const door = leecher()
    const conn = enter(door, (e) => Encoder.bitfield(e, Uint8Array.of(0b1000_0000, 0)))
    door.say(conn, (e) => Encoder.bitfield(e, Uint8Array.of(0b0100_0000, 0)))
    expect(door.torrent.peers.get(conn)!.has.count).toBe(2)
    door.say(conn, Encoder.haveAll, (e) => Encoder.bitfield(e, Uint8Array.of(0, 0)))
    expect(door.torrent.peers.get(conn)!.has.count).toBe(10)
    door.leave(conn)
    // The picker has counted each piece once, however often it was told.
    expectOthersServed(door)
  },
)

row(69, "a request of more than 16 KiB -> refused, never read; 300 of them -> closed", () => {
  const door = seeder()
  const conn = enter(door, Encoder.interested)
  door.wait(SECONDS)
  const before = door.commands.length
  door.say(conn, (e) => Encoder.request(e, 0, 0, 16_385))
  expect(door.tags(conn).at(-1)).toBe("Reject")
  for (let i = 0; i < 300; i++) door.say(conn, (e) => Encoder.request(e, 0, i % 16_000, 16_385))
  expect(farewell(door)).toContain("what nobody could give it")
  expect(door.commands.slice(before).map(({ _tag }) => _tag)).not.toContain("Read")
})

row(69, "requests of pieces that we lack -> each refused once; 300 without a block between -> closed", () => {
  const door = leecher()
  const conn = enter(door)
  const ask = (i: number): Say => (e) => Encoder.request(e, i % 10, (i * 7) % 16_000, 100)
  for (let i = 0; i < 40; i++) door.say(conn, ask(i))
  expect(door.tags(conn).filter((tag) => tag === "Reject")).toHaveLength(40)
  for (let i = 40; i < 320; i++) door.say(conn, ask(i))
  expect(farewell(door)).toContain("goes on asking")
  expectOthersServed(door)
})

row(
  69,
  "a request before there is metadata -> not answered, no offence, the metadata comes all the same",
  () => {
    const request: Say = (e) => Encoder.request(e, 0, 0, 16_384)
    const scene = new Scene(infoOf(40_000), [{ kind: "honest", says: [request, request] }]).run()
    expect(scene.isRight).toBe(true)
    expect(scene.commands.map(({ _tag }) => _tag)).not.toContain("Read")
  },
)

// rTorrent heeds no reqq, and waits for ever for what is refused in silence: so more are taken than are promised.
row(69, "more requests than we take -> refused beyond that, reads stay few, memory bounded", () => {
  const door = seeder()
  const conn = enter(door, Encoder.interested)
  door.wait(SECONDS)
  const asked = Limits.MAX_ASKED + 500
  const flood: Say = (e) => {
    for (let i = 0; i < asked; i++) Encoder.request(e, i % 10, i, 1)
  }
  const commands = door.say(conn, flood)
  const peer = door.torrent.peers.get(conn)!
  expect(peer.asked.size + peer.reading.size).toBe(Limits.MAX_ASKED)
  expect(door.tags(conn).filter((tag) => tag === "Reject")).toHaveLength(500)
  expect(commands.filter((one) => one._tag === "Read")).toHaveLength(Limits.MAX_READS_AHEAD)
})

row(69, "requests while choked -> 2 s of grace, then fifty, then closed", () => {
  const door = seeder()
  const conn = enter(door)
  const ask: Say = (e) => Encoder.request(e, 9, 0, 16_384)
  for (let i = 0; i < 500; i++) door.say(conn, ask)
  expect(farewell(door)).toBeUndefined()
  door.wait(Limits.CHOKE_GRACE)
  for (let i = 0; i < Limits.MAX_LATE_REQUESTS; i++) door.say(conn, ask)
  expect(farewell(door)).toBeUndefined()
  door.say(conn, ask)
  expect(farewell(door)).toContain("although it is choked")
  expect(door.commands.map(({ _tag }) => _tag)).not.toContain("Read")
  expectOthersServed(door)
})

row(69, "allowed-fast pieces asked for again and again -> each byte of them once, then closed", () => {
  const door = seeder()
  const conn = enter(door, Encoder.haveNone)
  const granted = door.heard.get(conn)!.flatMap((item) => item._tag === "AllowedFast" ? [item.piece] : [])
  expect(granted).toHaveLength(Limits.ALLOWED_FAST_PIECES)
  door.wait(Limits.CHOKE_GRACE)
  let bytes = 0
  for (let times = 0; times < 100 && door.isOpen(conn); times++) {
    for (const piece of granted) {
      for (const begin of [0, 16_384]) {
        for (const command of door.say(conn, (e) => Encoder.request(e, piece, begin, 16_384))) {
          if (command._tag !== "Read") continue
          const block = new Uint8Array(command.length)
          bytes += block.length
          door.input({ ...command, _tag: "BlockRead", now: door.now, bytes: block })
        }
      }
    }
  }
  expect(bytes).toBe(granted.length * 32_768)
  expect(farewell(door)).toContain("although it is choked")
  expectOthersServed(door)
})

row(77, "PORT 0 -> no node; a thousand ports -> one a minute", () => {
  const door = leecher({}, 6_881)
  const conn = door.accept("80.4.4.4")
  door.say(conn, handshake(torrent, idOf("hostile"), true), (e) => Encoder.port(e, 0))
  const nodes = () => door.events.filter(({ _tag }) => _tag === "DhtNode")
  expect(nodes()).toEqual([])
  for (let i = 1; i <= 1_000; i++) door.say(conn, (e) => Encoder.port(e, i))
  expect(nodes()).toHaveLength(1)
  expectOthersServed(door)
})

row(78, "10^5 keep-alives at once -> closed after some thousand, never answered", () => {
  const door = leecher()
  const conn = enter(door)
  const before = sentBytes(door.commands, conn)
  const flood = new Uint8Array(4 * 100_000)
  for (let at = 0; at < flood.length && door.isOpen(conn); at += 65_536) {
    door.read(conn, flood.subarray(at, at + 65_536))
  }
  expect(farewell(door)).toContain("of no use")
  expect(sentBytes(door.commands, conn)).toBe(before)
  expectOthersServed(door)
})

row(78, "a keep-alive each second -> no offence", () => {
  const door = leecher()
  const conn = enter(door, Encoder.haveAll)
  for (let i = 0; i < 4_000; i++) door.wait(SECONDS).read(conn, new Uint8Array(4))
  expect(door.isOpen(conn)).toBe(true)
})
