/**
 * Floods inside one connection: each message is allowed, but there is no end to them. What each costs is counted in commands
 * and bytes sent, not in time: no more than its own size allows; then the connection is closed, and others are served.
 */
import { expect, test } from "vitest"
import * as Limits from "../../core/torrent/Limits.ts"
import * as Patience from "../../core/torrent/Patience.ts"
import * as DontHave from "../../core/wire/ExtendedDontHave.ts"
import * as Holepunch from "../../core/wire/ExtendedHolepunch.ts"
import * as Metadata from "../../core/wire/ExtendedMetadata.ts"
import * as Pex from "../../core/wire/ExtendedPex.ts"
import * as UploadOnly from "../../core/wire/ExtendedUploadOnly.ts"
import * as Encoder from "../../core/wire/Encoder.ts"
import * as ExtendedIds from "../../core/wire/ExtendedIds.ts"
import { type Door, extended } from "../core/client/Door.ts"
import {
  enter,
  enterPlain,
  expectOthersServed,
  farewell,
  leecher,
  raw,
  type Say,
  seeder,
  sentBytes,
} from "./Peers.ts"
import { row } from "./Row.ts"

const OURS = ExtendedIds.OURS
const MAX = Patience.MAX_USELESS

interface Flood {
  readonly row: number
  readonly what: string
  readonly say: (index: number) => Say
  /** Of messages until the connection is closed, all of them in one moment. */
  readonly atMost: number
  /** Said first. */
  readonly before?: ReadonlyArray<Say>
  readonly reason?: string
  readonly door?: () => Door
  readonly isPlain?: boolean
  /** Most bytes sent for each message. */
  readonly bytesEach?: number
}

const ext = (id: number, payload: Uint8Array): Say => (e) => Encoder.extended(e, id, payload)
const EVERYTHING = extended({
  messages: new Map([["ut_metadata", 1], ["ut_pex", 2], ["lt_donthave", 3], ["ut_holepunch", 4]]),
})
const bytes = (...list: ReadonlyArray<number>): Uint8Array => Uint8Array.from(list)
const PLAIN: ReadonlyArray<Say> = [Encoder.choke, Encoder.unchoke, Encoder.interested, Encoder.notInterested]
/** CHOKE, UNCHOKE, INTERESTED or NOT_INTERESTED, by its id. */
const plain = (id: number): Say => PLAIN[id]!

const floods: ReadonlyArray<Flood> = [
  { row: 78, what: "keep-alives", say: () => Encoder.keepAlive, atMost: MAX + 1 },
  { row: 68, what: "the same HAVE", say: () => (e) => Encoder.have(e, 3), atMost: MAX + 2 },
  {
    row: 68,
    what: "the same bitfield",
    say: () => (e) => Encoder.bitfield(e, bytes(0x80, 0)),
    atMost: MAX + 2,
  },
  { row: 68, what: "have_all", say: () => Encoder.haveAll, atMost: MAX + 2 },
  {
    row: 68,
    what: "a piece that comes and goes",
    before: [EVERYTHING, Encoder.haveNone],
    say: (i) => i % 2 === 0 ? (e) => Encoder.have(e, 3) : ext(OURS.lt_donthave, DontHave.encode(3)),
    atMost: MAX + 2,
    bytesEach: 5,
  },
  { row: 69, what: "chokes and unchokes", say: (i) => plain(i % 2), atMost: MAX + 2 },
  {
    row: 69,
    what: "chokes and unchokes, each with all our requests in vain",
    isPlain: true,
    before: [(e) => Encoder.bitfield(e, bytes(0xff, 0xc0))],
    say: (i) => plain(1 - i % 2),
    atMost: MAX + 2,
    // An unchoke is worth the requests that a pipeline begins with.
    bytesEach: 17 * 20,
  },
  { row: 69, what: "interest that comes and goes", say: (i) => plain(2 + i % 2), atMost: MAX + 2 },
  {
    row: 69,
    what: "interest in what nobody has",
    door: seeder,
    say: (i) => plain(2 + i % 2),
    atMost: MAX + 2,
  },
  {
    row: 69,
    what: "cancels of nothing",
    say: (i) => (e) => Encoder.cancel(e, i % 10, 0, 16_384),
    atMost: MAX + 2,
  },
  {
    row: 69,
    what: "requests that are taken back",
    door: seeder,
    before: [Encoder.interested],
    say: (i) => (e) => i % 2 === 0 ? Encoder.request(e, 1, 0, 16_384) : Encoder.cancel(e, 1, 0, 16_384),
    atMost: 2 * MAX + 4,
    bytesEach: 17,
  },
  { row: 71, what: "suggestions", say: (i) => (e) => Encoder.suggest(e, i % 10), atMost: MAX + 2 },
  { row: 71, what: "allowed-fast", say: (i) => (e) => Encoder.allowedFast(e, i % 10), atMost: MAX + 2 },
  { row: 72, what: "extended messages that nobody offered", say: () => ext(99, bytes(1)), atMost: MAX + 2 },
  {
    row: 72,
    what: "extended handshakes",
    say: (i) => extended({ reqq: 1 + i, clientVersion: `x${i}` }),
    atMost: MAX / Patience.HANDSHAKE + 2,
  },
  {
    row: 72,
    what: "upload_only, on and off",
    say: (i) => ext(OURS.upload_only, UploadOnly.encode(i % 2 === 0)),
    atMost: MAX + 2,
  },
  {
    row: 72,
    what: "rendezvous with strangers",
    before: [EVERYTHING],
    say: (i) =>
      ext(
        OURS.ut_holepunch,
        Holepunch.encode({ _tag: "Rendezvous", address: { host: `70.1.1.${i % 250}`, port: 6_881 } }),
      ),
    atMost: MAX + 2,
    bytesEach: 30,
  },
  {
    row: 73,
    what: "questions for metadata that isn't there",
    before: [EVERYTHING],
    say: (i) => ext(OURS.ut_metadata, Metadata.request(1_000 + i)),
    atMost: MAX + 2,
    bytesEach: 60,
  },
  {
    row: 73,
    what: "metadata that nobody asked for",
    before: [EVERYTHING],
    say: (i) => ext(OURS.ut_metadata, Metadata.data(i, 40_000_000, bytes(1, 2, 3))),
    atMost: MAX + 2,
  },
  {
    row: 74,
    what: "peer exchanges",
    before: [EVERYTHING],
    say: () => ext(OURS.ut_pex, Pex.encode({ added: [], dropped: [] })),
    atMost: 7,
    reason: "7 peer exchanges within a minute",
  },
  { row: 77, what: "ports", say: (i) => (e) => Encoder.port(e, 1 + i), atMost: MAX + 2 },
]

