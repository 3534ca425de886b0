/**
 * What {@link "./Decode.ts"} returns: a tree that remembers where each value lies in its source, because an info-hash is
 * the hash of original bytes, never of an encoding of our own (BEP 52, "infohash"). The readers below take `undefined`,
 * so that a path into outside data is one expression.
 */
import type { Bytes } from "../base/Bytes.ts"
import { toUtf8 } from "../base/Bytes.ts"

/** Byte offsets into the source: the value is `source.subarray(start, end)`. */
interface Span {
  readonly start: number
  readonly end: number
}

/** `value` is a bigint only where a number would lose digits: beyond 2^53 - 1 either way. */
export interface Integer extends Span {
  readonly _tag: "Integer"
  readonly value: number | bigint
}

/** `bytes` is a view of the source, no copy; often not text at all (hashes, compact peers). */
export interface Text extends Span {
  readonly _tag: "Text"
  readonly bytes: Bytes
}

export interface List extends Span {
  readonly _tag: "List"
  readonly items: ReadonlyArray<Value>
  /** How many items there are, counted without making them. */
  readonly size: number
  /** The first `count` items, or all where there are fewer; the others are not made. */
  readonly first: (count: number) => ReadonlyArray<Value>
  /** The items one after another, none of them kept: for readers that are done with each before they take the next. */
  readonly each: () => Iterable<Value>
}

/** Keys are the Latin-1 text of their bytes, one character a byte, so that any key can be told from any other. */
export interface Dict extends Span {
  readonly _tag: "Dict"
  readonly entries: ReadonlyMap<string, Value>
  /** The member `key`, looked for in a line: for readers that want a few of few. */
  readonly get: (key: string) => Value | undefined
  /** Whether the keys came in raw byte order, as BEP 3 demands and many writers do not. */
  readonly isSorted: boolean
}

export type Value = Integer | Text | List | Dict

/** The member `key` (Latin-1) of a dictionary; `undefined` for any other value. */
export const get = (value: Value | undefined, key: string): Value | undefined =>
  value?._tag === "Dict" ? value.entries.get(key) : undefined

export const dict = (value: Value | undefined): Dict | undefined => value?._tag === "Dict" ? value : undefined

export const list = (value: Value | undefined): ReadonlyArray<Value> | undefined =>
  value?._tag === "List" ? value.items : undefined

/** The items of a list up to `count` of them, for readers that would not use more. */
export const firstOf = (value: Value | undefined, count: number): ReadonlyArray<Value> | undefined =>
  value?._tag === "List" ? value.first(count) : undefined

/** A whole number from `min` to `max`, both at most 2^53 - 1 either way; `undefined` for anything else. */
export const integer = (
  value: Value | undefined,
  min: number = Number.MIN_SAFE_INTEGER,
  max: number = Number.MAX_SAFE_INTEGER,
): number | undefined =>
  value?._tag === "Integer" && typeof value.value === "number" && value.value >= min && value.value <= max
    ? value.value
    : undefined

/** The bytes of a text, a view of the source. */
export const bytes = (value: Value | undefined): Bytes | undefined =>
  value?._tag === "Text" ? value.bytes : undefined

/** A text of exactly `length` bytes: hashes, ids, compact addresses. */
export const bytesOf = (value: Value | undefined, length: number): Bytes | undefined =>
  value?._tag === "Text" && value.bytes.length === length ? value.bytes : undefined

/** A text as UTF-8; what is not valid UTF-8 becomes U+FFFD, for it is shown to people. */
export const utf8 = (value: Value | undefined): string | undefined =>
  value?._tag === "Text" ? toUtf8(value.bytes) : undefined

/** The original bytes of a value, a view of the `source` it was decoded from. */
export const span = (source: Bytes, value: Value): Bytes => source.subarray(value.start, value.end)
