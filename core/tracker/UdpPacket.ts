/** What requests and replies of the UDP tracker protocol (BEP 15) have in common. */
import type { Bytes } from "../base/Bytes.ts"
import { err } from "../base/Result.ts"
import { u32 } from "../wire/Fixed.ts"

export const CONNECT = 0
export const ANNOUNCE = 1
export const SCRAPE = 2
export const ERROR = 3

export const CONNECTION_BYTES = 8

export interface Packet {
  /** 32 bits, chosen by the client and repeated by the tracker. */
  readonly transactionId: number
}

/** Why a datagram is no packet of this protocol. */
export type Malformed =
  | "TooShort"
  | "UnknownAction"
  /** A connect request without the number that says which protocol it is of. */
  | "WrongProtocol"
  /** A scrape without info-hashes. */
  | "NoHashes"

export const TOO_SHORT = err("TooShort" as const)

/** The whole pieces of `size` bytes from `at` on. */
export const slices = (packet: Bytes, at: number, size: number): Array<Bytes> => {
  const parts: Array<Bytes> = []
  for (let i = at; i + size <= packet.length; i += size) parts.push(packet.subarray(i, i + size))
  return parts
}

export const setU32 = (packet: Bytes, at: number, value: number): void => {
  packet[at] = value >>> 24
  packet[at + 1] = value >>> 16
  packet[at + 2] = value >>> 8
  packet[at + 3] = value
}

/** Beyond 2^53 the last digits are lost, which nothing here depends on. */
export const u64 = (packet: Bytes, at: number): number => u32(packet, at) * 2 ** 32 + u32(packet, at + 4)

/** Writes a whole number from 0 to 2^53. */
export const setU64 = (packet: Bytes, at: number, value: number): void => {
  setU32(packet, at, Math.floor(value / 2 ** 32))
  setU32(packet, at + 4, value)
}
