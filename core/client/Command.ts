/**
 * What the core may ask for: all of it. `core/README.md` has the table: what the shell does for each, which input
 * completes it, and whether it may be dropped.
 */
import type * as Torrent from "../torrent/Command.ts"
import type { ConnId } from "../torrent/Input.ts"

export type Command =
  | Torrent.Command
  /** Stop reading from a connection: the download limit is used up. What was read already still comes in. */
  | { readonly _tag: "PauseReads"; readonly conn: ConnId }
  | { readonly _tag: "ResumeReads"; readonly conn: ConnId }
