/**
 * The machine that the shell drives: dispatch only. It finds the torrent that an input is for, keeps what all torrents
 * share (who we are, the rate limits), and knows when the next timer of any of them is due.
 */
import { assert } from "../base/Assert.ts"
import * as Bytes from "../base/Bytes.ts"
import * as Clone from "../base/Clone.ts"
import * as Deadlines from "../base/Deadlines.ts"
import type { Millis } from "../base/Time.ts"
import * as TokenBucket from "../base/TokenBucket.ts"
import * as Dials from "../torrent/Dials.ts"
import * as ExternalAddress from "../torrent/ExternalAddress.ts"
import type { ConnId, TorrentId } from "../torrent/Input.ts"
import * as Limits from "../torrent/Limits.ts"
import * as Fetching from "../torrent/metadata/Fetching.ts"
import * as Places from "../torrent/Places.ts"
import type { Identity } from "../torrent/State.ts"
import * as Throttle from "../torrent/Throttle.ts"
import * as Torrent from "../torrent/Torrent.ts"
import type { Command } from "./Command.ts"
import * as Greeting from "./Greeting.ts"
import type { Input } from "./Input.ts"
import * as Machine from "./Machine.ts"
import * as Magnets from "./Magnets.ts"

/** Handed from step to step; each is good for one step only, since its tables are updated in place. */
export interface Client {
  readonly machine: Machine.Machine
  readonly turn: number
}

