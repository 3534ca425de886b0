/** Every message once: its bytes, who writes them, and what they say. One table for both directions. */
import type * as Encoder from "../../../core/wire/Encoder.ts"
import * as Write from "../../../core/wire/Encoder.ts"
import type * as Message from "../../../core/wire/Message.ts"
import { hex } from "./Support.ts"

export interface Vector {
  readonly name: string
  readonly bytes: Uint8Array
  /** Absent where shoal doesn't send what it must understand. */
  readonly write?: (encoder: Encoder.Encoder) => void
  readonly items: ReadonlyArray<Message.Item>
}

const MAX = 0xffff_ffff
const PAYLOAD = hex("64 65 61 64")

export const VECTORS: ReadonlyArray<Vector> = [
  { name: "keep-alive", bytes: hex("00000000"), write: Write.keepAlive, items: [{ _tag: "KeepAlive" }] },
  { name: "choke", bytes: hex("00000001 00"), write: Write.choke, items: [{ _tag: "Choke" }] },
  { name: "unchoke", bytes: hex("00000001 01"), write: Write.unchoke, items: [{ _tag: "Unchoke" }] },
  { name: "interested", bytes: hex("00000001 02"), write: Write.interested, items: [{ _tag: "Interested" }] },
  {
    name: "not interested",
    bytes: hex("00000001 03"),
    write: Write.notInterested,
    items: [{ _tag: "NotInterested" }],
  },
  {
    name: "have",
    bytes: hex("00000005 04 80000001"),
    write: (encoder) => Write.have(encoder, 0x8000_0001),
    items: [{ _tag: "Have", piece: 0x8000_0001 }],
  },
  {
    name: "bitfield",
    bytes: hex("00000004 05 ff00e0"),
    write: (encoder) => Write.bitfield(encoder, hex("ff00e0")),
    items: [{ _tag: "Bitfield", bits: hex("ff00e0") }],
  },
  {
    name: "bitfield of no bytes",
    bytes: hex("00000001 05"),
    write: (encoder) => Write.bitfield(encoder, new Uint8Array(0)),
    items: [{ _tag: "Bitfield", bits: new Uint8Array(0) }],
  },
  {
    name: "request",
    bytes: hex("0000000d 06 00000001 00008000 00004000"),
    write: (encoder) => Write.request(encoder, 1, 32_768, 16_384),
    items: [{ _tag: "Request", piece: 1, begin: 32_768, length: 16_384 }],
  },
  {
    name: "request of numbers out of any range",
    bytes: hex("0000000d 06 ffffffff ffffffff ffffffff"),
    write: (encoder) => Write.request(encoder, MAX, MAX, MAX),
    items: [{ _tag: "Request", piece: MAX, begin: MAX, length: MAX }],
  },
  {
    name: "piece",
    bytes: hex("0000000d 07 00000002 00004000 64656164"),
    write: (encoder) => {
      Write.pieceHeader(encoder, 2, 16_384, PAYLOAD.length)
      for (const byte of PAYLOAD) encoder.buffer[encoder.length++] = byte
    },
    items: [{ _tag: "Fragment", piece: 2, begin: 16_384, length: 4, offset: 0, bytes: PAYLOAD }],
  },
  {
    name: "cancel",
    bytes: hex("0000000d 08 00000001 00008000 00004000"),
    write: (encoder) => Write.cancel(encoder, 1, 32_768, 16_384),
    items: [{ _tag: "Cancel", piece: 1, begin: 32_768, length: 16_384 }],
  },
  {
    name: "port",
    bytes: hex("00000003 09 1ae1"),
    write: (encoder) => Write.port(encoder, 6_881),
    items: [{ _tag: "Port", port: 6_881 }],
  },
  { name: "port 0", bytes: hex("00000003 09 0000"), items: [{ _tag: "Port", port: 0 }] },
  {
    name: "suggest",
    bytes: hex("00000005 0d 00000007"),
    write: (encoder) => Write.suggest(encoder, 7),
    items: [{ _tag: "Suggest", piece: 7 }],
  },
  { name: "have all", bytes: hex("00000001 0e"), write: Write.haveAll, items: [{ _tag: "HaveAll" }] },
  { name: "have none", bytes: hex("00000001 0f"), write: Write.haveNone, items: [{ _tag: "HaveNone" }] },
  {
    name: "reject",
    bytes: hex("0000000d 10 00000001 00008000 00004000"),
    write: (encoder) => Write.reject(encoder, 1, 32_768, 16_384),
    items: [{ _tag: "Reject", piece: 1, begin: 32_768, length: 16_384 }],
  },
  {
    name: "allowed fast",
    bytes: hex("00000005 11 00000423"),
    write: (encoder) => Write.allowedFast(encoder, 1_059),
    items: [{ _tag: "AllowedFast", piece: 1_059 }],
  },
  {
    name: "extended",
    bytes: hex("00000006 14 03 64656164"),
    write: (encoder) => Write.extended(encoder, 3, PAYLOAD),
    items: [{ _tag: "Extended", id: 3, payload: PAYLOAD }],
  },
  {
    name: "extended without payload",
    bytes: hex("00000002 14 ff"),
    write: (encoder) => Write.extended(encoder, 255, new Uint8Array(0)),
    items: [{ _tag: "Extended", id: 255, payload: new Uint8Array(0) }],
  },
  { name: "unknown", bytes: hex("00000004 15 010203"), items: [{ _tag: "Unknown", id: 21, length: 3 }] },
  {
    name: "unknown without a body",
    bytes: hex("00000001 ff"),
    items: [{ _tag: "Unknown", id: 255, length: 0 }],
  },
]
