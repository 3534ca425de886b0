/**
 * Which of two connections to the same peer stays, so that both sides, each deciding for itself, keep the same one:
 *
 * 1. One that has been up for longer than a handshake may take: nobody who borrows a peer id can push it out.
 * 2. Of two that one side dialled, the older: the side that was dialled sees them in order, and answers no second.
 * 3. Of two that cross, each side having dialled the other, the one that was dialled by the greater peer id.
 *
 * Peers are the same when their ids are. The same host and port with two ids are two peers: behind one router many
 * claim the port that their program listens on by default.
 */
import type { Bytes } from "../base/Bytes.ts"
import type { Millis } from "../base/Time.ts"
import * as Limits from "./Limits.ts"

/** One of the two, as this side sees it. */
export interface Connection {
  /** The peer dialled. */
  readonly isIncoming: boolean
}

/** True if the newer connection, whose handshake is done at `now`, replaces the older one. Peer ids have 20 bytes. */
export const isNewerKept = (
  older: Connection & { readonly connectedAt: Millis },
  newer: Connection,
  ids: { readonly ours: Bytes; readonly theirs: Bytes },
  now: Millis,
): boolean => {
  if (now - older.connectedAt > Limits.HANDSHAKE_TIMEOUT) return false
  if (older.isIncoming === newer.isIncoming) return false
  return newer.isIncoming === isLess(ids.ours, ids.theirs)
}

const isLess = (a: Bytes, b: Bytes): boolean => {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]!
  return false
}
