/**
 * Watches a run and keeps what a report of it needs. Most of it is sampled: at the end of each slot of time the peers are
 * looked at, while what happens in between costs a comparison or a few additions, and no memory.
 *
 *      each slot            payload by class, peers that lack something or have everything, faults
 *      every second slot    copies of the pieces
 *      every fourth slot    a frame: some peers, what each of them sends to each other, who chokes whom
 */
import * as Address from "../../base/Address.ts"
import type { Millis } from "../../base/Time.ts"
import type { Command } from "../../client/Command.ts"
import type { NodeView, Observer } from "../Observer.ts"
import { pieceCount, type Scenario } from "../Scenario.ts"
import * as Statistics from "../scenario/Statistics.ts"
import * as Copies from "./Copies.ts"
import * as EventLog from "./EventLog.ts"
import * as Frames from "./Frames.ts"
import * as Links from "./Links.ts"
import * as Members from "./Members.ts"
import type { PeerRecord, Recording, Series } from "./Recording.ts"
import * as Slots from "./Slots.ts"

/** The shortest slot; a minute fits before slots grow. */
const TICK_MS: Millis = 100
const MAX_SLOTS = 600
const MAX_COPIES_ROWS = 200

/** What the world calls it when nothing is broken any more. */
const HEALED = "healed"

export interface Recorder {
  readonly observer: Observer
  /** What is known so far; meant for the end of the run. */
  readonly recording: () => Recording
}

interface State {
  readonly scenario: Scenario
  readonly members: Array<Member>
  /** Those that are up. */
  readonly present: Set<Member>
  readonly links: Links.Links
  readonly log: EventLog.EventLog
  readonly copies: Copies.Copies
  readonly frames: Frames.Frames
  readonly downloaded: Slots.Slots
  readonly uploaded: Slots.Slots
  readonly population: Slots.Slots
  readonly faults: Slots.Slots
  readonly copiesOverTime: Slots.Slots
  /** The slot that is being filled ends here. */
  endsAt: Millis
  /** The tick that it began with, or went on from when slots grew. */
  tick: number
  now: Millis
}

type Member = Members.Member

/** A recorder of one run of `scenario`, from its first event on. */
export const make = (scenario: Scenario): Recorder => {
  const classes = scenario.classes.length
  const copies = Copies.make(pieceCount(scenario), MAX_COPIES_ROWS)
  const table = (columns: number, merge: "sum" | "last") =>
    Slots.make({ capacity: MAX_SLOTS, columns, merge, stride: 1 })
  const state: State = {
    scenario,
    members: [],
    present: new Set(),
    links: Links.make(),
    log: EventLog.make(),
    copies,
    frames: Frames.make(scenario),
    downloaded: table(classes, "sum"),
    uploaded: table(classes, "sum"),
    population: table(2, "last"),
    faults: table(1, "sum"),
    copiesOverTime: Slots.make({
      capacity: MAX_SLOTS / 2,
      columns: copies.rows,
      merge: "last",
      stride: 2,
      isCoarse: true,
    }),
    endsAt: TICK_MS,
    tick: 0,
    now: 0,
  }
  return { observer: observe(state), recording: () => finish(state) }
}

const observe = (state: State): Observer => ({
  nodeUp: (node, now) => {
    reach(state, now)
    const member = memberOf(state, node, now)
    Members.begin(member)
    state.present.add(member)
    look(state, member)
    if (member.sessions === 1) Frames.consider(state.frames, node.index, member.classIndex)
    EventLog.add(state.log, now, "join", node.index)
  },
  nodeDown: (node, now, why) => {
    reach(state, now)
    const member = memberOf(state, node, now)
    look(state, member)
    Members.end(member, why, now)
    state.present.delete(member)
    Copies.remove(state.copies, node.index)
    EventLog.add(state.log, now, why === "crashed" ? "crash" : "leave", node.index)
  },
  stepped: (node, _, commands, now) => {
    reach(state, now)
    for (let i = 0; i < commands.length; i++) {
      if (commands[i]!._tag === "Emit") emitted(state, node, commands[i] as Emit, now)
    }
  },
  connected: (a, aConn, b, bConn, now) => {
    reach(state, now)
    Links.connect(state.links, a.index, aConn, b.index)
    Links.connect(state.links, b.index, bConn, a.index)
  },
  disconnected: (a, aConn, b, bConn, now) => {
    reach(state, now)
    disconnected(state, a, aConn, now)
    disconnected(state, b, bConn, now)
  },
  delivered: (from, to, _, bytes, now) => {
    if (now >= state.endsAt) reach(state, now)
    memberOf(state, from, now).sentBytes += bytes.length
    memberOf(state, to, now).receivedBytes += bytes.length
  },
  pieceOnDisk: (node, piece, isRight, now) => {
    reach(state, now)
    const member = memberOf(state, node, now)
    member.pieces++
    Copies.add(state.copies, node.index, piece)
    if (!isRight) EventLog.add(state.log, now, "wrong-piece", node.index)
  },
  completed: (node, now) => {
    reach(state, now)
    const member = memberOf(state, node, now)
    // A seeder's client says so, too, and so does one that comes back complete.
    if (member.completedAt !== undefined) return
    member.completedAt = now
    if (node.peerClass.role === "leecher") EventLog.add(state.log, now, "complete", node.index)
  },
  fault: (kind, node, now) => {
    reach(state, now)
    // The end of all faults is none.
    if (kind === HEALED) return EventLog.add(state.log, now, HEALED)
    Slots.put(state.faults, Slots.rowAt(state.faults, state.tick), 0, 1)
    EventLog.add(state.log, now, `fault:${kind}`, node?.index)
  },
  ended: (world) => reach(state, world.now),
})

