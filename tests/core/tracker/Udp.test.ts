import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Bytes from "../../../core/base/Bytes.ts"
import type { Result } from "../../../core/base/Result.ts"
import * as Announce from "../../../core/tracker/Announce.ts"
import * as Udp from "../../../core/tracker/Udp.ts"

const hex = (text: string): Bytes.Bytes => Bytes.fromHex(text.replace(/\s+/g, ""))!

const CONNECTION = hex("0102030405060708")
const HASH = hex("00ff25262b2f3d3f20c3a47fc02d5f7e2e0a0d80")
const PEER_ID = Bytes.latin1("-SH0100-0123456789ab")

const asked: Announce.AnnounceRequest = {
  infoHash: HASH,
  peerId: PEER_ID,
  port: 51_413,
  uploadedBytes: 2 ** 33 + 5,
  downloadedBytes: 1,
  leftBytes: 16_384,
  event: "started",
  numWant: 80,
  key: 0xfedcba98,
}

/** The layout of BEP 15, field by field. */
const ANNOUNCE = `
  0102030405060708 00000001 89abcdef
  00ff25262b2f3d3f20c3a47fc02d5f7e2e0a0d80
  2d5348303130302d303132333435363738396162
  0000000000000001 0000000000004000 0000000200000005
  00000002 00000000 fedcba98 00000050 c8d5`

const announce: Udp.Request = {
  _tag: "Announce",
  transactionId: 0x89abcdef,
  connectionId: CONNECTION,
  infoHash: HASH,
  peerId: PEER_ID,
  port: 51_413,
  uploadedBytes: 2 ** 33 + 5,
  downloadedBytes: 1,
  leftBytes: 16_384,
  event: "started",
  numWant: 80,
  key: 0xfedcba98,
  ip: new Uint8Array(4),
  urlData: Bytes.empty,
}

/** Each packet as it is written, and what it says. */
const REQUESTS: ReadonlyArray<
  readonly [name: string, encoded: Bytes.Bytes, bytes: string, says: Udp.Request]
> = [
  ["connect", Udp.encodeConnect(1), "0000041727101980 00000000 00000001", {
    _tag: "Connect",
    transactionId: 1,
  }],
  ["announce", Udp.encodeAnnounce(CONNECTION, 0x89abcdef, asked, Bytes.empty), ANNOUNCE, announce],
  [
    "regular announce with URL data",
    Udp.encodeAnnounce(
      CONNECTION,
      0x89abcdef,
      { ...asked, event: undefined, numWant: -1 },
      Bytes.latin1("/a?b"),
    ),
    ANNOUNCE.replace("00000002 00000000 fedcba98 00000050", "00000000 00000000 fedcba98 ffffffff") +
    "02 04 2f613f62",
    { ...announce, event: undefined, numWant: -1, urlData: Bytes.latin1("/a?b") },
  ],
  [
    "scrape",
    Udp.encodeScrape(CONNECTION, 0xffffffff, [HASH, PEER_ID]),
    `0102030405060708 00000002 ffffffff ${Bytes.toHex(HASH)} ${Bytes.toHex(PEER_ID)}`,
    { _tag: "Scrape", transactionId: 0xffffffff, connectionId: CONNECTION, infoHashes: [HASH, PEER_ID] },
  ],
]

const PEERS = hex("7f0000011ae1 0a0203040001")
const ENTRIES = [{ seeders: 1, downloads: 2, leechers: 3 }, {
  seeders: 2 ** 31 - 1,
  downloads: 0,
  leechers: 0,
}]

const REPLIES: ReadonlyArray<readonly [name: string, encoded: Bytes.Bytes, bytes: string, says: Udp.Reply]> =
  [
    [
      "connected",
      Udp.encodeConnected(7, CONNECTION),
      "00000000 00000007 0102030405060708",
      { _tag: "Connected", transactionId: 7, connectionId: CONNECTION },
    ],
    [
      "announced",
      Udp.encodeAnnounced(7, { intervalSeconds: 1_800, leechers: 2, seeders: 3, peers: PEERS }),
      "00000001 00000007 00000708 00000002 00000003 7f0000011ae1 0a0203040001",
      { _tag: "Announced", transactionId: 7, intervalSeconds: 1_800, leechers: 2, seeders: 3, peers: PEERS },
    ],
    [
      "scraped",
      Udp.encodeScraped(7, ENTRIES),
      "00000002 00000007 00000001 00000002 00000003 7fffffff 00000000 00000000",
      { _tag: "Scraped", transactionId: 7, entries: ENTRIES },
    ],
    [
      "refused",
      Udp.encodeRefused(0x80000000, "nö"),
      "00000003 80000000 6ec3b6",
      { _tag: "Refused", transactionId: 0x80000000, message: hex("6ec3b6") },
    ],
  ]

