/** Hostile messages of extensions: BEP 10 itself, metadata (BEP 9) and peer exchange (BEP 11). */
import { expect } from "vitest"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Limits from "../../core/torrent/Limits.ts"
import * as Encoder from "../../core/wire/Encoder.ts"
import * as Extended from "../../core/wire/Extended.ts"
import * as ExtendedIds from "../../core/wire/ExtendedIds.ts"
import * as Metadata from "../../core/wire/ExtendedMetadata.ts"
import * as Pex from "../../core/wire/ExtendedPex.ts"
import { extended, idOf, spoken } from "../core/client/Door.ts"
import { infoOf, Scene } from "../core/torrent/metadata/Scene.ts"
import { enter, expectOthersServed, farewell, leecher, raw, type Say, seeder, torrent } from "./Peers.ts"
import { row } from "./Row.ts"

const OURS = ExtendedIds.OURS
const SECONDS = 1_000
const MINUTES = 60_000
const text = Bytes.latin1
const ext = (id: number, payload: Uint8Array): Say => (e) => Encoder.extended(e, id, payload)

row(72, "message 20 with an empty body -> closed: it has no id of its own", () => {
  const door = leecher()
  door.read(enter(door), raw(20, new Uint8Array(0)))
  expect(farewell(door)).toContain("an extended message without an id of its own (BEP 10")
  expectOthersServed(door)
})

row(72, "an unknown extension's message -> passed over", () => {
  const door = leecher()
  const conn = enter(door, ext(99, text("de")), ext(255, new Uint8Array(0)))
  expect(door.isOpen(conn)).toBe(true)
})

row(72, "duplicate ids, id 256, -1, or of no number in `m` -> left out one by one, the rest holds", () => {
  const hello = Extended.decodeHandshake(
    text("d1:md1:ai3e1:bi3e1:ci256e1:di-1e1:e1:x6:ut_pexi7ee1:pi0e4:reqqi-1e1:v2:\x1b[e"),
  )
  expect(hello.ok && hello.value.messages).toEqual(new Map([["a", 3], ["ut_pex", 7]]))
  expect(hello.ok && [hello.value.listenPort, hello.value.reqq, hello.value.clientVersion]).toEqual([
    undefined,
    undefined,
    "[",
  ])
})

for (
  const [what, payload] of [
    ["no bencode", text("hello")],
    ["a list", text("le")],
    ["a dictionary cut short", text("d1:m")],
    ["bytes behind it", text("dex")],
    ["5,000 lists in one another", text("d1:m" + "l".repeat(5_000))],
    ["100,000 values", text(`d1:ml${"i1e".repeat(60_000)}ee`)],
  ] as const
) {
  row(72, `an extended handshake of ${what} -> closed`, () => {
    const door = leecher()
    enter(door, ext(0, payload))
    expect(farewell(door)).toBe("protocol error: an extended handshake that is no dictionary (BEP 10)")
    expectOthersServed(door)
  })
}

row(72, "an extended handshake of 10 MB -> closed by its length, before any of it is kept", () => {
  const door = leecher()
  const conn = enter(door)
  door.read(conn, raw(20, new Uint8Array(60_000), 10_000_000))
  expect(farewell(door)).toContain("a message of 10000000 bytes")
})

row(72, "reqq 0 or 2^31 -> what we send ahead stays within our own bounds", () => {
  for (const reqq of [0, 2 ** 31 - 1]) {
    const door = leecher()
    const conn = enter(door, Encoder.haveAll, ext(0, text(`d4:reqqi${reqq}ee`)), Encoder.unchoke)
    const asked = door.tags(conn).filter((tag) => tag === "Request").length
    expect(asked).toBeGreaterThan(0)
    expect(asked).toBeLessThanOrEqual(Limits.MAX_PIPELINE)
  }
})

const hello = (size: string): Say => ext(0, text(`d1:md11:ut_metadatai9ee13:metadata_sizei${size}ee`))

for (const size of ["0", "-1", "2147483648", "99999999999999999999", "1048577"]) {
  row(73, `metadata_size ${size} -> not believed, nothing is asked for or allocated`, () => {
    const scene = new Scene(infoOf(40_000), [{ kind: "empty", says: [hello(size)] }])
    scene.run(MINUTES)
    expect(scene.fetching.attempts).toEqual([])
    expect(scene.peers[0]!.asked).toEqual([])
  })
}

row(73, "metadata_size that changes all the time -> closed, and others give the metadata", () => {
  const says = Array.from({ length: 40 }, (_, i) => hello(`${40_001 + i}`))
  const scene = new Scene(infoOf(40_000), [{ kind: "empty", says }, { kind: "honest", latencyMs: 500 }])
  scene.run(MINUTES)
  expect(scene.farewells[0]).toContain("of no use")
  expect(scene.isRight).toBe(true)
})

const metadata = (message: string, bytes: number): Say =>
  ext(OURS.ut_metadata, Bytes.concat([text(message), new Uint8Array(bytes)]))

