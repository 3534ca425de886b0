/**
 * Arbitrary data in the DHT (BEP 44): what items are called, what their authors sign, and the items that a node keeps for
 * others. An immutable item is named by the hash of its value; a mutable one by that of its author's key and a salt, and
 * whoever holds the key may replace it by a version with a higher number.
 *
 * ```
 *   put ──▶ check ──▶ immutable: store        check: sizes, then what is there already (cas, seq)
 *                └──▶ mutable: verify ──▶ store        again, for another put may have come in between
 * ```
 * Signatures are verified outside. When the store is full, the item whose target is farthest from the node's own id goes:
 * that one is other nodes' business first.
 */
import { type Bytes, concat, equals, latin1, toLatin1 } from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import { sha1 } from "../base/Sha1.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import {
  CAS_MISMATCH,
  INVALID_SIGNATURE,
  PROTOCOL_ERROR,
  type Put,
  type Response,
  SALT_TOO_BIG,
  SEQ_TOO_LOW,
  SERVER_ERROR,
  type Signed,
  VALUE_TOO_BIG,
} from "./KrpcMessage.ts"
import {
  ITEM_LIFETIME_MS,
  MAX_ITEMS,
  MAX_ITEMS_PER_ADDRESS,
  MAX_SALT_BYTES,
  MAX_VALUE_BYTES,
} from "./Limits.ts"
import * as NodeId from "./NodeId.ts"

/** The target of an immutable item: the hash of its value as it is bencoded. */
export const targetOfImmutable = (value: Bytes): NodeId.NodeId => sha1(value)

/** The target of a mutable item: the hash of its author's key (32 bytes) and its salt, which may be empty. */
export const targetOfMutable = (publicKey: Bytes, salt: Bytes): NodeId.NodeId =>
  sha1(salt.length === 0 ? publicKey : concat([publicKey, salt]))

/** What the author of a mutable item signs: the salt if there is one, the number and the value, as they are bencoded. */
export const signingInput = (seq: bigint, salt: Bytes, value: Bytes): Bytes =>
  concat([
    ...(salt.length === 0 ? [] : [latin1(`4:salt${salt.length}:`), salt]),
    latin1(`3:seqi${seq}e1:v`),
    value,
  ])

/** An item that is kept; never changed, only replaced. */
export interface Item {
  readonly value: Bytes
  readonly mutable?: Signed
  readonly storedAt: Millis
  /** Of the IPv4 address or IPv6 /64 that it came from last; `undefined` if that is of the local network. */
  readonly from: string | undefined
}

/** Mutable, one owner. */
export interface Items {
  /** By the Latin-1 of the target. */
  readonly items: Map<string, Item>
  /** No item was put earlier than this. */
  oldestAt: Millis
}

/** Why an item isn't taken, as the error that answers the put: see `KrpcMessage`. */
export interface Refusal {
  readonly code: number
  readonly message: string
}

/** The answer to a put whose signature is not its author's. */
export const FORGED: Refusal = { code: INVALID_SIGNATURE, message: "invalid signature" }

/** A put that may be stored: at once if it is immutable, else when `signed` has been verified. */
export interface Checked {
  readonly target: NodeId.NodeId
  readonly value: Bytes
  readonly mutable?: NonNullable<Put["mutable"]>
  /** What the signature must be of; only in mutable items. */
  readonly signed?: Bytes
}

/** A store of nothing; it costs next to nothing as long as it stays that. */
export const make = (): Items => ({ items: new Map(), oldestAt: 0 })

export const size = ({ items }: Items): number => items.size

/** The item under a target of 20 bytes, if it is here. */
export const get = ({ items }: Items, target: NodeId.NodeId): Item | undefined => items.get(toLatin1(target))

/** What a get is answered with: the item, or its number alone where that is no higher than `seq`; nothing if it isn't here. */
export const answer = (
  items: Items,
  target: NodeId.NodeId,
  seq: bigint | undefined,
): Pick<Response, "value" | "publicKey" | "signature" | "seq"> => {
  const item = get(items, target)
  if (item === undefined) return {}
  const { mutable, value } = item
  if (mutable === undefined) return { value }
  return seq !== undefined && mutable.seq <= seq ? { seq: mutable.seq } : { value, ...mutable }
}

