/** Stories for checkers, told by hand: what a client hears and does, step by step, with no world around it. */
import * as Bytes from "../../../../core/base/Bytes.ts"
import type * as Client from "../../../../core/client/Client.ts"
import type { Command } from "../../../../core/client/Command.ts"
import type { ConnId, Input } from "../../../../core/client/Input.ts"
import type { PieceIndex } from "../../../../core/metainfo/Geometry.ts"
import type { Metainfo } from "../../../../core/metainfo/Metainfo.ts"
import type { Rule } from "../../../../core/sim/check/Checker.ts"
import * as Frame from "../../../../core/sim/check/Frame.ts"
import type { NodeView, WorldView } from "../../../../core/sim/Observer.ts"
import type { Faults, PeerClass, Scenario } from "../../../../core/sim/Scenario.ts"
import * as Bitfield from "../../../../core/torrent/Bitfield.ts"
import * as State from "../../../../core/torrent/State.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import * as Extended from "../../../../core/wire/Extended.ts"
import { torrentOf } from "../../../support/CoreSwarm.ts"

export const BLOCK = 16_384
/** Each piece has two blocks. */
export const PIECE = 2 * BLOCK

export const honest: PeerClass = {
  name: "leecher",
  count: 1,
  role: "leecher",
  uploadRateBytesPerSec: 1_000_000,
  downloadRateBytesPerSec: 1_000_000,
  uploadLimitBytesPerSec: 0,
  downloadLimitBytesPerSec: 0,
  latencyMs: { min: 5, mean: 10 },
  behaviour: "honest",
  choker: { leeching: "tit-for-tat", seeding: "round-robin", slots: 4 },
  strategy: "rarest",
  superSeed: false,
  isBehindNat: false,
  arrival: { _tag: "AtOnce", atMs: 0 },
  departure: { _tag: "Stay" },
}

const calm: Faults = {
  resetsPerMinute: 0,
  stallsPerMinute: 0,
  stallMs: 0,
  partitionsPerMinute: 0,
  partitionMs: 0,
  crashesPerMinute: 0,
  restartMs: 0,
  diskErrorsPerMinute: 0,
  bitFlipsPerGiB: 0,
  diskLatencyMs: 0,
  trackerDownPart: 0,
  clockDriftPart: 0,
  untilMs: 0,
}

export const scenario: Scenario = {
  seed: 1,
  sizeBytes: 10 * PIECE,
  pieceBytes: PIECE,
  classes: [honest],
  faults: calm,
  payload: "shared",
  maxPeers: 3,
  maxVirtualMs: 86_400_000,
}

/** A node that is whatever a test says. */
export const nodeOf = (
  index: number,
  options: { readonly peerClass?: Partial<PeerClass>; readonly torrent?: State.Torrent } = {},
): NodeView => ({
  index,
  peerClass: { ...honest, ...options.peerClass },
  address: { host: `10.0.0.${index + 1}`, port: 6881 },
  torrent: () => options.torrent,
  client: (): Client.Client => {
    throw new Error("this node has no client")
  },
  isUp: true,
})

export type Words = (encoder: Encoder.Encoder) => void

/** What can be said, as functions of an encoder. */
export const say = {
  handshake: (features: Partial<{ fast: boolean; extended: boolean }> = {}): Words => (encoder) =>
    Encoder.handshake(encoder, {
      infoHash: new Uint8Array(20),
      peerId: Bytes.latin1("-XX0000-123456789012"),
      features: { fast: true, extended: true, dht: false, ...features },
    }),
  piece: (piece: number, begin: number, length = BLOCK): Words => (encoder) =>
    Encoder.piece(encoder, piece as PieceIndex, begin, new Uint8Array(length)),
  have: (piece: number): Words => (encoder) => Encoder.have(encoder, piece as PieceIndex),
  bitfield: (...pieces: ReadonlyArray<number>): Words => (encoder) => {
    const bits = Bitfield.make(10)
    for (const piece of pieces) Bitfield.set(bits, piece)
    Encoder.bitfield(encoder, bits.bytes)
  },
  request: (piece: number, begin: number, length = BLOCK): Words => (encoder) =>
    Encoder.request(encoder, piece, begin, length),
  cancel: (piece: number, begin: number, length = BLOCK): Words => (encoder) =>
    Encoder.cancel(encoder, piece, begin, length),
  reject: (piece: number, begin: number, length = BLOCK): Words => (encoder) =>
    Encoder.reject(encoder, piece, begin, length),
  allowedFast: (piece: number): Words => (encoder) => Encoder.allowedFast(encoder, piece as PieceIndex),
  reqq: (reqq: number): Words => (encoder) =>
    Encoder.extended(
      encoder,
      Extended.HANDSHAKE_ID,
      Extended.encodeHandshake({ messages: new Map(), reqq }),
    ),
}

