/**
 * A whole swarm of the very core that ships, on virtual time: a pure function of its scenario. One queue says what comes
 * next, one generator what is drawn; there is no other clock and no other chance.
 */
import * as Address from "../base/Address.ts"
import { assert } from "../base/Assert.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as Client from "../client/Client.ts"
import type * as Torrent from "../torrent/State.ts"
import * as Chance from "./Chance.ts"
import * as Content from "./Content.ts"
import * as Cuts from "./Cuts.ts"
import * as Digest from "./Digest.ts"
import * as Disk from "./Disk.ts"
import * as Faults from "./Faults.ts"
import * as Line from "./Line.ts"
import * as Link from "./Link.ts"
import * as Lives from "./Lives.ts"
import * as Network from "./Network.ts"
import * as Nodes from "./Node.ts"
import type { Observer, WorldView } from "./Observer.ts"
import * as Queue from "./Queue.ts"
import * as Reader from "./Reader.ts"
import { type PeerClass, peerCount, type Scenario } from "./Scenario.ts"
import * as Stages from "./Stages.ts"
import type { Distort, Hooks, Node, World } from "./State.ts"
import * as TrackerNode from "./TrackerNode.ts"

export type { World } from "./State.ts"

/** Up to so many nodes every stream is cut at random places, which costs a few times the events. */
const MAX_CUT_NODES = 32

/** Where every node listens. */
const PORT = 6881

/** A world before its first event. The observers only look: they change nothing. */
export const make = (
  scenario: Scenario,
  observers: ReadonlyArray<Observer>,
  options: { readonly distort?: Distort } = {},
): World => {
  const content = Content.make(scenario)
  const nodes: Array<Node> = []
  const lines = Line.make(peerCount(scenario))
  for (const peerClass of scenario.classes) {
    for (let i = 0; i < peerClass.count; i++) {
      setLine(lines, scenario.seed, peerClass, nodes.length)
      nodes.push(makeNode(scenario, content, peerClass, nodes.length))
    }
  }
  const expected = nodes.filter((node) => Lives.isExpected(node.peerClass)).length
  const world: World = {
    scenario,
    content,
    queue: Queue.make(),
    nodes,
    nodeByHost: new Map(nodes.map((node) => [node.address.host, node])),
    lines,
    links: Link.make(content.isShared),
    reader: Reader.make(),
    tracker: TrackerNode.make(scenario),
    digest: Digest.make(),
    hooks: hooksOf(observers),
    distort: options.distort,
    cuts: nodes.length <= MAX_CUT_NODES ? Chance.stream(scenario.seed, "cuts") : undefined,
    receiver: Nodes.receiver,
    busy: [],
    cutUntil: 0,
    events: 0,
    deliveries: 0,
    bytes: { sent: 0, delivered: 0, lost: 0 },
    incomplete: expected,
    isHealed: scenario.faults.untilMs <= 0,
    isOver: false,
  }
  Lives.schedule(world)
  Faults.schedule(world)
  return world
}

const hooksOf = (observers: ReadonlyArray<Observer>): Hooks => {
  const of = <Moment extends keyof Observer>(moment: Moment) =>
    observers.map((observer) => observer[moment]).filter((hook) => hook !== undefined)
  return {
    nodeUp: of("nodeUp"),
    nodeDown: of("nodeDown"),
    stepped: of("stepped"),
    scripted: of("scripted"),
    connected: of("connected"),
    disconnected: of("disconnected"),
    delivered: of("delivered"),
    pieceOnDisk: of("pieceOnDisk"),
    completed: of("completed"),
    fault: of("fault"),
    ended: of("ended"),
  } as Hooks
}

const setLine = (lines: Line.Lines, seed: number, peerClass: PeerClass, index: number): void => {
  const { downloadRateBytesPerSec, latencyMs, uploadRateBytesPerSec } = peerClass
  const spread = latencyMs.mean - latencyMs.min
  const latency = latencyMs.min + Chance.exponential(Chance.stream(seed, "latency", index), spread)
  Line.set(lines, index, uploadRateBytesPerSec, downloadRateBytesPerSec, latency)
}

