import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { toHex, toLatin1, utf8 } from "../../../core/base/Bytes.ts"
import { SECOND } from "../../../core/base/Time.ts"
import * as Access from "../../../core/tracker/Access.ts"
import * as ConnectionId from "../../../core/tracker/ConnectionId.ts"
import * as Server from "../../../core/tracker/Server.ts"
import * as ServerUdp from "../../../core/tracker/ServerUdp.ts"
import * as Udp from "../../../core/tracker/Udp.ts"
import * as Scene from "./ServerScene.ts"

const OPTIONS: ServerUdp.Options = { key: Scene.SECRET, access: Access.OPEN, trustsIp: false }

const connect = (ip: Uint8Array, now = 0): Uint8Array => ConnectionId.make(Scene.SECRET, now, ip)

/** An announce as a client sends it, with the connection id of its address. */
const packet = (overrides: Partial<Server.AnnounceQuery> = {}, url = ""): Uint8Array => {
  const query = Scene.query(overrides)
  const asked = { ...query, uploadedBytes: 0, downloadedBytes: 0, key: 7 }
  return Udp.encodeAnnounce(connect(query.ip), 99, asked, utf8(url))
}

/** Sends a packet and reads the answer. */
const send = (
  server: Server.Server,
  bytes: Uint8Array,
  ip: Uint8Array,
  options: Partial<ServerUdp.Options> = {},
): Udp.Reply | undefined => {
  const answer = ServerUdp.handle({ ...OPTIONS, ...options }, server, 0, bytes, ip)
  if (answer === undefined) return undefined
  const decoded = Udp.decodeReply(answer)
  if (!decoded.ok) throw new Error(decoded.error)
  return decoded.value
}

const refused = (message: string) => ({ _tag: "Refused", transactionId: 99, message: utf8(message) })

