/**
 * The machine that the shell drives: dispatch only. It finds the torrent that an input is for, keeps what all torrents
 * share (who we are, the download limit), and knows when the next timer of any of them is due.
 */
import { assert } from "../base/Assert.ts"
import * as Clone from "../base/Clone.ts"
import * as Deadlines from "../base/Deadlines.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as TokenBucket from "../base/TokenBucket.ts"
import type { ConnId, TorrentId } from "../torrent/Input.ts"
import type { Local } from "../torrent/State.ts"
import * as Torrent from "../torrent/Torrent.ts"
import type { Command } from "./Command.ts"
import type { Input } from "./Input.ts"

/** Handed from step to step; each is good for one step only, since its tables are updated in place. */
export interface Client {
  readonly machine: Machine
  readonly turn: number
}

interface Machine {
  readonly local: Local
  readonly torrents: Map<TorrentId, Torrent.Torrent>
  readonly torrentOf: Map<ConnId, TorrentId>
  /** When each torrent next wants a tick. */
  readonly wakes: Deadlines.Deadlines
  readonly downloadLimit: TokenBucket.TokenBucket
  /** Connections that wait for the download limit, in the order in which they were stopped. */
  readonly pausedConns: Set<ConnId>
  now: Millis
  turn: number
}

/** A client without torrents. */
export const make = (local: Omit<Local, "nextConn">, now: Millis): Client => ({
  machine: {
    local: { ...local, nextConn: 1 },
    torrents: new Map(),
    torrentOf: new Map(),
    wakes: Deadlines.make(),
    downloadLimit: TokenBucket.make(0, now),
    pausedConns: new Set(),
    now,
    turn: 0,
  },
  turn: 0,
})

/** One transition. Spends `client`: using it again is an assertion failure; see {@link fork}. */
export const step = (client: Client, input: Input): readonly [Client, ReadonlyArray<Command>] => {
  const machine = own(client)
  assert(input.now >= machine.now, "the clock is monotonic")
  machine.now = input.now
  machine.turn++
  const out: Array<Command> = []
  take(machine, input, out)
  runDue(machine, out)
  return [{ machine, turn: machine.turn }, out]
}

/** A copy that can go its own way: for tests and tools. Metainfo is shared, everything else is not. */
export const fork = (client: Client): Client => {
  own(client)
  return Clone.clone(client)
}

/** When a `Tick` would next change something; {@link NEVER}: only another input can. */
export const nextWake = (client: Client): Millis => {
  const { wakes, pausedConns, downloadLimit, now } = own(client)
  return Math.min(
    Deadlines.next(wakes),
    pausedConns.size === 0 ? NEVER : TokenBucket.availableAt(downloadLimit, now),
  )
}

/** The torrents, to be looked at only. */
export const torrents = (client: Client): ReadonlyMap<TorrentId, Torrent.Torrent> => own(client).torrents

const own = (client: Client): Machine => {
  assert(client.turn === client.machine.turn, "this state was spent by an earlier step; fork it to keep it")
  return client.machine
}

const take = (machine: Machine, input: Input, out: Array<Command>): void => {
  switch (input._tag) {
    case "Tick":
      return
    case "Add":
      return add(machine, input, out)
    case "Remove":
      return remove(machine, input.torrent)
    case "DownloadLimit":
      TokenBucket.setRate(machine.downloadLimit, input.now, input.rateBytesPerSec)
      return
    case "ConnRead":
      meter(machine, input.conn, input.bytes.length, out)
      return toConnection(machine, input, out)
    case "ConnOpened":
      return toConnection(machine, input, out)
    case "ConnFailed":
    case "ConnClosed":
      toConnection(machine, input, out)
      return forget(machine, input.conn)
    default:
      return toTorrent(machine, input.torrent, input, out)
  }
}

const add = (
  machine: Machine,
  input: Extract<Input, { readonly _tag: "Add" }>,
  out: Array<Command>,
): void => {
  assert(!machine.torrents.has(input.torrent), "a torrent's number is used once")
  const [torrent, commands] = Torrent.start(
    input.torrent,
    machine.local,
    input.metainfo,
    input.options,
    input.now,
  )
  machine.torrents.set(input.torrent, torrent)
  settle(machine, torrent, commands, out)
}