type Emit = Extract<Command, { readonly _tag: "Emit" }>

const emitted = (state: State, node: NodeView, { event }: Emit, now: Millis): void => {
  if (event._tag !== "PeerUnchoked" && event._tag !== "PeerChoked") return
  const torrent = node.torrent()
  if (torrent === undefined) return
  const end = Links.find(state.links, node.index, torrent, event.address)
  const isUnchoked = event._tag === "PeerUnchoked"
  if (end === undefined || end.isUnchoked === isUnchoked) return
  end.isUnchoked = isUnchoked
  const other = state.members[end.other]
  if (other === undefined) return
  if (!isUnchoked) return Members.close(other, now)
  Members.open(other, now)
  EventLog.add(state.log, now, "unchoke", node.index, end.other)
}

const disconnected = (state: State, node: NodeView, conn: number, now: Millis): void => {
  const end = Links.disconnect(state.links, node.index, conn)
  const other = end?.isUnchoked === true ? state.members[end.other] : undefined
  if (other !== undefined) Members.close(other, now)
}

const memberOf = (state: State, node: NodeView, now: Millis): Member => {
  const known = state.members[node.index]
  if (known !== undefined) return known
  const { classes } = state.scenario
  const at = classes.indexOf(node.peerClass)
  const classIndex = at >= 0 ? at : classes.findIndex(({ name }) => name === node.peerClass.name)
  const member = Members.make(node, Math.max(0, classIndex), now)
  if (node.peerClass.role === "seeder") member.completedAt = now
  state.members[node.index] = member
  return member
}

/** Ends every slot that is over by now. */
const reach = (state: State, now: Millis): void => {
  if (now > state.now) state.now = now
  while (now >= state.endsAt) endSlot(state)
}

const endSlot = (state: State): void => {
  sample(state)
  state.tick = Math.round(state.endsAt / TICK_MS)
  // The table may just have halved itself, in the middle of what is one slot now.
  const { stride } = state.downloaded
  state.endsAt = (Math.floor(state.tick / stride) + 1) * stride * TICK_MS
}

const sample = (state: State): void => {
  const { copies, copiesOverTime, frames, population, tick } = state
  let lacking = 0
  let complete = 0
  for (const member of state.present) {
    look(state, member)
    // Those that want no copy are neither.
    if (member.completedAt !== undefined) complete++
    else if (Statistics.isDownloader(member.node.peerClass)) lacking++
  }
  const row = Slots.rowAt(population, tick)
  Slots.put(population, row, 0, lacking)
  Slots.put(population, row, 1, complete)
  // Every table gets its row in time, whether there is something to put or not: they are of one length.
  Slots.rowAt(state.downloaded, tick)
  Slots.rowAt(state.uploaded, tick)
  Slots.rowAt(state.faults, tick)
  const copiesRow = Slots.rowAt(copiesOverTime, tick)
  for (let at = 0; at < copies.rows; at++) {
    Slots.put(copiesOverTime, copiesRow, at, Copies.perPiece(copies, at))
  }
  Frames.take(frames, tick, state.members, state.links, copies.pieceCount)
}

/** Reads what a member's client has counted since it was last looked at. */
const look = (state: State, member: Member): void => {
  const { downloadedBytes, uploadedBytes } = member.total
  Members.poll(member)
  const { classIndex, torrent, total } = member
  const down = total.downloadedBytes - downloadedBytes
  const up = total.uploadedBytes - uploadedBytes
  if (down > 0) Slots.put(state.downloaded, Slots.rowAt(state.downloaded, state.tick), classIndex, down)
  if (up > 0) Slots.put(state.uploaded, Slots.rowAt(state.uploaded, state.tick), classIndex, up)
  if (torrent === undefined || torrent.have.count === member.pieces) return
  // A client that begins has pieces that nobody saw it get.
  Copies.set(state.copies, member.node.index, torrent.have)
  member.pieces = torrent.have.count
}

const finish = (state: State): Recording => {
  sample(state)
  const { copiesOverTime, downloaded, faults, frames, log, members, population, uploaded } = state
  return {
    scenario: state.scenario,
    pieceCount: state.copies.pieceCount,
    endedAtMs: state.now,
    peers: members.flatMap((member) => member === undefined ? [] : [recordOf(member, state.now)]),
    downloaded: seriesOf(downloaded),
    uploaded: seriesOf(uploaded),
    population: seriesOf(population),
    faults: seriesOf(faults),
    copies: seriesOf(copiesOverTime),
    sample: frames.sample,
    flows: seriesOf(frames.flows),
    pairs: seriesOf(frames.pairs),
    progress: seriesOf(frames.progress),
    events: () => EventLog.entries(log),
    eventsLeftOut: log.leftOut,
  }
}

const seriesOf = ({ cells, columns, count, stride }: Slots.Slots): Series => ({
  slotMs: stride * TICK_MS,
  slots: count,
  columns,
  values: cells.slice(0, count * columns),
})

const recordOf = (member: Member, now: Millis): PeerRecord => ({
  index: member.node.index,
  address: Address.format(member.node.address),
  classIndex: member.classIndex,
  arrivedAtMs: member.arrivedAt,
  completedAtMs: member.completedAt,
  leftAtMs: member.leftAt,
  sessions: member.sessions,
  crashes: member.crashes,
  ...member.total,
  sentBytes: member.sentBytes,
  receivedBytes: member.receivedBytes,
  unchokedMs: member.unchokedMs + (member.openers > 0 ? now - member.openedAt : 0),
  unchokes: member.unchokes,
  pieces: member.pieces,
})
