import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Udp from "../../core/tracker/Udp.ts"
import * as Datagram from "../../shell/Datagram.ts"
import * as MemoryDatagrams from "../../shell/MemoryDatagrams.ts"
import * as NodeDatagram from "../../shell/node/NodeDatagram.ts"
import { STOPPED_TIMEOUT_MS, TrackerClient } from "../../shell/TrackerClient.ts"
import * as TrackerClientUdp from "../../shell/TrackerClientUdp.ts"
import type * as UdpQuestions from "../../shell/UdpQuestions.ts"
import { request } from "../contract/TrackerClient.ts"
import { type Handler, serveUdp } from "./UdpServer.ts"

const PORT = 6_969
const V4 = "127.0.0.1"
const V6 = "::1"
/** A name with both families, as the network in memory resolves it. */
const URL = `udp://both.example:${PORT}/announce?passkey=secret`
const names = { "both.example": [V6, V4], "four.example": [V4], "six.example": [V6, "2001:db8::1"] }

const announced: Handler = ({ transactionId }, { host }) =>
  Udp.encodeAnnounced(transactionId, {
    intervalSeconds: host === V4 ? 600 : 900,
    seeders: host === V4 ? 5 : 4,
    leechers: host === V4 ? 1 : 2,
    peers: host === V4
      ? Bytes.fromHex("0a0000010001")!
      : Bytes.fromHex("20010db80000000000000000000000010002")!,
  })
const refused: Handler = ({ transactionId }, { host }) => Udp.encodeRefused(transactionId, `no from ${host}`)
const silent: Handler = () => undefined

/** A network for servers and client, and the packets that were sent on it. */
const world = (drops: (datagram: MemoryDatagrams.Flying) => boolean = () => false) => {
  const sent: Array<MemoryDatagrams.Flying> = []
  const network = MemoryDatagrams.make({
    names,
    drops: (datagram) => {
      sent.push(datagram)
      return drops(datagram)
    },
  })
  return { sent, datagrams: Datagram.layerMemory(network) }
}

const clientOver = (datagrams: Layer.Layer<Datagram.Datagram>, options: UdpQuestions.Options = {}) =>
  Effect.map(
    Layer.build(Layer.provide(TrackerClientUdp.layer(options), datagrams)),
    (context) => Effect.runSync(Effect.provide(TrackerClient, context)),
  )

type Bind = typeof Datagram.Datagram.Service.bind

/** A network whose sockets are opened in another way. */
const changed = (datagrams: Layer.Layer<Datagram.Datagram>, change: (bind: Bind) => Bind) =>
  Layer.provide(
    Layer.effect(
      Datagram.Datagram,
      Effect.map(Datagram.Datagram, ({ bind, resolve }) => ({ bind: change(bind), resolve })),
    ),
    datagrams,
  )

/** Servers on both loopback addresses, and a client. */
const start = (
  on4: Handler | undefined,
  on6: Handler | undefined,
  options: UdpQuestions.Options = {},
  { sent, datagrams } = world(),
) =>
  Effect.gen(function* () {
    const serve = (handler: Handler | undefined, host: string) =>
      handler === undefined
        ? Effect.succeed(undefined)
        : Effect.provide(serveUdp(handler, { host, port: PORT }), datagrams)
    return {
      sent,
      server4: yield* serve(on4, V4),
      server6: yield* serve(on6, V6),
      client: yield* clientOver(datagrams, options),
    }
  })

/** Lets everything happen that needs no time. */
const settle = Effect.repeatN(Effect.yieldNow(), 50)

/** How an effect stands after so many milliseconds. */
const after = <A, E>(fiber: Fiber.RuntimeFiber<A, E>, ms: number) =>
  Effect.gen(function* () {
    yield* settle
    yield* TestClock.adjust(ms)
    yield* settle
    return yield* Fiber.poll(fiber)
  })

