/** Why bytes don't get through: stalls, partitions, and connections of which one end is gone without a word. */
import type { Millis } from "../base/Time.ts"
import * as Chance from "./Chance.ts"
import * as Line from "./Line.ts"
import * as Link from "./Link.ts"
import * as Network from "./Network.ts"
import * as Queue from "./Queue.ts"
import type { Cut, Node, World } from "./State.ts"

/** Nobody is cut off. */
export const NO_CUT: Cut = { salt: 0, isOneWay: false }

/** When what has crossed the network may come in; not later than now where nothing stands in the way. */
export const releasedAt = (world: World, link: Link.Link): Millis => {
  const { links, nodes } = world
  const { now } = world.queue
  const stalledUntil = Link.stalledUntil(links, link)
  return now >= world.cutUntil
    ? stalledUntil
    : Math.max(stalledUntil, cutUntil(nodes[Link.from(links, link)]!, nodes[Link.to(links, link)]!, now))
}

/** Whether what `from` sends does not get to `to`. */
export const isCut = (world: World, from: Node, to: Node): boolean =>
  world.queue.now < world.cutUntil && cutUntil(from, to, world.queue.now) > world.queue.now

const cutUntil = (from: Node, to: Node, now: Millis): Millis => {
  const mine = from.cutUntil > now && concerns(from.cut, to) ? from.cutUntil : 0
  const theirs = to.cutUntil > now && !to.cut.isOneWay && concerns(to.cut, from) ? to.cutUntil : 0
  return Math.max(mine, theirs)
}

/** Half of all nodes, or all of them. */
const concerns = (cut: Cut, other: Node): boolean =>
  cut.salt === 0 || (Chance.mix(cut.salt ^ other.index) & 1) === 1

/** Something was sent to an end that is gone. If its machine is up again, it says that it knows nothing of it. */
export const sentInVain = (world: World, link: Link.Link): void => {
  const { lines, links } = world
  const back = Link.back(link)
  const gone = Link.from(links, back)
  if (!Link.is(links, back, Link.SILENT) || world.nodes[gone]!.status !== "up") return
  Link.set(links, back, Link.SILENT, false)
  const latencyMs = Line.latencyMs(lines, gone, Link.to(links, back))
  Network.expect(world, world.queue.now + 2 * latencyMs, Queue.CLOSED, back)
}
