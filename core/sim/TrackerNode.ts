/** The swarm's tracker: the server that ships, asked without HTTP in between, on virtual time, and sometimes down. */
import * as Rng from "../base/Rng.ts"
import { type Millis, MINUTE } from "../base/Time.ts"
import type { Command } from "../client/Command.ts"
import type { Input } from "../client/Input.ts"
import * as Announce from "../tracker/Announce.ts"
import * as Server from "../tracker/Server.ts"
import { EXPIRE_BUDGET } from "../tracker/ServerLimits.ts"
import * as Chance from "./Chance.ts"
import * as Line from "./Line.ts"
import * as Queue from "./Queue.ts"
import type { Scenario } from "./Scenario.ts"
import type { Node, World } from "./State.ts"

export interface TrackerNode {
  readonly server: Server.Server
  readonly rng: Rng.Rng
  /** Down until then. */
  downUntil: Millis
}

/** Shorter than public trackers': a simulated swarm seldom lives for the half hour that they ask for. */
const LIMITS = { intervalSeconds: 300, minIntervalSeconds: 60 }

/** From the middle of the network to the tracker, one way. */
const LATENCY_MS: Millis = 20

/** An up and a down time together, on average. */
const PERIOD_MS: Millis = 2 * MINUTE

export const make = ({ seed }: Scenario): TrackerNode => {
  const rng = Chance.stream(seed, "tracker")
  const secret = Rng.fill(rng, new Uint8Array(16))
  return {
    server: Server.make({ now: 0, seed: Rng.next(rng), secret, limits: LIMITS }),
    rng: Chance.stream(seed, "trackerDown"),
    downUntil: 0,
  }
}

type Request = Extract<Command, { readonly _tag: "Announce" }>

/** Asks the tracker for a node; its client hears the answer, unless the node has gone down meanwhile. */
export const announce = (world: World, node: Node, { request, torrent, tracker }: Request): void => {
  const latencyMs = Line.ownLatencyMs(world.lines, node.index) + LATENCY_MS
  const { life } = node
  Queue.call(world.queue, world.queue.now + latencyMs, () => {
    const answer = reply(world, node, request)
    Queue.call(world.queue, world.queue.now + latencyMs, () => {
      if (node.life !== life || node.status !== "up") return
      const now = world.receiver.clock(world, node)
      const input: Input = answer === undefined
        ? {
          _tag: "AnnounceFailed",
          now,
          torrent,
          tracker,
          failure: { reason: "Unreachable", message: "connection refused" },
        }
        : { _tag: "Announced", now, torrent, tracker, response: answer }
      world.receiver.input(world, node, input)
    })
  })
}

/** What the tracker says; `undefined` while it is down. */
export const reply = (
  world: World,
  node: Node,
  request: Announce.AnnounceRequest,
): Announce.AnnounceResponse | undefined => {
  const { now } = world.queue
  const { downUntil, server } = world.tracker
  if (now < downUntil) return undefined
  if (Server.nextWake(server) <= now) Server.expire(server, now, EXPIRE_BUDGET)
  const result = Server.announce(server, now, { ...request, ip: node.ip }, false)
  if (!result.ok) return undefined
  const { intervalSeconds, leechers, minIntervalSeconds, peers, seeders } = result.value
  return {
    intervalMs: Announce.clampInterval(intervalSeconds),
    minIntervalMs: Announce.clampInterval(minIntervalSeconds),
    // Decoded before the server's next announce takes the bytes back.
    peers: Announce.compactPeers(peers, 4),
    seeders,
    leechers,
  }
}

/** From now on the tracker is down for its part of the time, until the world heals. */
export const startFaults = (world: World, downPart: number): void => {
  if (downPart === 0) return
  const { tracker, queue } = world
  const goDown = (): void => {
    if (world.isHealed || world.isOver) return
    const downMs = Chance.exponential(tracker.rng, PERIOD_MS * downPart)
    const upMs = Chance.exponential(tracker.rng, PERIOD_MS * (1 - downPart))
    tracker.downUntil = queue.now + downMs
    for (const hook of world.hooks.fault) hook("tracker down", undefined, queue.now)
    Queue.call(queue, tracker.downUntil + upMs, goDown)
  }
  Queue.call(queue, Chance.exponential(tracker.rng, PERIOD_MS * (1 - downPart)), goDown)
}