for (const flood of floods) {
  const { atMost, before = [], bytesEach = 0, isPlain, reason = "of no use", row: number, say, what } = flood
  row(number, `a flood of ${what} -> closed soon, nothing piles up, others are served`, () => {
    const door = flood.door?.() ?? leecher()
    const conn = isPlain === true ? enterPlain(door) : enter(door)
    if (before.length > 0) door.say(conn, ...before)
    door.wait(1_000)
    const commands = door.commands.length
    const sent = sentBytes(door.commands, conn)
    let messages = 0
    for (; messages < 10_000 && door.isOpen(conn); messages++) door.say(conn, say(messages))
    expect(door.isOpen(conn)).toBe(false)
    expect(farewell(door)).toMatch(/^protocol error: /)
    expect(farewell(door)).toContain(reason)
    expect(messages).toBeLessThanOrEqual(atMost)
    // Two events of the end, and a Send for each message at most.
    expect(door.commands.length - commands).toBeLessThanOrEqual(messages * (bytesEach > 0 ? 3 : 1) + 10)
    expect(sentBytes(door.commands, conn) - sent).toBeLessThanOrEqual(messages * bytesEach + 1_000)
    expectOthersServed(door)
  })
}

/** The peer rejects all that it is asked for from the `from`th message that it hears; returns how many there are then. */
const rejectAll = (door: Door, conn: number, from: number): number => {
  const heard = door.heard.get(conn) ?? []
  for (const item of heard.slice(from)) {
    if (item._tag !== "Request" || !door.isOpen(conn)) continue
    door.say(conn, (e) => Encoder.reject(e, item.piece, item.begin, item.length))
  }
  return heard.length
}

row(
  71,
  "allowed-fast again and again, and a reject for each request -> closed, and each costs a few requests",
  () => {
    const door = leecher()
    const conn = enter(door, Encoder.haveAll)
    const before = sentBytes(door.commands, conn)
    let heard = 0
    let times = 0
    for (; times < 10_000 && door.isOpen(conn); times++) {
      door.say(conn, (e) => Encoder.allowedFast(e, times % 10))
      heard = rejectAll(door, conn, heard)
    }
    expect(times).toBeLessThanOrEqual(MAX + 2)
    expect(farewell(door)).toContain("of no use")
    expect(sentBytes(door.commands, conn) - before).toBeLessThanOrEqual(times * 17 * 4)
    expectOthersServed(door)
  },
)

row(71, "unchokes, and a reject for each request -> left alone after 64, closed the fifth time", () => {
  const door = leecher()
  const conn = enter(door, Encoder.haveAll)
  let heard = 0
  for (let times = 0; times < 10_000 && door.isOpen(conn); times++) {
    door.say(conn, Encoder.unchoke)
    for (let more = -1; more < heard && door.isOpen(conn);) {
      more = heard
      heard = rejectAll(door, conn, heard)
    }
  }
  expect(farewell(door)).toBe("it doesn't send what it promises")
  const requests = door.tags(conn).filter((tag) => tag === "Request").length
  expect(requests).toBeLessThanOrEqual(Limits.MAX_SNUBS * (Limits.MAX_REJECTS + 10))
  expectOthersServed(door)
})