describe("a tracker of both families", () => {
  it.scoped("is asked over both, and answers as one", () =>
    Effect.gen(function* () {
      const { client, server4, server6 } = yield* start(announced, announced)
      expect(yield* client.announce(URL, request)).toEqual({
        intervalMs: 900_000,
        seeders: 5,
        leechers: 2,
        peers: [{ host: "10.0.0.1", port: 1 }, { host: "2001:db8::1", port: 2 }],
      })
      for (const server of [server4!, server6!]) {
        expect(server.requests.map(({ _tag }) => _tag)).toEqual(["Connect", "Announce"])
        expect(server.requests[1]).toMatchObject({ urlData: Bytes.latin1("/announce?passkey=secret") })
      }
    }))

  it.scoped("has answered if one of them has", () =>
    Effect.gen(function* () {
      for (const [on4, on6] of [[announced, refused], [refused, announced]] as const) {
        yield* Effect.scoped(Effect.gen(function* () {
          const { client } = yield* start(on4, on6)
          expect((yield* client.announce(URL, request)).peers.length).toBe(1)
        }))
      }
    }))

  it.scoped("does not wait long for the other once one has answered", () =>
    Effect.gen(function* () {
      for (const [on4, on6] of [[announced, silent], [undefined, announced]] as const) {
        yield* Effect.scoped(Effect.gen(function* () {
          const { client, sent } = yield* start(on4, on6)
          const fiber = yield* Effect.fork(client.announce(URL, request))
          expect((yield* after(fiber, TrackerClientUdp.OTHER_FAMILY_MS - 1))._tag).toBe("None")
          yield* TestClock.adjust(1)
          expect((yield* Fiber.join(fiber)).peers.length).toBe(1)
          // The other one is left alone then.
          const count = sent.length
          yield* TestClock.adjust("1 hour")
          expect(sent.length).toBe(count)
        }))
      }
    }))

  it.scoped("has failed with the reason that says most if both have", () =>
    Effect.gen(function* () {
      const { client } = yield* start(refused, silent)
      const fiber = yield* Effect.fork(Effect.flip(client.announce(URL, request)))
      yield* after(fiber, TrackerClientUdp.TIMEOUT_MS)
      const { failure } = yield* Fiber.join(fiber)
      expect(failure).toEqual({ reason: "Refused", message: `no from ${V4}` })
    }))

  it.scoped("scrapes as one, with the larger figures", () =>
    Effect.gen(function* () {
      const scraped: Handler = ({ transactionId }, { host }) =>
        Udp.encodeScraped(transactionId, [
          host === V4 ? { seeders: 1, leechers: 5, downloads: 3 } : { seeders: 4, leechers: 2, downloads: 6 },
        ])
      const { client } = yield* start(scraped, scraped)
      expect(yield* client.scrape(URL, [request.infoHash])).toEqual([{
        seeders: 4,
        leechers: 5,
        downloads: 6,
      }])
    }))

  it.scoped("is asked over the family of the local address alone", () =>
    Effect.gen(function* () {
      const { client, server4, server6 } = yield* start(announced, announced, { bind: V6 })
      expect((yield* client.announce(URL, request)).intervalMs).toBe(900_000)
      expect([server4!.requests.length, server6!.requests.length]).toEqual([0, 2])
      const error = yield* Effect.flip(client.announce(`udp://four.example:${PORT}`, request))
      expect(error.failure).toEqual({
        reason: "Unreachable",
        message: "it has no address of the family of the local address",
      })
    }))

  it.scoped("fails at once over the family that this machine does not have", () =>
    Effect.gen(function* () {
      const { datagrams } = world()
      // A machine without IPv6: every socket is of IPv4.
      const without6 = changed(datagrams, (bind) => (options, handlers) =>
        bind({ ...options, host: "0.0.0.0" }, handlers))
      const client = yield* clientOver(without6)
      const error = yield* Effect.flip(client.announce(`udp://six.example:${PORT}`, request))
      expect(error.failure).toMatchObject({
        reason: "Unreachable",
        message: expect.stringMatching(/nothing can be sent there/),
      })
    }))
})

