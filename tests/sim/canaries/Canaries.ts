/**
 * Bugs, planted one at a time between a client and its world. A checker that lets its own pass proves nothing by its
 * silence elsewhere.
 */
import type { Command } from "../../../core/client/Command.ts"
import * as Client from "../../../core/client/Client.ts"
import type { Input } from "../../../core/client/Input.ts"
import type { Parts } from "../../../core/sim/check/All.ts"
import type { NodeView, Observer } from "../../../core/sim/Observer.ts"
import type { PeerClass, Scenario } from "../../../core/sim/Scenario.ts"
import * as Defaults from "../../../core/sim/scenario/Defaults.ts"
import * as Resume from "../../../core/torrent/Resume.ts"
import { field, type Frame, rewrite, withField } from "./Frames.ts"

export interface Canary {
  /** What is wrong with the client, or the world. */
  readonly bug: string
  /** The name of the checker that has to find it. */
  readonly checker: string
  readonly scenario: Scenario
  /** The bug in what a node asks for; node 0 is the seeder. */
  readonly distort?: (
    node: number,
    commands: ReadonlyArray<Command>,
    input: Input,
  ) => ReadonlyArray<Command>
  /** The bug in what happens to it. */
  readonly wrap?: (observer: Observer) => Observer
  /** The bug in a part that checkers call themselves. */
  readonly parts?: Parts
}

const KIB = 1024
const PIECES = 40

const seeder: PeerClass = { ...Defaults.seeder, uploadRateBytesPerSec: 256 * KIB }
const leecher: PeerClass = { ...Defaults.leecher, count: 4, uploadRateBytesPerSec: 128 * KIB }

/** A minute or so of a seeder and four leechers. */
export const swarm: Scenario = Defaults.scenario({
  seed: 7,
  sizeBytes: PIECES * 64 * KIB - 5_000,
  pieceBytes: 64 * KIB,
  classes: [seeder, leecher],
})

/** Lines so slow that all of it takes half an hour. */
const slow: Scenario = {
  ...swarm,
  sizeBytes: 64 * 16 * KIB,
  pieceBytes: 16 * KIB,
  classes: [
    { ...seeder, uploadRateBytesPerSec: KIB },
    { ...leecher, count: 3, uploadRateBytesPerSec: KIB },
  ],
}

/** One of them says that it has everything, and refuses whatever it is asked for. */
export const hostile: Scenario = {
  ...swarm,
  classes: [seeder, leecher, { ...Defaults.polluter, behaviour: "liar" }],
}

const CHOKE = 0
const UNCHOKE = 1
const INTERESTED = 2
const HAVE = 4
const REQUEST = 6
const PIECE = 7
const REJECT = 16
const ACCOUNTS = [5, 14, 15]

/** Does something to each message of one kind, at each node. */
const messages =
  (id: number, change: (frame: Frame) => ReadonlyArray<Frame>): NonNullable<Canary["distort"]> =>
  (_, commands) => rewrite(commands, (frame) => frame.id === id ? change(frame) : [frame])

const drop = (): ReadonlyArray<Frame> => []
const twice = (frame: Frame): ReadonlyArray<Frame> => [frame, frame]

/** Shows the checkers other inputs than the client was given. */
const showing = (change: (input: Input) => ReadonlyArray<Input>) => (observer: Observer): Observer => ({
  ...observer,
  stepped: (node, input, commands, now) => {
    for (const one of change(input)) observer.stepped?.(node, one, commands, now)
  },
})

/** Shows the checkers slower lines than the world has. */
const slower = (rates: Partial<PeerClass>) => (observer: Observer): Observer => {
  const slowed = (node: NodeView): NodeView => ({ ...node, peerClass: { ...node.peerClass, ...rates } })
  return {
    ...observer,
    delivered: (from, to, ...rest) => observer.delivered?.(slowed(from), slowed(to), ...rest),
  }
}

