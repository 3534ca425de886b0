/** The return values of responses (BEP 5, 32, 33, 44, 51), read and written. */
import type { Bytes } from "../base/Bytes.ts"
import * as Value from "../bencode/Value.ts"
import * as Compact from "./Compact.ts"
import * as Filters from "./Filters.ts"
import type { Response } from "./KrpcMessage.ts"
import { PUBLIC_KEY_BYTES, sequence, SIGNATURE_BYTES } from "./KrpcQuery.ts"
import * as KrpcWriter from "./KrpcWriter.ts"
import { MAX_NODES, MAX_SAMPLE_INTERVAL_SECONDS, MAX_TOKEN_BYTES, MAX_VALUE_BYTES } from "./Limits.ts"
import * as NodeId from "./NodeId.ts"

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

/** What the dictionary `r` of a response says. Without an id it is none, as the text says that stands for it then. */
export const read = (
  packet: Bytes,
  r: Value.Value | undefined,
): Omit<Response, "_tag" | "transaction" | "version" | "ip"> | string => {
  if (r?._tag !== "Dict") return "the response has no return values"
  const id = Value.bytesOf(Value.get(r, "id"), NodeId.BYTES)
  if (id === undefined) return "the response has no id of 20 bytes"
  const response: Mutable<Omit<Response, "_tag" | "transaction" | "version" | "ip">> = { id }
  // One walk over what is there, for most responses have two or three of all these.
  for (const [key, value] of r.entries) {
    switch (key) {
      case "nodes":
        if (value._tag === "Text") response.nodes = readNodes(value.bytes, "ipv4")
        break
      case "nodes6":
        if (value._tag === "Text") response.nodes6 = readNodes(value.bytes, "ipv6")
        break
      case "token":
        if (value._tag === "Text" && value.bytes.length <= MAX_TOKEN_BYTES) response.token = value.bytes
        break
      case "values":
        if (value._tag === "List") response.values = readValues(value.items)
        break
      case "BFsd":
        optional(response, "seedFilter", Value.bytesOf(value, Filters.BYTES))
        break
      case "BFpe":
        optional(response, "peerFilter", Value.bytesOf(value, Filters.BYTES))
        break
      case "v":
        if (value.end - value.start <= MAX_VALUE_BYTES) {
          response.value = packet.subarray(value.start, value.end)
        }
        break
      case "k":
        optional(response, "publicKey", Value.bytesOf(value, PUBLIC_KEY_BYTES))
        break
      case "sig":
        optional(response, "signature", Value.bytesOf(value, SIGNATURE_BYTES))
        break
      case "seq":
        optional(response, "seq", sequence(value))
        break
      case "samples":
        if (value._tag === "Text") response.samples = whole(value.bytes, NodeId.BYTES)
        break
      case "num":
        optional(response, "sampledFrom", Value.integer(value, 0))
        break
      case "interval":
        optional(response, "intervalSeconds", Value.integer(value, 0, MAX_SAMPLE_INTERVAL_SECONDS))
        break
    }
  }
  return response
}

/** Writes the member `r` of a response's packet, its own members in the order of their names. */
export const write = (response: Response): void => {
  KrpcWriter.literal("1:rd")
  KrpcWriter.optionalText("4:BFpe", response.peerFilter)
  KrpcWriter.optionalText("4:BFsd", response.seedFilter)
  KrpcWriter.optionalText("2:id", response.id)
  KrpcWriter.optionalInteger("8:interval", response.intervalSeconds)
  KrpcWriter.optionalText("1:k", response.publicKey)
  KrpcWriter.optionalText("5:nodes", response.nodes)
  KrpcWriter.optionalText("6:nodes6", response.nodes6)
  KrpcWriter.optionalInteger("3:num", response.sampledFrom)
  KrpcWriter.optionalText("7:samples", response.samples)
  KrpcWriter.optionalInteger("3:seq", response.seq)
  KrpcWriter.optionalText("3:sig", response.signature)
  KrpcWriter.optionalText("5:token", response.token)
  if (response.value !== undefined) {
    KrpcWriter.literal("1:v")
    KrpcWriter.raw(response.value)
  }
  if (response.values !== undefined) {
    KrpcWriter.literal("6:valuesl")
    for (const peer of response.values) KrpcWriter.text(peer)
    KrpcWriter.literal("e")
  }
  KrpcWriter.literal("e")
}

const optional = <A, K extends keyof A>(target: A, key: K, value: A[K] | undefined): void => {
  if (value !== undefined) target[key] = value
}

const readNodes = (nodes: Bytes, family: Compact.Family): Bytes =>
  Compact.usableNodes(nodes.subarray(0, MAX_NODES * Compact.nodeBytes(family)), family)

/** The peers that can be reached; the rest is dropped, one by one. */
const readValues = (items: ReadonlyArray<Value.Value>): Array<Bytes> => {
  const values: Array<Bytes> = []
  for (const item of items) {
    const peer = Value.bytesOf(item, 6) ?? Value.bytesOf(item, 18)
    if (peer !== undefined && Compact.isUsable(peer, 0, Compact.familyOf(peer))) values.push(peer)
  }
  return values
}

const whole = (bytes: Bytes, size: number): Bytes =>
  bytes.length % size === 0 ? bytes : bytes.subarray(0, bytes.length - bytes.length % size)
