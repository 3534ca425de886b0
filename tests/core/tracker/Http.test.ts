import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Address from "../../../core/base/Address.ts"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Encode from "../../../core/bencode/Encode.ts"
import * as Announce from "../../../core/tracker/Announce.ts"
import * as Http from "../../../core/tracker/Http.ts"

const request: Announce.AnnounceRequest = {
  infoHash: Bytes.fromHex("123456789abcdef123456789abcdef123456789a")!,
  peerId: Bytes.latin1("-SH0100-~_. /%&=+abc"),
  port: 6881,
  uploadedBytes: 1,
  downloadedBytes: 2 ** 40,
  leftBytes: 3,
  event: undefined,
  numWant: 50,
  key: 0xbeef,
}

const urlOf = (url: string, overrides: Partial<Announce.AnnounceRequest> = {}): string => {
  const result = Http.announceUrl(url, { ...request, ...overrides })
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

const response = (reply: Encode.Encodable | string): Announce.AnnounceResponse => {
  const result = Http.decodeAnnounce(typeof reply === "string" ? Bytes.latin1(reply) : Encode.encode(reply))
  if (!result.ok) throw new Error(result.error.message)
  return result.value
}

/** A string is the reply itself. */
const failure = (reply: Encode.Encodable): Announce.TrackerFailure => {
  const result = Http.decodeAnnounce(typeof reply === "string" ? Bytes.latin1(reply) : Encode.encode(reply))
  if (result.ok) throw new Error(`a response: ${JSON.stringify(result.value)}`)
  return result.error
}

const hosts = ({ peers }: Announce.AnnounceResponse): ReadonlyArray<string> => peers.map(Address.format)

describe("the announce URL", () => {
  it("has every parameter, bytes escaped as BEP 3 shows", () => {
    expect(urlOf("http://tracker.example/announce")).toBe(
      "http://tracker.example/announce" +
        "?info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A" +
        "&peer_id=-SH0100-~_.%20%2F%25%26%3D%2Babc" +
        "&port=6881&uploaded=1&downloaded=1099511627776&left=3" +
        "&compact=1&no_peer_id=1&numwant=50&key=0000beef",
    )
  })

  it("has event and tracker id only where there are some", () => {
    const url = urlOf("http://a/announce", { event: "started", trackerId: "a b\xff" })
    expect(url).toContain("&event=started&")
    expect(url).toMatch(/&trackerid=a%20b%FF$/)
  })

  it("keeps the query that the torrent gives, without the fragment", () => {
    expect(urlOf("https://a:8443/x/announce.php?passkey=0123&u=%C3%A4#frag"))
      .toMatch(/^https:\/\/a:8443\/x\/announce\.php\?passkey=0123&u=%C3%A4&info_hash=/)
  })

  it("lets a URL choose options, but not speak for us", () => {
    const url = urlOf("http://a/announce?info_hash=evil&Event=stopped&left=0&key=secret&numwant=7")
    expect(url).toMatch(/^http:\/\/a\/announce\?key=secret&numwant=7&info_hash=%124/)
    expect(url.match(/(?:key|numwant|left|info_hash)=/g)).toHaveLength(4)
    expect(url).not.toMatch(/event/i)
  })

  it("is ASCII, whatever the URL", () => {
    expect(urlOf(' http://a/ä "<>?x=ü y ')).toMatch(
      /^http:\/\/a\/%C3%A4%20%22%3C%3E\?x=%C3%BC%20y&info_hash=/,
    )
  })

  it("has a path where the URL has none", () => {
    expect(urlOf("http://a:80")).toMatch(/^http:\/\/a:80\/\?info_hash=/)
  })

  it.each([
    ["udp://tracker.example:1337/announce", "UDP trackers are not supported"],
    ["wss://tracker.example", "WSS trackers are not supported"],
    ["file:///etc/passwd", "this is not a URL"],
    ["", "this is not a URL"],
    ["http://", "this is not a URL"],
    ["http://a b/announce", "this is not a URL"],
    ["//a/announce", "this is not a URL"],
  ])("refuses %s for good", (url, message) => {
    expect(Http.announceUrl(url, request)).toEqual({
      ok: false,
      error: { reason: "BadUrl", message, retryInMs: "never" },
    })
  })

  it.prop(
    "gives every byte back to who decodes it",
    [fc.uint8Array({ minLength: 20, maxLength: 20 })],
    ([infoHash]) => {
      const query = new URL(urlOf("http://a/announce", { infoHash })).search
      const escaped = /info_hash=([^&]*)/.exec(query)![1]!
      const decoded = escaped.replace(
        /%(..)/g,
        (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)),
      )
      expect(Bytes.latin1(decoded)).toEqual(infoHash)
    },
  )
})

