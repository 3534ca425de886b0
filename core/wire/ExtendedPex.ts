/**
 * The extension message `ut_pex`: peers that the speaker is connected to, since its last message, and those that it is
 * no longer (BEP 11). All of it is hearsay.
 */
import * as Address from "../base/Address.ts"
import { assert } from "../base/Assert.ts"
import * as Bytes from "../base/Bytes.ts"
import * as IpBytes from "../base/IpBytes.ts"
import { err, ok, type Result } from "../base/Result.ts"
import * as Decode from "../bencode/Decode.ts"
import * as Encode from "../bencode/Encode.ts"
import * as Value from "../bencode/Value.ts"

/** Peers that a message adds at most, and as many that it drops, of both families together (BEP 11). */
export const MAX_CONTACTS = 50

/** What `added.f` says of a peer, a bit each (BEP 11). */
export const PREFERS_ENCRYPTION = 0x01
/** It has everything, or wants nothing more (BEP 21). */
export const SEED = 0x02
export const SUPPORTS_UTP = 0x04
export const SUPPORTS_HOLEPUNCH = 0x08
/** The speaker has connected to it, so that it can be reached. */
export const REACHABLE = 0x10

/** A peer that the speaker is connected to. */
export interface Contact {
  readonly address: Address.Address
  /** The bits above; 0 where nothing was said. */
  readonly flags: number
}

export interface Message {
  /** {@link MAX_CONTACTS} at most. */
  readonly added: ReadonlyArray<Contact>
  /** {@link MAX_CONTACTS} at most. */
  readonly dropped: ReadonlyArray<Address.Address>
}

/** The payload is no bencoding of one dictionary; a member of a wrong type is left out. */
export type DecodeError = Decode.DecodeError | { readonly _tag: "NotADictionary" }

/** Messages are flat; members that nobody knows may nest a little. */
const MAX_DEPTH = 4
/** Six members, some of other clients' own. */
const MAX_TOKENS = 100

/**
 * What a peer's message says. Of more contacts than may be told the first are kept, of each family at least half as many as
 * may be; what is left at the end of a list of whole contacts is passed over. Ports and hosts are as they came.
 */
export const decode = (payload: Bytes.Bytes): Result<Message, DecodeError> => {
  const decoded = Decode.decode(payload, { maxDepth: MAX_DEPTH, maxTokens: MAX_TOKENS })
  if (!decoded.ok) return decoded
  const dict = Value.dict(decoded.value)
  if (dict === undefined) return err({ _tag: "NotADictionary" })
  const text = (key: string): Bytes.Bytes => Value.bytes(Value.get(dict, key)) ?? Bytes.empty
  return ok({
    added: contacts(
      flagged(addresses4(text("added")), text("added.f")),
      flagged(addresses6(text("added6")), text("added6.f")),
    ),
    dropped: contacts(addresses4(text("dropped")), addresses6(text("dropped6"))),
  })
}

/** The payload that says this, with those members that have something to say. Peers whose host is a name cannot be told. */
export const encode = ({ added, dropped }: Message): Bytes.Bytes => {
  assert(added.length <= MAX_CONTACTS && dropped.length <= MAX_CONTACTS, "a message tells of so many")
  const found = added.map(({ address }) => IpBytes.compact(address))
  const gone = dropped.map(IpBytes.compact)
  const flags = (length: number) => {
    const bytes = added.flatMap(({ flags }, i) => found[i]?.length === length ? [flags] : [])
    return bytes.length === 0 ? undefined : Uint8Array.from(bytes)
  }
  return Encode.encode({
    added: joined(found, BYTES_4),
    "added.f": flags(BYTES_4),
    added6: joined(found, BYTES_6),
    "added6.f": flags(BYTES_6),
    dropped: joined(gone, BYTES_4),
    dropped6: joined(gone, BYTES_6),
  })
}

/** The contacts of one family, one behind the other. */
const joined = (
  contacts: ReadonlyArray<Bytes.Bytes | undefined>,
  length: number,
): Bytes.Bytes | undefined => {
  const parts = contacts.filter((bytes) => bytes?.length === length) as Array<Bytes.Bytes>
  return parts.length === 0 ? undefined : Bytes.concat(parts)
}

/** Bytes of a compact contact (BEP 23, BEP 7). */
const BYTES_4 = 6
const BYTES_6 = 18

const addresses4 = (bytes: Bytes.Bytes): Array<Address.Address> => list(bytes, BYTES_4, Address.fromCompact4)
const addresses6 = (bytes: Bytes.Bytes): Array<Address.Address> => list(bytes, BYTES_6, Address.fromCompact6)

/** The whole contacts, no more than one message may tell of. */
const list = (
  bytes: Bytes.Bytes,
  length: number,
  read: (bytes: Bytes.Bytes, offset: number) => Address.Address,
): Array<Address.Address> => {
  const count = Math.min(MAX_CONTACTS, Math.floor(bytes.length / length))
  return Array.from({ length: count }, (_, i) => read(bytes, i * length))
}

const flagged = (addresses: ReadonlyArray<Address.Address>, flags: Bytes.Bytes): Array<Contact> =>
  addresses.map((address, i) => ({ address, flags: flags[i] ?? 0 }))

/** Both families in one list: neither can push the other out of more than half of it. */
const contacts = <A>(ipv4: ReadonlyArray<A>, ipv6: ReadonlyArray<A>): Array<A> => {
  const kept = Math.max(MAX_CONTACTS / 2, MAX_CONTACTS - ipv6.length)
  const first = ipv4.slice(0, kept)
  return [...first, ...ipv6.slice(0, MAX_CONTACTS - first.length)]
}
