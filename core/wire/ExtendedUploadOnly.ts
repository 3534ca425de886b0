/**
 * The extension message `upload_only`: one byte that says, at any time after the handshake, whether the speaker wants
 * data (BEP 21 says it in the handshake only; libtorrent and others send this when it changes).
 */
import type * as Bytes from "../base/Bytes.ts"

/** The payload that says so. */
export const encode = (isUploadOnly: boolean): Bytes.Bytes => Uint8Array.of(Number(isUploadOnly))

/** What a payload says; `undefined` where it is no single byte. */
export const decode = (payload: Bytes.Bytes): boolean | undefined =>
  payload.length === 1 ? payload[0] !== 0 : undefined
