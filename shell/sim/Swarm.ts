/**
 * A whole swarm of real sessions in a simulated world: a seeder, leechers and the tracker that ships, each on a machine of
 * its own. A run is a pure function of its options; members can be stopped, killed and started again on the way.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Cause from "effect/Cause"
import { assert } from "../../core/base/Assert.ts"
import { type Bytes, equals } from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import { type Millis, SECOND } from "../../core/base/Time.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as MemoryDisk from "../MemoryDisk.ts"
import * as Session from "../Session.ts"
import * as Machine from "./Machine.ts"
import * as Network from "./Network.ts"
import * as SimDisk from "./SimDisk.ts"
import * as SimTorrent from "./SimTorrent.ts"
import * as SimTracker from "./SimTracker.ts"
import * as World from "./World.ts"

const DIRECTORY = "/downloads"
const PORT = 6881
const TRACKER_NAME = "tracker.example"

export interface Options {
  readonly seed: number
  readonly leechers: number
  readonly sizeBytes: number
  readonly pieceBytes: number
  /** All of the content is zeros. */
  readonly isBlank?: boolean
  /** What the torrent names its tracker by. */
  readonly trackerScheme?: "udp" | "http"
  readonly weather?: Partial<Network.Weather>
  /** Of a member, 0 being the seeder. */
  readonly lineOf?: (index: number) => Network.Line
  readonly diskOf?: (index: number) => Partial<SimDisk.Options>
  readonly isBehindNat?: (index: number) => boolean
  /** Whoever failed is started again so much later, as its user would; never where it is missing. */
  readonly restartMs?: Millis
  readonly session?: Partial<Session.SessionOptions>
  readonly onNote?: World.Options["onNote"]
}

/** Mutable, owned by the swarm. */
export interface Member {
  /** 0: the seeder. */
  readonly index: number
  readonly machine: Machine.Machine
  /** When it said that it is complete, the last time it ran; a crash may have cost it something since. */
  completedAt: Millis | undefined
  /** What it said when it gave up, each time. */
  readonly failures: Array<Session.SessionError>
  /** Pieces that it knew to be there when it began, each time. */
  readonly begunWith: Array<number>
  handle: Session.TorrentHandle | undefined
  leaving: Deferred.Deferred<void> | undefined
}

export interface Swarm {
  readonly options: Options
  readonly world: World.World
  readonly network: Network.Network
  readonly metainfo: Metainfo
  readonly content: Bytes
  readonly tracker: Machine.Machine
  /** The seeder first. */
  readonly members: ReadonlyArray<Member>
}

/** An ordinary line at home: 80 and 20 Mbit/s, 5 to 40 ms from the middle of the network. */
const lineOf = (world: World.World, index: number): Network.Line => ({
  uploadRateBytesPerSec: 2_500_000,
  downloadRateBytesPerSec: 10_000_000,
  latencyMs: 5 + Rng.below(World.chance(world, "latency", index), 36),
})

const TRACKER_LINE = { ...Network.LOOPBACK_LINE, latencyMs: 20 }

/** Machines and torrent; nothing runs yet. */
export const make = (options: Options): Swarm => {
  const { onNote, seed, trackerScheme = "udp" } = options
  const world = World.make({ seed, ...(onNote === undefined ? {} : { onNote }) })
  const network = Network.make(world, { ...Network.CALM, isCutting: true, ...options.weather })
  const tracker = Machine.make(network, { name: "tracker", line: TRACKER_LINE })
  network.names.set(TRACKER_NAME, [tracker.host.ip])
  const port = trackerScheme === "udp" ? SimTracker.UDP_PORT : SimTracker.HTTP_PORT
  const { content, metainfo } = SimTorrent.make(world, {
    ...options,
    trackerUrl: `${trackerScheme}://${TRACKER_NAME}:${port}/announce`,
  })
  const members = Array.from({ length: options.leechers + 1 }, (_, index): Member => ({
    index,
    machine: Machine.make(network, {
      name: index === 0 ? "seeder" : `leecher ${index}`,
      line: options.lineOf?.(index) ?? lineOf(world, index),
      isBehindNat: options.isBehindNat?.(index) ?? false,
      disk: options.diskOf?.(index) ?? {},
    }),
    completedAt: undefined,
    failures: [],
    begunWith: [],
    handle: undefined,
    leaving: undefined,
  }))
  for (const { offset, path, bytes } of SimTorrent.files(metainfo)) {
    const file = content.slice(offset, offset + bytes)
    MemoryDisk.put(members[0]!.machine.disk.files, `${DIRECTORY}/${path}`, file)
  }
  return { options, world, network, metainfo, content, tracker, members }
}

