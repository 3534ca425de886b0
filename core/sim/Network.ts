/**
 * How bytes get from node to node. A node's connections share its line in turns, a segment each; a segment takes its time
 * on the sender's line, travels for the latency of both ends, and takes its time on the receiver's line, which may have
 * begun to read it before it was all there.
 *
 *      send ──▶ unsent ──turn, window──▶ on its way ──ARRIVE──▶ (busy line ──DELIVER──▶) read
 *
 * What TCP does is modelled as what an application sees of it: bytes come in order or not at all, a receiver that does
 * not read stops the sender, loss is a pause.
 */
import type { Bytes } from "../base/Bytes.ts"
import type { Millis } from "../base/Time.ts"
import type { CloseReason, ConnId } from "../client/Input.ts"
import * as Content from "./Content.ts"
import * as Cuts from "./Cuts.ts"
import * as Flow from "./Flow.ts"
import * as Line from "./Line.ts"
import * as Link from "./Link.ts"
import * as Queue from "./Queue.ts"
import * as Reader from "./Reader.ts"
import type { Node, World } from "./State.ts"

/** A connection is congested beyond so many unsent bytes, as in the shell, and is drained when so few are left. */
export const CONGESTED_BYTES = 256 * 1024
const DRAINED_BYTES = 64 * 1024

/** A link with so little to say needs no fair share: it goes first. */
const URGENT_BYTES = 4 * 1024

/** A line that is free so soon counts as free: a HAVE for each of fifty peers is one turn, not fifty. */
const AHEAD_MS = 1

/** Joins two nodes; each may send from now on. The number of the connection at `from` is its own choice. */
export const connect = (world: World, from: Node, fromConn: ConnId, to: Node, toConn: ConnId): void => {
  const link = Link.pair(world.links, from.index, fromConn, to.index, toConn)
  from.conns.set(fromConn, link)
  to.conns.set(toConn, Link.back(link))
  for (const hook of world.hooks.connected) hook(from.view, fromConn, to.view, toConn, world.queue.now)
}

/**
 * Puts on a connection what an encoder gave: messages, and a block's payload at every second place. Dropped if the
 * connection is gone.
 */
export const send = (world: World, node: Node, conn: ConnId, chunks: ReadonlyArray<Bytes>): void => {
  const link = node.conns.get(conn)
  if (link === undefined) return
  const { links } = world
  const isClosed = Link.is(links, link, Link.CLOSED)
  for (let i = 0; i < chunks.length; i++) {
    const chunk = chunks[i]!
    world.bytes.sent += chunk.length
    if (isClosed) world.bytes.lost += chunk.length
    else if (i % 2 === 0) Flow.add(links, link, chunk, Flow.MESSAGES)
    else {
      Flow.add(links, link, chunk, Content.isWrong(world.content, chunk) ? Flow.WRONG_PAYLOAD : Flow.PAYLOAD)
    }
  }
  if (isClosed) return Cuts.sentInVain(world, link)
  activate(world, node.index, link)
  if (Flow.unsentBytes(links, link) <= CONGESTED_BYTES || Link.is(links, link, Link.CONGESTED)) return
  Link.set(links, link, Link.CONGESTED, true)
  world.receiver.crowded(world, node, conn, true)
}

/** Gives a link its place in the sender's turns, if it has something to send and may. */
const activate = (world: World, sender: number, link: Link.Link): void => {
  const { lines, links } = world
  const unsent = Flow.unsentBytes(links, link)
  if (unsent === 0 || Link.is(links, link, Link.QUEUED)) return
  if (Flow.flightBytes(links, link) >= Flow.WINDOW_BYTES) return
  Line.queue(lines, links, sender, link, unsent <= URGENT_BYTES ? Line.URGENT : Line.PATIENT)
  pump(world, sender)
}

/** Sends until the line is busy or nobody has anything to send. */
export const pump = (world: World, sender: number): void => {
  const { lines, links } = world
  const { now } = world.queue
  while (Line.uploadFreeAt(lines, sender) <= now + AHEAD_MS) {
    const link = Line.take(lines, links, sender)
    if (link === Link.NONE) return
    if (Flow.unsentBytes(links, link) === 0) {
      Link.freeIfOver(links, link)
      continue
    }
    const most = Line.quantum(lines, sender)
    const bytes = world.cuts === undefined
      ? Flow.segment(links, link, most)
      : Flow.randomSegment(links, link, most, world.cuts)
    const sentAt = Line.upload(lines, sender, now, bytes)
    expect(world, sentAt + Line.latencyMs(lines, sender, Link.to(links, link)), Queue.ARRIVE, link, bytes)
    const unsent = Flow.unsentBytes(links, link)
    if (unsent > 0 && Flow.flightBytes(links, link) < Flow.WINDOW_BYTES) {
      Line.queue(lines, links, sender, link, Line.PATIENT)
    }
    if (unsent <= DRAINED_BYTES && Link.is(links, link, Link.CONGESTED)) {
      Link.set(links, link, Link.CONGESTED, false)
      world.receiver.crowded(world, world.nodes[sender]!, Link.fromConn(links, link), false)
    }
  }
  if (Line.isArmed(lines, sender) || !Line.isWaiting(lines, sender)) return
  Line.setArmed(lines, sender, true)
  Queue.push(world.queue, Line.uploadFreeAt(lines, sender), Queue.UPLINK, sender, 0)
}

