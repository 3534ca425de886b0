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
import * as Link from "./Link.ts"
import * as Queue from "./Queue.ts"
import * as Reader from "./Reader.ts"
import * as Cuts from "./Cuts.ts"
import type { Line, Node, Turns, World } from "./State.ts"

/** A connection is congested beyond so many unsent bytes, as in the shell, and is drained when so few are left. */
export const CONGESTED_BYTES = 256 * 1024
const DRAINED_BYTES = 64 * 1024

/** A link with so little to say needs no fair share: it goes first. */
const URGENT_BYTES = 4 * 1024

/** What one turn on the line may send: a while's worth, at least a block with its header, at most a read. */
const TURN_MS = 50
const MIN_TURN_BYTES = 16_896

/** A line that is free so soon counts as free: a HAVE for each of fifty peers is one turn, not fifty. */
const AHEAD_MS = 1

export const makeLine = (
  uploadBytesPerSec: number,
  downloadBytesPerSec: number,
  latencyMs: Millis,
): Line => ({
  uploadRate: uploadBytesPerSec / 1_000,
  downloadRate: downloadBytesPerSec / 1_000,
  latencyMs,
  quantum: uploadBytesPerSec === 0 ? Reader.READ_BYTES : Math.min(
    Reader.READ_BYTES,
    Math.max(MIN_TURN_BYTES, Math.floor(uploadBytesPerSec * TURN_MS / 1_000)),
  ),
  uploadFreeAt: 0,
  downloadFreeAt: 0,
  isArmed: false,
  urgent: { links: [], head: 0 },
  patient: { links: [], head: 0 },
})

const byteMs = ({ line }: Node): Millis => line.uploadRate === 0 ? 0 : 1 / line.uploadRate

/** Joins two nodes; each may send from now on. The number of the connection at `from` is its own choice. */
export const connect = (world: World, from: Node, fromConn: ConnId, to: Node, toConn: ConnId): void => {
  const link = Link.pair({
    id: world.links.length,
    from: from.index,
    fromConn,
    to: to.index,
    toConn,
    latencyMs: from.line.latencyMs + to.line.latencyMs,
    byteMs: byteMs(from),
    backByteMs: byteMs(to),
  })
  world.links.push(link, link.back)
  from.conns.set(fromConn, link)
  to.conns.set(toConn, link.back)
  for (const hook of world.hooks.connected) hook(from.view, fromConn, to.view, toConn, world.queue.now)
}

/**
 * Puts on a connection what an encoder gave: messages, and a block's payload at every second place. Dropped if the
 * connection is gone.
 */
export const send = (world: World, node: Node, conn: ConnId, chunks: ReadonlyArray<Bytes>): void => {
  const link = node.conns.get(conn)
  if (link === undefined) return
  for (let i = 0; i < chunks.length; i++) {
    const chunk = chunks[i]!
    world.bytes.sent += chunk.length
    if (link.isClosed) world.bytes.lost += chunk.length
    else if (i % 2 === 0) Link.add(link, chunk, Link.MESSAGES)
    else Link.add(link, chunk, Content.isWrong(world.content, chunk) ? Link.WRONG_PAYLOAD : Link.PAYLOAD)
  }
  if (link.isClosed) return Cuts.sentInVain(world, link)
  activate(world, node, link)
  if (link.isCongested || link.unsentBytes <= CONGESTED_BYTES) return
  link.isCongested = true
  world.receiver.crowded(world, node, conn, true)
}

/** Gives a link its place in the sender's turns, if it has something to send and may. */
const activate = (world: World, sender: Node, link: Link.Link): void => {
  if (link.isQueued || link.unsentBytes === 0 || link.flightBytes >= Link.WINDOW_BYTES) return
  const { line } = sender
  link.isQueued = true
  ;(link.unsentBytes <= URGENT_BYTES ? line.urgent : line.patient).links.push(link)
  pump(world, sender)
}

/** Sends until the line is busy or nobody has anything to send. */
export const pump = (world: World, node: Node): void => {
  const { line } = node
  const { now } = world.queue
  while (line.uploadFreeAt <= now + AHEAD_MS) {
    const link = take(line.urgent) ?? take(line.patient)
    if (link === undefined) return
    link.isQueued = false
    if (link.unsentBytes === 0) continue
    const bytes = world.cuts === undefined
      ? Link.segment(link, line.quantum)
      : Link.randomSegment(link, line.quantum, world.cuts)
    if (line.uploadFreeAt < now) line.uploadFreeAt = now
    if (line.uploadRate > 0) line.uploadFreeAt += bytes / line.uploadRate
    const arrivalAt = line.uploadFreeAt + link.latencyMs
    link.lastArrivalAt = arrivalAt > link.lastArrivalAt ? arrivalAt : link.lastArrivalAt
    Queue.push(world.queue, link.lastArrivalAt, Queue.ARRIVE, link.id, bytes)
    if (link.unsentBytes > 0 && link.flightBytes < Link.WINDOW_BYTES) {
      link.isQueued = true
      line.patient.links.push(link)
    }
    if (link.isCongested && link.unsentBytes <= DRAINED_BYTES) {
      link.isCongested = false
      world.receiver.crowded(world, node, link.fromConn, false)
    }
  }
  if (line.isArmed || (isEmpty(line.urgent) && isEmpty(line.patient))) return
  line.isArmed = true
  Queue.push(world.queue, line.uploadFreeAt, Queue.UPLINK, node.index, 0)
}

