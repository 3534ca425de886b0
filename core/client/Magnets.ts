/** Torrents of which only the info-hash is known, from the link until they are torrents as any other. */
import { assert } from "../base/Assert.ts"
import * as Bytes from "../base/Bytes.ts"
import * as TokenBucket from "../base/TokenBucket.ts"
import type { ConnId } from "../torrent/Input.ts"
import * as Fetching from "../torrent/metadata/Fetching.ts"
import * as Handover from "../torrent/metadata/Handover.ts"
import * as Throttle from "../torrent/Throttle.ts"
import type { Command } from "./Command.ts"
import type { Input } from "./Input.ts"
import * as Machine from "./Machine.ts"

/** The search that a connection is for which names this info-hash. */
export const byHash = (machine: Machine.Machine, infoHash: Bytes.Bytes): Fetching.Fetching | undefined => {
  for (const fetching of machine.fetchings.values()) {
    if (fetching.phase !== "stopped" && Bytes.equals(fetching.infoHash, infoHash)) return fetching
  }
  return undefined
}

/** Begins to look for metadata. */
export const add = (
  machine: Machine.Machine,
  { infoHash, now, options, torrent }: Extract<Input, { readonly _tag: "AddMagnet" }>,
  out: Array<Command>,
): void => {
  assert(!machine.torrents.has(torrent) && !machine.fetchings.has(torrent), "a torrent's number is used once")
  const [fetching, commands] = Fetching.start(torrent, machine.local, infoHash, options, now)
  machine.fetchings.set(torrent, fetching)
  Machine.settleFetching(machine, fetching, commands, out)
}

/** The search for metadata is over: its connections are those of the torrent from here on. */
export const handOver = (
  machine: Machine.Machine,
  fetching: Fetching.Fetching,
  isPrivate: boolean,
  out: Array<Command>,
): Handover.Handover => {
  const [handover, commands] = Handover.of(fetching, isPrivate, machine.now)
  Machine.settleFetching(machine, fetching, commands, out)
  machine.fetchings.delete(fetching.id)
  return handover
}

/** Counts what comes in for a link. Metadata is little: nobody waits for it. */
export const meter = (
  { now, throttle }: Machine.Machine,
  fetching: Fetching.Fetching,
  conn: ConnId,
  bytes: number,
): void => {
  const contact = fetching.contacts.get(conn)
  if (contact === undefined || !Throttle.isMetered(throttle, contact.address)) return
  TokenBucket.take(throttle.download, now, bytes)
}