const encode = (words: ReadonlyArray<Words>): ReadonlyArray<Uint8Array> => {
  const encoder = Encoder.make()
  for (const word of words) word(encoder)
  return Encoder.takeChunks(encoder)
}

/** One client's life, as one rule sees it, or as several do. */
export class Story {
  readonly metainfo: Metainfo = torrentOf(PIECE, [10 * PIECE])
  readonly panel: Frame.Panel
  node: NodeView
  now = 0

  constructor(rule: Rule | Frame.Panel, node: NodeView = nodeOf(0)) {
    this.panel = "watch" in rule ? Frame.make([rule]) : rule
    this.node = node
  }

  /** What there has been to complain of so far. */
  get faults(): ReadonlyArray<string> {
    return this.panel.violations().map(({ message }) => message)
  }

  /** The torrent is added, with these pieces. */
  add(options: Partial<State.Options> = {}, ...pieces: ReadonlyArray<number>): this {
    const have = Bitfield.make(10)
    for (const piece of pieces) Bitfield.set(have, piece)
    return this.step({
      _tag: "Add",
      now: this.now,
      torrent: 1,
      metainfo: this.metainfo,
      options: { ...State.defaults, have, seed: 1, ...options },
    })
  }

  step(input: Input, commands: ReadonlyArray<Command> = []): this {
    this.panel.observer.stepped?.(this.node, input, commands, this.now)
    return this
  }

  after(ms: number): this {
    this.now += ms
    return this
  }

  tick(...commands: ReadonlyArray<Command>): this {
    return this.step({ _tag: "Tick", now: this.now }, commands)
  }

  /** A dial that succeeds, with the handshakes and accounts that follow; the peer has these pieces. */
  meet(conn: ConnId, ...words: ReadonlyArray<Words>): this {
    this.tick({ _tag: "Dial", torrent: 1, conn, address: { host: "10.0.0.9", port: 1 } })
    this.step({ _tag: "ConnOpened", now: this.now, conn }, [this.sends(conn, say.handshake())])
    return this.hears(conn, [say.handshake(), ...words], [this.sends(conn, Encoder.haveNone)])
  }

  /** The client reads these words, and asks for this. */
  hears(conn: ConnId, words: ReadonlyArray<Words>, commands: ReadonlyArray<Command> = []): this {
    return this.step(
      { _tag: "ConnRead", now: this.now, conn, bytes: Bytes.concat(encode(words)) },
      commands,
    )
  }

  /** The client says these words on a tick. */
  says(conn: ConnId, ...words: ReadonlyArray<Words>): this {
    return this.tick(this.sends(conn, ...words))
  }

  sends(conn: ConnId, ...words: ReadonlyArray<Words>): Command {
    return { _tag: "Send", conn, chunks: encode(words) }
  }

  /** The piece is hashed, and found good unless told otherwise; the commands of that step follow its own. */
  verifies(piece: number, commands: ReadonlyArray<Command> = [], digest?: Uint8Array): this {
    const index = piece as PieceIndex
    this.tick({ _tag: "Hash", torrent: 1, piece: index })
    return this.step({
      _tag: "PieceHashed",
      now: this.now,
      torrent: 1,
      piece: index,
      digest: digest ?? this.metainfo.pieceHashes.slice(piece * 20, piece * 20 + 20),
    }, [verified(piece), ...commands])
  }
}

export const verified = (piece: number): Command => ({
  _tag: "Emit",
  torrent: 1,
  event: { _tag: "PieceVerified", piece: piece as PieceIndex },
})

export const read = (conn: ConnId, piece: number, begin: number): Command => ({
  _tag: "Read",
  torrent: 1,
  conn,
  piece: piece as PieceIndex,
  begin,
  length: BLOCK,
})

export const blockRead = (now: number, conn: ConnId, piece: number, begin: number): Input => ({
  _tag: "BlockRead",
  now,
  torrent: 1,
  conn,
  piece: piece as PieceIndex,
  begin,
  bytes: new Uint8Array(BLOCK),
})

export const worldOf = (nodes: ReadonlyArray<NodeView>, now: number, deliveries = 0): WorldView => ({
  scenario,
  nodes,
  now,
  deliveries,
  events: 0,
})
