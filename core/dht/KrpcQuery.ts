/** The arguments of queries (BEP 5, 32, 33, 43, 44, 51), read and written. */
import { type Bytes, empty, latin1, toLatin1 } from "../base/Bytes.ts"
import * as Value from "../bencode/Value.ts"
import type { Put, Query, Request, Want } from "./KrpcMessage.ts"
import * as KrpcWriter from "./KrpcWriter.ts"
import { MAX_SEQ, MAX_TOKEN_BYTES } from "./Limits.ts"
import * as NodeId from "./NodeId.ts"

export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** Reads what a query asks from the dictionary of its packet; a text says what is wrong with it. */
export const read = (
  packet: Bytes,
  root: Value.Dict,
): Pick<Query, "id" | "isReadOnly" | "request"> | string => {
  const method = Value.bytes(Value.get(root, "q"))
  if (method === undefined) return "the query names no method"
  const a = Value.dict(Value.get(root, "a"))
  if (a === undefined) return "the query has no arguments"
  const id = Value.bytesOf(Value.get(a, "id"), NodeId.BYTES)
  if (id === undefined) return "the query has no id of 20 bytes"
  const request = readRequest(packet, toLatin1(method), a)
  if (typeof request === "string") return request
  return { id, isReadOnly: flag(Value.get(root, "ro")), request }
}

const readRequest = (packet: Bytes, method: string, a: Value.Dict): Request | string => {
  switch (method) {
    case "ping":
      return { _tag: "Ping" }
    case "find_node": {
      const target = hash(a, "target")
      if (target === undefined) return NO_TARGET
      return { _tag: "FindNode", target, ...readWant(a) }
    }
    case "get_peers": {
      const infoHash = hash(a, "info_hash")
      if (infoHash === undefined) return NO_INFO_HASH
      return {
        _tag: "GetPeers",
        infoHash,
        ...readWant(a),
        isScrape: flag(Value.get(a, "scrape")),
        withoutSeeds: flag(Value.get(a, "noseed")),
      }
    }
    case "announce_peer":
      return readAnnounce(a)
    case "get": {
      const target = hash(a, "target")
      if (target === undefined) return NO_TARGET
      const seq = sequence(Value.get(a, "seq"))
      return { _tag: "Get", target, ...readWant(a), ...(seq !== undefined && { seq }) }
    }
    case "put":
      return readPut(packet, a)
    case "sample_infohashes": {
      const target = hash(a, "target")
      if (target === undefined) return NO_TARGET
      return { _tag: "SampleInfohashes", target, ...readWant(a) }
    }
    default:
      return { _tag: "Unknown", method }
  }
}

const NO_TARGET = "the query has no target of 20 bytes"
const NO_INFO_HASH = "the query has no info-hash of 20 bytes"
const NO_TOKEN = "the query has no token"

const readAnnounce = (a: Value.Dict): Request | string => {
  const infoHash = hash(a, "info_hash")
  if (infoHash === undefined) return NO_INFO_HASH
  const token = readToken(a)
  if (token === undefined) return NO_TOKEN
  const isPortImplied = flag(Value.get(a, "implied_port"))
  const port = Value.integer(Value.get(a, "port"), 1, 65_535) ?? (isPortImplied ? 0 : undefined)
  if (port === undefined) return "the query has no port from 1 to 65535"
  return {
    _tag: "AnnouncePeer",
    infoHash,
    port,
    isPortImplied,
    token,
    isSeed: Value.integer(Value.get(a, "seed")) === 1,
  }
}

const readPut = (packet: Bytes, a: Value.Dict): Put | string => {
  const token = readToken(a)
  if (token === undefined) return NO_TOKEN
  const v = Value.get(a, "v")
  if (v === undefined) return "the query has no value"
  const put: Put = { _tag: "Put", token, value: packet.subarray(v.start, v.end) }
  if (!a.entries.has("k")) return put
  const publicKey = Value.bytesOf(Value.get(a, "k"), PUBLIC_KEY_BYTES)
  if (publicKey === undefined) return "the public key has not 32 bytes"
  const signature = Value.bytesOf(Value.get(a, "sig"), SIGNATURE_BYTES)
  if (signature === undefined) return "the query has no signature of 64 bytes"
  const seq = sequence(Value.get(a, "seq"))
  if (seq === undefined) return "the query has no sequence number from 0 to 2^63 - 1"
  const saltValue = Value.get(a, "salt")
  const salt = saltValue === undefined ? empty : Value.bytes(saltValue)
  if (salt === undefined) return "the salt is no text"
  // Without the condition that was meant, the item would be overwritten where it must not be.
  const casValue = Value.get(a, "cas")
  const cas = sequence(casValue)
  if (casValue !== undefined && cas === undefined) return "the expected number is no sequence number"
  return { ...put, mutable: { publicKey, signature, seq, salt, ...(cas !== undefined && { cas }) } }
}

