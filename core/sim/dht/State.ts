/** What a simulated DHT is made of, and what all its parts share. */
import type { Bytes } from "../../base/Bytes.ts"
import * as Rng from "../../base/Rng.ts"
import type { Millis } from "../../base/Time.ts"
import type { Input } from "../../dht/Input.ts"
import * as Node from "../../dht/Node.ts"
import * as Queue from "../Queue.ts"
import * as Fingerprint from "./Fingerprint.ts"
import type { Host } from "./Host.ts"
import type { Observer } from "./Observer.ts"
import { type Scenario, stream } from "./Scenario.ts"
import type * as Users from "./Users.ts"

/** What happens; the target is a flight, a slot, a torrent or nothing. */
export const DATAGRAM = 0
export const WAKE = 1
export const COME = 2
export const LEAVE = 3
export const ANNOUNCE = 4
export const LOOK = 5
export const PAUSE = 6

/** The node that hosts run: the one that ships, except where a test plants a fault. */
export type Machine = Pick<typeof Node, "make" | "step" | "nextWake" | "saved" | "id" | "stats">

/** A datagram under way. */
export interface Flight {
  readonly from: Host
  readonly to: Host
  readonly bytes: Bytes
}

export interface Counters {
  events: number
  sent: number
  sentBytes: number
  lost: number
  /** To addresses where nobody is, or that don't hear the sender. */
  unheard: number
  delivered: number
  came: number
  left: number
  returned: number
}

/** Mutable, one owner. */
export interface World {
  readonly scenario: Scenario
  readonly machine: Machine
  readonly observers: ReadonlyArray<Observer>
  readonly queue: Queue.Queue
  readonly hosts: Array<Host>
  /** Those that never leave. */
  readonly routers: Array<Host>
  /** By host; nobody shares one. */
  readonly byAddress: Map<string, Host>
  readonly taken: Set<number>
  hostCount: number
  readonly flights: Array<Flight | undefined>
  readonly freeFlights: Array<number>
  readonly users: Users.Users
  readonly digest: Fingerprint.Fingerprint
  readonly counters: Counters
  readonly rng: {
    readonly [purpose in "loss" | "jitter" | "lives" | "hosts" | "users" | "hostile" | "seeds"]: Rng.Rng
  }
}

export const make = (
  scenario: Scenario,
  observers: ReadonlyArray<Observer>,
  machine: Machine,
  users: Users.Users,
): World => ({
  scenario,
  machine,
  observers,
  queue: Queue.make(),
  hosts: [],
  routers: [],
  byAddress: new Map(),
  taken: new Set(),
  hostCount: 0,
  flights: [],
  freeFlights: [],
  users,
  digest: Fingerprint.make(),
  counters: {
    events: 0,
    sent: 0,
    sentBytes: 0,
    lost: 0,
    unheard: 0,
    delivered: 0,
    came: 0,
    left: 0,
    returned: 0,
  },
  rng: {
    loss: stream(scenario, "loss"),
    jitter: stream(scenario, "jitter"),
    lives: stream(scenario, "lives"),
    hosts: stream(scenario, "hosts"),
    users: stream(scenario, "users"),
    hostile: stream(scenario, "hostile"),
    seeds: stream(scenario, "seeds"),
  },
})

/** Sees to it that a host has its next tick. */
export const plan = (world: World, host: Host, at: Millis): void => {
  if (at >= host.wakeAt) return
  host.wakeAt = at
  Queue.push(world.queue, at, WAKE, host.slot, 0)
}

/** Gives a node an input, and does what it wants. Only honest nodes that are up have inputs. */
export type Give = (world: World, host: Host, input: Input) => void

/** Any host that is up, or `undefined` after some tries. */
export const anyHost = (world: World, rng: Rng.Rng, isWelcome: (host: Host) => boolean): Host | undefined => {
  const { hosts } = world
  for (let tries = 0; tries < 200 && hosts.length > 0; tries++) {
    const host = hosts[Rng.below(rng, hosts.length)]!
    if (host.isUp && isWelcome(host)) return host
  }
  return undefined
}
