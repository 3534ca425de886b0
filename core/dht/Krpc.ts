/**
 * The packets of the DHT: one bencoded dictionary in each (BEP 5, "KRPC Protocol"). What is wrong in a member that the
 * message needs makes it an error, with what to answer; any other member that is wrong is left out, as if it weren't there,
 * for the rest of the message is as good as ever.
 */
import { type Bytes, toUtf8, utf8 } from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import * as Decode from "../bencode/Decode.ts"
import * as Value from "../bencode/Value.ts"
import * as KrpcMessage from "./KrpcMessage.ts"
import * as KrpcQuery from "./KrpcQuery.ts"
import * as KrpcResponse from "./KrpcResponse.ts"
import * as KrpcWriter from "./KrpcWriter.ts"
import {
  MAX_DEPTH,
  MAX_ERROR_CHARACTERS,
  MAX_PACKET_BYTES,
  MAX_TOKENS,
  MAX_TRANSACTION_BYTES,
  MAX_VERSION_BYTES,
} from "./Limits.ts"

export type { ErrorMessage, Message, Query, Request, Response } from "./KrpcMessage.ts"

/** Why a packet is no message. */
export interface DecodeError {
  readonly _tag: "KrpcError"
  /** For people. */
  readonly reason: string
  /** The transaction of a query, to be answered with error 203; without it nothing is to be answered. */
  readonly transaction?: Bytes
}

/** Reads a packet; never throws, and takes time linear in its length. Byte strings of the message are views of it. */
export const decode = (packet: Bytes): Result<KrpcMessage.Message, DecodeError> => {
  if (packet.length > MAX_PACKET_BYTES) return fail("the packet is too long")
  const decoded = Decode.decode(packet, { maxDepth: MAX_DEPTH, maxTokens: MAX_TOKENS, trailing: "allow" })
  if (!decoded.ok) return fail(Decode.describe(decoded.error))
  const root = Value.dict(decoded.value)
  if (root === undefined) return fail("it is no dictionary")
  const transaction = Value.bytes(Value.get(root, "t"))
  if (transaction === undefined) return fail("it has no transaction id")
  if (transaction.length > MAX_TRANSACTION_BYTES) return fail("its transaction id is too long")
  const y = Value.bytesOf(Value.get(root, "y"), 1)
  const kind = y?.[0]
  // Whoever asked is told what was wrong; an answer is none if it is garbled.
  const malformed = (reason: string): Result<never, DecodeError> =>
    kind === Q ? err({ _tag: "KrpcError", reason, transaction }) : fail(reason)
  if (root.end < packet.length) return malformed("there are bytes after the dictionary")
  const v = Value.bytes(Value.get(root, "v"))
  const common = {
    transaction,
    ...(v !== undefined && v.length <= MAX_VERSION_BYTES && { version: v }),
  }
  switch (kind) {
    case Q: {
      const query = KrpcQuery.read(packet, root)
      return typeof query === "string" ? malformed(query) : ok({ _tag: "Query", ...common, ...query })
    }
    case R: {
      const response = KrpcResponse.read(packet, Value.get(root, "r"))
      return typeof response === "string"
        ? malformed(response)
        : ok({ _tag: "Response", ...common, ...address(root), ...response })
    }
    case E:
      return ok({ _tag: "ErrorMessage", ...common, ...address(root), ...readError(Value.get(root, "e")) })
    default:
      return fail("it is neither a query, a response nor an error")
  }
}

/** The packet of a message, its keys in canonical order. */
export const encode = (message: KrpcMessage.Message): Bytes => {
  KrpcWriter.begin()
  KrpcWriter.literal("d")
  switch (message._tag) {
    case "Query":
      KrpcQuery.write(message)
      KrpcWriter.flag("2:ro", message.isReadOnly)
      break
    case "Response":
      KrpcWriter.optionalText("2:ip", message.ip)
      KrpcResponse.write(message)
      break
    case "ErrorMessage":
      KrpcWriter.literal("1:el")
      KrpcWriter.integer(message.code)
      KrpcWriter.text(utf8(message.message))
      KrpcWriter.literal("e")
      KrpcWriter.optionalText("2:ip", message.ip)
      break
  }
  KrpcWriter.optionalText("1:t", message.transaction)
  KrpcWriter.optionalText("1:v", message.version)
  KrpcWriter.literal(KINDS[message._tag])
  return KrpcWriter.end()
}

const KINDS: { readonly [tag in KrpcMessage.Message["_tag"]]: string } = {
  Query: "1:y1:qe",
  Response: "1:y1:re",
  ErrorMessage: "1:y1:ee",
}

const Q = 0x71
const R = 0x72
const E = 0x65

const fail = (reason: string): Result<never, DecodeError> => err({ _tag: "KrpcError", reason })

const address = (root: Value.Dict): { readonly ip?: Bytes } => {
  const value = Value.get(root, "ip")
  const ip = Value.bytesOf(value, 6) ?? Value.bytesOf(value, 18)
  return ip === undefined ? {} : { ip }
}

/** However garbled, an error is an answer: somebody there didn't do what was asked. */
const readError = (e: Value.Value | undefined): { readonly code: number; readonly message: string } => {
  const [code, message] = Value.list(e) ?? []
  return {
    code: Value.integer(code, 0, 999_999) ?? KrpcMessage.GENERIC_ERROR,
    message: printable(Value.bytes(message)),
  }
}

/** Without control, format and unassigned characters, which could forge what a terminal shows. */
const printable = (text: Bytes | undefined): string =>
  text === undefined
    ? ""
    : [...toUtf8(text.subarray(0, 4 * MAX_ERROR_CHARACTERS)).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "")]
      .slice(0, MAX_ERROR_CHARACTERS).join("")