const remove = (machine: Machine, id: TorrentId): void => {
  assert(machine.torrents.get(id)?.peers.size === 0, "a torrent is stopped before it is removed")
  machine.torrents.delete(id)
  Deadlines.remove(machine.wakes, id)
}

type TorrentStep = Parameters<typeof Torrent.step>[1]

const toConnection = (
  machine: Machine,
  input: TorrentStep & { readonly conn: ConnId },
  out: Array<Command>,
): void => {
  // The shell may still report on a connection that we have just closed.
  const id = machine.torrentOf.get(input.conn)
  if (id !== undefined) toTorrent(machine, id, input, out)
}

const toTorrent = (machine: Machine, id: TorrentId, input: TorrentStep, out: Array<Command>): void => {
  const torrent = machine.torrents.get(id)
  if (torrent === undefined) return
  const [next, commands] = Torrent.step(torrent, input)
  settle(machine, next, commands, out)
}

/** Passes a torrent's commands on, and notes which connection is whose and when it wants to be woken. */
const settle = (
  machine: Machine,
  torrent: Torrent.Torrent,
  commands: ReadonlyArray<Command>,
  out: Array<Command>,
): void => {
  for (const command of commands) {
    if (command._tag === "Dial") machine.torrentOf.set(command.conn, command.torrent)
    else if (command._tag === "Close") forget(machine, command.conn)
    out.push(command)
  }
  machine.torrents.set(torrent.id, torrent)
  Deadlines.set(machine.wakes, torrent.id, Torrent.nextWake(torrent, machine.now))
}

const forget = (machine: Machine, conn: ConnId): void => {
  machine.torrentOf.delete(conn)
  machine.pausedConns.delete(conn)
}

/** Counts everything that comes in, protocol overhead included; a connection that overdraws the limit waits. */
const meter = (machine: Machine, conn: ConnId, bytes: number, out: Array<Command>): void => {
  TokenBucket.take(machine.downloadLimit, machine.now, bytes)
  if (TokenBucket.availableAt(machine.downloadLimit, machine.now) <= machine.now) return
  if (machine.pausedConns.has(conn) || !machine.torrentOf.has(conn)) return
  machine.pausedConns.add(conn)
  Torrent.setPaused(torrentOf(machine, conn), conn, true, machine.now)
  out.push({ _tag: "PauseReads", conn })
}

/** Ticks each torrent that is due, once: whatever it says of its next wake-up, a step ends. */
const runDue = (machine: Machine, out: Array<Command>): void => {
  if (Deadlines.next(machine.wakes) <= machine.now) {
    const due: Array<TorrentId> = []
    for (let id = popDue(machine); id !== undefined; id = popDue(machine)) due.push(id)
    for (const id of due) toTorrent(machine, id, { _tag: "Tick", now: machine.now }, out)
  }
  resumeReads(machine, out)
}

const popDue = (machine: Machine): TorrentId | undefined => Deadlines.popDue(machine.wakes, machine.now)

const resumeReads = (machine: Machine, out: Array<Command>): void => {
  if (machine.pausedConns.size === 0) return
  if (TokenBucket.availableAt(machine.downloadLimit, machine.now) > machine.now) return
  for (const conn of machine.pausedConns) {
    const torrent = torrentOf(machine, conn)
    Torrent.setPaused(torrent, conn, false, machine.now)
    Deadlines.set(machine.wakes, torrent.id, Torrent.nextWake(torrent, machine.now))
    out.push({ _tag: "ResumeReads", conn })
  }
  machine.pausedConns.clear()
}

const torrentOf = (machine: Machine, conn: ConnId): Torrent.Torrent => {
  const torrent = machine.torrents.get(machine.torrentOf.get(conn) ?? -1)
  assert(torrent !== undefined, "a paused connection has a torrent")
  return torrent
}
