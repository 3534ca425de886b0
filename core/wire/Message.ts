/**
 * What a peer can say, as the {@link "./Decoder.ts"} yields it. Numbers are raw: whether there is such a piece is for
 * the torrent to say, which alone knows its geometry.
 */
import type { Bytes } from "../base/Bytes.ts"
import type { Features } from "./Handshake.ts"

// BEP 3, "peer messages"
export const CHOKE = 0
export const UNCHOKE = 1
export const INTERESTED = 2
export const NOT_INTERESTED = 3
export const HAVE = 4
export const BITFIELD = 5
export const REQUEST = 6
export const PIECE = 7
export const CANCEL = 8
// BEP 5, "BitTorrent protocol extension"
export const PORT = 9
// BEP 6, fast extension
export const SUGGEST = 13
export const HAVE_ALL = 14
export const HAVE_NONE = 15
export const REJECT = 16
export const ALLOWED_FAST = 17
// BEP 10
export const EXTENDED = 20

/** Largest block that a PIECE may carry: some clients once asked for 128 KiB; today all ask for 16 KiB (BEP 3). */
export const MAX_BLOCK_BYTES = 128 * 1024

/** What stands before the block in a PIECE: the id, the piece and where in it the block begins (BEP 3). */
export const PIECE_HEADER_BYTES = 9

/** One thing that a peer said. Byte strings belong to the receiver, except those of a {@link Fragment}. */
export type Item =
  | Handshake
  | { readonly _tag: "KeepAlive" }
  | { readonly _tag: "Choke" }
  | { readonly _tag: "Unchoke" }
  | { readonly _tag: "Interested" }
  | { readonly _tag: "NotInterested" }
  | { readonly _tag: "Have"; readonly piece: number }
  | { readonly _tag: "Bitfield"; readonly bits: Bytes }
  | Request
  | Cancel
  /** The peer's DHT node listens there (BEP 5). */
  | { readonly _tag: "Port"; readonly port: number }
  | { readonly _tag: "Suggest"; readonly piece: number }
  | { readonly _tag: "HaveAll" }
  | { readonly _tag: "HaveNone" }
  | Reject
  | { readonly _tag: "AllowedFast"; readonly piece: number }
  | Extended
  /** A message of an extension that shoal doesn't speak; `length` bytes after the id are passed over unread. */
  | { readonly _tag: "Unknown"; readonly id: number; readonly length: number }
  | Fragment
  | Violation

/** Bytes `begin` to `begin + length` of a piece, as the peer has it. */
interface Block {
  readonly piece: number
  readonly begin: number
  readonly length: number
}

export interface Request extends Block {
  readonly _tag: "Request"
}

export interface Cancel extends Block {
  readonly _tag: "Cancel"
}

/** A request that will not be served (BEP 6). */
export interface Reject extends Block {
  readonly _tag: "Reject"
}

/** `id` 0 is the extended handshake; the others mean what our own handshake said (BEP 10). */
export interface Extended {
  readonly _tag: "Extended"
  readonly id: number
  readonly payload: Bytes
}

/** The first 68 bytes of a connection (BEP 3), with all reserved bytes as they came. */
export interface Handshake {
  readonly _tag: "Handshake"
  /** 8 bytes. */
  readonly reserved: Bytes
  readonly features: Features
  /** 20 bytes. */
  readonly infoHash: Bytes
  /** 20 bytes. */
  readonly peerId: Bytes
}

/**
 * Part of a PIECE message's block, at least one byte. The fragments of a block come in order and without gaps; the
 * block is whole when `offset + bytes.length === length`.
 */
export interface Fragment {
  readonly _tag: "Fragment"
  readonly piece: number
  /** Where the whole block begins in its piece. */
  readonly begin: number
  /** Bytes of the whole block, 1 to {@link MAX_BLOCK_BYTES}. */
  readonly length: number
  /** Where `bytes` stands inside the block. */
  readonly offset: number
  /** A view of the chunk that came in, never a copy: whoever keeps it keeps the chunk. */
  readonly bytes: Bytes
}

/** The peer broke the protocol; nothing is yielded after this. */
export interface Violation {
  readonly _tag: "Violation"
  /** What the peer did. */
  readonly reason: string
  /** The rule it broke, as "BEP 3, peer messages". */
  readonly section: string
}
