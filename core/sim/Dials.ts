/** How a connection comes about, or doesn't. */
import type { Address } from "../base/Address.ts"
import { type Millis, SECOND } from "../base/Time.ts"
import type { ConnId } from "../client/Input.ts"
import * as Cuts from "./Cuts.ts"
import * as Line from "./Line.ts"
import * as Network from "./Network.ts"
import * as Queue from "./Queue.ts"
import type { Node, World } from "./State.ts"

/** The shell waits so long for an answer. */
const TIMEOUT_MS: Millis = 10 * SECOND

/** The first of the ports that systems give to who dials (RFC 6335), and how many there are. */
const FIRST_PORT = 49_152
const PORTS = 16_384

/** Dials; the receiver hears `opened` or `failed`, unless {@link cancel} comes before. */
export const dial = (world: World, node: Node, conn: ConnId, address: Address): void => {
  const { life } = node
  const target = world.nodeByHost.get(address.host)
  node.dials.set(conn, life)
  const isWaiting = (): boolean => node.life === life && node.dials.get(conn) === life
  const fail = (afterMs: Millis, reason: string): void =>
    Queue.call(world.queue, world.queue.now + afterMs, () => {
      if (!isWaiting()) return
      node.dials.delete(conn)
      world.receiver.failed(world, node, conn, reason)
    })
  if (target === undefined || !isReachable(world, node, target)) return fail(TIMEOUT_MS, "timed out")
  const latencyMs = Line.latencyMs(world.lines, node.index, target.index)
  Queue.call(world.queue, world.queue.now + latencyMs, () => {
    if (!isWaiting()) return
    if (!isReachable(world, node, target)) return fail(TIMEOUT_MS - latencyMs, "timed out")
    if (target.status !== "up" || address.port !== target.address.port) {
      return fail(latencyMs, "connection refused")
    }
    const theirs = -(++target.accepted)
    Network.connect(world, node, conn, target, theirs)
    const port = FIRST_PORT + conn % PORTS
    world.receiver.accepted(world, target, theirs, { host: node.address.host, port })
    Queue.call(world.queue, world.queue.now + latencyMs, () => {
      if (!isWaiting()) return
      node.dials.delete(conn)
      if (node.conns.has(conn)) world.receiver.opened(world, node, conn)
    })
  })
}

/** Nobody waits for this dial any more. */
export const cancel = (node: Node, conn: ConnId): void => {
  node.dials.delete(conn)
}

/** What is sent there gets there, and so does the answer: a host that is down altogether says nothing. */
const isReachable = (world: World, node: Node, target: Node): boolean =>
  target.status !== "absent" && target.status !== "gone" && !target.peerClass.isBehindNat &&
  !Cuts.isCut(world, node, target) && !Cuts.isCut(world, target, node)
