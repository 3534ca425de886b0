/** What comes to our own tracker, over UDP and HTTP, from those who want to hurt it, or to hurt others by it. */
import * as net from "node:net"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { expect } from "vitest"
import * as Bytes from "../../core/base/Bytes.ts"
import { MINUTE, SECOND } from "../../core/base/Time.ts"
import * as Access from "../../core/tracker/Access.ts"
import * as ConnectionId from "../../core/tracker/ConnectionId.ts"
import * as Server from "../../core/tracker/Server.ts"
import { EVICTION_TRIES, LIMITS, timeToLive } from "../../core/tracker/ServerLimits.ts"
import * as ServerUdp from "../../core/tracker/ServerUdp.ts"
import * as Udp from "../../core/tracker/Udp.ts"
import * as NodeTrackerHttp from "../../shell/node/NodeTrackerHttp.ts"
import * as CoreScene from "../core/tracker/ServerScene.ts"
import * as Scene from "../shell/TrackerScene.ts"
import { row } from "./Row.ts"
import { request } from "./Trackers.ts"

const live = (body: Effect.Effect<void, unknown, Scope.Scope>): Promise<void> =>
  Effect.runPromise(Effect.scoped(body))

const KEY = new Uint8Array(16).fill(9)
const OPTIONS: ServerUdp.Options = { key: KEY, access: Access.OPEN, trustsIp: false }
const HERE = CoreScene.v4(1)
const NOW = 1_000 * SECOND

/** The answer of a new tracker to one packet. */
const answerTo = (packet: Uint8Array, ip = HERE, now = NOW): Uint8Array | undefined =>
  ServerUdp.handle(OPTIONS, CoreScene.server(), now, packet, ip)

const announceWith = (
  id: Uint8Array,
  changes: Partial<typeof request> = {},
  urlData: Uint8Array = Bytes.empty,
) => Udp.encodeAnnounce(id, 1, { ...request, ...changes }, urlData)

const good = ConnectionId.make(KEY, NOW, HERE)

row(62, "connection ids that are forged, expired, of the future or of another address -> silence", () => {
  expect(answerTo(announceWith(good)), "the right one is answered").toBeDefined()
  const wrong = [
    ...Array.from({ length: 64 }, (_, bit) => good.with(bit >> 3, good[bit >> 3]! ^ (1 << (bit & 7)))),
    new Uint8Array(8),
    new Uint8Array(8).fill(255),
    Uint8Array.of(0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80),
    ConnectionId.make(KEY, NOW - (ConnectionId.LIFETIME_SECONDS + 1) * SECOND, HERE),
    ConnectionId.make(KEY, NOW - 256 * SECOND, HERE),
    ConnectionId.make(KEY, NOW + 2 * SECOND, HERE),
    ConnectionId.make(KEY, NOW + 60 * MINUTE, HERE),
    ConnectionId.make(KEY, NOW, CoreScene.v4(2)),
    ConnectionId.make(new Uint8Array(16), NOW, HERE),
  ]
  for (const id of wrong) {
    expect(answerTo(announceWith(id))).toBeUndefined()
    expect(answerTo(Udp.encodeScrape(id, 1, [request.infoHash]))).toBeUndefined()
    // What is malformed besides is not explained to them either.
    expect(answerTo(announceWith(id).subarray(0, 97))).toBeUndefined()
  }
})

row(62, "anything from an address that has proven nothing -> never more bytes back than came", () => {
  for (let length = 0; length < 200; length++) {
    for (const action of [0, 1, 2, 3, 255]) {
      const packet = new Uint8Array(length)
      packet.set([0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, action].slice(0, length))
      expect(answerTo(packet)?.length ?? 0).toBeLessThanOrEqual(length)
    }
  }
})

