/** What a client holds: its torrents, whose each connection is, and when each of them next wants to be woken. */
import * as Deadlines from "../base/Deadlines.ts"
import type { Millis } from "../base/Time.ts"
import type { ConnId, TorrentId } from "../torrent/Input.ts"
import * as Fetching from "../torrent/metadata/Fetching.ts"
import type { Local } from "../torrent/State.ts"
import type * as Throttle from "../torrent/Throttle.ts"
import * as Torrent from "../torrent/Torrent.ts"
import type { Command } from "./Command.ts"
import type * as Greeting from "./Greeting.ts"

/** Mutable, one owner: the client whose turn it is. */
export interface Machine {
  readonly local: Local
  readonly torrents: Map<TorrentId, Torrent.Torrent>
  /** Magnet links whose metadata is not here yet; never under the number of a torrent. */
  readonly fetchings: Map<TorrentId, Fetching.Fetching>
  /** A torrent is the same object from its first step to its last, and so is the search for its metadata. */
  readonly torrentOf: Map<ConnId, Torrent.Torrent>
  readonly fetchingOf: Map<ConnId, Fetching.Fetching>
  /** Accepted connections that have not named their torrent yet. */
  readonly greeting: Greeting.Greeting
  /** When each torrent next wants a tick. */
  readonly wakes: Deadlines.Deadlines
  readonly throttle: Throttle.Throttle
  /** Connections of each torrent that wait for a download limit, in the order in which they were stopped. */
  readonly paused: Map<TorrentId, Set<ConnId>>
  now: Millis
  turn: number
}

/** Passes a torrent's commands on, and notes which connection is whose and when it wants to be woken. */
export const settle = (
  machine: Machine,
  torrent: Torrent.Torrent,
  commands: ReadonlyArray<Command>,
  out: Array<Command>,
): void => {
  for (const command of commands) {
    if (command._tag === "Dial") machine.torrentOf.set(command.conn, torrent)
    else if (command._tag === "Close") forget(machine, command.conn)
    out.push(command)
  }
  Deadlines.set(machine.wakes, torrent.id, Torrent.nextWake(torrent))
}

/** The same for a magnet link. */
export const settleFetching = (
  machine: Machine,
  fetching: Fetching.Fetching,
  commands: ReadonlyArray<Command>,
  out: Array<Command>,
): void => {
  for (const command of commands) {
    if (command._tag === "Dial") machine.fetchingOf.set(command.conn, fetching)
    else if (command._tag === "Close") forget(machine, command.conn)
    out.push(command)
  }
  Deadlines.set(machine.wakes, fetching.id, Fetching.nextWake(fetching, machine.now))
}

/** There is room for another connection, or none any more: every torrent may want to act at another time now. */
export const rearm = (machine: Machine): void => {
  for (const torrent of machine.torrents.values()) rearmTorrent(machine, torrent)
  for (const fetching of machine.fetchings.values()) {
    Deadlines.set(machine.wakes, fetching.id, Fetching.nextWake(fetching, machine.now))
  }
}

/** A torrent may want to act at another time than its own last step said. */
export const rearmTorrent = (machine: Machine, torrent: Torrent.Torrent): void => {
  Torrent.rearm(torrent, machine.now)
  Deadlines.set(machine.wakes, torrent.id, Torrent.nextWake(torrent))
}

/** A connection is nobody's any more. */
export const forget = (machine: Machine, conn: ConnId): void => {
  machine.fetchingOf.delete(conn)
  const torrent = machine.torrentOf.get(conn)
  if (torrent === undefined) return
  machine.torrentOf.delete(conn)
  const conns = machine.paused.get(torrent.id)
  if (conns?.delete(conn) === true && conns.size === 0) machine.paused.delete(torrent.id)
}
