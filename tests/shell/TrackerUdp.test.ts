import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { Buffer } from "node:buffer"
import process from "node:process"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Access from "../../core/tracker/Access.ts"
import type { AnnounceRequest } from "../../core/tracker/Announce.ts"
import * as Udp from "../../core/tracker/Udp.ts"

import * as Datagram from "../../shell/Datagram.ts"
import * as PeerStore from "../../shell/PeerStore.ts"
import type * as PeerStoreWire from "../../shell/PeerStoreWire.ts"
import * as TrackerMetrics from "../../shell/TrackerMetrics.ts"
import * as TrackerUdp from "../../shell/TrackerUdp.ts"
import * as Scene from "./TrackerScene.ts"
import { connect, exchange, HASH, knock } from "./TrackerScene.ts"

const request = (n: number, changes: Partial<AnnounceRequest> = {}): AnnounceRequest => ({
  infoHash: HASH,
  peerId: Scene.peerId(n),
  port: 1000 + n,
  uploadedBytes: 0,
  downloadedBytes: 0,
  leftBytes: 1,
  event: undefined,
  numWant: 50,
  key: 1,
  ...changes,
})

const announce = (
  client: Scene.UdpClient,
  id: Bytes.Bytes,
  n: number,
  changes: Partial<AnnounceRequest> = {},
  url = "",
) => exchange(client, Udp.encodeAnnounce(id, n, request(n, changes), Bytes.latin1(url)))

describe("over real sockets", () => {
  it.scopedLive("peers meet, a scrape counts them, and HTTP sees the same swarm", () =>
    Effect.gen(function* () {
      const { counters, http, udp } = yield* Scene.start()
      const client = yield* Scene.udpClient(udp)
      const id = yield* connect(client)
      expect(yield* announce(client, id, 1, { leftBytes: 0, event: "started" })).toMatchObject({
        _tag: "Announced",
        transactionId: 1,
        seeders: 1,
        leechers: 0,
        peers: Buffer.alloc(0),
      })
      const second = yield* announce(client, id, 2)
      expect(second).toMatchObject({ seeders: 1, leechers: 1 })
      expect(second._tag === "Announced" && [...second.peers]).toEqual([127, 0, 0, 1, 1001 >> 8, 1001 & 255])
      yield* announce(client, id, 2, { leftBytes: 0, event: "completed" })
      const scraped = yield* exchange(client, Udp.encodeScrape(id, 9, [new Uint8Array(20), HASH]))
      expect(scraped).toMatchObject({
        _tag: "Scraped",
        transactionId: 9,
        entries: [{ seeders: 0, leechers: 0, downloads: 0 }, { seeders: 2, leechers: 0, downloads: 1 }],
      })
      expect(yield* Scene.ask(http, Scene.announce(3))).toMatchObject({ complete: 2, incomplete: 1 })
      expect(counters).toMatchObject({ udpConnects: 1, udpAnnounces: 3, udpScrapes: 1, udpDropped: 0 })
    }))

  it.scopedLive("IPv6 and IPv4 come by one port, and get peers of their own kind", (context) =>
    Effect.gen(function* () {
      const { udp } = yield* Scene.start({ host: "any" })
      if (udp.host !== "::") return context.skip("this machine has no IPv6")
      const v4 = yield* Scene.udpClient(udp)
      const v6 = yield* Scene.udpClient(udp, "::1")
      const [id4, id6] = [yield* connect(v4), yield* connect(v6)]
      yield* announce(v4, id4, 1)
      yield* announce(v6, id6, 2)
      const other4 = yield* announce(v4, id4, 3)
      const other6 = yield* announce(v6, id6, 4)
      expect(other4._tag === "Announced" && [...other4.peers]).toEqual([127, 0, 0, 1, 1001 >> 8, 1001 & 255])
      expect(other6._tag === "Announced" && [...other6.peers]).toEqual(
        [...new Array(15).fill(0), 1, 1002 >> 8, 1002 & 255],
      )
      // an id is good for the address that it was given to
      yield* v4.send(Udp.encodeAnnounce(id6, 5, request(5), Bytes.empty))
      yield* knock(v4)
    }))

  it.scopedLive("silence meets what is malformed or forged, and it is counted", () =>
    Effect.gen(function* () {
      const { counters, udp } = yield* Scene.start()
      const client = yield* Scene.udpClient(udp)
      const good = yield* connect(client)
      const whole = Udp.encodeAnnounce(good, 1, request(1), Bytes.empty)
      const forged = Udp.encodeAnnounce(good.map((byte) => byte ^ 1), 1, request(1), Bytes.empty)
      const connectPacket = Udp.encodeConnect(1)
      const silent: ReadonlyArray<Bytes.Bytes> = [
        Bytes.empty,
        ...Array.from({ length: 16 }, (_, length) => connectPacket.subarray(0, length)),
        // no connection id, wrong protocol, unknown action without an id
        forged,
        new Uint8Array(98),
        new Uint8Array(2_000).fill(255),
        Udp.encodeScrape(new Uint8Array(8), 1, [HASH]),
        // an answer to somebody else's question, reflected
        Udp.encodeConnected(1, good),
      ]
      for (const packet of silent) yield* client.send(packet)
      yield* knock(client)
      expect(counters.udpDropped).toBe(silent.length)
      expect(counters.udpConnects).toBe(2)

      // whoever has connected is told what is wrong
      for (const packet of [whole.subarray(0, 97), Udp.encodeScrape(good, 1, [HASH]).subarray(0, 35)]) {
        expect(yield* exchange(client, packet)).toMatchObject({ _tag: "Refused" })
      }
      // and what is longer than it need be is no mistake
      const long = new Uint8Array(1_200)
      long.set(whole)
      expect(yield* exchange(client, long)).toMatchObject({ _tag: "Announced" })
    }))

  it.scopedLive("odd numbers are taken for what they can mean, and answers stay in one packet", () =>
    Effect.gen(function* () {
      const { udp } = yield* Scene.start()
      const client = yield* Scene.udpClient(udp)
      const id = yield* connect(client)
      for (let n = 1; n <= 230; n++) yield* announce(client, id, n)
      const peers = (reply: Udp.Reply) => reply._tag === "Announced" ? reply.peers.length / 6 : -1
      expect(peers(yield* announce(client, id, 1, { numWant: -1 }))).toBe(50)
      expect(peers(yield* announce(client, id, 1, { numWant: 0x7fffffff }))).toBe(200)
      expect(peers(yield* announce(client, id, 1, { numWant: -0x80000000 }))).toBe(50)
      expect(peers(yield* announce(client, id, 1, { numWant: 0 }))).toBe(0)
      expect(yield* announce(client, id, 1, { leftBytes: 2 ** 53 - 1 })).toMatchObject({ leechers: 230 })
      expect(yield* announce(client, id, 1, { port: 0 })).toMatchObject({ _tag: "Refused" })
      // 1,400 bytes of info-hashes are 70, and all are answered
      const many = yield* exchange(client, Udp.encodeScrape(id, 1, new Array(74).fill(HASH)))
      expect(many._tag === "Scraped" && many.entries.length).toBe(74)
    }))

  it.scopedLive("keys of a private tracker come in the URL data (BEP 41)", () =>
    Effect.gen(function* () {
      const access: Access.Access = { ...Access.OPEN, keys: new Set(["alice"]) }
      const { udp } = yield* Scene.start({ access: () => access })
      const client = yield* Scene.udpClient(udp)
      const id = yield* connect(client)
      expect(yield* announce(client, id, 1, {}, "/announce/alice")).toMatchObject({ _tag: "Announced" })
      for (const url of ["", "/announce", "/announce/mallory"]) {
        expect(yield* announce(client, id, 1, {}, url)).toMatchObject({ _tag: "Refused" })
      }
      expect(yield* exchange(client, Udp.encodeScrape(id, 1, [HASH]))).toMatchObject({ _tag: "Refused" })
    }))

  it.scopedLive("a flood of garbage leaves memory where it was", () =>
    Effect.gen(function* () {
      const { counters, udp } = yield* Scene.start()
      const client = yield* Scene.udpClient(udp)
      const flood = (count: number) =>
        Effect.gen(function* () {
          for (let n = 0; n < count; n++) {
            yield* client.send(new Uint8Array(n % 1_500).fill(n))
            // So that the socket's buffer never overflows: Deno's has the system's size, and a packet takes 2 KiB of it.
            if (n % 50 === 49) yield* knock(client)
          }
        })
      yield* flood(10_000)
      const before = process.memoryUsage().rss
      yield* flood(20_000)
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
      expect(counters.udpDropped).toBeGreaterThan(29_000)
    }), 60_000)
})