describe("a UDP client", () => {
  it("connects, announces and scrapes, byte by byte as BEP 15 says", () => {
    const server = Scene.server({ intervalSeconds: 9 })
    Scene.announce(server, { ip: Scene.v4(0x010203), port: 0x1ae1 })
    Scene.announce(server, { ip: Scene.v4(5), leftBytes: 0, port: 1 })
    const here = Scene.v4(9)
    const hello = Uint8Array.from([0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80, 0, 0, 0, 0, 1, 2, 3, 4])
    const granted = ServerUdp.handle(OPTIONS, server, 0, hello, here)!
    expect(toHex(granted)).toBe(`0000000001020304${toHex(connect(here))}`)

    const announce = new Uint8Array(98)
    announce.set(granted.subarray(8, 16))
    announce.set([0, 0, 0, 1, 5, 6, 7, 8], 8)
    announce.set(Scene.id(1), 16)
    announce.set(Scene.id(2), 36)
    announce.set([0, 0, 0, 0, 0, 0, 0, 0], 64)
    announce.set([0, 0, 0, 2], 80)
    announce.set([0xff, 0xff, 0xff, 0xff, 0x1a, 0xe2], 92)
    const answer = ServerUdp.handle(OPTIONS, server, 0, announce, here)!
    // One leecher, two seeders with the asker, and the leecher for it.
    expect(toHex(answer)).toBe(
      "00000001" + "05060708" + "00000009" + "00000001" + "00000002" + "0a0102031ae1",
    )

    const scrape = Uint8Array.from([
      ...granted.subarray(8, 16),
      0,
      0,
      0,
      2,
      9,
      9,
      9,
      9,
      ...Scene.id(1),
      ...Scene.id(3),
    ])
    expect(toHex(ServerUdp.handle(OPTIONS, server, 0, scrape, here)!)).toBe(
      "00000002" + "09090909" + "00000002" + "00000000" + "00000001" + "0".repeat(24),
    )
  })

  it("over IPv6 gets IPv6 peers, as many as one packet carries", () => {
    const server = Scene.server()
    for (let i = 1; i <= 300; i++) Scene.announce(server, { ip: Scene.v6(i) })
    const here = Scene.v6(0x999)
    const answer = ServerUdp.handle(OPTIONS, server, 0, packet({ ip: here, numWant: 200 }), here)!
    expect(answer.length).toBe(20 + 67 * 18)
    expect(answer.length).toBeLessThanOrEqual(ServerUdp.MAX_REPLY_BYTES)
    for (let i = 1; i <= 300; i++) Scene.announce(server, { ip: Scene.v4(i) })
    const there = Scene.v4(0x999)
    const full = ServerUdp.handle(OPTIONS, server, 0, packet({ ip: there, numWant: 1_000 }), there)!
    expect(full.length).toBe(20 + 200 * 6)
  })

  it("of IPv4 is one on a socket for both families too", () => {
    const server = Scene.server()
    Scene.announce(server, { ip: Scene.v4(2) })
    const mapped = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...Scene.v4(1)])
    const reply = send(server, packet({ ip: Scene.v4(1) }), mapped)
    expect(reply).toMatchObject({ _tag: "Announced", peers: Uint8Array.of(10, 0, 0, 2, 0x1a, 0xe1) })
    expect(Server.stats(server)).toMatchObject({ peers4: 2, peers6: 0 })
  })

  it.each([[-1, 50], [-2, 50], [-(2 ** 31), 50], [0, 0], [3, 3], [2 ** 31 - 1, 60]])(
    "that wants %i gets %i of 60",
    (numWant, count) => {
      const server = Scene.server()
      for (let i = 1; i <= 60; i++) Scene.announce(server, { ip: Scene.v4(100 + i) })
      const reply = send(server, packet({ numWant }), Scene.v4(1))
      expect(reply).toMatchObject({ _tag: "Announced" })
      if (reply?._tag === "Announced") expect(reply.peers.length).toBe(count * 6)
    },
  )

  it("with left of any 64 bits but zero is a leecher, and an event unknown to us is none", () => {
    for (
      const [bytes, seeders] of [["ffffffffffffffff", 0], ["0000000100000000", 0], [
        "0000000000000000",
        1,
      ]] as const
    ) {
      const server = Scene.server()
      const asked = packet()
      asked.set(Uint8Array.from(bytes.match(/../g)!, (hex) => Number.parseInt(hex, 16)), 64)
      asked.set([0, 0, 0, 4], 80)
      expect(send(server, asked, Scene.v4(1))).toMatchObject({ seeders, leechers: 1 - seeders })
    }
  })

  it("with port 0 is told so", () => {
    expect(send(Scene.server(), packet({ port: 0 }), Scene.v4(1))).toEqual(
      refused("port must be from 1 to 65535"),
    )
  })

  it("may name another address where that is trusted, and only there", () => {
    for (const [trustsIp, expected] of [[false, "10.0.0.1:6881"], [true, "192.0.2.7:6881"]] as const) {
      const server = Scene.server()
      const asked = packet()
      asked.set([192, 0, 2, 7], 84)
      send(server, asked, Scene.v4(1), { trustsIp })
      expect(Scene.members(server, Scene.id(1))).toEqual([expected])
    }
    const server = Scene.server()
    send(server, packet(), Scene.v4(1), { trustsIp: true })
    expect(Scene.members(server, Scene.id(1)), "zero is no address").toEqual(["10.0.0.1:6881"])
  })

  it("gets the first 74 torrents of a scrape, without a part of one", () => {
    const hashes = Array.from({ length: 80 }, (_, n) => Scene.id(n))
    const head = Udp.encodeScrape(connect(Scene.v4(1)), 99, [Scene.id(0)]).subarray(0, 16)
    const asked = Uint8Array.from([...head, ...hashes.flatMap((hash) => [...hash])])
    const lengths = [36, 55, 56, 16 + 74 * 20, asked.length].map((length) => {
      const reply = send(Scene.server(), asked.subarray(0, length), Scene.v4(1))
      return reply?._tag === "Scraped" ? reply.entries.length : reply
    })
    expect(lengths).toEqual([1, 1, 2, 74, 74])
  })

  it("is told what is wrong with its packet once it has connected", () => {
    const whole = packet()
    expect(send(Scene.server(), whole.subarray(0, 97), Scene.v4(1))).toEqual(
      refused("the packet is too short"),
    )
    const scrape = Udp.encodeScrape(connect(Scene.v4(1)), 99, [Scene.id(1)])
    expect(send(Scene.server(), scrape.subarray(0, 16), Scene.v4(1))).toEqual(
      refused("the scrape names no torrent"),
    )
    const unknown = whole.slice()
    unknown[11] = 9
    expect(send(Scene.server(), unknown, Scene.v4(1))).toEqual(refused("unknown action"))
  })
})

