import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Message from "../../../core/lsd/Message.ts"
import * as InfoHash from "../../../core/metainfo/InfoHash.ts"

const HASH = "ed4f1085e885f98f9a69b70ee89eb988b8fd9115"

/** What another client sent on a real network. */
const CAPTURED = "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 61197\r\n" +
  "Infohash: ED4F1085E885F98F9A69B70EE89EB988B8FD9115\r\n\r\n\r\n"

const decode = (text: string): Message.Announce | undefined => Message.decode(Bytes.latin1(text))
const hash = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(InfoHash.fromBytes)

describe("an announce", () => {
  it("of another client is read, and the same is written, but for the case of digits", () => {
    const announce = { port: 61_197, infoHashes: [HASH], cookie: undefined }
    expect(decode(CAPTURED)).toEqual(announce)
    expect(Bytes.toLatin1(Message.encode("ipv4", announce as never)).toLowerCase()).toBe(
      CAPTURED.toLowerCase(),
    )
  })

  it("names the group of IPv6 in brackets", () => {
    const text = Bytes.toLatin1(
      Message.encode("ipv6", { port: 1, infoHashes: [HASH as never], cookie: "ab" }),
    )
    expect(text).toBe(
      `BT-SEARCH * HTTP/1.1\r\nHost: [ff15::efc0:988f]:6771\r\nPort: 1\r\nInfohash: ${HASH}\r\ncookie: ab\r\n\r\n\r\n`,
    )
  })

  it.prop("is read as it was written, and fits a frame", [
    fc.constantFrom("ipv4" as const, "ipv6" as const),
    fc.record({
      port: fc.integer({ min: 1, max: 65_535 }),
      infoHashes: fc.uniqueArray(hash, { minLength: 1, maxLength: Message.MAX_INFO_HASHES }),
      cookie: fc.option(fc.stringMatching(/^[0-9a-f]{16}$/), { nil: undefined }),
    }),
  ], ([family, announce]) => {
    const bytes = Message.encode(family, announce)
    expect(bytes.length).toBeLessThanOrEqual(Message.MAX_BYTES)
    expect(Message.decode(bytes)).toEqual(announce)
  })

  it.each([
    ["lines that end with a line feed alone", CAPTURED.replaceAll("\r", "")],
    [
      "headers in another case and order",
      CAPTURED.replace("Port: 61197\r\n", "").replace("Infohash", "INFOHASH")
        .replace("\r\n\r\n\r\n", "\r\npORT:61197\r\n\r\n"),
    ],
    ["headers that nobody knows", CAPTURED.replace("Host", "X-Colour: blue\r\nHost")],
    ["a torrent that is none beside one that is", CAPTURED.replace("Infohash", "Infohash: zz\r\nInfohash")],
    ["a torrent twice", CAPTURED.replace("Infohash", `Infohash: ${HASH}\r\nInfohash`)],
  ])("may have %s", (_, text) => {
    expect(decode(text)).toEqual({ port: 61_197, infoHashes: [HASH], cookie: undefined })
  })

  it.each([
    ["another request", CAPTURED.replace("BT-SEARCH", "M-SEARCH")],
    ["no port", CAPTURED.replace("Port", "Report")],
    ["port 0", CAPTURED.replace("61197", "0")],
    ["a port that is too large", CAPTURED.replace("61197", "65536")],
    ["a port with a sign", CAPTURED.replace("61197", "+6119")],
    ["no torrent", CAPTURED.replace("Infohash", "Info")],
    ["a torrent in base32", CAPTURED.replace(/ED4F\w+/, "MFRGCYTBMJQWEYLCMFRGCYTBMJQWEYLC")],
    ["more than fits a frame", CAPTURED.replace("Host", `X-Colour: ${"b".repeat(1_400)}\r\nHost`)],
    ["nothing", ""],
  ])("is none with %s", (_, text) => {
    expect(decode(text)).toBeUndefined()
  })

  it.prop("is read from any bytes, or is none", [fc.uint8Array({ maxLength: 2_000 })], ([bytes]) => {
    Message.decode(bytes)
    expect(Message.decode(Bytes.concat([Bytes.latin1("BT-SEARCH * HTTP/1.1\r\n"), bytes]))?.port).not.toBe(0)
  })

  it.prop(
    "cut short names no other port or torrent",
    [fc.integer({ min: 0, max: CAPTURED.length })],
    ([length]) => {
      const said = decode(CAPTURED.slice(0, length))
      if (said !== undefined) expect(said).toEqual({ port: 61_197, infoHashes: [HASH], cookie: undefined })
    },
  )
})
