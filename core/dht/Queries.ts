/**
 * Questions that are not answered yet. A reply counts only with the transaction id that was sent and from where it was
 * sent to; the ids are a keyed hash of a counter, so that who sees some of them can't tell the next.
 *
 * ```
 *   open ──▶ prompt ── 1.5 s ──▶ late ── 10 s ──▶ lost
 *              └─────── reply ─────┘
 * ```
 * All wait equally long: the first that was sent is the first that is late, and a Map keeps that order.
 */
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as SipHash from "../base/SipHash.ts"
import { type Millis, NEVER, SECOND } from "../base/Time.ts"
import * as Bucket from "./Bucket.ts"

/** After so long another node is asked as well: most answer within half a second. */
export const LATE_MS: Millis = 1.5 * SECOND

/** After so long a reply is not expected any more. */
export const LOST_MS: Millis = 10 * SECOND

/** Questions that are open at a time: 16 lookups, 8 each, and as many for everything else. */
export const MAX_OPEN = 256

const TRANSACTION_BYTES = 4

/** A question, and what it is for. */
export interface Query<P> {
  /** Whom it was sent to: 6 or 18 bytes. */
  readonly endpoint: Bytes
  readonly sentAt: Millis
  readonly purpose: P
}

/** Mutable, one owner. */
export interface Queries<P> {
  /** 16 bytes. */
  readonly key: Bytes
  counter: number
  /** By transaction, in the order of sending. */
  readonly prompt: Map<number, Query<P>>
  readonly late: Map<number, Query<P>>
}

/** `key`: 16 bytes that nobody knows. */
export const make = <P>(key: Bytes): Queries<P> => ({ key, counter: 0, prompt: new Map(), late: new Map() })

export const size = <P>({ late, prompt }: Queries<P>): number => prompt.size + late.size

/** Opens a question; its transaction id, or `undefined` where too many are open. */
export const open = <P>(
  queries: Queries<P>,
  endpoint: Bytes,
  purpose: P,
  now: Millis,
): Bytes | undefined => {
  if (size(queries) >= MAX_OPEN) return undefined
  for (;;) {
    const transaction = draw(queries)
    const number = numberOf(transaction)
    if (queries.prompt.has(number) || queries.late.has(number)) continue
    queries.prompt.set(number, { endpoint, sentAt: now, purpose })
    return transaction
  }
}

/** Whose reply this is, which is then open no more; or why it is nobody's. */
export const close = <P>(
  queries: Queries<P>,
  transaction: Bytes,
  from: Bytes,
): Query<P> | "unknown" | "elsewhere" => {
  if (transaction.length !== TRANSACTION_BYTES) return "unknown"
  const number = numberOf(transaction)
  const query = queries.prompt.get(number) ?? queries.late.get(number)
  if (query === undefined) return "unknown"
  if (query.endpoint.length !== from.length || !Bucket.isSame(query.endpoint, 0, from, 0, from.length)) {
    return "elsewhere"
  }
  if (!queries.prompt.delete(number)) queries.late.delete(number)
  return query
}

/** Takes a question that has become late, and remains open; `undefined` where there is none. */
export const nextLate = <P>(queries: Queries<P>, now: Millis): Query<P> | undefined => {
  for (const [number, query] of queries.prompt) {
    if (query.sentAt + LATE_MS > now) return undefined
    queries.prompt.delete(number)
    queries.late.set(number, query)
    return query
  }
  return undefined
}

/** Takes a question that is lost, and open no more; `undefined` where there is none. */
export const nextLost = <P>(queries: Queries<P>, now: Millis): Query<P> | undefined => {
  for (const [number, query] of queries.late) {
    if (query.sentAt + LOST_MS > now) return undefined
    queries.late.delete(number)
    return query
  }
  return undefined
}

/** Takes all questions to an endpoint: nothing can be sent there. */
export const unsent = <P>(queries: Queries<P>, endpoint: Bytes): ReadonlyArray<Query<P>> => {
  const taken: Array<Query<P>> = []
  for (const open of [queries.late, queries.prompt]) {
    for (const [number, query] of open) {
      if (query.endpoint.length !== endpoint.length) continue
      if (!Bucket.isSame(query.endpoint, 0, endpoint, 0, endpoint.length)) continue
      open.delete(number)
      taken.push(query)
    }
  }
  return taken
}

/** Whether a host is to answer us. Looks at all. */
export const isAwaited = <P>({ late, prompt }: Queries<P>, endpoint: Bytes): boolean => {
  for (const open of [prompt, late]) {
    for (const query of open.values()) {
      if (
        query.endpoint.length === endpoint.length &&
        Bucket.isSame(query.endpoint, 0, endpoint, 0, endpoint.length - 2)
      ) return true
    }
  }
  return false
}

/** When the next question becomes late or lost; NEVER where none is open. O(1). */
export const nextWake = <P>({ late, prompt }: Queries<P>): Millis => {
  let wake = NEVER
  for (const { sentAt } of prompt.values()) {
    wake = sentAt + LATE_MS
    break
  }
  for (const { sentAt } of late.values()) return Math.min(wake, sentAt + LOST_MS)
  return wake
}

const counterBytes = new Uint8Array(8)

const draw = <P>(queries: Queries<P>): Bytes => {
  const counter = queries.counter++
  assert(Number.isSafeInteger(counter), "a node asks less than 2^53 questions")
  for (let i = 0, rest = counter; i < 8; i++, rest = Math.floor(rest / 256)) counterBytes[i] = rest % 256
  return SipHash.sipHash24(queries.key, counterBytes).slice(0, TRANSACTION_BYTES)
}

const numberOf = (transaction: Bytes): number =>
  (transaction[0]! << 24) | (transaction[1]! << 16) | (transaction[2]! << 8) | transaction[3]!