row(
  62,
  "the same on a real socket -> silence, counted, while others are answered",
  () =>
    live(Effect.gen(function* () {
      const { counters, udp } = yield* Scene.start()
      const client = yield* Scene.udpClient(udp)
      const id = yield* Scene.connect(client)
      for (let byte = 0; byte < 8; byte++) yield* client.send(announceWith(id.with(byte, id[byte]! ^ 1)))
      yield* client.send(
        announceWith(ConnectionId.make(Scene.SECRET, Date.now() - 200 * SECOND, Uint8Array.of(127, 0, 0, 1))),
      )
      yield* client.send(
        announceWith(ConnectionId.make(Scene.SECRET, Date.now() + 60 * SECOND, Uint8Array.of(127, 0, 0, 1))),
      )
      yield* Scene.knock(client)
      expect(client.waiting()).toBe(0)
      expect(counters).toMatchObject({ udpDropped: 10, udpAnnounces: 0 })
      expect(yield* Scene.exchange(client, announceWith(id))).toMatchObject({
        _tag: "Announced",
        leechers: 1,
      })
    })),
)

row(
  63,
  "an announce of 97 bytes, a scrape of 75 and more, of cut off hashes -> told, or the whole ones up to 74",
  () =>
    live(Effect.gen(function* () {
      const { udp } = yield* Scene.start()
      const client = yield* Scene.udpClient(udp)
      const id = yield* Scene.connect(client)
      expect(yield* Scene.exchange(client, announceWith(id).subarray(0, 97))).toMatchObject({
        _tag: "Refused",
      })
      const scrape = (bytes: number): Uint8Array => {
        const packet = new Uint8Array(16 + bytes).fill(7)
        packet.set(Udp.encodeScrape(id, 1, [request.infoHash]).subarray(0, 16))
        return packet
      }
      const counts = yield* Effect.forEach([0, 19, 20, 39, 41, 74 * 20, 75 * 20, 200 * 20 + 3], (bytes) =>
        Effect.map(Scene.exchange(client, scrape(bytes)), (reply) =>
          reply._tag === "Scraped" ? reply.entries.length : reply._tag))
      expect(counts).toEqual(["Refused", "Refused", 1, 1, 2, 74, 74, 74])
    })),
)

row(
  63,
  "BEP 41 options that end past the packet, without end, unknown -> the announce counts, the URL as far as it goes",
  () => {
    const access: Access.Access = { ...Access.OPEN, keys: new Set(["alice"]) }
    const ask = (...options: ReadonlyArray<number>): string | undefined => {
      const packet = Bytes.concat([announceWith(good), Uint8Array.from(options)])
      const answer = ServerUdp.handle({ ...OPTIONS, access }, CoreScene.server(), NOW, packet, HERE)
      const reply = answer && Udp.decodeReply(answer)
      return reply?.ok === true ? reply.value._tag : undefined
    }
    const url = Bytes.latin1("/announce/alice")
    expect(ask(2, url.length, ...url)).toBe("Announced")
    expect(ask(1, 1, 2, 9, ...url.subarray(0, 9), 2, url.length - 9, ...url.subarray(9), 0, 2, 5)).toBe(
      "Announced",
    )
    expect(ask(99, 3, 1, 2, 3, 2, url.length, ...url)).toBe("Announced")
    expect(ask(2, url.length + 1, ...url), "past the end").toBe("Refused")
    expect(ask(2, 255, ...url)).toBe("Refused")
    expect(ask(2)).toBe("Refused")
    expect(ask(...new Array(1_000).fill(1))).toBe("Refused")
    expect(ask(...new Array(250).fill([2, 1, 0x2f]).flat())).toBe("Refused")
  },
)