const isEmpty = ({ head, links }: Turns): boolean => head === links.length

const take = (turns: Turns): Link.Link | undefined => {
  const { links } = turns
  if (turns.head === links.length) return undefined
  const link = links[turns.head++]!
  if (turns.head === links.length) {
    links.length = 0
    turns.head = 0
  } else if (turns.head >= 64 && turns.head * 2 >= links.length) {
    links.splice(0, turns.head)
    turns.head = 0
  }
  return link
}

/** A segment has crossed the network. */
export const arrive = (world: World, link: Link.Link, bytes: number): void => {
  if (link.isClosed) return
  const { now } = world.queue
  const releasedAt = Cuts.releasedAt(world, link)
  if (releasedAt > now) return Queue.push(world.queue, releasedAt, Queue.ARRIVE, link.id, bytes)
  const { line } = world.nodes[link.to]!
  if (line.downloadRate > 0) {
    // The first byte came in when it had left the sender's line, and all that time the rest was coming, too.
    const began = now - bytes * link.byteMs
    const from = line.downloadFreeAt > began ? line.downloadFreeAt : began
    line.downloadFreeAt = from + bytes / line.downloadRate
    if (line.downloadFreeAt > now + AHEAD_MS) {
      return Queue.push(world.queue, line.downloadFreeAt, Queue.DELIVER, link.id, bytes)
    }
  }
  deliver(world, link, bytes)
}

/** So many bytes more can be read; none: whoever paused reads on. */
export const deliver = (world: World, link: Link.Link, bytes: number): void => {
  if (link.isClosed) return
  link.arrivedBytes += bytes
  const receiver = world.nodes[link.to]!
  const { hooks, reader } = world
  while (link.arrivedBytes > 0 && !link.isPaused && !link.isClosed) {
    const length = Math.min(link.arrivedBytes, Reader.READ_BYTES)
    world.deliveries += Link.read(link, reader, length, world.content.isShared)
    world.bytes.delivered += length
    const read = reader.buffer.subarray(0, length)
    if (hooks.delivered.length > 0) {
      const sender = world.nodes[link.from]!
      for (const hook of hooks.delivered) {
        hook(sender.view, receiver.view, link.toConn, read, world.queue.now)
      }
    }
    world.receiver.read(world, receiver, link.toConn, read)
  }
  if (!link.isClosed) activate(world, world.nodes[link.from]!, link)
}

/** The receiver stops reading, or goes on. */
export const setPaused = (world: World, node: Node, conn: ConnId, isPaused: boolean): void => {
  const link = node.conns.get(conn)?.back
  if (link === undefined) return
  link.isPaused = isPaused
  // As an event of its own: the node is in the middle of a step.
  if (!isPaused) Queue.push(world.queue, world.queue.now, Queue.DELIVER, link.id, 0)
}

/**
 * A node closes a connection: what it has not sent is lost, what is on its way still comes, and then the other end hears
 * of it. `isSilent`: the other end hears nothing, as when a machine loses power.
 */
export const close = (world: World, node: Node, conn: ConnId, isSilent = false): void => {
  const link = node.conns.get(conn)
  if (link === undefined) return
  node.conns.delete(conn)
  const { now } = world.queue
  if (!link.isClosed) {
    world.bytes.lost += Link.dropUnsent(link)
    link.isSilent = isSilent
    if (!isSilent) {
      const at = Math.max(now + link.latencyMs, link.lastArrivalAt)
      Queue.push(world.queue, at, Queue.CLOSED, link.id, 0)
    }
  }
  if (link.back.isClosed) return
  end(world, link.back)
  if (link.isClosed) return
  const [a, b] = link.isDialled ? [link, link.back] : [link.back, link]
  for (const hook of world.hooks.disconnected) {
    hook(world.nodes[a.from]!.view, a.fromConn, world.nodes[b.from]!.view, b.fromConn, now)
  }
}

/** Nothing is delivered on a link any more. Once neither direction is alive, the connection is forgotten. */
const end = (world: World, link: Link.Link): void => {
  link.isClosed = true
  world.bytes.lost += Link.dropUnsent(link) + link.flightBytes
  link.flightBytes = 0
  link.chunks.length = 0
  link.kinds.length = 0
  if (!link.back.isClosed) return
  world.links[link.id] = undefined
  world.links[link.back.id] = undefined
}

/** The other end of a link has closed, and this one hears of it. */
export const closed = (world: World, link: Link.Link, reason: CloseReason): void => {
  if (link.isClosed) return
  const { now } = world.queue
  const receiver = world.nodes[link.to]!
  const pendingUntil = link.flightBytes > link.arrivedBytes ? receiver.line.downloadFreeAt : now
  const at = Math.max(Cuts.releasedAt(world, link), pendingUntil)
  if (at > now) return Queue.push(world.queue, at, Queue.CLOSED, link.id, 0)
  end(world, link)
  receiver.conns.delete(link.toConn)
  world.receiver.closed(world, receiver, link.toConn, reason)
}

/** A connection breaks for both ends: one hears of it now, the other as soon as word gets there. */
export const reset = (world: World, node: Node, conn: ConnId): void => {
  if (!node.conns.has(conn)) return
  close(world, node, conn)
  world.receiver.closed(world, node, conn, "connection reset")
}