describe("in memory", () => {
  const ADDRESS = { host: "192.0.2.1", port: 6969 }

  /** A tracker and one client on a network in memory; `said` is what the client heard. */
  const scene = Effect.gen(function* () {
    const context = yield* Layer.build(Layer.merge(Datagram.layerMemory(), PeerStore.layerMemory()))
    const counters = TrackerMetrics.make()
    const store: { -readonly [key in keyof PeerStoreWire.HotStore]: PeerStoreWire.HotStore[key] } = {
      ...Context.get(context, PeerStore.PeerStore),
    }
    const at = yield* TrackerUdp.serve({
      ...ADDRESS,
      store,
      counters,
      access: () => Access.OPEN,
      secret: Scene.SECRET,
    }).pipe(Effect.provide(context))
    const said: Array<Udp.Reply> = []
    const socket = yield* Context.get(context, Datagram.Datagram).bind({ host: "192.0.2.9", port: 5000 }, {
      onMessage: (bytes) => {
        const reply = Udp.decodeReply(bytes)
        if (reply.ok) said.push(reply.value)
      },
    })
    /** What the client hears next, once everything that is on its way has arrived. */
    const say = (packet: Bytes.Bytes) =>
      Effect.gen(function* () {
        socket.send(packet, at)
        for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow()
        return said.splice(0)
      })
    return { counters, say, store }
  })

  it.scoped("a connection id is good for two minutes", () =>
    Effect.gen(function* () {
      const { say } = yield* scene
      const [connected] = yield* say(Udp.encodeConnect(1))
      if (connected?._tag !== "Connected") throw new Error("not connected")
      const packet = Udp.encodeAnnounce(connected.connectionId, 2, request(1), Bytes.empty)
      yield* TestClock.adjust("119 seconds")
      expect(yield* say(packet)).toMatchObject([{ _tag: "Announced" }])
      yield* TestClock.adjust("2 seconds")
      expect(yield* say(packet)).toEqual([])
    }))

  it.scoped("a store that is away is told to the client, and counted", () =>
    Effect.gen(function* () {
      const { counters, say, store } = yield* scene
      store.announce = (_query, _withPeerIds, reply) =>
        reply({ ok: false, error: { reason: "Unreachable", message: "the store is away" } })
      const [connected] = yield* say(Udp.encodeConnect(1))
      if (connected?._tag !== "Connected") throw new Error("not connected")
      const answer = yield* say(Udp.encodeAnnounce(connected.connectionId, 2, request(1), Bytes.empty))
      expect(answer).toMatchObject([{ _tag: "Refused", message: Bytes.latin1("the store is away") }])
      expect(counters).toMatchObject({ udpAnnounces: 1, udpRefusals: 1, storeFailures: 1 })
    }))
})
