/**
 * Bencode for tests: apart from shoal's own codec on purpose, so that both must be wrong in the same way to hide a fault.
 * It reads what the test programs write, not hostile bytes.
 */
import { Buffer } from "node:buffer"

export type Value = number | Buffer | ReadonlyArray<Value> | Dict
export interface Dict {
  readonly [key: string]: Value
}
/** What {@link encode} takes: also strings (UTF-8), and fields to leave out. */
export type Input = number | string | Uint8Array | ReadonlyArray<Input> | {
  readonly [key: string]: Input | undefined
}

/** Writes a value; dictionary keys are sorted as raw bytes, `undefined` fields left out. */
export const encode = (value: Input): Buffer => {
  if (typeof value === "number") return Buffer.from(`i${value}e`)
  if (typeof value === "string") return encode(Buffer.from(value))
  if (value instanceof Uint8Array) return Buffer.concat([Buffer.from(`${value.length}:`), value])
  if (isArray(value)) return Buffer.concat([Buffer.from("l"), ...value.map(encode), Buffer.from("e")])
  const fields = Object.entries(value)
    .filter((field): field is [string, Input] => field[1] !== undefined)
    .map(([key, field]) => [Buffer.from(key, "latin1"), field] as const)
    .sort(([a], [b]) => Buffer.compare(a, b))
  const parts = fields.flatMap(([key, field]) => [encode(key), encode(field)])
  return Buffer.concat([Buffer.from("d"), ...parts, Buffer.from("e")])
}

const isArray = (value: Input): value is ReadonlyArray<Input> => Array.isArray(value)

/** Reads one value; dictionary keys become latin-1 strings. Throws on malformed bytes. */
export const decode = (bytes: Uint8Array): Value => read(Buffer.from(bytes), 0)[0]

/** Reads a dictionary and where each of its values stands, so that raw bytes (of `info`) can be cut out. */
export const decodeDict = (
  bytes: Uint8Array,
): { value: Dict; spans: ReadonlyMap<string, readonly [number, number]> } => {
  const spans = new Map<string, readonly [number, number]>()
  const [value] = readDict(Buffer.from(bytes), 0, spans)
  return { value, spans }
}

const read = (bytes: Buffer, at: number): [Value, number] => {
  const first = bytes[at]
  if (first === 0x69) {
    const end = bytes.indexOf(0x65, at)
    return [Number(bytes.toString("latin1", at + 1, end)), end + 1]
  }
  if (first === 0x6c) {
    const items: Array<Value> = []
    at++
    while (bytes[at] !== 0x65) {
      const [item, next] = read(bytes, at)
      items.push(item)
      at = next
    }
    return [items, at + 1]
  }
  if (first === 0x64) return readDict(bytes, at)
  const colon = bytes.indexOf(0x3a, at)
  const length = Number(bytes.toString("latin1", at, colon))
  if (colon < 0 || !Number.isInteger(length) || colon + 1 + length > bytes.length) {
    throw new Error(`no bencoded value at ${at}`)
  }
  return [bytes.subarray(colon + 1, colon + 1 + length), colon + 1 + length]
}

const readDict = (
  bytes: Buffer,
  at: number,
  spans?: Map<string, readonly [number, number]>,
): [Dict, number] => {
  if (bytes[at] !== 0x64) throw new Error(`no dictionary at ${at}`)
  const value: Record<string, Value> = Object.create(null)
  at++
  while (bytes[at] !== 0x65) {
    const [key, start] = read(bytes, at)
    const [field, end] = read(bytes, start)
    value[(key as Buffer).toString("latin1")] = field
    spans?.set((key as Buffer).toString("latin1"), [start, end])
    at = end
  }
  return [value, at + 1]
}
