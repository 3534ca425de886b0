import { it } from "@effect/vitest"
import { describe, expect } from "vitest"
import * as fc from "effect/FastCheck"
import * as Bytes from "../../../../core/base/Bytes.ts"
import * as Wire from "../../../../core/sim/check/Wire.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { BLOCK, say, type Words } from "./Story.ts"

const script: ReadonlyArray<Words> = [
  say.handshake(),
  Encoder.haveNone,
  Encoder.keepAlive,
  Encoder.unchoke,
  say.bitfield(1, 9),
  say.have(3),
  say.request(2, BLOCK),
  say.piece(2, BLOCK, 100),
  say.cancel(2, 0),
  say.reject(1, 0),
  say.allowedFast(7),
  say.reqq(5),
  Encoder.choke,
]

const bytesOf = (words: ReadonlyArray<Words>): Uint8Array => {
  const encoder = Encoder.make()
  for (const word of words) word(encoder)
  return Bytes.concat(Encoder.takeChunks(encoder))
}

const readAll = (parts: ReadonlyArray<Uint8Array>): ReadonlyArray<Wire.Message> => {
  const stream = Wire.make()
  const out: Array<Wire.Message> = []
  for (const part of parts) Wire.read(stream, part, (message) => out.push(message))
  return out
}

describe("Wire", () => {
  it("reads what was said, message by message", () => {
    expect(readAll([bytesOf(script)]).map(Wire.show)).toEqual([
      "handshake",
      "havenone",
      "keepalive",
      "unchoke",
      "bitfield",
      "have 3",
      "request 2:16384+16384",
      "piece 2:16384+100",
      "cancel 2:0+16384",
      "reject 1:0+16384",
      "allowedfast 7",
      "extended 0",
      "choke",
    ])
  })

  it("reads the same from any parts, but for how a block came", () => {
    const bytes = bytesOf(script)
    const facts = (messages: ReadonlyArray<Wire.Message>) =>
      messages.filter((one) => one._tag !== "Payload" || one.isLast).map((one) => one._tag)
    const whole = facts(readAll([bytes]))
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 40 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), bytes.length]
        const parts = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
        const messages = readAll(parts)
        expect(facts(messages)).toEqual(whole)
        const payload = messages.map((one) => one._tag === "Payload" ? one.bytes : 0)
        expect(payload.reduce((a, b) => a + b, 0)).toBe(100)
      }),
    )
  })

  it("stops at what is no message", () => {
    const messages = readAll([bytesOf([say.handshake()]), new Uint8Array([0, 0, 0, 2, 0, 0, 0, 0, 0, 1, 1])])
    expect(messages.map((one) => one._tag)).toEqual(["Handshake", "Garbage"])
    expect(readAll([new Uint8Array(68)]).map((one) => one._tag)).toEqual(["Garbage"])
  })

  it("keeps nothing of the bytes that it was given", () => {
    const bytes = bytesOf([say.handshake(), say.bitfield(0), say.have(8)])
    const cut = bytes.length - 2
    const stream = Wire.make()
    const out: Array<Wire.Message> = []
    const buffer = bytes.slice(0, cut)
    const tell = (message: Wire.Message) => void out.push(message)
    Wire.read(stream, buffer, tell)
    buffer.fill(0xff)
    Wire.read(stream, bytes.slice(cut), tell)
    expect(out.map(Wire.show)).toEqual(["handshake", "bitfield", "have 8"])
    expect(out[1]).toMatchObject({ bits: Uint8Array.of(0x80, 0) })
  })
})