/** Bytes that a packet needs to be what it is: those of its fixed fields, and for a scrape request its first item. */
const LEAST: Record<string, number> = {
  connect: 16,
  announce: 98,
  "regular announce with URL data": 98,
  scrape: 36,
  connected: 16,
  announced: 20,
  scraped: 8,
  refused: 8,
}

const suite = <A extends { readonly _tag: string }>(
  table: ReadonlyArray<readonly [string, Bytes.Bytes, string, A]>,
  decode: (packet: Bytes.Bytes) => Result<A, Udp.Malformed>,
  headBytes: number,
): void => {
  it.each(table)("writes and reads %s", (_, encoded, bytes, says) => {
    expect(Bytes.toHex(encoded)).toBe(bytes.replace(/\s+/g, ""))
    expect(decode(encoded)).toEqual({ ok: true, value: says })
  })

  it.each(table)("reads %s where it lies in a larger buffer", (_, encoded, __, says) => {
    const buffer = new Uint8Array(encoded.length + 64).fill(0xee)
    buffer.set(encoded, 31)
    expect(decode(buffer.subarray(31, 31 + encoded.length))).toEqual({ ok: true, value: says })
  })

  it.each(table)(
    "takes %s cut off anywhere for what it is, or says that it is cut off",
    (name, encoded, _, says) => {
      for (let length = 0; length < encoded.length; length++) {
        const result = decode(encoded.subarray(0, length))
        const tag = length >= LEAST[name]! ? says._tag : length >= headBytes ? "CutOff" : undefined
        expect([length, result.ok ? result.value._tag : undefined]).toEqual([length, tag])
      }
    },
  )
}

