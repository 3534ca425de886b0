/** Who is where: a host is one address, and whatever answers there while it is up. */
import type { Address } from "../../base/Address.ts"
import type { Bytes } from "../../base/Bytes.ts"
import * as IpBytes from "../../base/IpBytes.ts"
import * as Rng from "../../base/Rng.ts"
import { type Millis, MINUTE, NEVER } from "../../base/Time.ts"
import type { Contact } from "../../dht/Compact.ts"
import type * as Node from "../../dht/Node.ts"
import type { NodeId } from "../../dht/NodeId.ts"
import type * as Hostile from "./Hostile.ts"

/** Mutable, one owner. */
export interface Host {
  /** Never used twice. */
  readonly number: number
  /** Of as many as there are nodes; whoever takes the place of one that left has its slot. */
  readonly slot: number
  readonly address: Address
  /** The same, 6 bytes. */
  readonly endpoint: Bytes
  readonly isRouter: boolean
  readonly isReadOnly: boolean
  /** Its part of every path, one way. */
  readonly latencyMs: Millis
  /** Behind a NAT: until when it hears whom, by number. */
  readonly pinholes: Map<number, Millis> | undefined
  /** An honest node, while it is up. */
  node: Node.Node | undefined
  /** A hostile one. */
  readonly hostile: Hostile.Hostile | undefined
  isUp: boolean
  /** It has found its neighbours since it is up. */
  isSettled: boolean
  upAt: Millis
  /** How often it came up. */
  lives: number
  /** When it is to have a tick; NEVER: not at all. */
  wakeAt: Millis
  /** Requests that its user has made. */
  requests: number
  /** What it knew when it went, while it is away for a while. */
  saved: { readonly id: NodeId; readonly nodes: ReadonlyArray<Contact> } | undefined
}

/** So long after it spoke to somebody a host behind a NAT hears what comes from there (RFC 4787: two minutes or more). */
export const PINHOLE_MS: Millis = 2 * MINUTE

/** Beyond so many pinholes those that are shut are forgotten. */
const MANY_PINHOLES = 64

/** A host that is not up yet. */
export const make = (
  number: number,
  slot: number,
  endpoint: Bytes,
  latencyMs: Millis,
  is: { readonly router: boolean; readonly readOnly: boolean; readonly natted: boolean },
  hostile: Hostile.Hostile | undefined,
): Host => ({
  number,
  slot,
  address: {
    host: IpBytes.toText(endpoint.subarray(0, 4)),
    port: (endpoint[4]! << 8) | endpoint[5]!,
  },
  endpoint,
  isRouter: is.router,
  isReadOnly: is.readOnly,
  latencyMs,
  pinholes: is.natted ? new Map() : undefined,
  node: undefined,
  hostile,
  isUp: false,
  isSettled: false,
  upAt: 0,
  lives: 0,
  wakeAt: NEVER,
  requests: 0,
  saved: undefined,
})

/** An address of the internet that nobody has yet, and a port: 6 bytes. */
export const drawEndpoint = (rng: Rng.Rng, isTaken: (key: number) => boolean): Bytes => {
  for (;;) {
    const endpoint = Rng.fill(rng, new Uint8Array(6))
    const first = endpoint[0]!
    // Carriers' NATs (100.64/10) and what is no unicast address are not of the internet either.
    if (first === 0 || first >= 224 || (first === 100 && (endpoint[1]! & 0xc0) === 64)) continue
    if (IpBytes.isLocal(endpoint) || isTaken(key(endpoint, 0))) continue
    endpoint[4]! |= 0x04
    return endpoint
  }
}

/** An IPv4 address as a number. */
export const key = (bytes: Bytes, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

/** A host sends something to another, which it hears from then on. */
export const speak = ({ pinholes }: Host, to: Host, now: Millis): void => {
  if (pinholes === undefined) return
  if (pinholes.size >= MANY_PINHOLES && !pinholes.has(to.number)) {
    for (const [number, until] of pinholes) if (until < now) pinholes.delete(number)
  }
  // Anew, so that the Map stands in the order of expiry.
  pinholes.delete(to.number)
  pinholes.set(to.number, now + PINHOLE_MS)
}

/** Whether what another sends comes through. */
export const hears = ({ isUp, pinholes }: Host, from: Host, now: Millis): boolean =>
  isUp && (pinholes === undefined || (pinholes.get(from.number) ?? -1) >= now)