/** Whether a put may be stored, as far as can be told without verifying signatures. Holds copies, no views of the packet. */
export const check = (items: Items, put: Put): Result<Checked, Refusal> => {
  if (put.value.length > MAX_VALUE_BYTES) return refuse(VALUE_TOO_BIG, "the value is over 1000 bytes")
  const { mutable } = put
  const value = put.value.slice()
  if (mutable === undefined) return compare(items, { target: targetOfImmutable(value), value })
  if (mutable.salt.length > MAX_SALT_BYTES) return refuse(SALT_TOO_BIG, "the salt is over 64 bytes")
  const publicKey = mutable.publicKey.slice()
  const salt = mutable.salt.slice()
  return compare(items, {
    target: targetOfMutable(publicKey, salt),
    value,
    mutable: { ...mutable, publicKey, signature: mutable.signature.slice(), salt },
    signed: signingInput(mutable.seq, salt, value),
  })
}

/**
 * Keeps an item that came from a compact address (6 or 18 bytes), its signature verified, at a node with the id `own`; or
 * keeps it longer, if it is here already.
 */
export const store = (
  items: Items,
  checked: Checked,
  from: Bytes,
  own: NodeId.NodeId,
  now: Millis,
): Result<void, Refusal> => {
  const fits = compare(items, checked)
  if (!fits.ok) return fits
  const key = toLatin1(checked.target)
  const customer = customerOf(from)
  if (!items.items.has(key)) {
    if (customer !== undefined && countOf(items, customer) >= MAX_ITEMS_PER_ADDRESS) {
      return refuse(SERVER_ERROR, "too many items from this address")
    }
    if (items.items.size >= MAX_ITEMS && !makeRoom(items, checked.target, own)) {
      return refuse(SERVER_ERROR, "no room")
    }
  }
  if (items.items.size === 0) items.oldestAt = now
  items.items.set(key, itemOf(checked, customer, now))
  return ok(undefined)
}

/** When the next item may be due; NEVER while there is none. */
export const nextExpiry = ({ items, oldestAt }: Items): Millis =>
  items.size === 0 ? NEVER : oldestAt + ITEM_LIFETIME_MS

/** Forgets what wasn't put for two hours. Before {@link nextExpiry} it does nothing. */
export const expire = (items: Items, now: Millis): void => {
  if (now < nextExpiry(items)) return
  let oldest = Infinity
  for (const [key, { storedAt }] of items.items) {
    if (storedAt + ITEM_LIFETIME_MS <= now) items.items.delete(key)
    else if (storedAt < oldest) oldest = storedAt
  }
  if (items.items.size > 0) items.oldestAt = oldest
}

const refuse = (code: number, message: string): Result<never, Refusal> => err({ code, message })

/** Whether what is under the target may be replaced. */
const compare = (items: Items, checked: Checked): Result<Checked, Refusal> => {
  const present = get(items, checked.target)
  if (present === undefined) return ok(checked)
  const { mutable, value } = checked
  // One hash for a value and for a key: somebody has looked for that.
  if ((mutable === undefined) !== (present.mutable === undefined)) {
    return refuse(PROTOCOL_ERROR, "the target has an item of another kind")
  }
  if (mutable === undefined) return ok(checked)
  const current = present.mutable!.seq
  if (mutable.cas !== undefined && mutable.cas !== current) {
    return refuse(CAS_MISMATCH, "the item has another sequence number, read it again")
  }
  // The same version again keeps the item alive; another value under its number is a fork of it.
  if (mutable.seq < current || (mutable.seq === current && !equals(value, present.value))) {
    return refuse(SEQ_TOO_LOW, "the sequence number is not higher than that of the item")
  }
  return ok(checked)
}

/** Frozen, for it never changes: a fork of the store shares it. */
const itemOf = ({ mutable, value }: Checked, from: string | undefined, storedAt: Millis): Item =>
  Object.freeze(
    mutable === undefined ? { value, storedAt, from } : {
      value,
      mutable: { publicKey: mutable.publicKey, signature: mutable.signature, seq: mutable.seq },
      storedAt,
      from,
    },
  )

/** Removes the item farthest from `own`; false if that would be the new one. */
const makeRoom = ({ items }: Items, target: NodeId.NodeId, own: NodeId.NodeId): boolean => {
  let farthest = target
  let farthestKey: string | undefined
  for (const key of items.keys()) {
    const other = latin1(key)
    if (NodeId.compare(own, other, farthest) <= 0) continue
    farthest = other
    farthestKey = key
  }
  return farthestKey !== undefined && items.delete(farthestKey)
}

const customerOf = (from: Bytes): string | undefined =>
  IpBytes.isLocal(from) ? undefined : toLatin1(from.subarray(0, from.length === 6 ? 4 : 8))

const countOf = ({ items }: Items, customer: string): number => {
  let count = 0
  for (const { from } of items.values()) if (from === customer) count++
  return count
}