row(
  64,
  "num_want of 2^31, below -1; port 0; events beyond 3 -> taken for what they can mean",
  () =>
    live(Effect.gen(function* () {
      const { store, udp } = yield* Scene.start()
      const client = yield* Scene.udpClient(udp)
      const id = yield* Scene.connect(client)
      const peers = (numWant: number) =>
        Effect.map(
          Scene.exchange(client, announceWith(id, { numWant })),
          (reply) => reply._tag === "Announced" ? reply.peers.length / 6 : -1,
        )
      for (let port = 1; port <= 230; port++) {
        yield* Scene.exchange(client, announceWith(id, { port, numWant: 0 }))
      }
      expect(yield* Effect.forEach([0x80000000, 0x7fffffff, -2, -1, 0, 3], peers)).toEqual([
        50,
        200,
        50,
        50,
        0,
        3,
      ])
      expect(yield* Scene.exchange(client, announceWith(id, { port: 0 }))).toMatchObject({ _tag: "Refused" })
      const odd = announceWith(id)
      for (const event of [4, 255]) {
        odd[83] = event
        expect(yield* Scene.exchange(client, odd)).toMatchObject({ _tag: "Announced" })
      }
      const stats = yield* Effect.async<number>((resume) =>
        store.stats((result) => resume(Effect.succeed(result.ok ? result.value.leechers : -1)))
      )
      expect(stats, "230 ports and our own").toBe(231)
    })),
)

row(65, "a million torrents from one address -> a limit for it, and room for everybody else", () => {
  const server = CoreScene.server()
  const query = CoreScene.query({ numWant: 0 })
  const view = new DataView(query.infoHash.buffer)
  let refused = 0
  for (let i = 0; i < 1_000_000; i++) {
    view.setInt32(16, i)
    if (!Server.announce(server, 0, query, false).ok) refused++
  }
  expect(Server.stats(server)).toMatchObject({
    swarms: LIMITS.newSwarmsPerAddress,
    leechers: LIMITS.newSwarmsPerAddress,
  })
  expect(refused).toBe(1_000_000 - LIMITS.newSwarmsPerAddress)
  expect(CoreScene.refusal(server, { ip: CoreScene.v4(2), infoHash: CoreScene.id(-1) })).toBeUndefined()
})

row(
  65,
  "the same from thousands of addresses -> the table stays at its size, and what is alive stays in it",
  () => {
    const limits = { maxSwarms: 2_000, maxPeers: 5_000 }
    const server = CoreScene.server(limits)
    const alive = Array.from({ length: 200 }, (_, n) => CoreScene.id(5_000_000 + n))
    for (const now of [0, 16 * MINUTE]) {
      for (const infoHash of alive) {
        CoreScene.announce(
          server,
          { infoHash, numWant: 0, ip: CoreScene.v4(9) },
          now,
        )
      }
    }
    let refused = 0
    for (let i = 0; i < 30_000; i++) {
      const ip = CoreScene.v4(1_000 + i % 5_000)
      if (
        CoreScene.refusal(server, { infoHash: CoreScene.id(i), ip, numWant: 0 }, 17 * MINUTE) !== undefined
      ) refused++
      const { leechers, swarms } = Server.stats(server)
      if (swarms > limits.maxSwarms || leechers > limits.maxPeers) {
        throw new Error(
          `${swarms} torrents, ${leechers} peers`,
        )
      }
    }
    // With nine in ten that can go, to miss them all has a chance of 10^-32 each.
    expect(EVICTION_TRIES).toBe(32)
    expect(refused).toBe(0)
    expect(Server.stats(server).swarms).toBe(limits.maxSwarms)
    for (const infoHash of alive) expect(CoreScene.members(server, infoHash)).toEqual(["10.0.0.9:6881"])
    // Nothing of the flood is left in the end.
    Server.expire(server, 17 * MINUTE + timeToLive(LIMITS) * SECOND, Infinity)
    expect(Server.stats(server)).toMatchObject({ swarms: 0, leechers: 0 })
  },
)

/** So many connections from one address of this machine that send `text` and then nothing; `closed` counts those that ended. */
const connections = (to: { readonly port: number }, count: number, localAddress: string, text = "") =>
  Effect.gen(function* () {
    const state = { closed: 0 }
    const sockets: Array<net.Socket> = []
    yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
    const one = Effect.async<void>((resume) => {
      const socket = net.connect({ host: "127.0.0.1", port: to.port, localAddress }, () => {
        if (text !== "") socket.write(text)
        resume(Effect.void)
      })
      socket.on("error", () => resume(Effect.void))
      socket.on("close", () => state.closed++)
      socket.resume()
      sockets.push(socket)
    })
    yield* Effect.forEach(Array.from({ length: count }), () => one, { concurrency: 100, discard: true })
    return { state, sockets }
  })

