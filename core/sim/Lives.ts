/** How nodes come, complete, crash, come back and leave. */
import { MINUTE, NEVER } from "../base/Time.ts"
import * as Rng from "../base/Rng.ts"
import * as Client from "../client/Client.ts"
import * as Bitfield from "../torrent/Bitfield.ts"
import * as State from "../torrent/State.ts"
import * as Chance from "./Chance.ts"
import * as Disk from "./Disk.ts"
import * as Network from "./Network.ts"
import * as Queue from "./Queue.ts"
import type { PeerClass } from "./Scenario.ts"
import * as Stages from "./Stages.ts"
import type { Node, World } from "./State.ts"

/** A simulated client has one torrent. */
const TORRENT = 1

/** How much longer than its session somebody who churns is away: as long, on average. */
const AWAY_PART = 1

/** After saying good-bye, so that the tracker hears it. */
const GOODBYE_MS = 2_000

/** Nodes that want a whole copy, and that the run waits for: those that give, and those that only take. */
export const isExpected = ({ behaviour, role }: PeerClass): boolean =>
  role === "leecher" && (behaviour === "honest" || behaviour === "free-rider")

/** Puts down when each node comes. */
export const schedule = (world: World): void => {
  const { nodes, queue, scenario } = world
  let first = 0
  for (const [index, peerClass] of scenario.classes.entries()) {
    const { arrival, count } = peerClass
    const rng = Chance.stream(scenario.seed, "arrival", index)
    let at = arrival._tag === "AtOnce" ? arrival.atMs : 0
    for (let i = 0; i < count; i++) {
      if (arrival._tag === "Flash") at = arrival.overMs * i / count
      else if (arrival._tag === "Poisson") at += Chance.exponential(rng, MINUTE / arrival.perMinute)
      const node = nodes[first + i]!
      Queue.call(queue, at, () => arrive(world, node))
    }
    first += count
  }
}

/** A node comes, for the first time or again. */
const arrive = (world: World, node: Node): void => {
  const { now } = world.queue
  node.status = "up"
  node.life++
  if (node.script === undefined) start(world, node)
  for (const hook of world.hooks.nodeUp) hook(node.view, now)
  if (node.script !== undefined) return Stages.announce(world, node)
  add(world, node)
  const { departure } = node.peerClass
  if (departure._tag !== "Churn") return
  const { life } = node
  Queue.call(world.queue, now + Chance.exponential(node.rng, departure.meanSessionMs), () => {
    if (node.life === life && node.status === "up") leave(world, node, !node.isComplete)
  })
}

const start = (world: World, node: Node): void => {
  node.client = Client.make({
    peerId: Stages.peerId(world, node),
    port: node.address.port,
    key: Rng.next(node.rng),
    clientName: "shoal",
  }, world.receiver.clock(world, node))
}

const add = (world: World, node: Node): void => {
  const { behaviour, choker, departure, strategy, superSeed } = node.peerClass
  const { downloadLimitBytesPerSec, uploadLimitBytesPerSec } = node.peerClass
  world.receiver.input(world, node, {
    _tag: "Add",
    now: world.receiver.clock(world, node),
    torrent: TORRENT,
    metainfo: world.content.metainfo,
    options: {
      ...State.defaults,
      have: Bitfield.copy(node.disk.safe),
      strategy,
      maxPeers: world.scenario.maxPeers,
      maxDownloadRateBytesPerSec: downloadLimitBytesPerSec,
      maxUploadRateBytesPerSec: uploadLimitBytesPerSec,
      seed: Rng.next(node.rng),
      choker: {
        leeching: choker.leeching,
        seeding: choker.seeding,
        // Who gives nothing has no slots to give.
        slots: { _tag: "Fixed", slots: behaviour === "free-rider" ? 0 : choker.slots },
      },
      superSeed,
      goals: { ratio: departure._tag === "Ratio" ? departure.ratio : undefined, seedMs: undefined },
      uploadedBytes: node.uploadedBytes,
      downloadedBytes: node.downloadedBytes,
    },
  })
}

/** The client has everything; it says so whenever it begins with everything, too. */
export const completed = (world: World, node: Node): void => {
  const { now } = world.queue
  if (node.isComplete) return
  node.isComplete = true
  if (isExpected(node.peerClass)) world.incomplete--
  Disk.sync(node.disk, now)
  for (const hook of world.hooks.completed) hook(node.view, now)
  if (node.peerClass.departure._tag === "AtCompletion") leave(world, node, false)
}

/** A node says good-bye and goes, to come back later or for good. */
export const leave = (world: World, node: Node, comesBack: boolean): void => {
  const { life } = node
  const { queue } = world
  // Not now: the client is in the middle of a step.
  Queue.call(queue, queue.now, () => {
    if (node.life !== life || node.status !== "up") return
    Disk.sync(node.disk, queue.now)
    world.receiver.input(world, node, {
      _tag: "Stop",
      now: world.receiver.clock(world, node),
      torrent: TORRENT,
    })
    Queue.call(queue, queue.now + GOODBYE_MS, () => {
      if (node.life !== life || node.status !== "up") return
      takeDown(world, node, "left", false)
      node.status = comesBack ? "down" : "gone"
      if (!comesBack) return
      const { departure } = node.peerClass
      const awayMs = departure._tag === "Churn" ? departure.meanSessionMs * AWAY_PART : MINUTE
      Queue.call(queue, queue.now + Chance.exponential(node.rng, awayMs), () => arrive(world, node))
    })
  })
}

/** A node loses everything but its disk, and comes back. `isSilent`: its connections are not closed, it is just gone. */
export const crash = (world: World, node: Node, isSilent: boolean): void => {
  takeDown(world, node, "crashed", isSilent)
  Disk.crash(node.disk, node.rng)
  node.status = "down"
  const { life } = node
  const { queue } = world
  Queue.call(queue, queue.now + Math.max(1, world.scenario.faults.restartMs), () => {
    if (node.life === life && node.status === "down") arrive(world, node)
  })
}

/** The torrent has given up, for the disk failed: somebody mends it and starts the client anew. */
export const repair = (world: World, node: Node): void => {
  const { life } = node
  const { queue } = world
  Queue.call(queue, queue.now + GOODBYE_MS, () => {
    if (node.life === life && node.status === "up") crash(world, node, false)
  })
}

const takeDown = (world: World, node: Node, why: "left" | "crashed", isSilent: boolean): void => {
  const torrent = node.view.torrent()
  if (torrent !== undefined) {
    node.uploadedBytes += torrent.uploadRate.totalBytes
    node.downloadedBytes += torrent.downloadRate.totalBytes
  }
  for (const conn of [...node.conns.keys()]) Network.close(world, node, conn, isSilent)
  node.dials.clear()
  node.pending.length = 0
  Disk.clear(node.disk)
  for (const hook of world.hooks.nodeDown) hook(node.view, world.queue.now, why)
  node.client = undefined
  node.wakeAt = NEVER
  node.life++
}
