/**
 * What a node leaves to its next run: its id and the nodes that it knew, in one bencoded dictionary with the lists as
 * packets have them. Whoever reads it back treats it as a stranger's: a file may be anything by then.
 */
import type { Bytes } from "../base/Bytes.ts"
import * as Decode from "../bencode/Decode.ts"
import * as Encode from "../bencode/Encode.ts"
import * as Value from "../bencode/Value.ts"
import * as Compact from "./Compact.ts"
import * as NodeId from "./NodeId.ts"

export interface Saved {
  readonly id: NodeId.NodeId
  /** Up to {@link MAX_NODES} of each family. */
  readonly nodes: ReadonlyArray<Compact.Contact>
}

/** More than a table ever has are no table of ours; a fraction of them would do to find the way back. */
export const MAX_NODES = 1_000

/** A file larger than this is none of ours. */
const MAX_BYTES = 128 * 1024

/** The bytes to be kept. Nodes that are at no IP literal are left out. */
export const encode = ({ id, nodes }: Saved): Bytes =>
  Encode.encode({
    id,
    nodes: Compact.fromContacts(nodes.slice(0, MAX_NODES), "ipv4"),
    nodes6: Compact.fromContacts(nodes.slice(0, MAX_NODES), "ipv6"),
  })

/** What was kept; `undefined` for bytes that {@link encode} never made. Never throws. */
export const decode = (bytes: Bytes): Saved | undefined => {
  if (bytes.length > MAX_BYTES) return undefined
  const decoded = Decode.decode(bytes, { maxDepth: 2, maxTokens: 16 })
  if (!decoded.ok) return undefined
  const id = Value.bytesOf(Value.get(decoded.value, "id"), NodeId.BYTES)?.slice()
  const nodes4 = contacts(Value.get(decoded.value, "nodes"), "ipv4")
  const nodes6 = contacts(Value.get(decoded.value, "nodes6"), "ipv6")
  return id && nodes4 && nodes6 && { id, nodes: [...nodes4, ...nodes6] }
}

const contacts = (
  value: Value.Value | undefined,
  family: Compact.Family,
): ReadonlyArray<Compact.Contact> | undefined => {
  const nodes = Value.bytes(value)
  if (nodes === undefined || nodes.length % Compact.nodeBytes(family) !== 0) return undefined
  // A copy, for what becomes of the file's bytes is not ours to know.
  return Compact.contacts(Compact.usableNodes(nodes.slice(), family), family).slice(0, MAX_NODES)
}
