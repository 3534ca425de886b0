import { describe, expect, it } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import * as Handshake from "../../../core/wire/Handshake.ts"
import { cut, decodeAll, HANDSHAKE, hex, INFO_HASH, MAX_MESSAGE_BYTES, PEER_ID } from "./Support.ts"

const NAME = "13 426974546f7272656e742070726f746f636f6c"
const IDS = Bytes.toHex(Bytes.concat([INFO_HASH, PEER_ID]))

const make = () => Decoder.make({ maxMessageBytes: MAX_MESSAGE_BYTES })

// Each reserved bit: BEP 10 (byte 5, 0x10), BEP 6 (byte 7, 0x04), BEP 5 (byte 7, 0x01).
const VECTORS = [
  { reserved: "0000000000000000", features: { fast: false, extended: false, dht: false } },
  { reserved: "0000000000100000", features: { fast: false, extended: true, dht: false } },
  { reserved: "0000000000000004", features: { fast: true, extended: false, dht: false } },
  { reserved: "0000000000000001", features: { fast: false, extended: false, dht: true } },
  { reserved: "0000000000100005", features: { fast: true, extended: true, dht: true } },
]

describe.each(VECTORS)("reserved bytes $reserved", ({ reserved, features }) => {
  const bytes = hex(NAME + reserved + IDS)
  const item = { _tag: "Handshake", reserved: hex(reserved), features, infoHash: INFO_HASH, peerId: PEER_ID }

  it("are written", () => {
    expect(Handshake.encode({ infoHash: INFO_HASH, peerId: PEER_ID, features })).toEqual(bytes)
  })

  it("are read whole, a byte at a time, and with bytes behind them", () => {
    expect(Decoder.decode(make(), bytes)).toEqual([item])
    expect(decodeAll(make(), cut(bytes, 1))).toEqual([item])
    expect(Decoder.decode(make(), Bytes.concat([bytes, hex("00000001 01 0000")]))).toEqual([
      item,
      { _tag: "Unchoke" },
    ])
  })
})

it("keeps reserved bits that nobody knows", () => {
  const reserved = "80ff00000018f0fa"
  const [item] = Decoder.decode(make(), hex(NAME + reserved + IDS))
  expect(item).toMatchObject({
    reserved: hex(reserved),
    features: { fast: false, extended: true, dht: false },
  })
})

it("takes the 68 bytes that shoal sends, and writes over what was in the buffer", () => {
  const dirty = new Uint8Array(70).fill(0xff)
  Handshake.write(dirty, 1, {
    infoHash: INFO_HASH,
    peerId: PEER_ID,
    features: { fast: true, extended: true, dht: false },
  })
  expect(dirty.subarray(1, 69)).toEqual(HANDSHAKE)
  expect([dirty[0], dirty[69]]).toEqual([0xff, 0xff])
})

const REFUSED = { _tag: "Violation", section: "BEP 3, peer protocol", reason: expect.any(String) }

describe.each([
  ["a name of another length", hex("12" + NAME.slice(2) + "0000000000000000" + IDS)],
  ["another name", hex(NAME.replace("70", "71") + "0000000000000000" + IDS)],
  ["an HTTP request", Bytes.latin1("GET / HTTP/1.1\r\nHost: example.com\r\n\r\n" + "x".repeat(40))],
  ["a TLS hello", hex("16030100c8010000c40303")],
])("%s", (_, bytes) => {
  it("is refused whole and a byte at a time, once", () => {
    expect(Decoder.decode(make(), bytes)).toEqual([REFUSED])
    expect(decodeAll(make(), cut(bytes, 1))).toEqual([REFUSED])
  })
})

it("refuses at the first wrong byte, without awaiting 68", () => {
  const decoder = make()
  expect(Decoder.decode(decoder, hex("13 42"))).toEqual([])
  expect(Decoder.decode(decoder, hex("00"))).toEqual([REFUSED])
})