describe("a tracker that does not answer", () => {
  it.scoped("fails after two copies, in time for the next tracker to get its turn", () =>
    Effect.gen(function* () {
      const { client, sent } = yield* start(silent, undefined)
      const fiber = yield* Effect.fork(Effect.flip(client.announce(`udp://four.example:${PORT}`, request)))
      expect((yield* after(fiber, TrackerClientUdp.TIMEOUT_MS - 1))._tag).toBe("None")
      yield* TestClock.adjust(1)
      const error = yield* Fiber.join(fiber)
      expect(error.failure).toEqual({ reason: "Timeout", message: "no answer within 45 seconds" })
      expect(sent.filter(({ to }) => to.port === PORT).map(({ bytes }) => bytes.length)).toEqual([16, 98, 98])
    }))

  it.scoped("keeps nobody waiting who leaves", () =>
    Effect.gen(function* () {
      const { client } = yield* start(silent, undefined)
      const fiber = yield* Effect.fork(
        Effect.flip(client.announce(`udp://four.example:${PORT}`, { ...request, event: "stopped" })),
      )
      expect((yield* after(fiber, STOPPED_TIMEOUT_MS - 1))._tag).toBe("None")
      yield* TestClock.adjust(1)
      expect((yield* Fiber.join(fiber)).failure.message).toBe("no answer within 5 seconds")
    }))

  it.scoped("is not asked any more when the question is taken back", () =>
    Effect.gen(function* () {
      const { client, sent } = yield* start(silent, undefined)
      const fiber = yield* Effect.fork(client.announce(`udp://four.example:${PORT}`, request))
      yield* settle
      yield* Fiber.interrupt(fiber)
      const count = sent.length
      expect(count).toBeGreaterThan(0)
      yield* TestClock.adjust("1 hour")
      expect(sent.length).toBe(count)
    }))

  it.scoped("is reached in the end where the network loses two packets of five", () =>
    Effect.gen(function* () {
      for (let seed = 1; seed <= 5; seed++) {
        const lossy = world(MemoryDatagrams.lossy(seed, 0.4))
        yield* Effect.scoped(Effect.gen(function* () {
          const { client } = yield* start(announced, undefined, {}, lossy)
          const once = client.announce(`udp://four.example:${PORT}`, request)
          const fiber = yield* Effect.fork(Effect.retry(once, { times: 9 }))
          while ((yield* after(fiber, 5_000))._tag === "None") continue
          expect((yield* Fiber.join(fiber)).intervalMs).toBe(600_000)
        }))
        expect(lossy.sent.length).toBeGreaterThan(3)
      }
    }))
})

describe("connections", () => {
  it.scoped("serve many announces, each with a transaction of its own", () =>
    Effect.gen(function* () {
      const { client, server4 } = yield* start(announced, undefined)
      const one = client.announce(`udp://${V4}:${PORT}/announce`, request)
      yield* Effect.all(Array.from({ length: 50 }, () => one), { concurrency: "unbounded" })
      yield* one
      const { requests } = server4!
      expect(requests.filter(({ _tag }) => _tag === "Connect").length).toBe(1)
      const announces = requests.filter(({ _tag }) => _tag === "Announce")
      expect(announces.length).toBe(51)
      expect(new Set(announces.map(({ transactionId }) => transactionId)).size).toBe(51)
      expect(Math.max(...announces.map(({ transactionId }) => transactionId))).toBeGreaterThan(2 ** 30)
    }))

  it.scoped("that a restarted tracker has forgotten are made anew", () =>
    Effect.gen(function* () {
      const { client, server4 } = yield* start(announced, undefined)
      const one = client.announce(`udp://${V4}:${PORT}/announce`, request)
      yield* one
      server4!.restart()
      yield* one
      expect(server4!.requests.map(({ _tag }) => _tag)).toEqual([
        ...["Connect", "Announce", "Announce", "Connect", "Announce"],
      ])
    }))

  it.scoped("use transaction ids as they are told", () =>
    Effect.gen(function* () {
      const { client, server4 } = yield* start(announced, undefined, { transactionId: Effect.succeed(77) })
      yield* client.announce(`udp://${V4}:${PORT}/announce`, request)
      expect(server4!.requests.map(({ transactionId }) => transactionId)).toEqual([77, 77])
    }))
})

