/** A simulated machine: a place on the network, a disk that outlives every process, and one program at a time. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import { assert } from "../../core/base/Assert.ts"
import * as Rng from "../../core/base/Rng.ts"
import type { BlockStore } from "../BlockStore.ts"
import type { Dht } from "../Dht.ts"
import * as Engine from "../Engine.ts"
import type { Hasher } from "../Hasher.ts"
import type { Multicast } from "../Multicast.ts"
import type { ResumeStore } from "../ResumeStore.ts"
import * as TrackerClient from "../TrackerClient.ts"
import * as TrackerClientHttp from "../TrackerClientHttp.ts"
import * as TrackerClientUdp from "../TrackerClientUdp.ts"
import type { Transport } from "../Transport.ts"
import * as Network from "./Network.ts"
import * as Process from "./Process.ts"
import * as SimBlockStore from "./SimBlockStore.ts"
import * as SimDatagram from "./SimDatagram.ts"
import * as SimDisk from "./SimDisk.ts"
import * as SimHasher from "./SimHasher.ts"
import * as SimHttp from "./SimHttp.ts"
import * as SimResumeStore from "./SimResumeStore.ts"
import * as SimTransport from "./SimTransport.ts"
import * as World from "./World.ts"

/** Mutable, one owner. */
export interface Machine {
  readonly world: World.World
  readonly name: string
  readonly host: Network.Host
  readonly disk: SimDisk.SimDisk
  /** Seeds what its processes draw. */
  readonly rng: Rng.Rng
  /** What runs here. */
  process: Process.Process | undefined
  lives: number
}

export interface Options {
  readonly name: string
  readonly line?: Network.Line
  readonly isBehindNat?: boolean
  readonly disk?: Partial<SimDisk.Options>
}

/** A machine that is switched on, with an empty disk. */
export const make = (network: Network.Network, { disk, name, ...place }: Options): Machine => {
  const { world } = network
  const host = Network.addHost(network, place)
  return {
    world,
    name,
    host,
    disk: SimDisk.make(world, host.index, disk),
    rng: World.chance(world, "client", host.index),
    process: undefined,
    lives: 0,
  }
}

/** The ports that a session needs. */
export type Ports =
  | Transport
  | BlockStore
  | Hasher
  | ResumeStore
  | TrackerClient.TrackerClient
  | Dht
  | Multicast

/** The ports of a process on this machine: what `Live.ports` and `Live.trackers` are on a real one. */
export const ports = ({ disk, host }: Machine, process: Process.Process): Layer.Layer<Ports> =>
  Layer.mergeAll(
    SimTransport.layer(host, process),
    SimBlockStore.layer(disk, process),
    SimHasher.layer,
    SimResumeStore.layer(disk, process),
    Engine.layerTrackersOnly,
    TrackerClient.layerByScheme({
      http: Layer.provide(TrackerClientHttp.layer(), SimHttp.client(host, process)),
      udp: Layer.provide(
        TrackerClientUdp.layer({ bind: host.ip, transactionId: Random.nextIntBetween(0, 2 ** 32) }),
        SimDatagram.layer(host, process),
      ),
    }),
  )

/** Starts a program, the machine too if it is off; `onExit` hears how it ended, unless it crashes. */
export const start = <A, E>(
  machine: Machine,
  program: (process: Process.Process) => Effect.Effect<A, E>,
  onExit: (exit: Exit.Exit<A, E>) => void = () => {},
): void => {
  assert(machine.process === undefined, "a machine runs one program at a time")
  const process = Process.make(machine.world, machine.name, Rng.next(machine.rng))
  machine.lives++
  machine.host.isUp = true
  machine.process = process
  World.note(machine.world, `${machine.name} starts`)
  Process.start(process, program(process)).addObserver((exit) => {
    if (machine.process !== process) return
    machine.process = undefined
    Process.kill(process)
    World.note(machine.world, `${machine.name} exits: ${exit._tag}`)
    onExit(exit)
  })
}

/** The program is killed: what the system has of its writes it keeps, and its peers are told. */
export const kill = (machine: Machine): void => {
  const { process } = machine
  if (process === undefined) return
  machine.process = undefined
  World.note(machine.world, `${machine.name} is killed`)
  Process.kill(process)
}

/** The power fails: nobody is told, and the disk has what it has. The next {@link start} switches it on again. */
export const powerOff = (machine: Machine): void => {
  World.note(machine.world, `${machine.name} has no power`)
  machine.host.isUp = false
  kill(machine)
  SimDisk.powerGone(machine.disk)
}