const makeNode = (
  scenario: Scenario,
  content: Content.Content,
  peerClass: PeerClass,
  index: number,
): Node => {
  const { faults, seed } = scenario
  // Each in a network of its own: what a client derives from the first three parts is different for all.
  const ip = Uint8Array.of(20 + (index >>> 16), (index >>> 8) & 255, index & 255, 1)
  const address = Address.fromCompact4(Uint8Array.of(...ip, PORT >>> 8, PORT & 255), 0)
  const script = Stages.behaviourOf(peerClass.behaviour)
  const isWhole = peerClass.role === "seeder" && script === undefined
  const driftRng = Chance.stream(seed, "drift", index)
  const node: Node = {
    index,
    peerClass,
    address,
    ip,
    drift: (Chance.unit(driftRng) * 2 - 1) * faults.clockDriftPart,
    rng: Chance.stream(seed, script === undefined ? "client" : "behaviour", index),
    disk: Disk.make(content, isWhole, faults, Chance.stream(seed, "disk", index)),
    script,
    client: undefined,
    status: "absent",
    life: 0,
    conns: new Map(),
    dials: new Map(),
    accepted: 0,
    pending: [],
    wakeAt: NEVER,
    isComplete: isWhole,
    cutUntil: 0,
    cut: Cuts.NO_CUT,
    uploadedBytes: 0,
    downloadedBytes: 0,
    view: {
      index,
      peerClass,
      address,
      torrent: (): Torrent.Torrent | undefined =>
        node.client === undefined ? undefined : [...Client.torrents(node.client).values()][0],
      client: (): Client.Client => {
        assert(node.client !== undefined, "the node has a client")
        return node.client
      },
      get isUp(): boolean {
        return node.status === "up"
      },
    },
  }
  return node
}

/** Lets one event happen. False: nothing is left to happen, or the run is over. */
export const step = (world: World): boolean => {
  if (world.isOver) return false
  const { queue } = world
  if (world.incomplete === 0 || Queue.next(queue) > world.scenario.maxVirtualMs) {
    finish(world)
    return false
  }
  Queue.pop(queue)
  world.events++
  dispatch(world, queue)
  if (world.busy.length > 0) Nodes.settleBusy(world)
  return true
}

/** What the queue says comes next. What was meant for an earlier life finds nobody. */
const dispatch = (world: World, queue: Queue.Queue): void => {
  const { kind, now, target, value } = queue
  if (kind <= Queue.CLOSED) {
    Digest.event(world.digest, now, Link.to(world.links, target), kind)
    return Network.happen(world, kind, target, value)
  }
  if (kind === Queue.CALL) {
    Digest.event(world.digest, now, 0, kind)
    return Queue.runCall(queue)
  }
  const node = world.nodes[target]!
  Digest.event(world.digest, now, target, kind)
  if (kind === Queue.WAKE) return Nodes.wake(world, node)
  if (kind === Queue.DISK) {
    if (value === node.life) Nodes.diskReady(world, node)
    return
  }
  Line.setArmed(world.lines, target, false)
  Network.pump(world, target)
}

const finish = (world: World): void => {
  world.isOver = true
  const seen = view(world)
  for (const hook of world.hooks.ended) hook(seen)
}

/**
 * Lets events happen until everybody who can be expected to has a whole copy, or the scenario's time is up, or as long as
 * `until` says: up to a time, or so many events more.
 */
export const run = (
  world: World,
  until: { readonly virtualMs?: Millis; readonly events?: number } = {},
): void => {
  const untilMs = until.virtualMs ?? NEVER
  const lastEvent = world.events + (until.events ?? Infinity)
  while (world.events < lastEvent && Queue.next(world.queue) <= untilMs) if (!step(world)) return
  if (Queue.next(world.queue) === NEVER) step(world)
}

/** Sixteen hexadecimal digits: equal for equal runs, whatever machine they were made on. */
export const digest = (world: World): string => Digest.toHex(world.digest)

/** The world as it stands, to be looked at only. */
export const view = (world: World): WorldView => ({
  scenario: world.scenario,
  nodes: world.nodes.map((node) => node.view),
  now: world.queue.now,
  deliveries: world.deliveries,
  events: world.events,
})

/** Whether the run has ended, and not just paused. */
export const isOver = (world: World): boolean => world.isOver