test("a peer that unchokes all the time and never delivers holds nobody up", () => {
  const door = leecher()
  const conn = enter(door, Encoder.haveAll, Encoder.unchoke)
  let held = 0
  for (let i = 0; i < 1_000 && door.isOpen(conn); i++) {
    held = door.wait(10_000).now
    door.say(conn, Encoder.choke, Encoder.unchoke)
  }
  expect(farewell(door)).toBe("it doesn't send what it promises")
  expect(held).toBeLessThanOrEqual((Limits.MAX_SNUBS + 1) * (Limits.OWED_TIMEOUT + 10_000))
})

test("requests of a peer that reads nothing: what is read for it ahead is bounded, and so are refusals", () => {
  const door = seeder()
  const conn = enter(door, Encoder.interested)
  door.wait(1_000)
  door.input({ _tag: "ConnCongested", now: door.now, conn })
  const before = sentBytes(door.commands, conn)
  const ask = (i: number): Say => (e) => Encoder.request(e, i % 10, i, 16)
  let reads = 0
  let asked = 0
  for (; asked < 60_000 && door.isOpen(conn); asked++) {
    reads += door.say(conn, ask(asked % 32_000)).filter(({ _tag }) => _tag === "Read").length
  }
  expect(reads).toBe(0)
  expect(door.isOpen(conn)).toBe(false)
  expect(sentBytes(door.commands, conn) - before).toBeLessThanOrEqual(Limits.MAX_REFUSALS * 17)
  expectOthersServed(door)
})

test("all floods in one read cost one decision", () => {
  const door = seeder()
  const conn = enter(door)
  const commands = door.say(conn, ...Array.from({ length: 1_900 }, (_, i) => plain(2 + i % 2)))
  expect(commands.length).toBeLessThanOrEqual(4)
  expect(door.isOpen(conn)).toBe(true)
})

test("interest that flaps costs a choker's round every tenth of a second at most", () => {
  const door = seeder()
  const conn = enter(door)
  let told = 0
  for (let i = 0; i < 1_000; i++) {
    door.wait(1)
    told += door.say(conn, plain(2 + i % 2)).filter(({ _tag }) => _tag === "Emit" || _tag === "Send").length
  }
  expect(told).toBeLessThanOrEqual(25)
})

test("what an honest peer says in an hour is far from a flood", () => {
  const door = leecher()
  const conn = enter(door, EVERYTHING, Encoder.haveNone)
  for (let second = 0; second < 3_600; second++) {
    door.wait(1_000)
    door.say(
      conn,
      ...Array.from({ length: 20 }, (_, i) => plain(2 + i % 2)),
      Encoder.keepAlive,
      (e) => Encoder.have(e, second % 10),
      ...(second % 60 === 0 ? [EVERYTHING, ext(OURS.ut_pex, Pex.encode({ added: [], dropped: [] }))] : []),
    )
  }
  expect(door.isOpen(conn)).toBe(true)
  expect(door.torrent.peers.get(conn)!.patience.useless).toBeLessThan(Patience.MAX_USELESS / 10)
})

test("a byte a second in the middle of a message is no sign of life", () => {
  const door = leecher()
  const conn = enter(door, Encoder.haveAll)
  door.read(conn, raw(20, bytes(0), 200_000))
  const since = door.now
  while (door.isOpen(conn) && door.now < since + 10 * Limits.INACTIVITY_TIMEOUT) {
    door.wait(1_000).read(conn, bytes(0))
  }
  expect(farewell(door)).toBe("it has been silent for too long")
  expect(door.now - since).toBeLessThanOrEqual(Limits.INACTIVITY_TIMEOUT + 1_000)
  expectOthersServed(door)
})

test("a peer that unchokes us and never delivers loses our requests after 20 s, its place after minutes", () => {
  const door = leecher()
  const conn = enter(door, Encoder.haveAll, Encoder.unchoke)
  const asked = door.tags(conn).filter((tag) => tag === "Request").length
  expect(asked).toBeGreaterThan(0)
  door.wait(Limits.OWED_TIMEOUT)
  const other = door.welcome("90.1.1.1", "-XX0000-bbbbbbbbbbbb", Encoder.haveAll, Encoder.unchoke)
  expect(door.tags(other).filter((tag) => tag === "Request").length).toBeGreaterThan(0)
  // However often it unchokes: the blocks that it owes count, not its words.
  for (let i = 0; i < 40 && door.isOpen(conn); i++) door.wait(10_000).say(conn, Encoder.keepAlive)
  expect(door.isOpen(conn)).toBe(false)
  expect(door.farewells).toContain("it doesn't send what it promises")
})