/** Something happens to a link at a time; it lives until then. */
export const expect = (world: World, at: Millis, kind: number, link: Link.Link, bytes = 0): void => {
  Link.expectEvent(world.links, link)
  Queue.push(world.queue, at, kind, link, bytes)
}

/** What was expected of a link happens. */
export const happen = (world: World, kind: number, link: Link.Link, bytes: number): void => {
  const { links } = world
  Link.eventCame(links, link)
  if (kind === Queue.ARRIVE) arrive(world, link, bytes)
  else if (kind === Queue.DELIVER) deliver(world, link, bytes)
  else closed(world, link, undefined)
  Link.freeIfOver(links, link)
}

/** A segment has crossed the network. */
const arrive = (world: World, link: Link.Link, bytes: number): void => {
  const { lines, links } = world
  if (Link.is(links, link, Link.CLOSED)) return
  const { now } = world.queue
  const releasedAt = Cuts.releasedAt(world, link)
  if (releasedAt > now) return expect(world, releasedAt, Queue.ARRIVE, link, bytes)
  const isInAt = Line.download(lines, Link.to(links, link), Link.from(links, link), now, bytes)
  if (isInAt > now + AHEAD_MS) return expect(world, isInAt, Queue.DELIVER, link, bytes)
  deliver(world, link, bytes)
}

/** So many bytes more can be read; none: whoever paused reads on. */
const deliver = (world: World, link: Link.Link, bytes: number): void => {
  const { hooks, links, reader } = world
  if (Link.is(links, link, Link.CLOSED)) return
  Flow.arrived(links, link, bytes)
  const receiver = world.nodes[Link.to(links, link)]!
  const conn = Link.toConn(links, link)
  while (Flow.arrivedBytes(links, link) > 0 && !Link.is(links, link, Link.PAUSED | Link.CLOSED)) {
    const length = Math.min(Flow.arrivedBytes(links, link), Reader.READ_BYTES)
    world.deliveries += Flow.read(links, link, reader, length)
    world.bytes.delivered += length
    const read = Reader.view(reader, length)
    if (hooks.delivered.length > 0) {
      const sender = world.nodes[Link.from(links, link)]!
      for (const hook of hooks.delivered) hook(sender.view, receiver.view, conn, read, world.queue.now)
    }
    world.receiver.read(world, receiver, conn, read)
  }
  if (!Link.is(links, link, Link.CLOSED)) activate(world, Link.from(links, link), link)
}

/** The receiver stops reading, or goes on. */
export const setPaused = (world: World, node: Node, conn: ConnId, isPaused: boolean): void => {
  const there = node.conns.get(conn)
  if (there === undefined) return
  const link = Link.back(there)
  Link.set(world.links, link, Link.PAUSED, isPaused)
  // As an event of its own: the node is in the middle of a step.
  if (!isPaused) expect(world, world.queue.now, Queue.DELIVER, link)
}

/**
 * A node closes a connection: what it has not sent is lost, what is on its way still comes, and then the other end hears
 * of it. `isSilent`: the other end hears nothing, as when a machine loses power.
 */
export const close = (world: World, node: Node, conn: ConnId, isSilent = false): void => {
  const link = node.conns.get(conn)
  if (link === undefined) return
  const { lines, links } = world
  const { now } = world.queue
  node.conns.delete(conn)
  const wasOver = Link.is(links, link, Link.CLOSED)
  if (!wasOver) {
    world.bytes.lost += Flow.dropUnsent(links, link)
    Link.set(links, link, Link.SILENT, isSilent)
    if (!isSilent) {
      // Nothing is overtaken: what was sent last has left the line by then.
      const sentAt = Flow.flightBytes(links, link) > 0 ? Line.uploadFreeAt(lines, node.index) : now
      const latencyMs = Line.latencyMs(lines, node.index, Link.to(links, link))
      expect(world, Math.max(now, sentAt) + latencyMs, Queue.CLOSED, link)
    }
  }
  const back = Link.back(link)
  if (Link.is(links, back, Link.CLOSED)) return
  const other = world.nodes[Link.to(links, link)]!
  const otherConn = Link.toConn(links, link)
  const isDialled = Link.is(links, link, Link.DIALLED)
  world.bytes.lost += Flow.end(links, back)
  if (wasOver) return
  const [a, aConn, b, bConn] = isDialled ? [node, conn, other, otherConn] : [other, otherConn, node, conn]
  for (const hook of world.hooks.disconnected) hook(a.view, aConn, b.view, bConn, now)
}

/** The other end of a link has closed, and this one hears of it. */
const closed = (world: World, link: Link.Link, reason: CloseReason): void => {
  const { lines, links } = world
  if (Link.is(links, link, Link.CLOSED)) return
  const { now } = world.queue
  const receiver = world.nodes[Link.to(links, link)]!
  const conn = Link.toConn(links, link)
  const isComing = Flow.flightBytes(links, link) > Flow.arrivedBytes(links, link)
  const pendingUntil = isComing ? Line.downloadFreeAt(lines, receiver.index) : now
  const at = Math.max(Cuts.releasedAt(world, link), pendingUntil)
  if (at > now) return expect(world, at, Queue.CLOSED, link)
  world.bytes.lost += Flow.end(links, link)
  receiver.conns.delete(conn)
  world.receiver.closed(world, receiver, conn, reason)
}

/** A connection breaks for both ends: one hears of it now, the other as soon as word gets there. */
export const reset = (world: World, node: Node, conn: ConnId): void => {
  if (!node.conns.has(conn)) return
  close(world, node, conn)
  world.receiver.closed(world, node, conn, "connection reset")
}
