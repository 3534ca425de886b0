/**
 * What goes wrong, and when: each kind of fault is a Poisson process of its own over all nodes, until the safety phase is
 * over. Then the world heals: stalls, partitions, broken disks and the tracker's absence end at once.
 */
import * as Rng from "../base/Rng.ts"
import { type Millis, MINUTE } from "../base/Time.ts"
import * as Chance from "./Chance.ts"
import * as Cuts from "./Cuts.ts"
import * as Link from "./Link.ts"
import * as Lives from "./Lives.ts"
import * as Network from "./Network.ts"
import * as Queue from "./Queue.ts"
import type { Node, World } from "./State.ts"
import * as TrackerNode from "./TrackerNode.ts"

/** A crash takes the machine's power with it: its peers are not told. */
const SILENT_PART = 0.25

/** Puts down the first fault of each kind, and when they end. */
export const schedule = (world: World): void => {
  const { faults } = world.scenario
  if (faults.untilMs <= 0) return
  TrackerNode.startFaults(world, faults.trackerDownPart)
  recur(world, "reset", faults.resetsPerMinute, reset)
  recur(world, "stall", faults.stallsPerMinute, stall)
  recur(world, "partition", faults.partitionsPerMinute, partition)
  recur(world, "crash", faults.crashesPerMinute, crash)
  recur(world, "diskError", faults.diskErrorsPerMinute, diskError)
  Queue.call(world.queue, faults.untilMs, () => heal(world))
}

/** Does something to a node, and says what it was; `undefined`: nothing could be done. */
type Fault = (world: World, node: Node, rng: Rng.Rng) => string | undefined

const recur = (world: World, purpose: Chance.Purpose, perNodeMinute: number, fault: Fault): void => {
  if (perNodeMinute === 0) return
  const { nodes, queue, scenario } = world
  const rng = Chance.stream(scenario.seed, purpose)
  const meanMs: Millis = MINUTE / (perNodeMinute * nodes.length)
  const strike = (): void => {
    if (world.isHealed || world.isOver) return
    const node = nodes[Rng.below(rng, nodes.length)]!
    // Scripts are the fault: nothing more is done to them.
    if (node.status === "up" && node.script === undefined) {
      const kind = fault(world, node, rng)
      if (kind !== undefined) { for (const hook of world.hooks.fault) hook(kind, node.view, queue.now) }
    }
    Queue.call(queue, queue.now + Chance.exponential(rng, meanMs), strike)
  }
  Queue.call(queue, Chance.exponential(rng, meanMs), strike)
}

const anyLink = (node: Node, rng: Rng.Rng): Link.Link | undefined => {
  let nth = Rng.below(rng, Math.max(1, node.conns.size))
  for (const link of node.conns.values()) if (nth-- === 0) return link
  return undefined
}

const reset: Fault = (world, node, rng) => {
  const link = anyLink(node, rng)
  if (link === undefined) return undefined
  Network.reset(world, node, Link.fromConn(world.links, link))
  return "connection reset"
}

/** When something ends that lasts so long: when the world heals, at the latest. */
const endOf = (world: World, durationMs: Millis): Millis =>
  Math.min(world.queue.now + durationMs, world.scenario.faults.untilMs)

const stall: Fault = (world, node, rng) => {
  const link = anyLink(node, rng)
  if (link === undefined) return undefined
  const until = endOf(world, Chance.exponential(rng, world.scenario.faults.stallMs))
  Link.stall(world.links, link, until)
  return "connection stalled"
}

const partition: Fault = (world, node, rng) => {
  const until = endOf(world, Chance.exponential(rng, world.scenario.faults.partitionMs))
  const salt = Rng.below(rng, 2) === 0 ? 0 : Rng.next(rng) | 1
  const isOneWay = Rng.below(rng, 2) === 0
  node.cut = { salt, isOneWay }
  node.cutUntil = until
  world.cutUntil = Math.max(world.cutUntil, until)
  return `partition: ${salt === 0 ? "from all" : "from half"}, ${isOneWay ? "one way" : "both ways"}`
}

const crash: Fault = (world, node, rng) => {
  const isSilent = Chance.isLucky(rng, SILENT_PART)
  Lives.crash(world, node, isSilent)
  return isSilent ? "power failure" : "crash"
}

const diskError: Fault = (_, node, rng) => {
  node.disk.failure = Rng.below(rng, 4) === 0 ? "DiskFull" : "IoError"
  return node.disk.failure === "DiskFull" ? "disk full" : "disk error"
}

const heal = (world: World): void => {
  world.isHealed = true
  world.cutUntil = 0
  world.tracker.downUntil = 0
  for (const node of world.nodes) {
    node.cut = Cuts.NO_CUT
    node.cutUntil = 0
    node.disk.failure = undefined
  }
  for (const hook of world.hooks.fault) hook("healed", undefined, world.queue.now)
}
