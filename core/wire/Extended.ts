/** The handshake of the extension protocol: the payload of an EXTENDED message with id 0 (BEP 10). */
import type * as Bytes from "../base/Bytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import * as Decode from "../bencode/Decode.ts"
import * as Encode from "../bencode/Encode.ts"
import * as Value from "../bencode/Value.ts"

/** The id of the handshake itself among the extended messages (BEP 10). */
export const HANDSHAKE_ID = 0

/** What either side says about itself. Absent: not said. A later handshake changes only what it says. */
export interface Handshake {
  /** The id that the speaker gave each message it understands, 1 to 255; 0: no longer. Names are Latin-1. */
  readonly messages: ReadonlyMap<string, number>
  /** Name and version of the program, printable. */
  readonly clientVersion?: string
  /** TCP port that the speaker listens on, 1 to 65535. */
  readonly listenPort?: number
  /** Requests that the speaker queues before it drops some, at least 1. */
  readonly reqq?: number
  /** Bytes of the `info` dictionary, 1 to 2^31 - 1: a claim, to be bounded by whoever fetches it (BEP 9). */
  readonly metadataSize?: number
  /** The speaker wants no more data (BEP 21). */
  readonly uploadOnly?: boolean
  /** The listener's address as the speaker sees it: 4 bytes, or 16 for IPv6. */
  readonly yourIp?: Bytes.Bytes
}

/** The payload is no bencoding of one dictionary; a member that is wrong is no error, it is left out. */
export type DecodeError = Decode.DecodeError | { readonly _tag: "NotADictionary" }

/** Real handshakes nest twice; other clients' unknown members may nest some more. */
const MAX_DEPTH = 8
/** The richest handshakes of today have about 40 values and keys. */
const MAX_TOKENS = 1_000
/** `v` is shown to people; longer ones are cut. */
const MAX_VERSION_CHARACTERS = 64
const MAX_UINT31 = 2 ** 31 - 1

/**
 * What a peer's handshake says. Members of a wrong type or out of range are left out one by one. Of several messages
 * with the same id the first keeps it, since nothing tells which was meant.
 */
export const decodeHandshake = (payload: Bytes.Bytes): Result<Handshake, DecodeError> => {
  const decoded = Decode.decode(payload, { maxDepth: MAX_DEPTH, maxTokens: MAX_TOKENS })
  if (!decoded.ok) return decoded
  const dict = Value.dict(decoded.value)
  if (dict === undefined) return err({ _tag: "NotADictionary" })
  const clientVersion = printable(Value.utf8(Value.get(dict, "v")))
  const listenPort = Value.integer(Value.get(dict, "p"), 1, 65_535)
  const reqq = Value.integer(Value.get(dict, "reqq"), 1, MAX_UINT31)
  const metadataSize = Value.integer(Value.get(dict, "metadata_size"), 1, MAX_UINT31)
  const uploadOnly = Value.integer(Value.get(dict, "upload_only"))
  const address = Value.get(dict, "yourip")
  const yourIp = Value.bytesOf(address, 4) ?? Value.bytesOf(address, 16)
  return ok({
    messages: messageIds(Value.get(dict, "m")),
    ...(clientVersion === undefined ? {} : { clientVersion }),
    ...(listenPort === undefined ? {} : { listenPort }),
    ...(reqq === undefined ? {} : { reqq }),
    ...(metadataSize === undefined ? {} : { metadataSize }),
    ...(uploadOnly === undefined ? {} : { uploadOnly: uploadOnly !== 0 }),
    ...(yourIp === undefined ? {} : { yourIp }),
  })
}

/** The payload that says this, keys in canonical order. */
export const encodeHandshake = (handshake: Handshake): Bytes.Bytes =>
  Encode.encode({
    m: handshake.messages,
    v: handshake.clientVersion,
    p: handshake.listenPort,
    reqq: handshake.reqq,
    metadata_size: handshake.metadataSize,
    upload_only: handshake.uploadOnly === undefined ? undefined : Number(handshake.uploadOnly),
    yourip: handshake.yourIp,
  })

const messageIds = (m: Value.Value | undefined): ReadonlyMap<string, number> => {
  const messages = new Map<string, number>()
  const taken = new Set<number>()
  for (const [name, value] of Value.dict(m)?.entries ?? []) {
    const id = Value.integer(value, 0, 255)
    if (id === undefined || taken.has(id)) continue
    if (id !== 0) taken.add(id)
    messages.set(name, id)
  }
  return messages
}

/** Without control, format and unassigned characters, which could forge what a terminal shows; `undefined` if empty. */
const printable = (text: string | undefined): string | undefined => {
  const clean = (text ?? "").replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "").trim()
  return clean === "" ? undefined : [...clean].slice(0, MAX_VERSION_CHARACTERS).join("").trimEnd()
}
