import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { toHex, toLatin1 } from "../../../core/base/Bytes.ts"
import * as Decode from "../../../core/bencode/Decode.ts"
import * as Encode from "../../../core/bencode/Encode.ts"
import * as Access from "../../../core/tracker/Access.ts"
import type * as Server from "../../../core/tracker/Server.ts"
import * as Http from "../../../core/tracker/Http.ts"
import * as ServerHttp from "../../../core/tracker/ServerHttp.ts"
import * as ServerHttpReply from "../../../core/tracker/ServerHttpReply.ts"
import * as Scene from "./ServerScene.ts"

const OPTIONS: ServerHttp.Options = { access: Access.OPEN, trustsIp: false }
const HERE: Uint8Array = Uint8Array.of(192, 0, 2, 1)

const encoded = (bytes: Uint8Array): string => toHex(bytes).replace(/../g, "%$&")
const HASH = encoded(Scene.id(1))
const ID = encoded(Scene.id(2))
const BASE = `/announce?info_hash=${HASH}&peer_id=${ID}&port=6881`

const parse = (target: string, options: Partial<ServerHttp.Options> = {}, ip = HERE) =>
  ServerHttp.parse(target, ip, { ...OPTIONS, ...options })

/** What an announce asks for. */
const asked = (
  target: string,
  options: Partial<ServerHttp.Options> = {},
  ip = HERE,
): ServerHttp.AnnounceAsked => {
  const parsed = parse(target, options, ip)
  if (parsed?.ok !== true || parsed.value._tag !== "Announce") throw new Error(JSON.stringify(parsed))
  return parsed.value
}

const refusal = (target: string, options: Partial<ServerHttp.Options> = {}): string | undefined => {
  const parsed = parse(target, options)
  return parsed === undefined ? "no tracker's" : parsed.ok ? undefined : parsed.error
}

