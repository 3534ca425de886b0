/**
 * Who has lately shown that it is at its address, by answering a question of ours or bringing back a token: for anybody
 * can put any source on a datagram, and a long answer to a short question is a weapon against whoever it goes to.
 */
import type { Bytes } from "../base/Bytes.ts"
import { type Millis, MINUTE } from "../base/Time.ts"
import * as Bucket from "./Bucket.ts"

/** So long a host is believed: as long as a token is good. */
export const LIFETIME_MS: Millis = 10 * MINUTE

/** Hosts that are remembered; nodes of the routing table are known anyway. */
export const MAX_HOSTS = 32

const HOST_BYTES = 16

/** Mutable, one owner; grows with what is in it. */
export interface Proven {
  /** Rows of {@link HOST_BYTES}. */
  hosts: Uint8Array
  until: Float64Array
}

export const make = (): Proven => ({ hosts: new Uint8Array(0), until: new Float64Array(0) })

/** The host of an endpoint, 6 or 18 bytes, is where it says. */
export const add = (proven: Proven, endpoint: Bytes, now: Millis): void => {
  let row = find(proven, endpoint)
  if (row < 0) {
    row = place(proven)
    proven.hosts.set(hostOf(endpoint), row * HOST_BYTES)
  }
  proven.until[row] = now + LIFETIME_MS
}

export const has = (proven: Proven, endpoint: Bytes, now: Millis): boolean => {
  const row = find(proven, endpoint)
  return row >= 0 && now < proven.until[row]!
}

const find = ({ hosts, until }: Proven, endpoint: Bytes): number => {
  const host = hostOf(endpoint)
  for (let row = 0; row < until.length; row++) {
    if (Bucket.isSame(hosts, row * HOST_BYTES, host, 0, HOST_BYTES)) return row
  }
  return -1
}

/** An IPv4 address in IPv6 clothes, so that all are of one length and no two are the same. */
const hostOf = (endpoint: Bytes): Bytes => {
  const host = new Uint8Array(HOST_BYTES)
  if (endpoint.length === 6) host.fill(0xff, 10, 12)
  host.set(endpoint.subarray(0, endpoint.length - 2), endpoint.length === 6 ? 12 : 0)
  return host
}

const place = (proven: Proven): number => {
  const { hosts, until } = proven
  if (until.length < MAX_HOSTS) {
    proven.hosts = new Uint8Array(hosts.length + HOST_BYTES)
    proven.hosts.set(hosts)
    proven.until = new Float64Array(until.length + 1)
    proven.until.set(until)
    return until.length
  }
  let first = 0
  for (let row = 1; row < until.length; row++) if (until[row]! < until[first]!) first = row
  return first
}
