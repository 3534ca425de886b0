/**
 * What goes wrong in a simulated swarm, and when: each kind of trouble comes by chance of its own, until the world heals.
 * From then on nothing is lost, refused or cut, and everybody runs: what is not complete soon never will be.
 */
import { assert } from "../../core/base/Assert.ts"
import * as Rng from "../../core/base/Rng.ts"
import { type Millis, MINUTE, SECOND } from "../../core/base/Time.ts"
import * as Chance from "../../core/sim/Chance.ts"
import type { StorageReason } from "../StorageError.ts"
import * as Machine from "./Machine.ts"
import * as Network from "./Network.ts"
import * as Swarm from "./Swarm.ts"
import * as World from "./World.ts"

/** How often each thing happens in the whole swarm, times a minute on average; 0: never. */
export interface Rates {
  /** A connection breaks. */
  readonly resets: number
  /** Nothing arrives on a connection for a while. */
  readonly stalls: number
  /** A machine is cut off for a while. */
  readonly cuts: number
  /** A member's process is killed, and started again later. */
  readonly kills: number
  /** Likewise, and the power with it. */
  readonly powerFailures: number
  /** A member leaves as its user would, and comes back. */
  readonly leaves: number
  /** A disk takes no writes, or gives no reads, for a while. */
  readonly diskErrors: number
  /** The tracker dies, and comes back with empty swarms. */
  readonly trackerFailures: number
}

/** Everything, often enough that a download of a minute sees most of it. */
export const ALL: Rates = {
  resets: 12,
  stalls: 6,
  cuts: 2,
  kills: 2,
  powerFailures: 2,
  leaves: 2,
  diskErrors: 2,
  trackerFailures: 1,
}

/** How long a trouble that passes lasts on average, and how long whoever is down stays down. */
const PASSING_MS: Millis = 8 * SECOND
const DOWN_MS: Millis = 5 * SECOND

/** What a disk says that has had enough. */
const READ_FAILURES: ReadonlyArray<StorageReason> = ["Io"]
const WRITE_FAILURES: ReadonlyArray<StorageReason> = ["Io", "NoSpace"]

interface State {
  readonly swarm: Swarm.Swarm
  readonly rng: Rng.Rng
  isOver: boolean
}

/** Lets trouble come until a time, at which the world heals; gives whether it has. */
export const begin = (swarm: Swarm.Swarm, rates: Rates, untilMs: Millis): () => boolean => {
  assert(swarm.options.restartMs !== undefined, "who has given up because of trouble must come back")
  const state: State = { swarm, rng: World.chance(swarm.world, "crash"), isOver: false }
  const kinds = Object.keys(TROUBLES) as ReadonlyArray<keyof Rates>
  for (const kind of kinds) recur(state, rates[kind], TROUBLES[kind])
  World.at(swarm.world, untilMs, () => heal(state))
  return () => state.isOver
}

type Trouble = (state: State) => void

const recur = (state: State, perMinute: number, trouble: Trouble): void => {
  if (perMinute === 0) return
  const { rng, swarm: { world } } = state
  const again = (): void =>
    World.after(world, Chance.exponential(rng, MINUTE / perMinute), () => {
      if (state.isOver) return
      trouble(state)
      again()
    })
  again()
}

const any = <A>(rng: Rng.Rng, items: Iterable<A>): A | undefined => {
  const list = [...items]
  return list[Rng.below(rng, Math.max(1, list.length))]
}

const anyMember = ({ rng, swarm }: State): Swarm.Member => any(rng, swarm.members)!

const anyHost = ({ rng, swarm }: State): Network.Host => any(rng, swarm.network.hosts.values())!

const passing = ({ rng }: State): Millis => Chance.exponential(rng, PASSING_MS)

/** Somebody is down, or about to be: it comes back later, healed or not. */
const comeBack = (state: State, member: Swarm.Member): void => {
  const { machine } = member
  const { lives } = machine
  World.after(state.swarm.world, Chance.exponential(state.rng, DOWN_MS), () => {
    if (machine.lives > lives) return
    Swarm.join(state.swarm, member)
    // It is still leaving.
    if (machine.lives === lives) comeBack(state, member)
  })
}

const TROUBLES: { readonly [kind in keyof Rates]: Trouble } = {
  resets: (state) => any(state.rng, anyHost(state).ends)?.reset(),
  stalls: (state) => {
    const until = World.now(state.swarm.world) + passing(state)
    any(state.rng, anyHost(state).ends)?.stall(until)
  },
  cuts: (state) => {
    const host = anyHost(state)
    host.cutUntil = World.now(state.swarm.world) + passing(state)
    World.note(state.swarm.world, `${host.index} is cut off`)
  },
  kills: (state) => {
    const member = anyMember(state)
    if (member.machine.process === undefined) return
    Machine.kill(member.machine)
    comeBack(state, member)
  },
  powerFailures: (state) => {
    const member = anyMember(state)
    if (member.machine.process === undefined) return
    Machine.powerOff(member.machine)
    comeBack(state, member)
  },
  leaves: (state) => {
    const member = anyMember(state)
    if (member.machine.process === undefined) return
    Swarm.leave(member)
    comeBack(state, member)
  },
  diskErrors: (state) => {
    const { machine: { disk, name } } = anyMember(state)
    const { rng, swarm: { world } } = state
    disk.failing = Rng.below(rng, 2) === 0
      ? { write: any(rng, WRITE_FAILURES)! }
      : { read: any(rng, READ_FAILURES)! }
    World.note(world, `the disk of ${name} fails: ${disk.failing.read ?? disk.failing.write}`)
    World.after(world, passing(state), () => {
      disk.failing = {}
    })
  },
  trackerFailures: (state) => {
    Machine.kill(state.swarm.tracker)
    World.after(state.swarm.world, passing(state), () => Swarm.startTracker(state.swarm))
  },
}

/** What is broken is mended; who is down comes up within {@link DOWN_MS} or so, by itself. */
const heal = (state: State): void => {
  const { network, members, world } = state.swarm
  state.isOver = true
  network.weather = { ...Network.CALM, isCutting: network.weather.isCutting }
  for (const host of network.hosts.values()) host.cutUntil = 0
  for (const { machine: { disk } } of members) {
    disk.failing = {}
    disk.errorPart = 0
    disk.bytesPerFlip = Infinity
  }
  World.note(world, "healed")
}