describe("an announce", () => {
  it("says who, where and how far", () => {
    expect(
      asked(`${BASE}&uploaded=1&downloaded=2&left=3&event=started&numwant=7&key=x&compact=1&supportcrypto=1`),
    )
      .toEqual({
        _tag: "Announce",
        query: {
          infoHash: Scene.id(1),
          peerId: Scene.id(2),
          ip: HERE,
          port: 6881,
          leftBytes: 3,
          event: "started",
          numWant: 7,
        },
        from: HERE,
        isCompact: true,
        withPeerIds: false,
      })
  })

  it("is what our own client sends", () => {
    const url = Http.announceUrl("http://tracker.example/announce", {
      infoHash: Scene.id(1),
      peerId: Scene.id(2),
      port: 51_413,
      uploadedBytes: 0,
      downloadedBytes: 0,
      leftBytes: 12,
      event: "completed",
      numWant: 80,
      key: 1,
    })
    if (!url.ok) throw new Error(url.error.message)
    expect(asked(url.value.slice("http://tracker.example".length))).toMatchObject({
      query: {
        ...Scene.query({ port: 51_413, leftBytes: 12, event: "completed", numWant: 80 }),
        peerId: Scene.id(2),
        ip: HERE,
      },
      isCompact: true,
    })
  })

  it.prop("takes any 20 bytes, escaped in part, in full or not at all", {
    bytes: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    escapes: fc.array(fc.constantFrom("lower", "upper", "bare"), { minLength: 20, maxLength: 20 }),
  }, ({ bytes, escapes }) => {
    const text = Array.from(bytes, (byte, i) => {
      const escape = `%${byte.toString(16).padStart(2, "0")}`
      const mustEscape = byte === 0x25 || byte === 0x26
      return escapes[i] === "lower"
        ? escape
        : escapes[i] === "upper" || mustEscape
        ? escape.toUpperCase()
        : String.fromCharCode(byte)
    }).join("")
    // A `?` in the value is no matter: only the first one ends the path.
    expect(asked(`/announce?info_hash=${text}&peer_id=${ID}&port=1`).query.infoHash).toEqual(bytes)
  })

  it.each([
    ["/announce", "info_hash is missing"],
    ["/announce?", "info_hash is missing"],
    [`/announce?peer_id=${ID}&port=1`, "info_hash is missing"],
    [`/announce?info_hash=&peer_id=${ID}&port=1`, "info_hash must be 20 bytes"],
    [`/announce?info_hash=${HASH.slice(3)}&peer_id=${ID}&port=1`, "info_hash must be 20 bytes"],
    [`/announce?info_hash=${HASH}a&peer_id=${ID}&port=1`, "info_hash must be 20 bytes"],
    [`/announce?info_hash=${HASH}%41&peer_id=${ID}&port=1`, "info_hash must be 20 bytes"],
    [`/announce?info_hash=${HASH.slice(0, -1)}&peer_id=${ID}&port=1`, "info_hash must be 20 bytes"],
    [`/announce?info_hash=${HASH.slice(0, -2)}&peer_id=${ID}&port=1`, "info_hash must be 20 bytes"],
    [`/announce?info_hash=${HASH.slice(0, -2)}g0&peer_id=${ID}&port=1`, "info_hash must be 20 bytes"],
    [`/announce?info_hash=${"\u0141".repeat(20)}&peer_id=${ID}&port=1`, "info_hash must be 20 bytes"],
    [`/announce?info_hash=${"%".repeat(20)}&peer_id=${ID}&port=1`, "info_hash must be 20 bytes"],
    [`${BASE}&info_hash=${HASH}`, "info_hash is there twice"],
    [`${BASE}&peer_id=${ID}`, "peer_id is there twice"],
    [`${BASE}&port=6881`, "port is there twice"],
    [`/announce?info_hash=${HASH}&port=1`, "peer_id is missing"],
    [`/announce?info_hash=${HASH}&peer_id=abc&port=1`, "peer_id must be 20 bytes"],
    [`/announce?info_hash=${HASH}&peer_id=${ID}`, "port is missing"],
    ...["0", "65536", "-1", "", "x", "1e3", "0x10", "99999999999999999999999"].map((port) => [
      `/announce?info_hash=${HASH}&peer_id=${ID}&port=${port}`,
      "port must be from 1 to 65535",
    ]),
    [`${BASE}&left=many`, "left must be a number"],
    [`${BASE}&left=`, "left must be a number"],
    [`${BASE}&x=${"y".repeat(17_000)}`, "the request is too long"],
  ])("is refused: %.80s", (target, reason) => expect(refusal(target)).toBe(reason))

  it("with left absent, negative or beyond all bounds is a leecher's", () => {
    expect(asked(BASE).query.leftBytes).toBeGreaterThan(0)
    for (const left of ["1", "-1", "-9223372036854775808", "18446744073709551615", "9".repeat(400)]) {
      expect(asked(`${BASE}&left=${left}`).query.leftBytes).toBeGreaterThan(0)
    }
    for (const left of ["0", "-0", "000"]) expect(asked(`${BASE}&left=${left}`).query.leftBytes).toBe(0)
  })

  it.each([["", 50], ["x", 50], ["-1", 50], ["0", 0], ["1", 1], ["200", 200], ["201", 200], [
    "9".repeat(50),
    200,
  ]])(
    "with numwant=%s gets %i peers at most",
    (numwant, most) => expect(asked(`${BASE}&numwant=${numwant}`).query.numWant).toBe(most),
  )

  it("knows three events, and takes any other for none", () => {
    const events = ["started", "completed", "stopped", "paused", "", "STARTED", "constructor"]
      .map((event) => asked(`${BASE}&event=${event}`).query.event)
    expect(events).toEqual(["started", "completed", "stopped", undefined, undefined, undefined, undefined])
  })

  it("gets dictionaries only if it wants them, with peer ids unless it doesn't", () => {
    const kinds = [
      "",
      "&compact=1",
      "&no_peer_id=1",
      "&compact=0",
      "&compact=0&no_peer_id=1",
      "&compact=0&no_peer_id=0",
    ]
      .map((more) => asked(BASE + more)).map(({ isCompact, withPeerIds }) => [isCompact, withPeerIds])
    expect(kinds).toEqual([[true, false], [true, false], [true, false], [false, true], [false, false], [
      false,
      true,
    ]])
  })

  it("may name its address where that is trusted, and only there", () => {
    const ip = (text: string, trustsIp: boolean) => asked(`${BASE}&ip=${text}`, { trustsIp }).query.ip
    expect(ip("10.1.2.3", false)).toEqual(HERE)
    expect(ip("nonsense", false)).toEqual(HERE)
    expect(ip("10.1.2.3", true)).toEqual(Uint8Array.of(10, 1, 2, 3))
    expect(ip("2001:db8%3A%3a1", true)).toEqual(
      Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
    )
    expect(ip("::ffff:10.1.2.3", true)).toEqual(Uint8Array.of(10, 1, 2, 3))
    for (const text of ["", "tracker.example", "1.2.3", "%zz"]) {
      expect(refusal(`${BASE}&ip=${text}`, { trustsIp: true })).toBe("ip must be an IP address")
    }
  })

  it("of an IPv4 peer on a socket for both families is an IPv4 one", () => {
    const mapped = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1)
    expect(asked(BASE, {}, mapped)).toMatchObject({ query: { ip: HERE }, from: HERE })
  })

  it("has its key in the path", () => {
    const access = { ...Access.OPEN, keys: new Set(["k3y"]) }
    expect(refusal(BASE.replace("announce", "announce/k3y"), { access })).toBeUndefined()
    expect(refusal(BASE.replace("announce", "announce/key"), { access })).toBe(
      "this tracker does not know your key",
    )
    expect(refusal(BASE, { access })).toBe("this tracker is private: its URL needs your key")
    expect(refusal(BASE, { access: { ...Access.OPEN, allowed: new Set() } })).toBe(
      "this tracker does not serve this torrent",
    )
    expect(refusal("/stats?info_hash=x")).toBe("no tracker's")
  })

  it.prop("never throws, whatever it says", {
    names: fc.array(
      fc.tuple(
        fc.constantFrom("info_hash", "peer_id", "port", "left", "event", "numwant", "ip", "compact", "", "x"),
        fc.oneof(fc.string(), fc.constantFrom("%", "%4", "%zz", "=", HASH, ID, "1")),
      ),
    ),
    path: fc.constantFrom("/announce", "/scrape", "/announce/k", ""),
  }, ({ names, path }) => {
    const query = names.map(([name, value]) => `${name}=${value}`).join("&")
    parse(`${path}?${query}`, { trustsIp: true })
    parse(`${path}${query}`)
  })
})

