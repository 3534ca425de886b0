import { describe, expect, it } from "@effect/vitest"
import type { ConnId } from "../../../core/client/Input.ts"
import * as IpBytes from "../../../core/base/IpBytes.ts"
import * as Candidates from "../../../core/torrent/Candidates.ts"
import * as Holepunch from "../../../core/torrent/Holepunch.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import * as ExtendedHolepunch from "../../../core/wire/ExtendedHolepunch.ts"
import * as ExtendedIds from "../../../core/wire/ExtendedIds.ts"
import { torrentOf } from "../../support/CoreSwarm.ts"
import { Door, extended, idOf } from "../client/Door.ts"

const torrent = torrentOf(32_768, [300_000])

/** The number that peers here give `ut_holepunch`. */
const ID = 9

const come = (door: Door, host: string, takes = true, listenPort: number | undefined = 7_000): ConnId =>
  door.welcome(
    host,
    idOf(host),
    extended({
      messages: new Map(takes ? [["ut_holepunch", ID]] : []),
      ...(listenPort === undefined ? {} : { listenPort }),
    }),
  )

const say = (door: Door, conn: ConnId, message: ExtendedHolepunch.Message) =>
  door.say(
    conn,
    (encoder) => Encoder.extended(encoder, ExtendedIds.OURS.ut_holepunch, ExtendedHolepunch.encode(message)),
  )

const heard = (door: Door, conn: ConnId) => door.payloads(conn, ID).map(ExtendedHolepunch.decode)

const at = (host: string, port = 7_000) => ({ host, port })

const rendezvous = (host: string, port = 7_000): ExtendedHolepunch.Message => ({
  _tag: "Rendezvous",
  address: at(host, port),
})

describe("as relay (BEP 55)", () => {
  it("tells both to connect, each with the other's address", () => {
    const door = new Door(torrent)
    const [a, b] = [come(door, "80.1.1.1"), come(door, "80.2.2.2")]
    say(door, a!, rendezvous("80.2.2.2"))
    expect(heard(door, a!)).toEqual([{ _tag: "Connect", address: at("80.2.2.2") }])
    expect(heard(door, b!)).toEqual([{ _tag: "Connect", address: at("80.1.1.1") }])
  })

  it("knows a peer by where its connection comes from, too", () => {
    const door = new Door(torrent)
    const [a, b] = [come(door, "80.1.1.1"), door.accept("80.2.2.2", 50_123)]
    door.say(b, (encoder) =>
      Encoder.handshake(encoder, {
        infoHash: torrent.infoHashBytes,
        peerId: new Uint8Array(20).fill(66),
        features: { fast: true, extended: true, dht: false },
      }), extended({ messages: new Map([["ut_holepunch", ID]]) }))
    say(door, a!, rendezvous("80.2.2.2", 50_123))
    say(door, b, rendezvous("80.1.1.1"))
    expect(heard(door, b)).toEqual([
      { _tag: "Connect", address: at("80.1.1.1") },
      { _tag: "Connect", address: at("80.1.1.1") },
    ])
    expect(heard(door, a!)).toEqual([
      { _tag: "Connect", address: at("80.2.2.2", 50_123) },
      { _tag: "Connect", address: at("80.2.2.2", 50_123) },
    ])
  })

  it("says why it can't", () => {
    const door = new Door(torrent)
    const yourIp = IpBytes.fromText("80.9.9.9")!
    const a = come(door, "80.1.1.1")
    const deaf = come(door, "80.2.2.2", false)
    for (const conn of [a, deaf]) door.say(conn, extended({ yourIp }))
    const asked = [
      ["80.2.2.2", 7_000, "NoSupport"],
      ["80.3.3.3", 7_000, "NotConnected"],
      ["80.1.1.1", 7_000, "NoSuchPeer"],
      ["80.3.3.3", 0, "NoSuchPeer"],
      ["224.0.0.1", 7_000, "NoSuchPeer"],
      ["80.9.9.9", 6_881, "NoSelf"],
    ] as const
    for (const [host, port] of asked) say(door, a, rendezvous(host, port))
    expect(heard(door, a)).toEqual(
      asked.map(([host, port, reason]) => ({ _tag: "Error", address: at(host, port), reason })),
    )
    expect(door.payloads(deaf, ID)).toEqual([])
  })

  it("doesn't answer who takes no such messages", () => {
    const door = new Door(torrent)
    const [a, b] = [come(door, "80.1.1.1", false), come(door, "80.2.2.2")]
    say(door, a!, rendezvous("80.2.2.2"))
    say(door, a!, rendezvous("80.3.3.3"))
    expect([door.payloads(a!, ID), door.payloads(b!, ID)]).toEqual([[], []])
    expect(door.isOpen(a!)).toBe(true)
  })

  it("serves so many a minute, and no more", () => {
    const door = new Door(torrent)
    const [a, b] = [come(door, "80.1.1.1"), come(door, "80.2.2.2")]
    for (let n = 0; n < 3 * Holepunch.MAX_PER_MINUTE; n++) say(door, a!, rendezvous("80.2.2.2"))
    expect(heard(door, b!).length).toBe(Holepunch.MAX_PER_MINUTE)
    expect(door.isOpen(a!)).toBe(true)
    door.wait(60_000)
    say(door, a!, rendezvous("80.2.2.2"))
    expect(heard(door, b!).length).toBe(Holepunch.MAX_PER_MINUTE + 1)
  })

  it("does nothing of this in a private torrent", () => {
    const door = new Door({ ...torrent, isPrivate: true })
    const [a, b] = [come(door, "80.1.1.1"), come(door, "80.2.2.2")]
    say(door, a!, rendezvous("80.2.2.2"))
    say(door, a!, { _tag: "Connect", address: at("80.3.3.3") })
    expect([heard(door, a!), heard(door, b!), door.dialled]).toEqual([[], [], []])
  })
})