const until = (condition: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => condition() ? Effect.void : Effect.zipRight(Effect.sleep(20), until(condition)))

row(
  65,
  "2,000 connections over HTTP that say nothing, from one address -> half of them closed at once, all in time",
  () =>
    live(Effect.gen(function* () {
      const { http } = yield* Scene.start({ requestTimeoutMs: 3_000 })
      const { state } = yield* connections(http, 2_000, "127.0.0.1")
      yield* until(() => state.closed >= 2_000 - NodeTrackerHttp.MAX_CONNECTIONS_PER_ADDRESS)
      // Others are served meanwhile, and so is that address when they are gone.
      const other = yield* connections(http, 1, "127.0.0.2", `GET ${Scene.announce(1)} HTTP/1.0\r\n\r\n`)
      const parts: Array<string> = []
      other.sockets[0]!.on("data", (part) => parts.push(part.toString("latin1")))
      yield* until(() => other.state.closed === 1)
      expect(parts.join("")).toMatch(/^HTTP\/1\.1 200 [^]*10:incompletei1e/)
      yield* until(() => state.closed === 2_000)
      expect((yield* Scene.get(http, Scene.announce(2))).status).toBe(200)
    })),
)

row(
  65,
  "heads and bodies a byte at a time, heads without end -> cut off in time, nothing kept of them",
  () =>
    live(Effect.gen(function* () {
      const { counters, http } = yield* Scene.start({ requestTimeoutMs: 1_000 })
      const head = yield* connections(
        http,
        20,
        "127.0.0.1",
        `GET ${Scene.announce(1)} HTTP/1.1\r\nHost: t\r\n`,
      )
      const body = yield* connections(
        http,
        20,
        "127.0.0.1",
        `POST ${Scene.announce(1)} HTTP/1.1\r\nHost: t\r\nContent-Length: 1000000000\r\n\r\n`,
      )
      const drip = setInterval(() => {
        for (const socket of [...head.sockets, ...body.sockets]) if (socket.writable) socket.write("x")
      }, 100)
      yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(drip)))
      yield* until(() => head.state.closed === 20 && body.state.closed === 20)
      const flood = `GET ${Scene.announce(1)} HTTP/1.1\r\n${"X-A: 0123456789\r\n".repeat(2_000)}\r\n`
      expect((yield* Scene.raw(http, flood)).toString("latin1")).toMatch(/^HTTP\/1\.1 431 /)
      const long = yield* Scene.raw(
        http,
        `GET /announce?${"a=b&".repeat(100_000)} HTTP/1.1\r\nHost: t\r\n\r\n`,
      )
      expect(long.toString("latin1")).toMatch(/^HTTP\/1\.1 431 /)
      expect(counters.httpAnnounces).toBe(0)
      expect((yield* Scene.get(http, Scene.announce(2))).status).toBe(200)
    })),
)

row(
  65,
  "thousands of requests in one write, by somebody who reads none of the answers -> others are served, and it all is in the end",
  () =>
    live(Effect.gen(function* () {
      const { counters, http } = yield* Scene.start()
      // Deno's server reads no more of a connection than its first 64 KiB, if they all are requests.
      const count = "Deno" in globalThis ? 250 : 5_000
      const one = `GET ${Scene.announce(1)} HTTP/1.1\r\nHost: t\r\n\r\n`
      const text = one.repeat(count)
      const { sockets, state } = yield* connections(http, 1, "127.0.0.1")
      const socket = sockets[0]!
      socket.pause()
      socket.write(text)
      yield* until(() => counters.httpAnnounces > 0)
      expect((yield* Scene.get(http, Scene.announce(2))).status).toBe(200)
      let answers = 0
      socket.on("data", (part) => {
        answers += part.toString("latin1").split("HTTP/1.1 200 OK").length - 1
      })
      socket.resume()
      // A head that is split between two reads is not counted, of which there are few.
      yield* until(() => counters.httpAnnounces === count + 1 && answers > count * 0.98)
      expect(state.closed).toBe(0)
    })),
)