describe("a scrape", () => {
  const hashes = (count: number) => Array.from({ length: count }, (_, n) => Scene.id(n))
  const target = (list: ReadonlyArray<Uint8Array>) =>
    `/scrape?${list.map((hash) => `info_hash=${encoded(hash)}`).join("&")}`

  it("names torrents, of which the first hundred are answered", () => {
    expect(parse(target(hashes(3)))).toEqual({ ok: true, value: { _tag: "Scrape", infoHashes: hashes(3) } })
    expect(parse(target(hashes(120)))).toEqual({
      ok: true,
      value: { _tag: "Scrape", infoHashes: hashes(100) },
    })
  })

  it("of everything is not offered, nor one without a key where one is needed", () => {
    expect(refusal("/scrape")).toMatch("needs an info_hash")
    expect(refusal("/scrape?info_hash=abc")).toBe("info_hash must be 20 bytes")
    const access = { ...Access.OPEN, keys: new Set(["k"]) }
    expect(refusal(target(hashes(1)), { access })).toMatch("private")
    expect(refusal(target(hashes(1)).replace("scrape", "scrape/k"), { access })).toBeUndefined()
  })

  it("is answered with each torrent once, in order", () => {
    const entry = (n: number) => ({ seeders: n, leechers: n + 1, downloads: n + 2 })
    const bytes = ServerHttpReply.scraped([Scene.id(2), Scene.id(1), Scene.id(2)], [
      entry(5),
      entry(7),
      entry(5),
    ])
    const [one, two] = [toLatin1(Scene.id(1)), toLatin1(Scene.id(2))]
    expect(toLatin1(bytes)).toBe(
      `d5:filesd20:${one}d8:completei7e10:downloadedi9e10:incompletei8ee` +
        `20:${two}d8:completei5e10:downloadedi7e10:incompletei6eeee`,
    )
  })
})