describe("a response", () => {
  it("with nothing but an interval and no peers", () => {
    expect(response("d8:completei1e8:intervali1800e12:min intervali1800e5:peers0:e")).toEqual({
      intervalMs: 1_800_000,
      minIntervalMs: 1_800_000,
      peers: [],
      seeders: 1,
    })
  })

  it("with everything", () => {
    expect(response({
      complete: 5,
      downloaded: 7,
      "external ip": Uint8Array.of(203, 0, 113, 9),
      incomplete: 6,
      interval: 1_800,
      "min interval": 60,
      peers: Uint8Array.of(10, 0, 0, 1, 0x1a, 0xe1, 10, 0, 0, 2, 0x1a, 0xe2),
      "tracker id": Uint8Array.of(0x41, 0xff),
      "warning message": "mind\nthe gap",
    })).toEqual({
      intervalMs: 1_800_000,
      minIntervalMs: 60_000,
      peers: [{ host: "10.0.0.1", port: 6881 }, { host: "10.0.0.2", port: 6882 }],
      seeders: 5,
      leechers: 6,
      downloads: 7,
      trackerId: "A\xff",
      warning: "mind the gap",
      externalIp: "203.0.113.9",
    })
  })

  it("with IPv6 peers (BEP 7) besides IPv4 ones", () => {
    const peers6 = Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x1a, 0xe1)
    const reply = response({ interval: 60, peers: Uint8Array.of(1, 2, 3, 4, 0, 80), peers6 })
    expect(hosts(reply)).toEqual(["1.2.3.4:80", "[2001:db8::1]:6881"])
    expect(response({ interval: 60, "external ip": peers6.subarray(0, 16) }).externalIp).toBe("2001:db8::1")
  })

  it("with dictionary peers, those that make no sense left out", () => {
    const peers = [
      { ip: "1.2.3.4", "peer id": "-XX0000-000000000000", port: 1 },
      { ip: "2001:DB8:0:0::1", port: 2 },
      { ip: "peer.example.org", port: 65_535 },
      { ip: "1.2.3.4", port: 0 },
      { ip: "1.2.3.4", port: 65_536 },
      { ip: "1.2.3.4", port: -1 },
      { ip: "1.2.3.4", port: "80" },
      { ip: "1.2.3.256", port: 80 },
      { ip: "1.2.3", port: 80 },
      { ip: "", port: 80 },
      { ip: "a/../b\x1b", port: 80 },
      { ip: "::1::", port: 80 },
      { ip: 7, port: 80 },
      { port: 80 },
      "1.2.3.4",
      [],
    ]
    expect(hosts(response({ interval: 60, peers }))).toEqual([
      "1.2.3.4:1",
      "[2001:db8::1]:2",
      "peer.example.org:65535",
    ])
  })

  it("with a last compact peer that is cut off, or a port of 0", () => {
    const peers = Uint8Array.of(1, 2, 3, 4, 0, 0, 1, 2, 3, 4, 0, 1, 9, 9, 9)
    expect(hosts(response({ peers }))).toEqual(["1.2.3.4:1"])
    expect(hosts(response({ peers6: new Uint8Array(17).fill(1) }))).toEqual([])
  })

  it("keeps no more peers than anyone could use", () => {
    const compact = new Uint8Array(6 * 5_000).fill(1)
    const list = Array.from({ length: 1_500 }, () => ({ ip: "1.2.3.4", port: 80 }))
    expect(response({ peers: compact }).peers).toHaveLength(Announce.MAX_PEERS)
    expect(response({ peers: list, peers6: new Uint8Array(1_800).fill(1) }).peers).toHaveLength(
      Announce.MAX_PEERS,
    )
  })

  it.each<[Encode.Encodable | undefined, number]>([
    [undefined, 30],
    ["1800", 30],
    [0, 1],
    [-5, 1],
    [59, 1],
    [120, 2],
    [2 ** 31, 24 * 60],
    [2n ** 80n, 24 * 60],
    [-(2n ** 80n), 1],
  ])("has interval %s as %i minutes", (interval, minutes) => {
    expect(response({ interval, peers: "" }).intervalMs).toBe(minutes * 60_000)
  })

  it("waits at least the minimum interval, also where the interval is shorter", () => {
    const reply = response({ interval: 60, "min interval": 900, peers: "" })
    expect([reply.intervalMs, reply.minIntervalMs]).toEqual([900_000, 900_000])
  })

  it("leaves out members of the wrong type or size", () => {
    expect(response({
      complete: -1,
      downloaded: "7",
      "external ip": "203.0.113.9",
      incomplete: [],
      interval: 60,
      "tracker id": "x".repeat(Http.MAX_TRACKER_ID_BYTES + 1),
      "warning message": 9,
    })).toEqual({ intervalMs: 60_000, peers: [] })
  })

  it("may end with a newline, and have its keys in any order", () => {
    expect(response("d5:peers6:\x01\x02\x03\x04\x00\x508:intervali60ee\r\n").peers).toHaveLength(1)
  })

  it("reads the same from a view into a larger buffer", () => {
    const bytes = Encode.encode({ interval: 60, peers: Uint8Array.of(1, 2, 3, 4, 0, 80) })
    const padded = Bytes.concat([Bytes.latin1("xxx"), bytes, Bytes.latin1("yyy")])
    expect(Http.decodeAnnounce(padded.subarray(3, 3 + bytes.length))).toEqual(Http.decodeAnnounce(bytes))
  })
})