describe("requests", () => {
  suite(REQUESTS, Udp.decodeRequest, Infinity)

  it("splits URL data into pieces of 255 bytes and joins them again (BEP 41)", () => {
    const urlData = Uint8Array.from({ length: 600 }, (_, i) => i)
    const packet = Udp.encodeAnnounce(CONNECTION, 1, asked, urlData)
    expect(packet.length).toBe(98 + 2 + 255 + 2 + 255 + 2 + 90)
    expect([packet[98], packet[99], packet[355], packet[356], packet[612], packet[613]]).toEqual([
      ...[2, 255, 2, 255, 2, 90],
    ])
    expect(Udp.decodeRequest(packet)).toMatchObject({ ok: true, value: { urlData } })
  })

  it.each([
    ["no options", "", ""],
    ["the end at once", "00 02 01 61", ""],
    ["fillers", "01 01 02 01 61 01 02 01 62 00", "ab"],
    ["an unknown option before it", "7f 02 ffff 02 01 61", "a"],
    ["an unknown option without data", "7f 00 02 01 61", "a"],
    ["an empty piece", "02 00 02 01 61", "a"],
    ["a piece cut off", "02 01 61 02 05 6262", "a"],
    ["a length cut off", "02 01 61 02", "a"],
    ["what is no option at all", "ff", ""],
  ])("reads options: %s", (_, options, urlData) => {
    expect(Udp.decodeRequest(hex(ANNOUNCE + options))).toMatchObject({
      ok: true,
      value: { ...announce, urlData: Bytes.latin1(urlData) },
    })
  })

  it("takes events that it does not know for none", () => {
    for (const event of ["00000004", "ffffffff"]) {
      const packet = hex(ANNOUNCE.replace("00000002 00000000", `${event} 00000000`))
      expect(Udp.decodeRequest(packet)).toMatchObject({ ok: true, value: { event: undefined } })
    }
  })

  it("reads counters as large as they come, and never as nothing", () => {
    const packet = hex(ANNOUNCE.replace("0000000000004000", "ffffffffffffffff"))
    expect(Udp.decodeRequest(packet)).toMatchObject({ ok: true, value: { leftBytes: 2 ** 64 } })
  })

  it("says what is wrong", () => {
    const reasonOf = (text: string) => {
      const result = Udp.decodeRequest(hex(text))
      return result.ok ? undefined : result.error
    }
    expect(reasonOf("")).toBe("TooShort")
    expect(reasonOf("0000041727101981 00000000 00000001")).toBe("WrongProtocol")
    expect(reasonOf("0102030405060708 00000003 00000001")).toBe("UnknownAction")
    expect(reasonOf("0102030405060708 ffffffff 00000001")).toBe("UnknownAction")
    expect(reasonOf("0102030405060708 00000002 00000001 00")).toBe("NoHashes")
  })

  it("leaves out an info-hash that is cut off", () => {
    const packet = Udp.encodeScrape(CONNECTION, 1, [HASH, PEER_ID]).subarray(0, 55)
    expect(Udp.decodeRequest(packet)).toMatchObject({ ok: true, value: { infoHashes: [HASH] } })
  })

  it("keeps a full scrape below what every network carries", () => {
    expect(Udp.encodeScrape(CONNECTION, 1, new Array(Udp.MAX_SCRAPE_HASHES).fill(HASH)).length).toBe(1_496)
  })

  it.prop("gives back any announce", [
    fc.record({
      uploadedBytes: fc.maxSafeNat(),
      downloadedBytes: fc.maxSafeNat(),
      leftBytes: fc.maxSafeNat(),
      numWant: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      key: fc.nat({ max: 2 ** 32 - 1 }),
      port: fc.nat({ max: 65_535 }),
      event: fc.constantFrom<Announce.AnnounceEvent>(undefined, "started", "stopped", "completed"),
    }),
    fc.uint8Array({ maxLength: 1_020 }),
    fc.nat({ max: 2 ** 32 - 1 }),
  ], ([fields, urlData, transactionId]) => {
    const packet = Udp.encodeAnnounce(CONNECTION, transactionId, { ...asked, ...fields }, urlData)
    expect(Udp.decodeRequest(packet)).toEqual({
      ok: true,
      value: { ...announce, ...fields, transactionId, urlData },
    })
  })
})

describe("replies", () => {
  suite(REPLIES, Udp.decodeReply, 8)

  it("reads a reply without peers, and one with bytes after its last whole peer", () => {
    const packet = hex("00000001 00000007 00000708 00000002 00000003")
    expect(Udp.decodeReply(packet)).toMatchObject({ ok: true, value: { peers: Bytes.empty } })
    const read = Udp.decodeReply(Bytes.concat([packet, PEERS, hex("010203")]))
    expect(read).toMatchObject({ ok: true, value: { peers: Bytes.concat([PEERS, hex("010203")]) } })
  })

  it("lets what comes after the fields pass", () => {
    const packet = Bytes.concat([Udp.encodeConnected(7, CONNECTION), new Uint8Array(100)])
    expect(Udp.decodeReply(packet)).toMatchObject({ ok: true, value: { connectionId: CONNECTION } })
  })

  it("says what is wrong", () => {
    expect(Udp.decodeReply(hex("00000004 00000007"))).toEqual({ ok: false, error: "UnknownAction" })
    expect(Udp.decodeReply(hex("00000001 000000"))).toEqual({ ok: false, error: "TooShort" })
  })
})

it.prop("reads any bytes without a throw, and nothing that isn't there", [
  fc.nat({ max: 4 }),
  fc.uint8Array({ maxLength: 300 }),
], ([action, bytes]) => {
  // With the action right, most of them get past the first check.
  for (const at of [3, 11]) if (bytes.length > at) bytes.set([0, 0, 0, action], at - 3)
  const request = Udp.decodeRequest(bytes)
  if (request.ok && request.value._tag === "Scrape") {
    expect(request.value.infoHashes.length).toBe(Math.floor((bytes.length - 16) / 20))
  }
  const reply = Udp.decodeReply(bytes)
  if (reply.ok && reply.value._tag === "Scraped") {
    expect(reply.value.entries.length).toBe(Math.floor((bytes.length - 8) / 12))
  }
})
