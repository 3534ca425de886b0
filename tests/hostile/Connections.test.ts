/** Too many connections: from many addresses, from one, from one network; and those that never say what they want. */
import { expect, test } from "vitest"
import * as Greeting from "../../core/client/Greeting.ts"
import * as Limits from "../../core/torrent/Limits.ts"
import * as Encoder from "../../core/wire/Encoder.ts"
import type { Door } from "../core/client/Door.ts"
import { handshake, idOf, spoken } from "../core/client/Door.ts"
import { expectOthersServed, leecher, seeder, torrent } from "./Peers.ts"
import { row } from "./Row.ts"

const SECONDS = 1_000

const openCount = (door: Door, conns: ReadonlyArray<number>): number =>
  conns.filter((conn) => door.isOpen(conn)).length

row(66, "2,000 connections that say nothing -> thirty wait, ten seconds at most, others are served", () => {
  const door = seeder()
  const conns = Array.from({ length: 2_000 }, (_, i) => door.accept(`80.${i >> 8}.${i & 255}.1`))
  expect(openCount(door, conns)).toBe(Greeting.MAX_GUESTS)
  expect(door.client.machine.greeting.guests.size).toBe(Greeting.MAX_GUESTS)
  expectOthersServed(door)
  door.wait(Limits.HANDSHAKE_TIMEOUT)
  expect(openCount(door, conns)).toBe(0)
  expect(door.client.machine.greeting.guests.size).toBe(0)
})

row(66, "silence from one address again and again -> others may take their time all the same", () => {
  const door = seeder()
  const patient = Array.from({ length: 10 }, (_, i) => door.accept(`80.1.${i}.1`))
  const flood = Array.from({ length: 500 }, () => door.accept("80.9.9.9"))
  expect(openCount(door, patient)).toBe(10)
  expect(openCount(door, flood)).toBe(Greeting.MAX_GUESTS - 10)
  door.wait(5 * SECONDS)
  for (const [i, conn] of patient.entries()) door.say(conn, handshake(torrent, idOf(`${i}`)))
  expect(door.torrent.peers.size).toBe(10)
})

row(66, "an info-hash in time and a peer id that comes byte by byte -> ten seconds for all of it", () => {
  const door = seeder()
  const conn = door.accept("80.4.4.4")
  const bytes = spoken(handshake(torrent, idOf("slow")))
  door.wait(7 * SECONDS).read(conn, bytes.subarray(0, 48))
  expect(door.tags(conn)).toEqual(["Handshake"])
  door.wait(2 * SECONDS).read(conn, bytes.subarray(48, 49))
  expect(door.isOpen(conn)).toBe(true)
  door.wait(1 * SECONDS)
  expect(door.isOpen(conn)).toBe(false)
  expectOthersServed(door)
})

test("hundreds of handshakes from one address -> one connection, and the first one stays", () => {
  const door = seeder()
  const conns = Array.from({ length: 300 }, (_, i) => door.welcome("80.4.4.4", idOf(`${i}`)))
  expect(openCount(door, conns)).toBe(Limits.MAX_PER_ADDRESS)
  expect(door.isOpen(conns[0]!)).toBe(true)
  // Whoever was refused has not even heard our handshake.
  expect(door.tags(conns[1]!)).toEqual([])
  expectOthersServed(door)
  // The address is as good as before once it has gone.
  door.leave(conns[0]!)
  expect(door.isOpen(door.welcome("80.4.4.4", idOf("again")))).toBe(true)
})

test("many behind one router of the local network -> welcome, but never all places", () => {
  const door = leecher({ maxPeers: 200 })
  const conns = Array.from({ length: 100 }, (_, i) => door.welcome("192.168.1.1", idOf(`${i}`)))
  expect(openCount(door, conns)).toBe(Limits.MAX_PER_LOCAL_ADDRESS)
  expectOthersServed(door)
})

for (
  const [network, hosts] of [
    ["a /24 of IPv4", Array.from({ length: 100 }, (_, i) => `80.4.4.${i}`)],
    ["a /48 of IPv6", Array.from({ length: 100 }, (_, i) => `2a01:4f8:7:${i.toString(16)}::1`)],
  ] as const
) {
  test(`a hundred addresses of ${network} -> eight connections, whoever dials`, () => {
    const door = leecher({ maxPeers: 200 })
    const conns = hosts.map((host, i) => door.welcome(host, idOf(`${i}`)))
    expect(openCount(door, conns)).toBe(Limits.MAX_PER_NETWORK)
    door.input({
      _tag: "PeersFound",
      now: door.now,
      torrent: 1,
      source: "tracker",
      addresses: [...hosts.map((host) => ({ host, port: 7_000 })), { host: "81.1.1.1", port: 7_000 }],
    })
    expect(door.wait(10 * SECONDS).dialled).toEqual(["81.1.1.1:7000"])
    // Places that fall free go to those that had to wait.
    for (const conn of conns.slice(0, 3)) door.leave(conn)
    const before = door.dialled.length
    expect(door.wait(61 * SECONDS).dialled.length - before).toBe(3)
  })
}

test("whom the user names -> dialled, however many of its network there are", () => {
  const door = leecher({ maxPeers: 200 })
  for (let i = 0; i < 20; i++) door.welcome(`80.4.4.${i}`, idOf(`${i}`))
  const addresses = [{ host: "80.4.4.99", port: 7_000 }]
  door.input({ _tag: "PeersFound", now: door.now, torrent: 1, source: "user", addresses })
  expect(door.wait(SECONDS).dialled).toEqual(["80.4.4.99:7000"])
})

test("connections that cross -> one of them stays, though both are with one address", () => {
  const door = leecher()
  door.found("tracker", 5)
  const outgoing = door.open()
  const incoming = door.welcome("80.1.5.1", idOf("a"), Encoder.haveAll)
  door.say(outgoing, handshake(torrent, idOf("a")))
  expect([door.isOpen(incoming), door.isOpen(outgoing)].filter(Boolean)).toEqual([true])
})

test("a search for metadata has no more connections with one address than a torrent", () => {
  const door = leecher()
  door.input({
    _tag: "AddMagnet",
    now: door.now,
    torrent: 2,
    infoHash: new Uint8Array(20).fill(7),
    options: { trackers: [], announceToAllTiers: false, maxPeers: 50, seed: 1, maxBytes: 1_000_000 },
  })
  const greet = (encoder: Encoder.Encoder, id: string): void =>
    Encoder.handshake(encoder, {
      infoHash: new Uint8Array(20).fill(7),
      peerId: Uint8Array.from(idOf(id), (char) => char.charCodeAt(0)),
      features: { fast: true, extended: true, dht: false },
    })
  const conns = Array.from({ length: 20 }, (_, i) => {
    const conn = door.accept("80.4.4.4")
    door.say(conn, (encoder) => greet(encoder, `${i}`))
    return conn
  })
  expect(openCount(door, conns)).toBe(Limits.MAX_PER_ADDRESS)
})