describe("a failure", () => {
  it("is the tracker's reason in one printable line", () => {
    expect(failure({ "failure reason": "go\x1b[2J away\r\n\u202e!" }))
      .toEqual({ reason: "Refused", message: "go [2J away !" })
    expect(failure({ "failure reason": "" }).message).toBe("the tracker refused without a reason")
    expect(failure({ "failure reason": Uint8Array.of(0x61, 0xff, 0x62) }).message).toBe("a\ufffdb")
  })

  it("is short, however long the tracker's reason", () => {
    const { message } = failure({ "failure reason": "ä".repeat(500_000) })
    expect(message).toHaveLength(Announce.MAX_MESSAGE_LENGTH)
    expect(message.endsWith("ä…")).toBe(true)
    const { warning } = response({ peers: "", "warning message": "x".repeat(1_000_000) })
    expect(warning).toHaveLength(Announce.MAX_MESSAGE_LENGTH)
  })

  it.each<[Encode.Encodable, Announce.TrackerFailure["retryInMs"]]>([
    [5, 300_000],
    [0, 60_000],
    [-1, 60_000],
    [10n ** 30n, 24 * 3_600_000],
    ["never", "never"],
    ["soon", undefined],
  ])("has retry in %s (BEP 31) as %s", (retryIn, expected) => {
    expect(failure({ "failure reason": "no", "retry in": retryIn }).retryInMs).toBe(expected)
  })

  it.each([
    ["a web page", "<!DOCTYPE html><html>", /web page/],
    ["a web page after blanks", "\n\t<html>", /web page/],
    ["nothing", "", /empty/],
    ["a newline", "\n", /empty/],
    ["a number", "i5e", /not a dictionary/],
    ["an empty dictionary", "de", /no peers and no interval/],
    ["a dictionary cut off", "d8:intervali60e", /Truncated at byte 15/],
    ["garbage", "garbage", /UnexpectedByte at byte 0/],
    ["a text that claims more than there is", "d5:peers99999999:e", /Truncated/],
    ["deep nesting", "l".repeat(100_000), /DepthExceeded/],
    ["very many values", `d5:peersl${"le".repeat(100_000)}ee`, /TokenLimit/],
  ])("explains %s", (_, reply, message) => {
    const error = failure(reply)
    expect(error.reason).toBe("BadReply")
    expect(error.message).toMatch(message)
  })
})

/** What holds for any bytes. */
const checkSane = (bytes: Bytes.Bytes): "response" | Announce.FailureReason => {
  const result = Http.decodeAnnounce(bytes)
  // deno-lint-ignore no-control-regex
  const unprintable = /[\x00-\x1f\x7f-\x9f\u202a-\u202e]/
  if (!result.ok) {
    expect(result.error.message).not.toBe("")
    expect(result.error.message).not.toMatch(unprintable)
    return result.error.reason
  }
  const { intervalMs, minIntervalMs = 0, peers, warning = "" } = result.value
  expect(intervalMs).toBeGreaterThanOrEqual(Announce.MIN_INTERVAL_MS)
  expect(intervalMs).toBeLessThanOrEqual(Announce.MAX_INTERVAL_MS)
  expect(minIntervalMs).toBeLessThanOrEqual(intervalMs)
  expect(warning).not.toMatch(unprintable)
  for (const peer of peers) expect(Address.parse(Address.format(peer))).toEqual(peer)
  return "response"
}

it.prop("takes any change of a real reply without a throw", [
  fc.array(fc.record({ at: fc.nat(200), byte: fc.integer({ min: 0, max: 255 }) }), { maxLength: 5 }),
], ([changes]) => {
  const bytes = Encode.encode({
    "failure reason": undefined,
    interval: 1_800,
    "min interval": 900,
    peers: [{ ip: "1.2.3.4", port: 80 }],
    peers6: new Uint8Array(36).fill(7),
    "tracker id": "abc",
    "warning message": "slow",
  })
  for (const { at, byte } of changes) bytes[at % bytes.length] = byte
  checkSane(bytes)
})
