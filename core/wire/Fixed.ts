/** The messages whose size their id fixes: how many bytes each has, and what these say (BEP 3, 5, 6). */
import { assert } from "../base/Assert.ts"
import type { Bytes } from "../base/Bytes.ts"
import * as Message from "./Message.ts"

/** A big-endian 32-bit number, unsigned. */
export const u32 = (bytes: Bytes, at: number): number =>
  ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0

const BYTES = new Int8Array(256).fill(-1)
for (const id of [Message.CHOKE, Message.UNCHOKE, Message.INTERESTED, Message.NOT_INTERESTED]) BYTES[id] = 0
for (const id of [Message.HAVE_ALL, Message.HAVE_NONE]) BYTES[id] = 0
for (const id of [Message.HAVE, Message.SUGGEST, Message.ALLOWED_FAST]) BYTES[id] = 4
for (const id of [Message.REQUEST, Message.CANCEL, Message.REJECT]) BYTES[id] = 12
BYTES[Message.PORT] = 2

/** How many bytes follow this id, 0 to 12; -1 if that isn't fixed or the id is unknown. */
export const bytesOf = (id: number): number => BYTES[id]!

// Items without contents are the same object each time.
export const KEEP_ALIVE: Message.Item = { _tag: "KeepAlive" }
const CHOKE: Message.Item = { _tag: "Choke" }
const UNCHOKE: Message.Item = { _tag: "Unchoke" }
const INTERESTED: Message.Item = { _tag: "Interested" }
const NOT_INTERESTED: Message.Item = { _tag: "NotInterested" }
const HAVE_ALL: Message.Item = { _tag: "HaveAll" }
const HAVE_NONE: Message.Item = { _tag: "HaveNone" }

/** The message with this id, whose {@link bytesOf} bytes stand at `at`. */
export const read = (id: number, bytes: Bytes, at: number): Message.Item => {
  switch (id) {
    case Message.CHOKE:
      return CHOKE
    case Message.UNCHOKE:
      return UNCHOKE
    case Message.INTERESTED:
      return INTERESTED
    case Message.NOT_INTERESTED:
      return NOT_INTERESTED
    case Message.HAVE:
      return { _tag: "Have", piece: u32(bytes, at) }
    case Message.REQUEST:
      return { _tag: "Request", piece: u32(bytes, at), begin: u32(bytes, at + 4), length: u32(bytes, at + 8) }
    case Message.CANCEL:
      return { _tag: "Cancel", piece: u32(bytes, at), begin: u32(bytes, at + 4), length: u32(bytes, at + 8) }
    case Message.REJECT:
      return { _tag: "Reject", piece: u32(bytes, at), begin: u32(bytes, at + 4), length: u32(bytes, at + 8) }
    case Message.PORT:
      return { _tag: "Port", port: (bytes[at]! << 8) | bytes[at + 1]! }
    case Message.SUGGEST:
      return { _tag: "Suggest", piece: u32(bytes, at) }
    case Message.ALLOWED_FAST:
      return { _tag: "AllowedFast", piece: u32(bytes, at) }
    case Message.HAVE_ALL:
      return HAVE_ALL
    default:
      assert(id === Message.HAVE_NONE, "only ids of a fixed size are read here")
      return HAVE_NONE
  }
}