describe("an answer", () => {
  const reply = (ipBytes: 4 | 16, withPeerIds: boolean): Server.AnnounceReply => {
    const server = Scene.server({ intervalSeconds: 9, minIntervalSeconds: 5 })
    const at = ipBytes === 4 ? Scene.v4 : Scene.v6
    Scene.announce(server, { ip: at(0x010203), peerId: Scene.id(7) })
    const { peerIds, ...rest } = Scene.announce(server, { ip: at(2), leftBytes: 0 })
    return withPeerIds ? { ...rest, peerIds: peerIds! } : rest
  }
  const FIGURES = "10:incompletei1e8:intervali9e12:min intervali5e"

  it("is compact for either family, and tells the asker its address", () => {
    expect(toLatin1(ServerHttpReply.announced(asked(BASE), reply(4, false)))).toBe(
      `d8:completei1e11:external ip4:\xc0\0\x02\x01${FIGURES}5:peers6:\x0a\x01\x02\x03\x1a\xe1e`,
    )
    const from = Scene.v6(1)
    const bytes = ServerHttpReply.announced(asked(BASE, {}, from), reply(16, false))
    expect(toLatin1(bytes)).toBe(
      `d8:completei1e11:external ip16:${toLatin1(from)}${FIGURES}5:peers0:6:peers618:${
        toLatin1(Scene.v6(0x010203))
      }\x1a\xe1e`,
    )
  })

  it("is a list of dictionaries for who wants it", () => {
    const text = (more: string, ip: Uint8Array, answer: Server.AnnounceReply) =>
      toLatin1(ServerHttpReply.announced(asked(BASE + more, {}, ip), answer)).split(FIGURES)[1]
    const id = `7:peer id20:${toLatin1(Scene.id(7))}`
    expect(text("&compact=0", HERE, reply(4, true))).toBe(`5:peersld2:ip8:10.1.2.3${id}4:porti6881eeee`)
    expect(text("&compact=0&no_peer_id=1", HERE, reply(4, false))).toBe(
      "5:peersld2:ip8:10.1.2.34:porti6881eeee",
    )
    expect(text("&compact=0", Scene.v6(1), reply(16, true))).toBe(
      `5:peersld2:ip17:2001:db8:1:203::1${id}4:porti6881eeee`,
    )
  })

  it("is canonical bencode, which our own client reads", () => {
    for (
      const [ip, ipBytes, more] of [[HERE, 4, ""], [Scene.v6(1), 16, ""], [HERE, 4, "&compact=0"]] as const
    ) {
      const bytes = ServerHttpReply.announced(asked(BASE + more, {}, ip), reply(ipBytes, more !== ""))
      expect(Decode.decode(bytes)).toMatchObject({ ok: true, value: { isSorted: true } })
      const read = Http.decodeAnnounce(bytes)
      expect(read).toMatchObject({ ok: true, value: { seeders: 1, leechers: 1, peers: [{ port: 6881 }] } })
      if (read.ok) expect(read.value.externalIp).toBe(ipBytes === 4 ? "192.0.2.1" : "2001:db8:0:1::1")
    }
  })

  it("that refuses is a failure reason", () => {
    expect(toLatin1(ServerHttpReply.failed("no"))).toBe("d14:failure reason2:noe")
    expect(ServerHttpReply.failed("ü")).toEqual(Encode.encode({ "failure reason": "ü" }))
  })
})

describe("behind proxies", () => {
  const FORWARDED = "203.0.113.9, 198.51.100.7,10.0.0.3"
  const client = (header: string | undefined, proxies: number) => ServerHttp.clientIp(HERE, header, proxies)

  it("the client is who the outermost of them saw, not who it says", () => {
    expect(client(FORWARDED, 0)).toEqual(HERE)
    expect(client(undefined, 1)).toEqual(HERE)
    expect(client(FORWARDED, 1)).toEqual(Uint8Array.of(10, 0, 0, 3))
    expect(client(FORWARDED, 2)).toEqual(Uint8Array.of(198, 51, 100, 7))
    expect(client(FORWARDED, 4)).toEqual(HERE)
  })

  it.each(["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443"])("is read from %s", (text) => {
    expect(client(text, 1)).toEqual(Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1))
  })

  it("is read with a port, and nonsense is the socket's address", () => {
    expect(client("192.0.2.77:5000", 1)).toEqual(Uint8Array.of(192, 0, 2, 77))
    for (const text of ["", ",", "unknown", "_hidden", "1.2.3.4.5", "x".repeat(100_000)]) {
      expect(client(text, 1)).toEqual(HERE)
    }
  })
})
