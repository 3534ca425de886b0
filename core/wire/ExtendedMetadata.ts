/**
 * The extension message `ut_metadata` (BEP 9): the `info` dictionary from peer to peer, in parts of 16 KiB. A message is
 * a bencoded dictionary; behind that of `data` the part itself follows, which is no bencode and no member of it.
 *
 *      request ──▶   d8:msg_typei0e5:piecei0ee
 *      ◀── data      d8:msg_typei1e5:piecei0e10:total_sizei34256ee<16384 bytes, the last part what is left>
 *      ◀── reject    d8:msg_typei2e5:piecei0ee
 */
import * as Bytes from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import * as Decode from "../bencode/Decode.ts"
import * as Encode from "../bencode/Encode.ts"
import * as Value from "../bencode/Value.ts"

/** Bytes of every part but the last (BEP 9). */
export const PART_BYTES = 16_384

export type Message =
  | { readonly _tag: "Request"; readonly part: number }
  /** `totalBytes` is what the sender takes for the size of the whole; 1 to 2^31 - 1. */
  | {
    readonly _tag: "Data"
    readonly part: number
    readonly totalBytes: number
    /** A view of the payload that was decoded. */
    readonly bytes: Bytes.Bytes
  }
  /** The sender has not got this part, or has served enough. */
  | { readonly _tag: "Reject"; readonly part: number }
  /** A kind of message that is not in BEP 9, which says to ignore it. */
  | { readonly _tag: "Unknown"; readonly type: number }

/** The payload begins with no bencoded dictionary, or lacks what its kind needs. */
export type DecodeError = Decode.DecodeError | { readonly _tag: "NotAMessage" }

const REQUEST = 0
const DATA = 1
const REJECT = 2

/** Three numbers in one dictionary; other clients' additions may be some more. */
const MAX_DEPTH = 4
const MAX_TOKENS = 64
const MAX_UINT31 = 2 ** 31 - 1

/** Parts of metadata of so many bytes. */
export const partCount = (totalBytes: number): number => Math.ceil(totalBytes / PART_BYTES)

/** Bytes of one part, which is there: all have {@link PART_BYTES} but the last. */
export const partBytes = (totalBytes: number, part: number): number =>
  Math.min(PART_BYTES, totalBytes - part * PART_BYTES)

/** What a payload says. Whether there is such a part is for the caller to say, who alone knows the size. */
export const decode = (payload: Bytes.Bytes): Result<Message, DecodeError> => {
  const decoded = Decode.decode(payload, { maxDepth: MAX_DEPTH, maxTokens: MAX_TOKENS, trailing: "allow" })
  if (!decoded.ok) return decoded
  const head = decoded.value
  const type = Value.integer(Value.get(head, "msg_type"))
  const part = Value.integer(Value.get(head, "piece"), 0, MAX_UINT31)
  if (type === undefined) return err({ _tag: "NotAMessage" })
  if (type !== REQUEST && type !== DATA && type !== REJECT) return ok({ _tag: "Unknown", type })
  if (part === undefined) return err({ _tag: "NotAMessage" })
  if (type === REQUEST) return ok({ _tag: "Request", part })
  if (type === REJECT) return ok({ _tag: "Reject", part })
  const totalBytes = Value.integer(Value.get(head, "total_size"), 1, MAX_UINT31)
  if (totalBytes === undefined) return err({ _tag: "NotAMessage" })
  return ok({ _tag: "Data", part, totalBytes, bytes: payload.subarray(head.end) })
}

/** The payload that asks for a part. */
export const request = (part: number): Bytes.Bytes => Encode.encode({ msg_type: REQUEST, piece: part })

/** The payload that brings a part. */
export const data = (part: number, totalBytes: number, bytes: Bytes.Bytes): Bytes.Bytes =>
  Bytes.concat([Encode.encode({ msg_type: DATA, piece: part, total_size: totalBytes }), bytes])

/** The payload that refuses a part. */
export const reject = (part: number): Bytes.Bytes => Encode.encode({ msg_type: REJECT, piece: part })
