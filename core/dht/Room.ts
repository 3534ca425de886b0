/** How many bytes the members of an answer take: so that one is put together that fits, instead of cut afterwards. */
import type { Bytes } from "../base/Bytes.ts"

/** Bytes of a bencoded byte string of this length. */
export const text = (length: number): number => String(length).length + 1 + length

/** Bytes of a member whose value takes `value` bytes. */
export const member = (key: string, value: number): number => text(key.length) + value

/** Bytes of a bencoded integer. */
export const integer = (value: number | bigint): number => String(value).length + 2

/** Bytes of a response with nothing but an id in it, and with `ip`. */
export const response = (transaction: Bytes, version: Bytes | undefined, ipBytes: number): number =>
  2 + member("ip", text(ipBytes)) + member("r", 2 + member("id", text(20))) +
  member("t", text(transaction.length)) + (version === undefined ? 0 : member("v", text(version.length))) +
  member("y", text(1))

/** How many records of `size` bytes a byte string under `key` may have to take no more than `room`. */
export const records = (room: number, key: string, size: number): number => {
  let count = Math.max(0, Math.floor((room - text(key.length) - 2) / size))
  while (count > 0 && member(key, text(count * size)) > room) count--
  return count
}

/** How many byte strings of `size` bytes a list under `key` may have to take no more than `room`. */
export const list = (room: number, key: string, size: number): number =>
  Math.max(0, Math.floor((room - text(key.length) - 2) / text(size)))
