/** What the tests of the wire share: streams, ways to cut them, and where the recorded data lies. */
import { existsSync } from "node:fs"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Bytes from "../../../core/base/Bytes.ts"
import * as Decoder from "../../../core/wire/Decoder.ts"
import * as Encoder from "../../../core/wire/Encoder.ts"
import type * as Message from "../../../core/wire/Message.ts"

export const MAX_MESSAGE_BYTES = 256 * 1024

export const INFO_HASH = Bytes.latin1("aaaaaaaaaabbbbbbbbbb")
export const PEER_ID = Bytes.latin1("-SH0100-cccccccccccc")

/** A plain handshake, to put before messages. */
export const HANDSHAKE = written((encoder) =>
  Encoder.handshake(encoder, {
    infoHash: INFO_HASH,
    peerId: PEER_ID,
    features: { fast: true, extended: true, dht: false },
  })
)

/** The bytes that the encoder's functions write. */
export function written(write: (encoder: Encoder.Encoder) => void): Bytes.Bytes {
  const encoder = Encoder.make()
  write(encoder)
  return Encoder.take(encoder)
}

/** Bytes from hexadecimal with spaces. */
export const hex = (text: string): Bytes.Bytes => Bytes.fromHex(text.replaceAll(" ", ""))!

/** A decoder whose handshake is over. */
export const ready = (maxMessageBytes = MAX_MESSAGE_BYTES): Decoder.Decoder => {
  const decoder = Decoder.make({ maxMessageBytes })
  Decoder.decode(decoder, HANDSHAKE)
  return decoder
}

/** Everything that the decoder says about these reads, one after the other. */
export const decodeAll = (
  decoder: Decoder.Decoder,
  reads: Iterable<Bytes.Bytes>,
): ReadonlyArray<Message.Item> => {
  const items: Array<Message.Item> = []
  for (const read of reads) items.push(...Decoder.decode(decoder, read))
  return items
}

/** The stream as reads of `size` bytes, each in a buffer of its own, as from a socket. */
export const cut = function* (bytes: Bytes.Bytes, size: number): Generator<Bytes.Bytes> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}

/** The stream as reads of these sizes, over and over. */
export const cutBy = function* (bytes: Bytes.Bytes, sizes: ReadonlyArray<number>): Generator<Bytes.Bytes> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? bytes.length)
    yield bytes.slice(at, at + size)
    at += size
  }
}

/** The same facts whatever the reads were: fragments of one block that follow each other become one. */
export const merged = (items: ReadonlyArray<Message.Item>): ReadonlyArray<Message.Item> => {
  const whole: Array<Message.Item> = []
  for (const item of items) {
    const last = whole.at(-1)
    const goesOn = item._tag === "Fragment" && last?._tag === "Fragment" && item.offset > 0 &&
      last.offset + last.bytes.length === item.offset
    if (goesOn) whole[whole.length - 1] = { ...last, bytes: Bytes.concat([last.bytes, item.bytes]) }
    else whole.push(item)
  }
  return whole
}

/** Each item as a line of text, byte strings in Latin-1: long ones compare quickly so. */
export const lines = (items: ReadonlyArray<Message.Item>): ReadonlyArray<string> =>
  items.map((item) =>
    JSON.stringify(item, (_, value) => value instanceof Uint8Array ? Bytes.toLatin1(value) : value)
  )

/** Where a folder or file of the recorded data is; `undefined` if this machine hasn't got it. */
export const corpus = (path: string): string | undefined => {
  const root = process.env["SHOAL_CORPORA"] ??
    fileURLToPath(new URL("../../../../shared/corpora", import.meta.url))
  return existsSync(`${root}/${path}`) ? `${root}/${path}` : undefined
}
