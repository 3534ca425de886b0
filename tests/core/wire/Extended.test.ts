import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { readFileSync } from "node:fs"
import { describe, expect } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import * as Extended from "../../../core/wire/Extended.ts"
import { corpus, hex, ready } from "./Support.ts"

/** What a payload given as Latin-1 says. */
const decode = (payload: string) => Extended.decodeHandshake(Bytes.latin1(payload))

/** One table for both directions: payloads in canonical order. */
const VECTORS: ReadonlyArray<readonly [string, Extended.Handshake]> = [
  ["d1:mdee", { messages: new Map() }],
  // BEP 10's example, with the names as bytes and the version as UTF-8.
  [
    "d1:md11:LT_metadatai1e6:\xb5T_PEXi2ee1:pi6881e1:v13:\xc2\xb5Torrent 1.2e",
    {
      messages: new Map([["LT_metadata", 1], ["\xb5T_PEX", 2]]),
      listenPort: 6_881,
      clientVersion: "µTorrent 1.2",
    },
  ],
  ["d1:md11:LT_metadatai0eee", { messages: new Map([["LT_metadata", 0]]) }],
  ["d1:mde13:metadata_sizei31235ee", { messages: new Map(), metadataSize: 31_235 }],
  ["d1:mde4:reqqi1e11:upload_onlyi1ee", { messages: new Map(), reqq: 1, uploadOnly: true }],
  ["d1:mde11:upload_onlyi0ee", { messages: new Map(), uploadOnly: false }],
  ["d1:mde6:yourip4:\x7f\x00\x00\x01e", { messages: new Map(), yourIp: hex("7f000001") }],
  [`d1:mde6:yourip16:${"\x00".repeat(15)}\x01e`, {
    messages: new Map(),
    yourIp: hex("00".repeat(15) + "01"),
  }],
]

describe.each(VECTORS)("%j", (payload, handshake) => {
  it("is read", () => {
    expect(decode(payload)).toEqual({ ok: true, value: handshake })
  })

  it("is written", () => {
    expect(Bytes.toLatin1(Extended.encodeHandshake(handshake))).toBe(payload)
  })

  it("is refused cut short or with bytes behind it", () => {
    for (let end = 0; end < payload.length; end++) {
      expect(decode(payload.slice(0, end))).toMatchObject({ ok: false, error: { _tag: "DecodeError" } })
    }
    expect(decode(payload + "e")).toMatchObject({ ok: false, error: { reason: "TrailingBytes" } })
  })
})

it("reads what qBittorrent really sends", (context) => {
  const file = corpus("rqbit/crates/librqbit/resources/test/extended-handshake.bin")
  if (file === undefined) return context.skip("no recorded handshake here: set SHOAL_CORPORA")
  const items = Decoder.decode(ready(), new Uint8Array(readFileSync(file)))
  expect(items).toMatchObject([{ _tag: "Extended", id: Extended.HANDSHAKE_ID }])
  expect(Extended.decodeHandshake(items[0]!._tag === "Extended" ? items[0]!.payload : Bytes.empty)).toEqual({
    ok: true,
    value: {
      messages: new Map([
        ["lt_donthave", 7],
        ["share_mode", 8],
        ["upload_only", 3],
        ["ut_holepunch", 4],
        ["ut_metadata", 2],
        ["ut_pex", 1],
      ]),
      clientVersion: "qBittorrent/4.4.0alpha1",
      metadataSize: 138_876,
      reqq: 500,
      uploadOnly: true,
      yourIp: hex("7f000001"),
    },
  })
})

describe("a wrong member is left out, the others stay", () => {
  const BIG = "9".repeat(40)
  it.each([
    ["m that is no dictionary", "d1:mi1e1:pi1ee"],
    ["m that is a list", "d1:ml1:ae1:pi1ee"],
    ["no m", "d1:pi1ee"],
    ["port 0", "d1:mde1:pi1e1:qi0e4:reqqi0ee"],
    ["reqq 0 and metadata_size 0", "d13:metadata_sizei0e1:pi1e4:reqqi0ee"],
    ["negative reqq and metadata_size", "d13:metadata_sizei-1e1:pi1e4:reqqi-5ee"],
    ["metadata_size of 2^31", "d13:metadata_sizei2147483648e1:pi1ee"],
    ["numbers beyond any", `d13:metadata_sizei${BIG}e1:pi1e4:reqqi${BIG}ee`],
    ["texts for numbers", "d13:metadata_size1:51:pi1e4:reqq3:25011:upload_only1:1e"],
    ["a number for a text", "d1:pi1e1:vi5e6:youripi5ee"],
    ["an address of 5 bytes", "d1:pi1e6:yourip5:aaaaae"],
    ["an empty version", "d1:pi1e1:v0:e"],
    ["a version without a printable character", "d1:pi1e1:v3:\x1b\n\x00e"],
    ["members that nobody knows", "d1:eli1eld1:a1:beee1:pi1e3:xyzde9:__proto__i1ee"],
  ])("%s", (_, payload) => {
    expect(decode(payload)).toEqual({ ok: true, value: { messages: new Map(), listenPort: 1 } })
  })

  it.each([["port 0", "i0e"], ["port 65536", "i65536e"], ["port -1", "i-1e"], [
    "a port in a text",
    "4:6881",
  ]])(
    "%s",
    (_, port) => {
      expect(decode(`d1:p${port}4:reqqi7ee`)).toEqual({ ok: true, value: { messages: new Map(), reqq: 7 } })
    },
  )

  it("ids that are no byte, and the second message of an id", () => {
    const m = "1:ai256e1:bi-1e1:c1:11:di3e1:ei3e1:fi0e1:gi0e1:hi255e"
    expect(decode(`d1:md${m}ee`)).toEqual({
      ok: true,
      value: { messages: new Map([["d", 3], ["f", 0], ["g", 0], ["h", 255]]) },
    })
  })
})

it.each([["le"], ["i1e"], ["4:spam"]])("%s is no dictionary", (payload) => {
  expect(decode(payload)).toEqual({ ok: false, error: { _tag: "NotADictionary" } })
})

it("refuses a bomb of nested or of many values", () => {
  expect(decode("d1:m".repeat(20) + "e".repeat(20))).toMatchObject({ error: { reason: "DepthExceeded" } })
  expect(decode(`d1:x${"l" + "le".repeat(5_000) + "e"}e`)).toMatchObject({ error: { reason: "TokenLimit" } })
})

it("shows a version without what could forge a terminal's line, and not at any length", () => {
  const version = (text: string) => {
    const bytes = Bytes.utf8(text)
    const decoded = decode(`d1:v${bytes.length}:${Bytes.toLatin1(bytes)}e`)
    return decoded.ok ? decoded.value.clientVersion : undefined
  }
  expect(version("\u202etxt.exe\u202c \x1b[2Jshoal\r\n\u0085\u2028 1")).toBe("txt.exe [2Jshoal 1")
  expect(version("日本語 🐟 1.0")).toBe("日本語 🐟 1.0")
  expect([...version("🐟".repeat(500))!].length).toBe(64)
})

it.prop("any payload is read without a throw", [fc.uint8Array({ maxLength: 200 })], ([payload]) => {
  Extended.decodeHandshake(payload)
  const inside = Bytes.concat([Bytes.latin1("d1:v"), payload, Bytes.latin1("e")])
  expect(typeof Extended.decodeHandshake(inside).ok).toBe("boolean")
})
