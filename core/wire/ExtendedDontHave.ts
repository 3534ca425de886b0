/** The extension message `lt_donthave`: the speaker has lost a piece that it had (BEP 54). */
import type * as Bytes from "../base/Bytes.ts"

const PAYLOAD_BYTES = 4

/** The payload that names the piece, as HAVE does. */
export const encode = (piece: number): Bytes.Bytes =>
  Uint8Array.of(piece >>> 24, piece >>> 16, piece >>> 8, piece)

/** The piece that a payload names, real or not; `undefined` where it is not four bytes. */
export const decode = (payload: Bytes.Bytes): number | undefined =>
  payload.length === PAYLOAD_BYTES
    ? ((payload[0]! << 24) | (payload[1]! << 16) | (payload[2]! << 8) | payload[3]!) >>> 0
    : undefined
