/**
 * The extension message `ut_holepunch`: two peers that cannot reach each other ask a third one, connected to both, to
 * tell both to dial at the same time (BEP 55).
 *
 *      type 1   family 1   address and port 6 or 18   error 4
 *
 * The specification has the error in every message, 0 where there is none; libtorrent leaves it out there. Both are read.
 */
import * as Address from "../base/Address.ts"
import { assert } from "../base/Assert.ts"
import type * as Bytes from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"

/** `NoSuchPeer`: nobody's endpoint. `NoSupport`: the peer there takes no such messages. `NoSelf`: it is the relay's own. */
export type Reason = "NoSuchPeer" | "NotConnected" | "NoSupport" | "NoSelf"

/** In all of them an endpoint: of whom to reach, whom to dial, whom the relay could not reach. */
export type Message =
  | { readonly _tag: "Rendezvous"; readonly address: Address.Address }
  | { readonly _tag: "Connect"; readonly address: Address.Address }
  | { readonly _tag: "Error"; readonly address: Address.Address; readonly reason: Reason }

const RENDEZVOUS = 0
const CONNECT = 1
const ERROR = 2

const IPV4 = 0
const IPV6 = 1

/** From 1 on. */
const REASONS: ReadonlyArray<Reason> = ["NoSuchPeer", "NotConnected", "NoSupport", "NoSelf"]

const HEAD_BYTES = 2
const ERROR_BYTES = 4

/** The payload of a message, with the error even where it is 0. The address's host is an IP literal. */
export const encode = (message: Message): Bytes.Bytes => {
  const endpoint = IpBytes.compact(message.address)
  assert(endpoint !== undefined, "only an IP address is told")
  const bytes = new Uint8Array(HEAD_BYTES + endpoint.length + ERROR_BYTES)
  bytes[0] = message._tag === "Rendezvous" ? RENDEZVOUS : message._tag === "Connect" ? CONNECT : ERROR
  bytes[1] = endpoint.length === 6 ? IPV4 : IPV6
  bytes.set(endpoint, HEAD_BYTES)
  if (message._tag === "Error") bytes[bytes.length - 1] = REASONS.indexOf(message.reason) + 1
  return bytes
}

/** What a payload says; `undefined` where it is cut short, has bytes behind it, or says something that nobody knows. */
export const decode = (payload: Bytes.Bytes): Message | undefined => {
  const end = HEAD_BYTES + (payload[1] === IPV4 ? 6 : 18)
  const isKnown = payload[1] === IPV4 || payload[1] === IPV6
  const hasError = payload.length === end + ERROR_BYTES
  if (!isKnown || (!hasError && payload.length !== end)) return undefined
  const read = payload[1] === IPV4 ? Address.fromCompact4 : Address.fromCompact6
  const address = read(payload, HEAD_BYTES)
  switch (payload[0]) {
    case RENDEZVOUS:
      return { _tag: "Rendezvous", address }
    case CONNECT:
      return { _tag: "Connect", address }
    case ERROR: {
      const reason = hasError ? reasonAt(payload, end) : undefined
      return reason === undefined ? undefined : { _tag: "Error", address, reason }
    }
    default:
      return undefined
  }
}

const reasonAt = (payload: Bytes.Bytes, at: number): Reason | undefined =>
  payload[at] === 0 && payload[at + 1] === 0 && payload[at + 2] === 0
    ? REASONS[payload[at + 3]! - 1]
    : undefined