export const canaries: ReadonlyArray<Canary> = [
  {
    bug: "it takes a piece for verified as soon as it is written",
    checker: "integrity",
    scenario: swarm,
    distort: (_, commands) =>
      commands.map((command) =>
        command._tag === "Hash"
          ? {
            _tag: "Emit",
            torrent: command.torrent,
            event: { _tag: "PieceVerified", piece: command.piece },
          }
          : command
      ),
  },
  {
    bug: "it announces the piece after the one that it has verified",
    checker: "integrity",
    scenario: swarm,
    distort: messages(HAVE, (frame) => [withField(frame, 0, (field(frame, 0) + 1) % PIECES)]),
  },
  {
    bug: "its picker is off by one: it asks for the piece after the one that it wants",
    checker: "requests",
    scenario: swarm,
    distort: messages(REQUEST, (frame) => [withField(frame, 0, (field(frame, 0) + 1) % PIECES)]),
  },
  {
    bug: "it asks for a whole block at the end of a torrent that ends earlier",
    checker: "requests",
    scenario: swarm,
    distort: messages(REQUEST, (frame) => [withField(frame, 2, 16 * KIB)]),
  },
  {
    bug: "it asks for everything at once, whatever the peer takes",
    checker: "outstanding",
    scenario: { ...swarm, sizeBytes: 600 * 64 * KIB },
    distort: messages(
      REQUEST,
      () => Array.from({ length: 2_400 }, (_, i) => requestOf(i >> 2, (i & 3) * 16 * KIB)),
    ),
  },
  {
    bug: "it takes no notice of its upload limit",
    checker: "rates",
    scenario: swarm,
    wrap: showing((input) => [
      input._tag === "Add"
        ? { ...input, options: { ...input.options, maxUploadRateBytesPerSec: 50 * KIB } }
        : input,
    ]),
  },
  {
    bug: "it takes no notice of its download limit",
    checker: "rates",
    scenario: swarm,
    wrap: showing((input) => [
      input._tag === "Add"
        ? { ...input, options: { ...input.options, maxDownloadRateBytesPerSec: 50 * KIB } }
        : input,
    ]),
  },
  {
    bug: "it never unchokes one of its peers",
    checker: "starvation",
    scenario: slow,
    distort: (node, commands) =>
      node !== 0 ? commands : rewrite(
        commands,
        (frame, conn) => Math.abs(conn) === 1 && (frame.id === CHOKE || frame.id === UNCHOKE) ? [] : [frame],
      ),
  },
  {
    bug: "it tells the tracker twice as much as it has uploaded",
    checker: "conservation",
    scenario: { ...swarm, classes: [{ ...seeder, departure: { _tag: "Ratio", ratio: 0.5 } }, leecher] },
    distort: (_, commands) =>
      commands.map((command) =>
        command._tag === "Announce"
          ? {
            ...command,
            request: { ...command.request, uploadedBytes: 2 * command.request.uploadedBytes },
          }
          : command
      ),
  },
  {
    bug: "the network swallows a piece of what was sent",
    checker: "conservation",
    scenario: swarm,
    wrap: (observer) => {
      let reads = 0
      return showing((input) => input._tag === "ConnRead" && ++reads === 100 ? [] : [input])(observer)
    },
  },
  {
    bug: "the network swallows something that is said to a hostile peer",
    checker: "conservation",
    scenario: hostile,
    wrap: (observer) => {
      let reads = 0
      return {
        ...observer,
        delivered: (from, to, ...rest) => {
          const isSwallowed = to.peerClass.behaviour === "liar" && ++reads === 3
          if (!isSwallowed) observer.delivered?.(from, to, ...rest)
        },
      }
    },
  },
  {
    bug: "the network makes up something that a hostile peer did not say",
    checker: "conservation",
    scenario: hostile,
    wrap: (observer) => {
      let sends = 0
      return {
        ...observer,
        scripted: (...args) => {
          if (++sends !== 2) observer.scripted?.(...args)
        },
      }
    },
  },
  {
    bug: "its line sends a fifth faster than it can",
    checker: "capacity",
    scenario: swarm,
    wrap: slower({ uploadRateBytesPerSec: 105 * KIB }),
  },
  {
    bug: "its line takes in more than it can",
    checker: "capacity",
    scenario: swarm,
    wrap: slower({ downloadRateBytesPerSec: 64 * KIB }),
  },
  {
    bug: "its wake-up comes a second too late",
    checker: "ticks",
    scenario: swarm,
    parts: { machine: { ...Client, nextWake: (client) => Client.nextWake(client) + 1_000 } },
  },
  {
    bug: "it wants a tick that does nothing, and another one, and another one",
    checker: "ticks",
    scenario: swarm,
    parts: { machine: { ...Client, nextWake: () => 0 } },
  },
  {
    bug: "one node never says that it is interested",
    checker: "liveness",
    scenario: { ...swarm, maxVirtualMs: 3 * 3_600_000 },
    distort: (node, commands) =>
      node !== 1 ? commands : rewrite(commands, (frame) => frame.id === INTERESTED ? [] : [frame]),
  },
  {
    bug: "resume data loses the last piece",
    checker: "resume",
    scenario: swarm,
    parts: {
      codec: {
        encode: Resume.encode,
        decode: (...args) => {
          const read = Resume.decode(...args)
          if (read.ok) read.value.have.bytes[read.value.have.bytes.length - 1]! &= 0xfe
          return read
        },
      },
    },
  },
  {
    bug: "it doesn't say which pieces it has",
    checker: "order",
    scenario: swarm,
    distort: (_, commands) => rewrite(commands, (frame) => ACCOUNTS.includes(frame.id) ? [] : [frame]),
  },
  {
    bug: "it unchokes who is unchoked already",
    checker: "order",
    scenario: swarm,
    distort: messages(UNCHOKE, twice),
  },
  {
    bug: "it asks while it is choked",
    checker: "order",
    scenario: swarm,
    distort: messages(INTERESTED, (frame) => [frame, requestOf(0, 0)]),
  },
  {
    bug: "it answers each request twice",
    checker: "service",
    scenario: swarm,
    distort: messages(PIECE, twice),
  },
  {
    bug: "it chokes without rejecting what was asked for",
    checker: "service",
    scenario: { ...swarm, classes: [{ ...seeder, choker: { ...seeder.choker, slots: 2 } }, leecher] },
    distort: messages(REJECT, drop),
  },
  {
    bug: "it forgets to read what was asked for",
    checker: "service",
    scenario: swarm,
    distort: (node, commands) =>
      node !== 0 ? commands : commands.filter((command) => command._tag !== "Read"),
  },
  {
    bug: "the disk answers a hash twice",
    checker: "answers",
    scenario: swarm,
    wrap: showing((input) => input._tag === "PieceHashed" ? [input, { ...input }] : [input]),
  },
  {
    bug: "the disk never answers a hash",
    checker: "answers",
    scenario: slow,
    wrap: showing((input) => input._tag === "PieceHashed" ? [{ _tag: "Tick", now: input.now }] : [input]),
  },
  {
    bug: "it dials more than it has places for",
    checker: "places",
    scenario: { ...swarm, maxPeers: 3 },
    distort: (_, commands) =>
      commands.flatMap((command): ReadonlyArray<Command> =>
        command._tag === "Dial"
          ? [command, ...[1, 2, 3].map((i) => ({ ...command, conn: command.conn + 1_000 * i }))]
          : [command]
      ),
  },
  { bug: "it drops a HAVE", checker: "news", scenario: swarm, distort: messages(HAVE, drop) },
]

const requestOf = (piece: number, begin: number): Frame => {
  const bytes = new Uint8Array(17)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, 13)
  view.setUint8(4, REQUEST)
  view.setUint32(5, piece)
  view.setUint32(9, begin)
  view.setUint32(13, 16 * KIB)
  return { id: REQUEST, bytes }
}