describe("what cannot even be asked", () => {
  it.scoped("a wrong URL fails for good, without a packet", () =>
    Effect.gen(function* () {
      const { client, sent } = yield* start(announced, announced)
      for (
        const url of [
          "udp://both.example/announce",
          "udp://both.example:99999",
          "http://both.example:80",
          "x",
        ]
      ) {
        const announce = Effect.asVoid(client.announce(url, request))
        for (const ask of [announce, Effect.asVoid(client.scrape(url, [request.infoHash]))]) {
          const error = yield* Effect.flip(ask)
          expect(error.failure).toMatchObject({ reason: "BadUrl", retryInMs: "never" })
        }
      }
      expect(sent).toEqual([])
    }))

  it.scoped("a name without an address is unreachable", () =>
    Effect.gen(function* () {
      const { client } = yield* start(announced, announced)
      const error = yield* Effect.flip(client.announce("udp://none.example:1/0123456789abcdef", request))
      expect(error.failure).toEqual({
        reason: "Unreachable",
        message: "none.example does not resolve to an address",
      })
      expect(error.url).toBe("udp://none.example:1/***")
    }))

  it.scoped("a name server that says nothing costs no more than a tracker that does", () =>
    Effect.gen(function* () {
      const mute = Layer.succeed(Datagram.Datagram, {
        bind: () => Effect.die("nothing to send"),
        resolve: () => Effect.never,
      })
      const client = yield* clientOver(mute)
      const fiber = yield* Effect.fork(Effect.flip(client.announce(URL, { ...request, event: "stopped" })))
      yield* after(fiber, STOPPED_TIMEOUT_MS)
      expect((yield* Fiber.join(fiber)).failure).toEqual({
        reason: "Timeout",
        message: "no name server answered within 5 seconds",
      })
    }))

  it.scoped("a machine that gives no socket is said so, and asked again the next time", () =>
    Effect.gen(function* () {
      let isDenied = true
      const { datagrams } = world()
      yield* Effect.provide(serveUdp(announced, { host: V4, port: PORT }), datagrams)
      const moody = changed(
        datagrams,
        (bind) => (options, handlers) =>
          isDenied ? Datagram.bindError("Denied", { host: "::", port: 0 }) : bind(options, handlers),
      )
      const client = yield* clientOver(moody)
      const url = `udp://four.example:${PORT}`
      const { failure } = yield* Effect.flip(client.announce(url, request))
      expect(failure).toMatchObject({
        reason: "Unreachable",
        message: expect.stringMatching(/not permitted/),
      })
      isDenied = false
      expect((yield* client.announce(url, request)).intervalMs).toBe(600_000)
    }))
})

it.scopedLive("a reply from another port of the tracker's machine is not its reply", () =>
  Effect.gen(function* () {
    const datagram = yield* Datagram.Datagram
    const liar = yield* datagram.bind({ host: V4, port: 0 }, { onMessage: () => {} })
    const { address } = yield* serveUdp((asked, from) => {
      liar.send(Udp.encodeRefused(asked.transactionId, "a lie"), from)
      return announced(asked, from)
    })
    const client = yield* TrackerClient
    expect((yield* client.announce(`udp://${V4}:${address.port}`, request)).intervalMs).toBe(600_000)
  }).pipe(
    Effect.provide(Layer.provideMerge(TrackerClientUdp.layer(), NodeDatagram.layer)),
  ))