/** Writes the members `a` and `q` of a query's packet. */
export const write = ({ id, request }: Query): void => {
  KrpcWriter.literal("1:ad")
  const method = writeArguments(id, request)
  KrpcWriter.literal("e1:q")
  KrpcWriter.text(latin1(method))
}

/** Writes the arguments in the order of their names; returns what the method is called. */
const writeArguments = (id: NodeId.NodeId, request: Request): string => {
  switch (request._tag) {
    case "Ping":
      KrpcWriter.optionalText(ID, id)
      return "ping"
    case "FindNode":
      KrpcWriter.optionalText(ID, id)
      writeTarget(request)
      return "find_node"
    case "GetPeers":
      KrpcWriter.optionalText(ID, id)
      KrpcWriter.optionalText(INFO_HASH, request.infoHash)
      KrpcWriter.flag("6:noseed", request.withoutSeeds)
      KrpcWriter.flag("6:scrape", request.isScrape)
      writeWant(request.want)
      return "get_peers"
    case "AnnouncePeer":
      KrpcWriter.optionalText(ID, id)
      KrpcWriter.flag("12:implied_port", request.isPortImplied)
      KrpcWriter.optionalText(INFO_HASH, request.infoHash)
      KrpcWriter.optionalInteger("4:port", request.port)
      KrpcWriter.flag("4:seed", request.isSeed)
      KrpcWriter.optionalText(TOKEN, request.token)
      return "announce_peer"
    case "Get":
      KrpcWriter.optionalText(ID, id)
      KrpcWriter.optionalInteger("3:seq", request.seq)
      writeTarget(request)
      return "get"
    case "Put":
      writePut(id, request)
      return "put"
    case "SampleInfohashes":
      KrpcWriter.optionalText(ID, id)
      writeTarget(request)
      return "sample_infohashes"
    case "Unknown":
      KrpcWriter.optionalText(ID, id)
      return request.method
  }
}

const ID = "2:id"
const INFO_HASH = "9:info_hash"
const TOKEN = "5:token"

const writePut = (id: NodeId.NodeId, { mutable, token, value }: Put): void => {
  KrpcWriter.optionalInteger("3:cas", mutable?.cas)
  KrpcWriter.optionalText(ID, id)
  if (mutable !== undefined) {
    KrpcWriter.optionalText("1:k", mutable.publicKey)
    // No salt and an empty one are the same; the BEP has it left out.
    if (mutable.salt.length > 0) KrpcWriter.optionalText("4:salt", mutable.salt)
    KrpcWriter.optionalInteger("3:seq", mutable.seq)
    KrpcWriter.optionalText("3:sig", mutable.signature)
  }
  KrpcWriter.optionalText(TOKEN, token)
  KrpcWriter.literal("1:v")
  KrpcWriter.raw(value)
}

const writeTarget = (request: { readonly target: NodeId.NodeId; readonly want?: Want }): void => {
  KrpcWriter.optionalText("6:target", request.target)
  writeWant(request.want)
}

const writeWant = (want: Want | undefined): void => {
  if (want === undefined) return
  KrpcWriter.literal("4:wantl")
  if (want.ipv4) KrpcWriter.literal("2:n4")
  if (want.ipv6) KrpcWriter.literal("2:n6")
  KrpcWriter.literal("e")
}

const hash = (a: Value.Dict, key: string): Bytes | undefined => Value.bytesOf(Value.get(a, key), NodeId.BYTES)

const readToken = (a: Value.Dict): Bytes | undefined => {
  const token = Value.bytes(Value.get(a, "token"))
  return token === undefined || token.length > MAX_TOKEN_BYTES ? undefined : token
}

/** Flags are the number 1; any other number but 0 is taken for it too, as other clients do. */
const flag = (value: Value.Value | undefined): boolean => value?._tag === "Integer" && value.value !== 0

/** A sequence number of BEP 44; `undefined` for anything else. */
export const sequence = (value: Value.Value | undefined): bigint | undefined => {
  if (value?._tag !== "Integer") return undefined
  const seq = BigInt(value.value)
  return seq >= 0n && seq <= MAX_SEQ ? seq : undefined
}

/** Strings of `want` that mean nothing are ignored, and a list with nothing else in it (BEP 32). */
const readWant = (a: Value.Dict): { readonly want?: Want } => {
  let ipv4 = false
  let ipv6 = false
  for (const item of Value.list(Value.get(a, "want")) ?? []) {
    const text = Value.bytesOf(item, 2)
    if (text === undefined || text[0] !== N) continue
    if (text[1] === FOUR) ipv4 = true
    else if (text[1] === SIX) ipv6 = true
  }
  return ipv4 || ipv6 ? { want: { ipv4, ipv6 } } : {}
}

const N = 0x6e
const FOUR = 0x34
const SIX = 0x36