/** Starts the tracker, the seeder and then the leechers, one each second. */
export const begin = (swarm: Swarm): void => {
  startTracker(swarm)
  for (const member of swarm.members) {
    World.after(swarm.world, member.index * SECOND, () => join(swarm, member))
  }
}

export const startTracker = ({ tracker }: Swarm): void => {
  if (tracker.process === undefined) {
    Machine.start(tracker, (process) => SimTracker.program(tracker, process))
  }
}

/** Starts a member, unless it is running. */
export const join = (swarm: Swarm, member: Member): void => {
  const { options, world } = swarm
  const { machine } = member
  if (machine.process !== undefined) return
  member.completedAt = undefined
  Machine.start(machine, (process) => program(swarm, member, Machine.ports(machine, process)), (exit) => {
    member.handle = undefined
    if (Exit.isSuccess(exit)) return
    if (Cause.isInterruptedOnly(exit.cause)) return
    const failure = Cause.failureOption(exit.cause)
    // Our own bug, whoever looks at the run shall see it.
    if (Option.isNone(failure)) throw new Error(Cause.pretty(exit.cause))
    World.note(world, `${machine.name} fails: ${failure.value.message}`)
    member.failures.push(failure.value)
    if (options.restartMs !== undefined) World.after(world, options.restartMs, () => join(swarm, member))
  })
}

const sessionOptions = (host: Network.Host): Session.SessionOptions => ({
  listen: { host: host.ip, port: PORT, isFallbackAllowed: false },
  bind: host.ip,
  maxPeers: 50,
  maxConnections: 200,
  maxDownloadRateBytesPerSec: 0,
  maxUploadRateBytesPerSec: 0,
  isLanExempt: false,
  uploadSlots: { _tag: "Fixed", slots: 4 },
})

const program = (
  { metainfo, options, world }: Swarm,
  member: Member,
  ports: Layer.Layer<Machine.Ports>,
): Effect.Effect<void, Session.SessionError> =>
  Effect.scoped(Effect.gen(function* () {
    const { index, machine } = member
    const leaving = yield* Deferred.make<void>()
    member.leaving = leaving
    const context = yield* Layer.build(Layer.provide(
      Session.layer({ ...sessionOptions(machine.host), ...options.session }),
      ports,
    ))
    const handle = yield* Context.get(context, Session.Session).add({
      metainfo,
      mode: index === 0 ? "seed" : "download",
      directory: DIRECTORY,
      selection: undefined,
      strategy: "rarest",
      peers: [],
      superSeed: false,
      goals: { ratio: undefined, seedMs: undefined },
      maxDownloadRateBytesPerSec: 0,
      maxUploadRateBytesPerSec: 0,
    })
    member.handle = handle
    yield* watch(world, member, handle)
    const left = Deferred.await(leaving)
    // Whoever fails ends; whoever is complete stays and seeds.
    const completed = Effect.zipRight(handle.completed, left)
    yield* index === 0
      ? Effect.raceFirst(left, Effect.zipRight(handle.seeded, left))
      : Effect.raceFirst(left, completed)
  }))

/** Keeps what the torrent tells. */
const watch = (world: World.World, member: Member, { events }: Session.TorrentHandle) =>
  Effect.forkScoped(Stream.runForEach(events, (event) =>
    Effect.sync(() => {
      World.note(world, `${member.machine.name}: ${event._tag}`)
      if (event._tag === "Started") member.begunWith.push(event.piecesHave)
      if (event._tag === "Completed") member.completedAt = World.now(world)
    })))

/** Stops a member as its user would: it leaves the swarm, saves what it has, and exits. */
export const leave = ({ leaving }: Member): void => {
  assert(leaving !== undefined, "a member has begun before it leaves")
  Deferred.unsafeDone(leaving, Exit.void)
}

/** Lets the world go on until `isDone`, or for so much virtual time; says which. */
export const runUntil = ({ world }: Swarm, isDone: () => boolean, withinMs: Millis): World.Outcome =>
  World.run(world, isDone, World.now(world) + withinMs)

/** Whether everybody runs and is complete, the seeder included. */
export const isComplete = ({ members }: Swarm): boolean =>
  members.every(({ completedAt, machine }) => machine.process !== undefined && completedAt !== undefined)

/** Whether a member's files are the seeder's, byte for byte. */
export const isWhole = ({ content, metainfo }: Swarm, { machine }: Member): boolean =>
  SimTorrent.files(metainfo).every(({ bytes, offset, path }) => {
    const found = MemoryDisk.get(machine.disk.files, `${DIRECTORY}/${path}`)
    return found !== undefined && equals(found, content.subarray(offset, offset + bytes))
  })

/** Ends all processes, without a last word; what was started in this world is garbage then. */
export const end = ({ members, tracker }: Swarm): void => {
  for (const machine of [tracker, ...members.map(({ machine }) => machine)]) Machine.kill(machine)
}