describe("a tracker with lists and keys", () => {
  const keys = new Set(["secret"])
  const access = { ...Access.OPEN, keys, denied: new Set([toHex(Scene.id(2))]) }
  const ask = (url: string, infoHash = Scene.id(1)): string => {
    const reply = send(Scene.server(), packet({ infoHash }, url), Scene.v4(1), { access })
    return reply?._tag === "Refused" ? toLatin1(reply.message) : reply?._tag ?? "silence"
  }

  it("finds the key in the URL of the client (BEP 41)", () => {
    expect(ask("/announce/secret")).toBe("Announced")
    expect(ask("/announce/secret?x=y")).toBe("Announced")
    expect(ask("/announce/other")).toBe("this tracker does not know your key")
    const missing = "this tracker is private: its URL needs your key"
    for (const url of ["", "/announce", "/scrape/secret", "/secret", `/announce/secret?${"x".repeat(300)}`]) {
      expect(ask(url)).toBe(missing)
    }
    expect(ask("/announce/secret", Scene.id(2))).toBe("this tracker does not serve this torrent")
  })

  it("puts the parts of a URL together, and takes the rest for nothing where an option is cut off", () => {
    const head = [...packet()]
    const data = (text: string) => [2, text.length, ...utf8(text)]
    const answers = [
      [...data("/annou"), 1, 1, ...data("nce/secret"), 0, ...data("junk")],
      [9, 2, 1, 1, ...data("/announce/secret")],
      [...data("/announce/secret"), 2],
      [...data("/announce/secret"), 2, 200, 65],
      [2, 200, ...utf8("/announce/secret")],
    ].map((options) =>
      send(Scene.server(), Uint8Array.from([...head, ...options]), Scene.v4(1), { access })?._tag
    )
    expect(answers).toEqual(["Announced", "Announced", "Announced", "Announced", "Refused"])
  })

  it("has no scrapes over UDP, which carry no key", () => {
    const scrape = Udp.encodeScrape(connect(Scene.v4(1)), 99, [Scene.id(1)])
    expect(send(Scene.server(), scrape, Scene.v4(1), { access })).toMatchObject({ _tag: "Refused" })
  })
})

describe("who has not connected", () => {
  it("gets no answer: forged, expired, foreign or future ids", () => {
    const server = Scene.server()
    const here = Scene.v4(1)
    const ids = {
      zero: new Uint8Array(8),
      foreign: connect(Scene.v4(2)),
      expired: connect(here, -121 * SECOND),
      future: connect(here, 60 * SECOND),
      forged: ConnectionId.make(new Uint8Array(16), 0, here),
    }
    for (const [name, id] of Object.entries(ids)) {
      const announce = packet()
      announce.set(id)
      expect(ServerUdp.handle(OPTIONS, server, 0, announce, here), name).toBeUndefined()
      expect(ServerUdp.handle(OPTIONS, server, 0, announce.subarray(0, 97), here), name).toBeUndefined()
      const scrape = Udp.encodeScrape(id, 1, [Scene.id(1)])
      expect(ServerUdp.handle(OPTIONS, server, 0, scrape, here), name).toBeUndefined()
    }
    expect(Server.stats(server)).toMatchObject({ announces: 0, scrapes: 0, swarms: 0 })
  })

  it("gets no answer to a greeting that is too short or wrong", () => {
    const hello = Udp.encodeConnect(1)
    for (let length = 0; length < 16; length++) {
      expect(ServerUdp.handle(OPTIONS, Scene.server(), 0, hello.subarray(0, length), Scene.v4(1)))
        .toBeUndefined()
    }
    expect(ServerUdp.handle(OPTIONS, Scene.server(), 0, hello.with(7, 1), Scene.v4(1))).toBeUndefined()
    const long = Uint8Array.from([...hello, ...new Uint8Array(2_000)])
    expect(ServerUdp.handle(OPTIONS, Scene.server(), 0, long, Scene.v4(1))).toHaveLength(16)
  })

  it.prop("never gets more than it sent, whatever it sends", {
    bytes: fc.uint8Array({ maxLength: 200 }),
    action: fc.nat(4),
    looksRight: fc.boolean(),
  }, ({ bytes, action, looksRight }) => {
    const asked = bytes.slice()
    if (looksRight && asked.length >= 16) asked.set([0, 0, 0, action], 8)
    if (looksRight && action === 0 && asked.length >= 16) asked.set(Udp.encodeConnect(1))
    const answer = ServerUdp.handle(OPTIONS, Scene.server(), 0, asked, Scene.v4(1))
    expect(answer?.length ?? 0).toBeLessThanOrEqual(asked.length)
  })
})

it.prop("no bytes from whoever has connected throw, and every answer can be read", {
  bytes: fc.uint8Array({ minLength: 8, maxLength: 300 }),
  action: fc.nat(4),
  isPrivate: fc.boolean(),
  isV6: fc.boolean(),
}, ({ bytes, action, isPrivate, isV6 }) => {
  const here = isV6 ? Scene.v6(1) : Scene.v4(1)
  const asked = bytes.slice()
  asked.set(connect(here))
  if (asked.length >= 12) asked.set([0, 0, 0, action], 8)
  const access = isPrivate ? { ...Access.OPEN, keys: new Set(["k"]) } : Access.OPEN
  send(Scene.server(), asked, here, { access, trustsIp: true })
})
