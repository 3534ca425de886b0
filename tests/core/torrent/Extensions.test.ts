import { describe, expect, it } from "@effect/vitest"
import * as IpBytes from "../../../core/base/IpBytes.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Candidates from "../../../core/torrent/Candidates.ts"
import * as Limits from "../../../core/torrent/Limits.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as ExtendedIds from "../../../core/wire/ExtendedIds.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
import { Door, extended, handshake, idOf } from "../client/Door.ts"

const torrent = { ...torrentOf(32_768, [300_000]), infoBytes: new Uint8Array(1_234) }
const privately = { ...torrent, isPrivate: true }
const all = () => Bitfield.full(torrent.geometry.pieceCount)
const ip = (text: string) => IpBytes.fromText(text)!

describe("our extended handshake", () => {
  it("says what we take, by our numbers, who we are and how the peer looks from here", () => {
    const door = new Door(torrent, { have: all() })
    expect(door.hello(door.welcome("80.4.4.4", idOf("a")))).toEqual({
      messages: new Map(Object.entries(ExtendedIds.OURS)),
      clientVersion: "test",
      listenPort: 6_881,
      reqq: Limits.REQQ,
      metadataSize: 1_234,
      uploadOnly: true,
      yourIp: ip("80.4.4.4"),
    })
  })

  it("tells an IPv6 peer all sixteen bytes", () => {
    const door = new Door(torrent)
    expect(door.hello(door.welcome("2001:db8::7", idOf("a")))!.yourIp).toEqual(ip("2001:db8::7"))
  })

  it("offers nothing that tells of others in a private torrent", () => {
    const door = new Door(privately)
    expect([...door.hello(door.welcome("80.4.4.4", idOf("a")))!.messages.keys()].sort())
      .toEqual(["lt_donthave", "upload_only", "ut_metadata"])
  })
})

describe("a peer's messages", () => {
  it("that we don't know, or never offered, are passed over", () => {
    const door = new Door(privately)
    const conn = door.welcome("80.4.4.4", idOf("a"))
    for (const id of [5, 6, 8, 200, 255, ExtendedIds.OURS.ut_pex, ExtendedIds.OURS.ut_holepunch]) {
      door.say(conn, (encoder) => Encoder.extended(encoder, id, new Uint8Array(20)))
    }
    expect(door.isOpen(conn)).toBe(true)
  })

  it("may be renumbered by another handshake, which leaves out what stays", () => {
    const door = new Door(torrent)
    const messages = (...entries: ReadonlyArray<readonly [string, number]>) =>
      extended({ messages: new Map(entries) })
    const conn = door.welcome("80.4.4.4", idOf("a"), messages(["ut_pex", 4], ["upload_only", 9]))
    door.say(conn, messages(["ut_pex", 0], ["lt_donthave", 7]))
    expect(door.torrent.peers.get(conn)!.extensions)
      .toEqual({ ...ExtendedIds.NONE, ut_pex: 0, upload_only: 9, lt_donthave: 7 })
  })
})

describe("our address", () => {
  it("is what most peers see, and then known to whoever listens", () => {
    const door = new Door(torrent)
    const heard = () => door.events.flatMap((event) => event._tag === "ExternalAddress" ? [event.host] : [])
    for (const n of [1, 1, 1]) door.welcome(`80.4.4.${n}`, idOf("a"), extended({ yourIp: ip("80.9.9.9") }))
    expect(heard()).toEqual([])
    door.welcome("80.4.4.2", idOf("b"), extended({ yourIp: ip("80.9.9.9") }))
    door.welcome("80.4.4.3", idOf("c"), extended({ yourIp: ip("80.6.6.6") }))
    expect(heard()).toEqual(["80.9.9.9"])
    expect(door.torrent.local.external.self.ipv4).toEqual(ip("80.9.9.9"))
  })

  it("decides who is dialled first: whom both ends prefer (BEP 40)", () => {
    const door = new Door(torrent, { maxPeers: 3 })
    const conns = ["80.4.4.1", "80.4.4.2"].map((host) =>
      door.welcome(host, idOf(host), extended({ yourIp: ip("123.213.32.10") }))
    )
    door.found("tracker", ...Array.from({ length: 40 }, (_, n) => 7_000 + n))
    for (const conn of conns) door.leave(conn)
    expect(door.dialled.length).toBe(3)
    const ranked = [...door.torrent.candidates.byId.values()].sort((a, b) => a.turn - b.turn)
    // The first had its place before the others were free.
    expect(door.dialled).toEqual(ranked.slice(0, 3).map(({ address }) => `${address.host}:${address.port}`))
    expect(ranked.map(({ luck }) => luck)).not.toEqual(
      [...ranked.map(({ luck }) => luck)].sort((a, b) => a - b),
    )
  })
})