/** A client without torrents. */
export const make = (local: Identity, now: Millis): Client => ({
  machine: {
    local: {
      ...local,
      external: ExternalAddress.make(local.port),
      nextConn: 1,
      load: { maxConnections: Limits.MAX_CONNECTIONS, connections: 0, halfOpen: 0, dials: Dials.make() },
    },
    greeting: Greeting.make(),
    torrents: new Map(),
    fetchings: new Map(),
    torrentOf: new Map(),
    fetchingOf: new Map(),
    wakes: Deadlines.make(),
    throttle: Throttle.make(now),
    paused: new Map(),
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
  const before = Places.crowding(machine.local.load)
  take(machine, input, out)
  runDue(machine, out)
  if (Places.crowding(machine.local.load) !== before) Machine.rearm(machine)
  return [{ machine, turn: machine.turn }, out]
}

/** A copy that can go its own way: for tests and tools. Metainfo is shared, everything else is not. */
export const fork = (client: Client): Client => {
  own(client)
  return Clone.clone(client)
}

/** When a `Tick` would next change something; {@link NEVER}: only another input can. */
export const nextWake = (client: Client): Millis => {
  const machine = own(client)
  const { paused, throttle, wakes } = machine
  let wake = Math.min(
    Deadlines.next(wakes),
    Greeting.nextWake(machine.greeting),
    Throttle.nextTurnAt(throttle),
  )
  if (paused.size === 0) return wake
  for (const id of paused.keys()) {
    wake = Math.min(wake, Throttle.downloadOpensAt(throttle, torrentOf(machine, id).buckets))
  }
  return wake
}

/** The torrents, to be looked at only. */
export const torrents = (client: Client): ReadonlyMap<TorrentId, Torrent.Torrent> => own(client).torrents

/** The magnet links whose metadata is not here yet, to be looked at only. */
export const fetchings = (client: Client): ReadonlyMap<TorrentId, Fetching.Fetching> => own(client).fetchings

const own = (client: Client): Machine.Machine => {
  assert(client.turn === client.machine.turn, "this state was spent by an earlier step; fork it to keep it")
  return client.machine
}

const take = (machine: Machine.Machine, input: Input, out: Array<Command>): void => {
  switch (input._tag) {
    case "Tick":
      return
    case "Add":
      return add(machine, input, out)
    case "AddMagnet":
      return Magnets.add(machine, input, out)
    case "Remove":
      return remove(machine, input.torrent)
    case "ConnAccepted":
      return accept(machine, input, out)
    case "Limits":
      return setLimits(machine, input)
    case "TorrentLimits":
      return setTorrentLimits(machine, input)
    case "ConnRead":
      if (Greeting.isWaiting(machine.greeting, input.conn)) return greet(machine, input, out)
      return read(machine, input, out)
    case "ConnOpened":
    case "ConnCongested":
    case "ConnDrained":
      return toConnection(machine, input, out)
    case "ConnFailed":
    case "ConnClosed":
      Greeting.forget(machine.greeting, input.conn)
      toConnection(machine, input, out)
      return Machine.forget(machine, input.conn)
    default:
      return toTorrent(machine, input.torrent, input, out)
  }
}

/** Somebody has connected to us, and is to say first what for. */
const accept = (
  machine: Machine.Machine,
  { address, conn, now }: Extract<Input, { readonly _tag: "ConnAccepted" }>,
  out: Array<Command>,
): void => {
  assert(conn < 0, "an accepted connection's number is negative")
  const oldest = Greeting.accept(machine.greeting, conn, address, maxGuests(machine), now)
  if (oldest !== undefined) out.push({ _tag: "Close", conn: oldest })
}

/** Of a client that may have few connections, those that nobody knows yet are a part only. */
const maxGuests = ({ local }: Machine.Machine): number =>
  Math.min(Greeting.MAX_GUESTS, Math.max(Greeting.MIN_GUESTS, local.load.maxConnections >> 2))

/** A connection that was accepted says which torrent it wants, or should have. */
const greet = (
  machine: Machine.Machine,
  { bytes, conn, now }: Extract<Input, { readonly _tag: "ConnRead" }>,
  out: Array<Command>,
): void => {
  const said = Greeting.read(machine.greeting, conn, bytes)
  if (said._tag === "Little") return
  if (said._tag === "Garbage") {
    out.push({ _tag: "Close", conn })
    return
  }
  const torrent = torrentByHash(machine, said.infoHash)
  if (torrent !== undefined) {
    machine.torrentOf.set(conn, torrent)
    const [next, commands] = Torrent.accept(torrent, conn, said.address, said.since, said.bytes, now)
    Machine.settle(machine, next, commands, out)
    meter(machine, torrent, conn, bytes.length, out)
    return
  }
  const fetching = Magnets.byHash(machine, said.infoHash)
  if (fetching === undefined) {
    out.push({ _tag: "Close", conn })
    return
  }
  machine.fetchingOf.set(conn, fetching)
  const [next, commands] = Fetching.accept(fetching, conn, said.address, said.since, said.bytes, now)
  Machine.settleFetching(machine, next, commands, out)
}

/** By far the commonest input. */
const read = (
  machine: Machine.Machine,
  input: Extract<Input, { readonly _tag: "ConnRead" }>,
  out: Array<Command>,
): void => {
  const torrent = machine.torrentOf.get(input.conn)
  if (torrent === undefined) return toFetching(machine, machine.fetchingOf.get(input.conn), input, out)
  meter(machine, torrent, input.conn, input.bytes.length, out)
  stepTorrent(machine, torrent, input, out)
}

const torrentByHash = (machine: Machine.Machine, infoHash: Bytes.Bytes): Torrent.Torrent | undefined => {
  for (const torrent of machine.torrents.values()) {
    if (torrent.phase === "running" && Bytes.equals(torrent.metainfo.infoHashBytes, infoHash)) return torrent
  }
  return undefined
}

const closeLateGuests = (machine: Machine.Machine, out: Array<Command>): void => {
  for (;;) {
    const conn = Greeting.popLate(machine.greeting, machine.now)
    if (conn === undefined) return
    out.push({ _tag: "Close", conn })
  }
}

const add = (
  machine: Machine.Machine,
  input: Extract<Input, { readonly _tag: "Add" }>,
  out: Array<Command>,
): void => {
  assert(!machine.torrents.has(input.torrent), "a torrent's number is used once")
  const fetching = machine.fetchings.get(input.torrent)
  const handover = fetching === undefined
    ? undefined
    : Magnets.handOver(machine, fetching, input.metainfo.isPrivate, out)
  const [torrent, commands] = Torrent.start(
    input.torrent,
    machine.local,
    machine.throttle,
    input.metainfo,
    input.options,
    input.now,
    handover,
  )
  for (const { conn } of handover?.contacts ?? []) {
    machine.fetchingOf.delete(conn)
    machine.torrentOf.set(conn, torrent)
  }
  machine.torrents.set(input.torrent, torrent)
  Machine.settle(machine, torrent, commands, out)
}

const remove = (machine: Machine.Machine, id: TorrentId): void => {
  const peers = machine.torrents.get(id)?.peers ?? machine.fetchings.get(id)?.contacts
  assert(peers?.size === 0, "a torrent is stopped before it is removed")
  machine.torrents.delete(id)
  machine.fetchings.delete(id)
  machine.throttle.uploadQueue.delete(id)
  Deadlines.remove(machine.wakes, id)
}

type TorrentStep = Parameters<typeof Torrent.step>[1]

const toConnection = (
  machine: Machine.Machine,
  input: TorrentStep & { readonly conn: ConnId },
  out: Array<Command>,
): void => {
  const torrent = machine.torrentOf.get(input.conn)
  if (torrent !== undefined) stepTorrent(machine, torrent, input, out)
  else toFetching(machine, machine.fetchingOf.get(input.conn), input, out)
}

const toTorrent = (
  machine: Machine.Machine,
  id: TorrentId,
  input: TorrentStep,
  out: Array<Command>,
): void => {
  const torrent = machine.torrents.get(id)
  if (torrent !== undefined) stepTorrent(machine, torrent, input, out)
  else toFetching(machine, machine.fetchings.get(id), input, out)
}

const stepTorrent = (
  machine: Machine.Machine,
  torrent: Torrent.Torrent,
  input: TorrentStep,
  out: Array<Command>,
): void => {
  const [next, commands] = Torrent.step(torrent, input)
  Machine.settle(machine, next, commands, out)
}

/** The shell may still report on a connection that we have just closed, or on a link that is no more: `undefined`. */
const toFetching = (
  machine: Machine.Machine,
  fetching: Fetching.Fetching | undefined,
  input: TorrentStep,
  out: Array<Command>,
): void => {
  if (fetching === undefined) return
  if (input._tag === "ConnRead") Magnets.meter(machine, fetching, input.conn, input.bytes.length)
  const [next, commands] = Fetching.step(fetching, input)
  Machine.settleFetching(machine, next, commands, out)
}

/** What is waiting for the old limits is looked at again by {@link runDue}, at the end of this step. */
const setLimits = (machine: Machine.Machine, input: Extract<Input, { readonly _tag: "Limits" }>): void => {
  const { throttle } = machine
  TokenBucket.setRate(throttle.download, input.now, input.downloadRateBytesPerSec)
  TokenBucket.setRate(throttle.upload, input.now, input.uploadRateBytesPerSec)
  throttle.isLanExempt = input.isLanExempt
  machine.local.load.maxConnections = input.maxConnections
  for (const { id, serving } of machine.torrents.values()) if (serving.size > 0) throttle.uploadQueue.add(id)
}

const setTorrentLimits = (
  machine: Machine.Machine,
  input: Extract<Input, { readonly _tag: "TorrentLimits" }>,
): void => {
  const torrent = machine.torrents.get(input.torrent)
  if (torrent === undefined) return
  TokenBucket.setRate(torrent.buckets.download, input.now, input.downloadRateBytesPerSec)
  TokenBucket.setRate(torrent.buckets.upload, input.now, input.uploadRateBytesPerSec)
  Machine.rearmTorrent(machine, torrent)
  if (torrent.serving.size > 0) machine.throttle.uploadQueue.add(torrent.id)
}

/** Counts everything that comes in, protocol overhead included; a connection that overdraws a limit waits. */
const meter = (
  machine: Machine.Machine,
  torrent: Torrent.Torrent,
  conn: ConnId,
  bytes: number,
  out: Array<Command>,
): void => {
  const { now, paused, throttle } = machine
  if (!Throttle.isDownloadLimited(throttle, torrent.buckets)) return
  const peer = torrent.peers.get(conn)
  if (peer === undefined || !Throttle.isMetered(throttle, peer.address)) return
  if (!Throttle.takeDownload(throttle, torrent.buckets, now, bytes)) return
  const conns = paused.get(torrent.id) ?? new Set()
  if (conns.has(conn)) return
  paused.set(torrent.id, conns.add(conn))
  Torrent.setPaused(torrent, conn, true, now)
  out.push({ _tag: "PauseReads", conn })
}

/** Ticks each torrent that is due, once: whatever it says of its next wake-up, a step ends. */
const runDue = (machine: Machine.Machine, out: Array<Command>): void => {
  closeLateGuests(machine, out)
  if (Deadlines.next(machine.wakes) <= machine.now) {
    const due: Array<TorrentId> = []
    for (let id = popDue(machine); id !== undefined; id = popDue(machine)) due.push(id)
    for (const id of due) toTorrent(machine, id, { _tag: "Tick", now: machine.now }, out)
  }
  takeTurns(machine, out)
  resumeReads(machine, out)
}

const popDue = (machine: Machine.Machine): TorrentId | undefined =>
  Deadlines.popDue(machine.wakes, machine.now)

/** Lets the torrents that wait for the upload limit send a block each, in turn, as long as it allows. */
const takeTurns = (machine: Machine.Machine, out: Array<Command>): void => {
  for (;;) {
    const id = Throttle.nextTurn(machine.throttle, machine.now)
    if (id === undefined) return
    toTorrent(machine, id, { _tag: "Tick", now: machine.now }, out)
  }
}

const resumeReads = (machine: Machine.Machine, out: Array<Command>): void => {
  if (machine.paused.size === 0) return
  for (const [id, conns] of machine.paused) {
    const torrent = torrentOf(machine, id)
    if (Throttle.downloadOpensAt(machine.throttle, torrent.buckets) > machine.now) continue
    machine.paused.delete(id)
    for (const conn of conns) {
      Torrent.setPaused(torrent, conn, false, machine.now)
      out.push({ _tag: "ResumeReads", conn })
    }
    Machine.rearmTorrent(machine, torrent)
  }
}

const torrentOf = (machine: Machine.Machine, id: TorrentId): Torrent.Torrent => {
  const torrent = machine.torrents.get(id)
  assert(torrent !== undefined, "a paused connection has a torrent")
  return torrent
}
