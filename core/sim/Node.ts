/** Drives one client as the shell does: inputs go in, commands are carried out, and the next wake-up is asked for. */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import { NEVER } from "../base/Time.ts"
import * as Client from "../client/Client.ts"
import type { Command } from "../client/Command.ts"
import type { ConnId, Input } from "../client/Input.ts"
import * as Behaviour from "./behaviour/Behaviour.ts"
import * as Clock from "./Clock.ts"
import * as Dials from "./Dials.ts"
import * as Digest from "./Digest.ts"
import * as Disk from "./Disk.ts"
import * as Lives from "./Lives.ts"
import * as Network from "./Network.ts"
import * as Queue from "./Queue.ts"
import * as Reader from "./Reader.ts"
import * as Stages from "./Stages.ts"
import type { Node, Receiver, World } from "./State.ts"
import * as Store from "./Store.ts"
import * as TrackerNode from "./TrackerNode.ts"

/** Ticks at the same time that ask for yet another one: nothing that ends needs so many. */
const PATIENCE_MS = 0.125

/** Gives a node's client an input and carries out what it asks for. */
export const input = (world: World, node: Node, input: Input): void => {
  if (node.client === undefined) return
  const [client, asked] = Client.step(node.client, input)
  node.client = client
  const commands = world.distort === undefined ? asked : world.distort(node.index, asked, input)
  for (let i = 0; i < commands.length; i++) Digest.command(world.digest, commands[i]!)
  for (const hook of world.hooks.stepped) hook(node.view, input, commands, world.queue.now)
  for (let i = 0; i < commands.length; i++) execute(world, node, commands[i]!)
}

/** Asks for a tick when the client wants one. It is only ever brought forward, as in the shell. */
export const arm = (world: World, node: Node): void => {
  if (node.client === undefined) return
  const wake = Client.nextWake(node.client)
  if (wake === NEVER) return
  const at = Math.max(Clock.world(node.drift, wake), world.queue.now)
  if (at >= node.wakeAt) return
  node.wakeAt = at
  Queue.push(world.queue, at, Queue.WAKE, node.index, 0)
}

/** The tick that was asked for, unless an earlier one has come instead. */
export const wake = (world: World, node: Node): void => {
  const { now } = world.queue
  if (node.wakeAt !== now || node.client === undefined) return
  node.wakeAt = NEVER
  const local = clock(world, node)
  if (Client.nextWake(node.client) > local) return arm(world, node)
  input(world, node, { _tag: "Tick", now: local })
  settle(world, node)
  // A client that is never content would stop the time of all.
  if (node.wakeAt !== now) return
  node.wakeAt = now + PATIENCE_MS
  Queue.push(world.queue, node.wakeAt, Queue.WAKE, node.index, 0)
}

/** After what the node was told: what came up meanwhile, what its disk has to say, and when it wants to be woken. */
const settle = (world: World, node: Node): void => {
  const { disk, life, pending } = node
  const { now } = world.queue
  for (;;) {
    const next = pending.length > 0 ? pending.shift() : Disk.answer(disk, now, clock(world, node))
    if (next === undefined) break
    // What was read for somebody who has gone is of no use.
    if (next._tag === "BlockRead" && !node.conns.has(next.conn)) continue
    input(world, node, next)
    if (node.life !== life) return
  }
  const readyAt = Disk.nextAt(disk)
  if (readyAt < disk.armedAt) {
    disk.armedAt = readyAt
    Queue.push(world.queue, readyAt, Queue.DISK, node.index, node.life)
  }
  arm(world, node)
}

/** Settles the nodes for which something came up while another one was busy. */
export const settleBusy = (world: World): void => {
  const { busy } = world
  for (let i = 0; i < busy.length; i++) settle(world, busy[i]!)
  busy.length = 0
}

/** The node's disk has answers. */
export const diskReady = (world: World, node: Node): void => {
  node.disk.armedAt = NEVER
  settle(world, node)
}

const clock = (world: World, node: Node): number => Clock.local(node.drift, world.queue.now)

const execute = (world: World, node: Node, command: Command): void => {
  switch (command._tag) {
    case "Send":
      return Network.send(world, node, command.conn, command.chunks)
    case "Write":
      return Disk.ask(node.disk, command, Reader.isWrong(world.reader, command.bytes), world.queue.now)
    case "Read":
    case "Hash":
    case "HashBlocks":
      return Disk.ask(node.disk, command, false, world.queue.now)
    case "Dial":
      return Dials.dial(world, node, command.conn, command.address)
    case "Close":
      Dials.cancel(node, command.conn)
      return Network.close(world, node, command.conn)
    case "PauseReads":
    case "ResumeReads":
      return Network.setPaused(world, node, command.conn, command._tag === "PauseReads")
    case "Announce":
      return TrackerNode.announce(world, node, command)
    case "Emit":
      return emitted(world, node, command.event)
  }
}

const emitted = (
  world: World,
  node: Node,
  event: Extract<Command, { readonly _tag: "Emit" }>["event"],
): void => {
  const { now } = world.queue
  switch (event._tag) {
    case "PieceVerified":
      Disk.verified(node.disk, event.piece, now)
      if (world.hooks.pieceOnDisk.length > 0) {
        const isRight = Store.isRight(node.disk.store, event.piece)
        for (const hook of world.hooks.pieceOnDisk) hook(node.view, event.piece, isRight, now)
      }
      return
    case "Completed":
      return Lives.completed(world, node)
    case "SeedGoalReached":
      return Lives.leave(world, node, false)
    case "Failed":
      return Lives.repair(world, node)
  }
}

/** How the parts of the world reach the nodes, those with a client and those with a script. */
export const receiver: Receiver = {
  input: (world, node, one) => {
    input(world, node, one)
    settle(world, node)
  },
  clock,
  opened: (world, node, conn) =>
    receiver.input(world, node, { _tag: "ConnOpened", now: clock(world, node), conn }),
  failed: (world, node, conn, reason) =>
    receiver.input(world, node, { _tag: "ConnFailed", now: clock(world, node), conn, reason }),
  accepted: (world: World, node: Node, conn: ConnId, address: Address) => {
    if (node.script !== undefined) return Behaviour.accepted(node.script, conn)
    receiver.input(world, node, { _tag: "ConnAccepted", now: clock(world, node), conn, address })
  },
  read: (world: World, node: Node, conn: ConnId, bytes: Bytes) => {
    if (node.script !== undefined) {
      return Behaviour.read(node.script, conn, bytes, Stages.of(world, node))
    }
    input(world, node, { _tag: "ConnRead", now: clock(world, node), conn, bytes })
    settle(world, node)
  },
  closed: (world, node, conn, reason) => {
    if (node.script !== undefined) return Behaviour.closed(node.script, conn)
    // It was never open here: the answer to the dial was still on its way.
    if (node.dials.delete(conn)) return receiver.failed(world, node, conn, reason ?? "connection reset")
    receiver.input(world, node, { _tag: "ConnClosed", now: clock(world, node), conn, reason })
  },
  crowded: (world, node, conn, isCongested) => {
    if (node.client === undefined) return
    if (node.pending.length === 0) world.busy.push(node)
    const _tag = isCongested ? "ConnCongested" : "ConnDrained"
    node.pending.push({ _tag, now: clock(world, node), conn })
  },
}
