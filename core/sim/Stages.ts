/** What a scripted peer needs of the world, for one node. */
import * as Rng from "../base/Rng.ts"
import * as Geometry from "../metainfo/Geometry.ts"
import type { AnnounceRequest } from "../tracker/Announce.ts"
import * as Message from "../wire/Message.ts"
import * as Behaviour from "./behaviour/Behaviour.ts"
import { liar } from "./behaviour/Liar.ts"
import { polluter } from "./behaviour/Polluter.ts"
import { silent } from "./behaviour/Silent.ts"
import { slowLoris } from "./behaviour/SlowLoris.ts"
import * as Chance from "./Chance.ts"
import * as Content from "./Content.ts"
import * as Network from "./Network.ts"
import * as Queue from "./Queue.ts"
import type * as Scenario from "./Scenario.ts"
import type { Node, World } from "./State.ts"
import * as TrackerNode from "./TrackerNode.ts"

/** Those that act by a script; the others have a client. */
const SCRIPTS: Partial<Record<Scenario.Behaviour, Behaviour.Script>> = {
  polluter,
  liar,
  silent,
  "slow-loris": slowLoris,
}

/** The behaviour of a node without a client; `undefined`: it has one. */
export const behaviourOf = (behaviour: Scenario.Behaviour): Behaviour.Behaviour | undefined => {
  const script = SCRIPTS[behaviour]
  return script === undefined ? undefined : Behaviour.make(script)
}

const stages = new WeakMap<Node, Behaviour.Stage>()

/** The node's stage, made once. */
export const of = (world: World, node: Node): Behaviour.Stage => {
  let stage = stages.get(node)
  if (stage === undefined) {
    stage = make(world, node)
    stages.set(node, stage)
  }
  return stage
}

const make = (world: World, node: Node): Behaviour.Stage => {
  const { content } = world
  const { geometry } = content.metainfo
  const stage: Behaviour.Stage = {
    infoHash: content.metainfo.infoHashBytes,
    peerId: peerId(world, node),
    rng: node.rng,
    wrong: (index, begin, length) => {
      const piece = Geometry.pieceIndex(geometry, index)
      if (piece === undefined || length < 1 || length > Message.MAX_BLOCK_BYTES) return undefined
      if (begin + length > Geometry.pieceLength(geometry, piece)) return undefined
      return Content.payload(content, piece, begin, length, false)
    },
    send: (conn, chunks) => {
      for (const hook of world.hooks.scripted) hook(node.view, conn, chunks, world.queue.now)
      Network.send(world, node, conn, chunks)
    },
    wait: (conn, afterMs) =>
      Queue.call(world.queue, world.queue.now + afterMs, () => {
        if (node.script !== undefined && node.status === "up") Behaviour.later(node.script, conn, stage)
      }),
  }
  return stage
}

/** An identity for one life of a node. */
export const peerId = (world: World, node: Node): Uint8Array => {
  const rng = Chance.stream(world.scenario.seed, "peerId", node.index * 4096 + node.life)
  const id = Rng.fill(rng, new Uint8Array(20))
  const prefix = "-SH0100-"
  for (let i = 0; i < prefix.length; i++) id[i] = prefix.charCodeAt(i)
  return id
}

/** A scripted peer is at the tracker as somebody who has everything, as long as it is up. */
export const announce = (world: World, node: Node): void => {
  if (node.status !== "up") return
  const request: AnnounceRequest = {
    infoHash: world.content.metainfo.infoHashBytes,
    peerId: of(world, node).peerId,
    port: node.address.port,
    uploadedBytes: 0,
    downloadedBytes: 0,
    leftBytes: 0,
    event: undefined,
    numWant: 0,
    key: 0,
  }
  const answer = TrackerNode.reply(world, node, request)
  const afterMs = answer?.intervalMs ?? 60_000
  Queue.call(world.queue, world.queue.now + afterMs, () => announce(world, node))
}