describe("told to connect", () => {
  const connect = (door: Door, conn: ConnId, host: string, port = 7_000) =>
    say(door, conn, { _tag: "Connect", address: at(host, port) })

  it("dials at once, even an address that rests", () => {
    const door = new Door(torrent)
    const a = come(door, "80.1.1.1")
    connect(door, a, "80.3.3.3")
    expect(door.dialled).toEqual(["80.3.3.3:7000"])
    door.input({ _tag: "ConnFailed", now: door.now, conn: 1, reason: "refused" })
    connect(door, a, "80.3.3.3")
    expect(door.dialled).toEqual(["80.3.3.3:7000", "80.3.3.3:7000"])
  })

  it("ignores whom it is connected to, whom it is dialling, whom it has banned", () => {
    const door = new Door(torrent)
    const [a] = [come(door, "80.1.1.1"), come(door, "80.2.2.2")]
    Candidates.ban(door.torrent.candidates, { host: "80.4.4.4" })
    for (const host of ["80.2.2.2", "80.3.3.3", "80.3.3.3", "80.4.4.4"]) connect(door, a!, host)
    expect(door.dialled).toEqual(["80.3.3.3:7000"])
    expect(heard(door, a!)).toEqual([])
  })

  it("dials nothing that could harm others", () => {
    const door = new Door(torrent)
    const a = come(door, "80.1.1.1")
    connect(door, a, "80.3.3.3", 25)
    for (const host of ["127.0.0.1", "192.168.1.1", "224.0.0.1", "::1", "fe80::1"]) connect(door, a, host)
    expect(door.dialled).toEqual([])
  })

  it("dials nobody where there is no place, then or later", () => {
    const door = new Door(torrent, { maxPeers: 1 })
    connect(door, come(door, "80.1.1.1"), "80.3.3.3")
    expect(door.dialled).toEqual([])
    expect(Candidates.isKnown(door.torrent.candidates, at("80.3.3.3"))).toBe(false)
  })

  it("dials so many a minute, and no more", () => {
    const door = new Door(torrent)
    const a = come(door, "80.1.1.1")
    for (let n = 0; n < 3 * Holepunch.MAX_PER_MINUTE; n++) connect(door, a, `80.3.${n}.3`)
    expect(door.dialled.length).toBe(Holepunch.MAX_PER_MINUTE)
  })

  it("passes over errors and what nobody understands", () => {
    const door = new Door(torrent)
    const a = come(door, "80.1.1.1")
    say(door, a, { _tag: "Error", address: at("80.3.3.3"), reason: "NotConnected" })
    door.say(a, (encoder) => Encoder.extended(encoder, ExtendedIds.OURS.ut_holepunch, new Uint8Array(3)))
    expect([door.isOpen(a), door.dialled, heard(door, a)]).toEqual([true, [], []])
  })
})
