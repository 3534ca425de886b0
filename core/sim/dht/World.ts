/**
 * A DHT of the very nodes that ship, thousands of them, on virtual time: `make(scenario, observers)`, then `run`. Every
 * datagram is the real one. A run is a pure function of its scenario; {@link digest} is its fingerprint.
 */
import * as Rng from "../../base/Rng.ts"
import { type Millis, MINUTE, NEVER } from "../../base/Time.ts"
import * as Node from "../../dht/Node.ts"
import * as Queue from "../Queue.ts"
import * as Fingerprint from "./Fingerprint.ts"
import type { Host } from "./Host.ts"
import * as Hostile from "./Hostile.ts"
import * as Lives from "./Lives.ts"
import * as Network from "./Network.ts"
import type { Observer } from "./Observer.ts"
import { type Scenario, stages } from "./Scenario.ts"
import * as State from "./State.ts"
import * as Users from "./Users.ts"

export type { Counters, World } from "./State.ts"

/** Between two looks of the observers at everything. */
const PAUSE_MS: Millis = 5 * MINUTE

/** A world in which nothing has happened yet. `machine` is what honest hosts run: a test may plant a fault in it. */
export const make = (
  scenario: Scenario,
  observers: ReadonlyArray<Observer> = [],
  machine: State.Machine = Node,
): State.World => {
  const world = State.make(scenario, observers, machine, Users.make(scenario))
  Lives.begin(world)
  Users.begin(world)
  Queue.push(world.queue, PAUSE_MS, State.PAUSE, 0, 0)
  return world
}

/** When all that the scenario has is over. */
export const endAt = ({ scenario }: State.World): Millis => stages(scenario).endAt

/** Lets happen what happens up to a time, or to the end. */
export const run = (world: State.World, untilMs: Millis = endAt(world)): void => {
  while (Queue.next(world.queue) <= untilMs && step(world));
}

/** Lets the next thing happen; false if there is nothing more to come. */
export const step = (world: State.World): boolean => {
  const { digest, queue } = world
  if (Queue.next(queue) > endAt(world) || !Queue.pop(queue)) return false
  const { kind, now, target, value } = queue
  world.counters.events++
  Fingerprint.event(digest, now, kind, target)
  switch (kind) {
    case State.DATAGRAM:
      datagram(world, target)
      return true
    case State.WAKE:
      wake(world, world.hosts[target]!)
      return true
    case State.COME:
      Lives.come(world, target)
      return true
    case State.LEAVE:
      Lives.leave(world, target, value)
      return true
    case State.ANNOUNCE:
      Users.announce(world, target, value, give)
      return true
    case State.LOOK:
      Users.look(world, give)
      return true
    default:
      for (const observer of world.observers) observer.paused?.(world.hosts, now)
      Queue.push(queue, now + PAUSE_MS, State.PAUSE, 0, 0)
      return true
  }
}

/** Sixteen hexadecimal digits: equal for equal runs. */
export const digest = (world: State.World): string => Fingerprint.toHex(world.digest)

const datagram = (world: State.World, number: number): void => {
  const flight = Network.land(world, number)
  if (flight === undefined) return
  const { bytes, from, to } = flight
  Fingerprint.bytes(world.digest, bytes)
  if (to.hostile === undefined) {
    give(world, to, { _tag: "Packet", now: world.queue.now, from: from.address, bytes })
  } else Hostile.receive(to.hostile, reach(world, to), from.address, bytes)
}

/** It is time for a host, unless it was earlier meanwhile, or somebody else is there now. */
const wake = (world: State.World, host: Host): void => {
  const { machine, queue } = world
  const { now } = queue
  if (host.wakeAt !== now) return
  host.wakeAt = NEVER
  const { hostile, node } = host
  if (hostile !== undefined) return State.plan(world, host, Hostile.act(hostile, reach(world, host), now))
  if (node === undefined) return
  const at = machine.nextWake(node)
  if (at > now) State.plan(world, host, Math.ceil(at))
  else give(world, host, { _tag: "Tick", now })
}

const give: State.Give = (world, host, input) => {
  const { machine, observers, queue } = world
  const [node, commands] = machine.step(host.node!, input)
  host.node = node
  for (let i = 0; i < observers.length; i++) observers[i]!.stepped?.(host, input, commands)
  for (let i = 0; i < commands.length; i++) {
    const command = commands[i]!
    if (command._tag === "Send") Network.send(world, host, command.to, command.bytes, false)
    else if (command._tag === "Emit") {
      if (command.event._tag === "Bootstrapped") host.isSettled = true
      const outcome = Users.hear(world, host, command.event)
      if (outcome !== undefined) { for (const observer of observers) observer.looked?.(outcome) }
    }
  }
  // A node that wants to be woken at once after a tick would stop the time for all: observers see that it did.
  State.plan(world, host, Math.max(queue.now + 1, Math.ceil(machine.nextWake(host.node))))
}

/** What a hostile host may do. */
const reach = (world: State.World, self: Host): Hostile.World => {
  const { byAddress, rng, users } = world
  const any = (isWelcome: (host: Host) => boolean): Host | undefined =>
    State.anyHost(world, rng.hostile, isWelcome)
  return {
    self,
    anybody: () => (any((host) => host !== self) ?? self).address,
    ally: () => any(({ hostile }) => hostile?.role === self.hostile!.role),
    infoHash: () => users.torrents[Rng.below(rng.hostile, users.torrents.length)]!.infoHash,
    send: (from, to, bytes) =>
      Network.send(world, byAddress.get(from.host) ?? self, to, bytes, from !== self.address),
  }
}