for (
  const [what, says, reason] of [
    ["another total_size", metadata("d8:msg_typei1e5:piecei0e10:total_sizei50000ee", 16_384), "another size"],
    ["piece -1", metadata("d8:msg_typei1e5:piecei-1e10:total_sizei40000ee", 16_384), "no such message"],
    ["piece 2^32", metadata("d8:msg_typei1e5:piecei4294967296e10:total_sizei40000ee", 1), "no such message"],
    ["a piece too many", metadata("d8:msg_typei1e5:piecei3e10:total_sizei40000ee", 16_384), "does not exist"],
    ["16 KiB and a byte", metadata("d8:msg_typei1e5:piecei0e10:total_sizei40000ee", 16_385), "16385 bytes"],
    ["no total_size", metadata("d8:msg_typei1e5:piecei0ee", 16_384), "no such message"],
    ["no dictionary", metadata("i1e", 16_384), "no such message"],
  ] as const
) {
  row(73, `metadata with ${what} -> closed, and others give it`, () => {
    const scene = new Scene(infoOf(40_000), [{ kind: "silent" }, { kind: "honest", latencyMs: 500 }]).run(200)
    expect(scene.peers[0]!.asked.length).toBeGreaterThan(0)
    const [conn] = scene.links.keys()
    scene.input({ _tag: "ConnRead", now: scene.now, conn: conn!, bytes: spoken(says) })
    scene.run()
    expect(scene.farewells[0]).toMatch(/^protocol error: /)
    expect(scene.farewells[0]).toContain(reason)
    expect(scene.isRight).toBe(true)
  })
}

row(73, "a request for a part that there is not, of a torrent -> refused, no offence", () => {
  const door = seeder()
  const conn = enter(
    door,
    extended({ messages: new Map([["ut_metadata", 5]]) }),
    ext(OURS.ut_metadata, Metadata.request(2 ** 31 - 1)),
  )
  const [answer] = door.payloads(conn, 5).map((payload) => Metadata.decode(payload))
  expect(answer).toMatchObject({ ok: true, value: { _tag: "Reject", part: 2 ** 31 - 1 } })
  expect(door.isOpen(conn)).toBe(true)
})

const pex = (added: Uint8Array, flags = new Uint8Array(0)): Say =>
  ext(
    OURS.ut_pex,
    Bytes.concat([
      text(`d5:added${added.length}:`),
      added,
      text(`7:added.f${flags.length}:`),
      flags,
      text("e"),
    ]),
  )
/** Compact contacts, each at a host of its own. */
const contacts = (count: number, port = 6_881): Uint8Array => {
  const bytes = new Uint8Array(6 * count)
  for (let i = 0; i < count; i++) {
    bytes.set([81, i >> 16, (i >> 8) & 255, i & 255, port >> 8, port & 255], 6 * i)
  }
  return bytes
}

row(74, "`added` that is no multiple of 6, and flags for others -> the whole contacts are taken", () => {
  const door = leecher()
  const conn = enter(door, pex(contacts(3).subarray(0, 17), new Uint8Array(50)))
  expect(door.isOpen(conn)).toBe(true)
  expect([...door.dialled].sort()).toEqual(["81.0.0.0:6881", "81.0.0.1:6881"])
})

row(74, "10^5 peers in one exchange -> closed before it is kept; as many as fit -> fifty are kept", () => {
  const door = leecher({ maxPeers: 5 })
  enter(door, pex(contacts(100_000)))
  expect(farewell(door)).toContain("a message of")
  const other = leecher({ maxPeers: 5 })
  enter(other, pex(contacts(40_000)))
  expect(other.torrent.candidates.byId.size).toBe(50)
})

row(74, "exchanges twice a minute and more -> two are heard, the seventh closes", () => {
  const door = leecher({ maxPeers: 5 })
  const conn = enter(door)
  for (let i = 1; i <= 6; i++) {
    door.say(conn, pex(contacts(10, 7_000 + i)))
    // No more than eight ports of one host are believed; ten a message would be sixty.
    expect(door.torrent.candidates.byId.size).toBe(10 * Math.min(i, 2))
  }
  expect(door.isOpen(conn)).toBe(true)
  door.say(conn, pex(contacts(1)))
  expect(farewell(door)).toContain("7 peer exchanges within a minute (BEP 11)")
})

row(74, "this machine, our network, port 0, services' ports -> never dialled on a stranger's word", () => {
  const door = leecher()
  enter(
    door,
    pex(Uint8Array.of(
      ...[127, 0, 0, 1, 26, 225, 192, 168, 1, 1, 26, 225, 10, 0, 0, 1, 26, 225],
      ...[169, 254, 169, 254, 26, 225, 0, 0, 0, 0, 26, 225, 255, 255, 255, 255, 26, 225],
      ...[224, 0, 0, 1, 26, 225, 81, 1, 1, 1, 0, 0, 81, 1, 1, 1, 0, 25],
    )),
  )
  expect(door.wait(10 * MINUTES).dialled).toEqual([])
})

row(74, "our own address -> dialled once at most, and never again once it is known to be us", () => {
  const door = leecher()
  const conn = enter(door, pex(contacts(1)))
  expect(door.dialled).toHaveLength(1)
  const dialled = door.open()
  door.say(dialled, (e) =>
    Encoder.handshake(e, {
      infoHash: torrent.infoHashBytes,
      peerId: text("-SH0100-mmmmmmmmmmmm"),
      features: { fast: true, extended: true, dht: false },
    }))
  expect(door.isOpen(dialled)).toBe(false)
  door.wait(MINUTES).say(conn, pex(contacts(1)))
  expect(door.wait(60 * MINUTES).dialled).toHaveLength(1)
})

row(74, "victims by the thousand, a few in each of many exchanges -> their number is bounded", () => {
  const door = leecher({ maxPeers: 3 })
  for (let peer = 0; peer < 20; peer++) {
    const conn = door.welcome(`90.${peer}.1.1`, idOf(`${peer}`))
    for (let minute = 0; minute < 5; minute++) {
      if (door.isOpen(conn)) door.wait(61 * SECONDS).say(conn, pex(contacts(50, 2_000 + peer * 5 + minute)))
    }
    if (door.isOpen(conn)) door.leave(conn)
  }
  // Fifty hosts, of each a few ports: what would be a flood of one victim ends there.
  expect(door.torrent.candidates.byId.size).toBeLessThanOrEqual(50 * 8 + 30)
  expect(Pex.MAX_CONTACTS).toBe(50)
})