describe("a full torrent that seeds", () => {
  /** Three peers wait, for long enough; they see us at the address of BEP 40's example. */
  const full = () => {
    const door = new Door(torrent, { have: all(), maxPeers: 3 })
    const yourIp = ip("123.213.32.10")
    const hosts = ["98.76.54.32", "80.4.4.2", "80.77.4.3"]
    const conns = hosts.map((host) =>
      door.welcome(host, idOf(host), extended({ yourIp }), Encoder.interested)
    )
    return { door, conns }
  }
  const wait = (door: Door, minutes: number) => {
    for (let n = 0; n < minutes; n++) {
      for (const conn of door.torrent.peers.keys()) door.say(conn, Encoder.keepAlive)
      door.wait(60_000)
    }
  }
  /** By priority, from the lowest: those who wait, and strangers. */
  const strangers = (door: Door) => {
    const of = (host: string) => ({ host, priority: priorityOf(door, host) })
    return Array.from({ length: 250 }, (_, n) => of(`81.${n}.9.9`)).sort((a, b) => a.priority - b.priority)
  }
  const priorityOf = (door: Door, host: string): number => {
    const candidates = Candidates.make()
    Candidates.rankFrom(candidates, door.torrent.local.external.self)
    Candidates.add(candidates, { host, port: 50_000 }, "user", door.torrent.rng)
    return 2 ** 32 - 1 - [...candidates.byId.values()][0]!.turn
  }

  it("gives the place of the least priority to who has a higher one, and refuses who hasn't (BEP 40)", () => {
    const { conns, door } = full()
    wait(door, 3)
    const byPriority = [...door.torrent.peers.values()]
      .map((peer) => ({ conn: peer.conn, priority: priorityOf(door, peer.address.host) }))
      .sort((a, b) => a.priority - b.priority)
    const lowest = byPriority[0]!
    const lower = strangers(door).find(({ priority }) => priority < lowest.priority)
    const higher = strangers(door).find(({ priority }) => priority > lowest.priority)
    expect(lower).toBeDefined()
    expect(door.isOpen(door.welcome(lower!.host, idOf("low")))).toBe(false)
    expect(conns.map((conn) => door.isOpen(conn))).toEqual([true, true, true])
    expect(door.isOpen(door.welcome(higher!.host, idOf("high")))).toBe(true)
    expect(conns.filter((conn) => !door.isOpen(conn))).toEqual([lowest.conn])
  })

  it("keeps those who have just come, whoever else comes", () => {
    const { conns, door } = full()
    wait(door, 1)
    for (const { host } of strangers(door)) expect(door.isOpen(door.welcome(host, idOf(host)))).toBe(false)
    expect(conns.map((conn) => door.isOpen(conn))).toEqual([true, true, true])
  })
})

describe("DHT nodes (BEP 5)", () => {
  const nodes = (door: Door) =>
    door.events.flatMap((event) =>
      event._tag === "DhtNode" ? [`${event.address.host}:${event.address.port}`] : []
    )
  const port = (number: number) => (encoder: Encoder.Encoder) => Encoder.port(encoder, number)
  const hear = (door: Door, dht: boolean) => {
    const conn = door.accept("80.4.4.4")
    door.say(conn, handshake(torrent, idOf("a"), dht))
    return { conn, heard: door.heard.get(conn)! }
  }

  it("are told to peers that have one, too", () => {
    const door = new Door(torrent, {}, 6_999)
    const { heard } = hear(door, true)
    expect(heard[0]).toMatchObject({ _tag: "Handshake", features: { dht: true } })
    expect(heard.filter(({ _tag }) => _tag === "Port")).toEqual([{ _tag: "Port", port: 6_999 }])
    expect(hear(new Door(torrent, {}, 6_999), false).heard.some(({ _tag }) => _tag === "Port")).toBe(false)
  })

  it("are heard of, once a minute each, and not at port 0", () => {
    const door = new Door(torrent, {}, 6_999)
    const { conn } = hear(door, true)
    door.say(conn, port(0), port(7_001), port(7_002), port(7_003))
    expect(nodes(door)).toEqual(["80.4.4.4:7001"])
    door.wait(60_000)
    door.say(conn, port(7_004))
    expect(nodes(door)).toEqual(["80.4.4.4:7001", "80.4.4.4:7004"])
  })

  it.each([
    ["without one of our own", new Door(torrent)],
    ["in a private torrent", new Door(privately, {}, 6_999)],
  ])("are nobody's business %s", (_, door) => {
    const { conn, heard } = hear(door, true)
    door.say(conn, port(7_001))
    expect(heard[0]).toMatchObject({ _tag: "Handshake", features: { dht: false } })
    expect(heard.some(({ _tag }) => _tag === "Port")).toBe(false)
    expect(nodes(door)).toEqual([])
    expect(door.isOpen(conn)).toBe(true)
  })
})
