import { describe, expect, it } from "vitest"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import { cut, decodeAll, merged, ready, written } from "./Support.ts"
import { VECTORS } from "./Vectors.ts"

describe.each(VECTORS)("$name", ({ bytes, items }) => {
  it("is read whole", () => {
    expect(Decoder.decode(ready(), bytes)).toEqual(items)
  })

  it("is read a byte at a time", () => {
    expect(merged(decodeAll(ready(), cut(bytes, 1)))).toEqual(items)
  })

  it("is read with the start of another message behind it", () => {
    const decoder = ready()
    expect(Decoder.decode(decoder, Bytes.concat([bytes, Uint8Array.of(0, 0, 0)]))).toEqual(items)
    expect(Decoder.decode(decoder, Uint8Array.of(0))).toEqual([{ _tag: "KeepAlive" }])
  })
})

const SENT = VECTORS.filter((vector) => vector.write !== undefined)

it.each(SENT)("$name is written as those bytes", ({ bytes, write }) => {
  expect(Bytes.toHex(written(write!))).toBe(Bytes.toHex(bytes))
})

it("writes and reads all messages as one stream, in order", () => {
  const stream = written((encoder) => SENT.forEach(({ write }) => write!(encoder)))
  expect(stream).toEqual(Bytes.concat(SENT.map(({ bytes }) => bytes)))
  expect(Decoder.decode(ready(), stream)).toEqual(SENT.flatMap(({ items }) => items))
})
