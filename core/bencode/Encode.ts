/** The bencode writer (BEP 3): canonical, so that equal values have equal bytes. */
import { assert } from "../base/Assert.ts"
import { type Bytes, latin1, utf8 } from "../base/Bytes.ts"

/**
 * What can be encoded. A string is written as UTF-8. Keys are Latin-1, one character a byte, as `Value.Dict` has them;
 * members that are `undefined` are left out.
 */
export type Encodable =
  | number
  | bigint
  | string
  | Uint8Array
  | Raw
  | ReadonlyArray<Encodable>
  | ReadonlyMap<string, Encodable>
  | { readonly [key: string]: Encodable | undefined }

/** Bytes that are bencode already and are written as they are: an `info` dictionary must keep its original bytes. */
export class Raw {
  readonly bytes: Bytes
  constructor(bytes: Bytes) {
    this.bytes = bytes
  }
}

/** The bencoding of a value, with keys in raw byte order. A fraction, or a key that is no Latin-1, is our own bug. */
export const encode = (value: Encodable): Bytes => {
  const sink: Sink = { bytes: scratch, at: 0 }
  write(sink, value)
  return sink.bytes.slice(0, sink.at)
}

/** Where all but long values are put together: most are some hundred bytes, and each buffer of its own costs more than they. */
const scratch = new Uint8Array(4_096)

interface Sink {
  bytes: Uint8Array
  at: number
}

const COLON = 0x3a
const D = 0x64
const E = 0x65
const I = 0x69
const L = 0x6c

const write = (sink: Sink, value: Encodable): void => {
  if (typeof value === "string") writeText(sink, utf8(value))
  else if (value instanceof Uint8Array) writeText(sink, value)
  else if (typeof value === "number") {
    assert(Number.isSafeInteger(value), "bencode has whole numbers only")
    writeInteger(sink, value)
  } else if (typeof value === "bigint") writeInteger(sink, value)
  else if (value instanceof Raw) writeBytes(sink, value.bytes)
  else if (isList(value)) {
    writeByte(sink, L)
    for (const item of value) write(sink, item)
    writeByte(sink, E)
  } else {
    // Latin-1 strings compare as their bytes do, so the default order, by UTF-16 code unit, is raw byte order.
    const entries = (value instanceof Map ? [...value] : Object.entries(value)) as Array<[string, Encodable?]>
    entries.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0)
    writeByte(sink, D)
    for (const [key, member] of entries) {
      if (member === undefined) continue
      assert(isLatin1(key), "a key has one character a byte")
      writeText(sink, latin1(key))
      write(sink, member)
    }
    writeByte(sink, E)
  }
}

// Array.isArray does not narrow a ReadonlyArray out of a union.
const isList = (value: Encodable): value is ReadonlyArray<Encodable> => Array.isArray(value)

const isLatin1 = (text: string): boolean => {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0xff) return false
  return true
}

const writeInteger = (sink: Sink, value: number | bigint): void => {
  writeByte(sink, I)
  writeAscii(sink, value.toString())
  writeByte(sink, E)
}

const writeText = (sink: Sink, text: Bytes): void => {
  writeAscii(sink, text.length.toString())
  writeByte(sink, COLON)
  writeBytes(sink, text)
}

const writeByte = (sink: Sink, byte: number): void => {
  reserve(sink, 1)
  sink.bytes[sink.at++] = byte
}

const writeAscii = (sink: Sink, text: string): void => {
  reserve(sink, text.length)
  for (let i = 0; i < text.length; i++) sink.bytes[sink.at++] = text.charCodeAt(i)
}

const writeBytes = (sink: Sink, bytes: Bytes): void => {
  reserve(sink, bytes.length)
  sink.bytes.set(bytes, sink.at)
  sink.at += bytes.length
}

const reserve = (sink: Sink, length: number): void => {
  const needed = sink.at + length
  if (needed <= sink.bytes.length) return
  // Doubling keeps the copying linear; one large text gets what it needs at once.
  const larger = new Uint8Array(Math.max(needed, sink.bytes.length * 2))
  larger.set(sink.bytes.subarray(0, sink.at))
  sink.bytes = larger
}
