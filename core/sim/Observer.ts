/**
 * What whoever watches a simulated swarm sees: checkers, statistics, the report. An observer only looks: it is called at
 * once and in order, and a run is the same with it and without.
 */
import type { Address } from "../base/Address.ts"
import type { Bytes } from "../base/Bytes.ts"
import type { Millis } from "../base/Time.ts"
import type * as Client from "../client/Client.ts"
import type { Command } from "../client/Command.ts"
import type { ConnId, Input } from "../client/Input.ts"
import type * as State from "../torrent/State.ts"
import type { PeerClass, Scenario } from "./Scenario.ts"

export interface Observer {
  /** A node has come, or has come back after a crash. */
  readonly nodeUp?: (node: NodeView, now: Millis) => void
  readonly nodeDown?: (node: NodeView, now: Millis, why: "left" | "crashed") => void
  /** After every step of a node's client: the input, on the node's own clock, and all commands. */
  readonly stepped?: (node: NodeView, input: Input, commands: ReadonlyArray<Command>, now: Millis) => void
  /** A peer without a client sends. */
  readonly scripted?: (node: NodeView, conn: ConnId, chunks: ReadonlyArray<Bytes>, now: Millis) => void
  /** `a` has dialled `b`; the numbers are those of each side. */
  readonly connected?: (a: NodeView, aConn: ConnId, b: NodeView, bConn: ConnId, now: Millis) => void
  /** As in `connected`, whoever ended it; what was on its way is lost. */
  readonly disconnected?: (a: NodeView, aConn: ConnId, b: NodeView, bConn: ConnId, now: Millis) => void
  /** Wire bytes, about to be handed to the receiver: at most one read of them, in several parts as they lay on the wire. */
  readonly delivered?: (from: NodeView, to: NodeView, toConn: ConnId, bytes: Bytes, now: Millis) => void
  /** When the node's client says that a piece is verified: whether it is, as the disk knows. */
  readonly pieceOnDisk?: (node: NodeView, piece: number, isRight: boolean, now: Millis) => void
  readonly completed?: (node: NodeView, now: Millis) => void
  /** Something was broken on purpose, or mended; `undefined`: the tracker, or the whole world. */
  readonly fault?: (kind: string, node: NodeView | undefined, now: Millis) => void
  readonly ended?: (world: WorldView) => void
}

/** A node, to be looked at only. */
export interface NodeView {
  readonly index: number
  readonly peerClass: PeerClass
  readonly address: Address
  /** `undefined` where the node has no client: it is down, or a scripted peer. */
  readonly torrent: () => State.Torrent | undefined
  /** Fails for a node that has no client. */
  readonly client: () => Client.Client
  readonly isUp: boolean
}

export interface WorldView {
  readonly scenario: Scenario
  readonly nodes: ReadonlyArray<NodeView>
  readonly now: Millis
  /** PIECE blocks that were delivered whole. */
  readonly deliveries: number
  readonly events: number
}
