/** What a simulated world consists of: records only. What happens to them stands in the files named after their parts. */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Rng } from "../base/Rng.ts"
import type { Millis } from "../base/Time.ts"
import type * as Client from "../client/Client.ts"
import type { Command } from "../client/Command.ts"
import type { CloseReason, ConnId, Input } from "../client/Input.ts"
import type { Behaviour } from "./behaviour/Behaviour.ts"
import type { Content } from "./Content.ts"
import type { Digest } from "./Digest.ts"
import type { Disk } from "./Disk.ts"
import type { Lines } from "./Line.ts"
import type { Link, Links } from "./Link.ts"
import type { NodeView, Observer } from "./Observer.ts"
import type { Queue } from "./Queue.ts"
import type { Reader } from "./Reader.ts"
import type { PeerClass, Scenario } from "./Scenario.ts"
import type { TrackerNode } from "./TrackerNode.ts"

/** Mutable, one owner. */
export interface World {
  readonly scenario: Scenario
  readonly content: Content
  readonly queue: Queue
  readonly nodes: ReadonlyArray<Node>
  readonly nodeByHost: ReadonlyMap<string, Node>
  readonly lines: Lines
  readonly links: Links
  readonly reader: Reader
  readonly tracker: TrackerNode
  readonly digest: Digest
  readonly hooks: Hooks
  readonly distort: Distort | undefined
  /** Cuts the streams where chance wants; `undefined` in large swarms, where it would cost too much. */
  readonly cuts: Rng | undefined
  /** How the parts of the world reach the nodes. */
  readonly receiver: Receiver
  /** Nodes that have inputs pending. */
  readonly busy: Array<Node>
  /** From then on nobody is cut off. */
  cutUntil: Millis
  events: number
  deliveries: number
  readonly bytes: Traffic
  /** Those who are expected to complete, and have not. */
  incomplete: number
  /** The faults are over. */
  isHealed: boolean
  isOver: boolean
}

/** Every byte that was ever given to a link, for what has become of it. */
export interface Traffic {
  sent: number
  delivered: number
  /** Not delivered, because the connection ended. */
  lost: number
}

/**
 * Replaces the commands of a node's step, its index first, before anybody sees them: how a test plants a bug in a client
 * and then looks whether it is found.
 */
export type Distort = (
  node: number,
  commands: ReadonlyArray<Command>,
  input: Input,
) => ReadonlyArray<Command>

/** The observers' functions, one list for each moment, so that a moment nobody watches costs nothing. */
export type Hooks = {
  readonly [Moment in keyof Observer]-?: ReadonlyArray<NonNullable<Observer[Moment]>>
}

/** A machine with a line, a disk, and a client or a script. */
export interface Node {
  readonly index: number
  readonly peerClass: PeerClass
  readonly address: Address
  /** 4 bytes. */
  readonly ip: Bytes
  readonly view: NodeView
  /** Its clock goes so much too fast (or, negative, too slow). */
  readonly drift: number
  /** Draws what the node decides by chance; the client's own seed comes from here too. */
  readonly rng: Rng
  readonly disk: Disk
  readonly script: Behaviour | undefined
  client: Client.Client | undefined
  /** `gone`: for good. */
  status: "absent" | "up" | "down" | "gone"
  /** Counts its lives: what was meant for an earlier one finds nobody. */
  life: number
  /** What its connections send on. */
  readonly conns: Map<ConnId, Link>
  /** Dials under way; cancelled ones are taken out. */
  readonly dials: Map<ConnId, number>
  accepted: number
  /** Inputs that came up while its client was busy with another one. */
  readonly pending: Array<Input>
  /** When it will next get a tick; NEVER if none is asked for. */
  wakeAt: Millis
  isComplete: boolean
  /** Nobody hears it until then, or only some; see `Cuts.ts`. */
  cutUntil: Millis
  cut: Cut
  uploadedBytes: number
  downloadedBytes: number
}

/** Who is cut off from a node: everybody or, by a salt, about half of them; both ways, or what the node sends only. */
export interface Cut {
  readonly salt: number
  readonly isOneWay: boolean
}

/** What the parts of the world tell the nodes. None of these is called while a client steps, but for `crowded`. */
export interface Receiver {
  readonly opened: (world: World, node: Node, conn: ConnId) => void
  readonly failed: (world: World, node: Node, conn: ConnId, reason: string) => void
  readonly accepted: (world: World, node: Node, conn: ConnId, address: Address) => void
  /** `bytes` are good until it returns. */
  readonly read: (world: World, node: Node, conn: ConnId, bytes: Bytes) => void
  readonly closed: (world: World, node: Node, conn: ConnId, reason: CloseReason) => void
  readonly crowded: (world: World, node: Node, conn: ConnId, isCongested: boolean) => void
  /** For a node with a client. */
  readonly input: (world: World, node: Node, input: Input) => void
  /** What a node's own clock says. */
  readonly clock: (world: World, node: Node) => Millis
}
