/**
 * Values over the index of {@link "./Scan.ts"}: each is made when somebody asks the container that it lies in, and a
 * container remembers what it has made.
 */
import { type Bytes, toLatin1 } from "../base/Bytes.ts"
import * as Scan from "./Scan.ts"
import type { Dict, Integer, List, Text, Value } from "./Value.ts"

/** The value that `token` starts. */
export const value = (index: Scan.Index, token: number): Value => {
  switch (Scan.kind(index, token)) {
    case Scan.I:
      return integer(index, token)
    case Scan.L:
      return new LazyList(index, token)
    case Scan.D:
      return new LazyDict(index, token)
    default:
      return new LazyText(index, token)
  }
}

const ZERO = 0x30

const integer = (index: Scan.Index, token: number): Integer => {
  const { source } = index
  const start = Scan.start(index, token)
  const end = Scan.end(index, token)
  const isNegative = source[start + 1] === Scan.MINUS
  const first = start + (isNegative ? 2 : 1)
  let sum = 0
  // In this order: the sum of all three would leave the exact range before the last digit does.
  for (let at = first; at < end - 1; at++) sum = sum * 10 + (source[at]! - ZERO)
  // Past 2^53 - 1 the sum has lost digits, but not its being past.
  if (sum <= Number.MAX_SAFE_INTEGER) {
    return { _tag: "Integer", value: isNegative ? -sum : sum, start, end }
  }
  const exact = BigInt(toLatin1(source.subarray(first, end - 1)))
  return { _tag: "Integer", value: isNegative ? -exact : exact, start, end }
}

/** What all three have: where they lie. */
class Node {
  protected readonly index: Scan.Index
  protected readonly token: number

  constructor(index: Scan.Index, token: number) {
    this.index = index
    this.token = token
  }
  get start(): number {
    return Scan.start(this.index, this.token)
  }
  get end(): number {
    return Scan.end(this.index, this.token)
  }
}

class LazyText extends Node implements Text {
  get _tag(): "Text" {
    return "Text"
  }
  get bytes(): Bytes {
    return Scan.text(this.index, this.token)
  }
}

class LazyList extends Node implements List {
  private made: ReadonlyArray<Value> | undefined = undefined

  get _tag(): "List" {
    return "List"
  }
  get size(): number {
    if (this.made !== undefined) return this.made.length
    const last = Scan.next(this.index, this.token)
    let count = 0
    for (let token = this.token + 1; token < last; token = Scan.next(this.index, token)) count++
    return count
  }
  get items(): ReadonlyArray<Value> {
    return this.made ??= this.first(Infinity)
  }
  first(count: number): Array<Value> {
    const items: Array<Value> = []
    const last = Scan.next(this.index, this.token)
    for (let token = this.token + 1; token < last; token = Scan.next(this.index, token)) {
      if (items.length >= count) break
      items.push(value(this.index, token))
    }
    return items
  }
  *each(): Generator<Value> {
    const last = Scan.next(this.index, this.token)
    for (let token = this.token + 1; token < last; token = Scan.next(this.index, token)) {
      yield value(this.index, token)
    }
  }
}

class LazyDict extends Node implements Dict {
  private made: ReadonlyMap<string, Value> | undefined = undefined

  get _tag(): "Dict" {
    return "Dict"
  }
  get isSorted(): boolean {
    return Scan.isSorted(this.index, this.token)
  }
  get entries(): ReadonlyMap<string, Value> {
    if (this.made !== undefined) return this.made
    const entries = new Map<string, Value>()
    const last = Scan.next(this.index, this.token)
    for (let token = this.token + 1; token < last; token = Scan.next(this.index, token + 1)) {
      entries.set(toLatin1(Scan.text(this.index, token)), value(this.index, token + 1))
    }
    return this.made = entries
  }
  get(key: string): Value | undefined {
    const last = Scan.next(this.index, this.token)
    for (let token = this.token + 1; token < last; token = Scan.next(this.index, token + 1)) {
      if (Scan.spells(this.index, token, key)) return value(this.index, token + 1)
    }
    return undefined
  }
}
