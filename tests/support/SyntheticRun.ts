/**
 * A make-believe run for whoever observes runs: peers that take pieces from each other at even rates, in steps of a
 * quarter of a second. No protocol, no network; but the torrents and peers that an observer may look at are real ones.
 */
import * as Rate from "../../core/base/Rate.ts"
import * as Rng from "../../core/base/Rng.ts"
import type { Command } from "../../core/client/Command.ts"
import * as Geometry from "../../core/metainfo/Geometry.ts"
import type { InfoHash, Metainfo } from "../../core/metainfo/Metainfo.ts"
import type { NodeView, Observer } from "../../core/sim/Observer.ts"
import type { Faults, PeerClass, Scenario } from "../../core/sim/Scenario.ts"
import * as Defaults from "../../core/sim/scenario/Defaults.ts"
import * as Bitfield from "../../core/torrent/Bitfield.ts"
import * as ExternalAddress from "../../core/torrent/ExternalAddress.ts"
import * as Peer from "../../core/torrent/Peer.ts"
import * as State from "../../core/torrent/State.ts"
import * as Throttle from "../../core/torrent/Throttle.ts"

const STEP_MS = 250
const ROUND_MS = 10_000
const BLOCK = new Uint8Array(Geometry.BLOCK_BYTES)

const KIB = 1_024
const MIB = 1_024 * KIB

/** A seeder, leechers on three sorts of lines that come in a flash, some free riders. */
export const scenario = (leechers: number, changes: Partial<Scenario> = {}): Scenario => {
  const some = (part: number): number => Math.max(1, Math.round(leechers * part))
  const like = (name: string, count: number, up: number, down: number): PeerClass => ({
    ...Defaults.leecher,
    name,
    count,
    uploadRateBytesPerSec: up,
    downloadRateBytesPerSec: down,
    arrival: { _tag: "Flash", overMs: 20_000 },
  })
  return Defaults.scenario({
    seed: 42,
    sizeBytes: 32 * MIB,
    pieceBytes: 128 * KIB,
    classes: [
      { ...Defaults.seeder, uploadRateBytesPerSec: 4 * MIB },
      like("fibre", some(0.3), 2 * MIB, 8 * MIB),
      like("cable", some(0.45), 512 * KIB, 4 * MIB),
      like("slow", some(0.15), 128 * KIB, MIB),
      { ...like("free rider", some(0.1), 0, 4 * MIB), behaviour: "free-rider" },
    ],
    ...changes,
  })
}

interface Node extends NodeView {
  isUp: boolean
  state: State.Torrent | undefined
  readonly arrivesAt: number
  /** Bytes of the piece under way. */
  piece: number
  partBytes: number
}

const metainfoOf = ({ pieceBytes, sizeBytes }: Scenario): Metainfo => {
  const geometry = Geometry.make(pieceBytes, [sizeBytes])
  return {
    infoHash: "00".repeat(20) as InfoHash,
    infoHashBytes: new Uint8Array(20),
    infoBytes: new Uint8Array(0),
    name: "synthetic",
    files: [{ path: "synthetic", bytes: sizeBytes, isPadding: false }],
    geometry,
    pieceHashes: new Uint8Array(geometry.pieceCount * 20),
    isPrivate: false,
    trackers: [],
    webSeeds: [],
    warnings: [],
  } as unknown as Metainfo
}

/** Plays a run of `scenario` to its end. What goes wrong in it: a crash now and then, if its faults say so. */
export const play = (scenario: Scenario, observer: Observer): void => {
  const metainfo = metainfoOf(scenario)
  const rng = Rng.make(scenario.seed)
  const nodes: Array<Node> = []
  for (const peerClass of scenario.classes) {
    for (let i = 0; i < peerClass.count; i++) nodes.push(makeNode(nodes.length, peerClass, rng))
  }
  const run: Run = { scenario, metainfo, rng, nodes, observer, now: 0, conns: 0 }
  const isDone = (): boolean =>
    nodes.every((node) => node.peerClass.role === "seeder" || (node.state && State.isComplete(node.state)))
  for (; run.now < scenario.maxVirtualMs && !isDone(); run.now += STEP_MS) turn(run)
  observer.ended?.({ scenario, nodes, now: run.now, deliveries: 0, events: 0 })
}

interface Run {
  readonly scenario: Scenario
  readonly metainfo: Metainfo
  readonly rng: Rng.Rng
  readonly nodes: ReadonlyArray<Node>
  readonly observer: Observer
  now: number
  conns: number
}

const makeNode = (index: number, peerClass: PeerClass, rng: Rng.Rng): Node => {
  const { arrival } = peerClass
  const node: Node = {
    index,
    peerClass,
    address: { host: `10.0.${index >> 8}.${index & 255}`, port: 6_881 },
    isUp: false,
    state: undefined,
    torrent: () => node.state,
    client: () => {
      throw new Error("there is no client in a synthetic run")
    },
    arrivesAt: arrival._tag === "Flash" ? Rng.below(rng, arrival.overMs) : 0,
    piece: -1,
    partBytes: 0,
  }
  return node
}

const turn = (run: Run): void => {
  for (const node of run.nodes) {
    if (
      !node.isUp && node.arrivesAt <= run.now && (node.state === undefined || Rng.below(run.rng, 40) === 0)
    ) {
      arrive(run, node)
    }
    if (node.isUp && node.peerClass.role === "leecher" && crashes(run, run.scenario.faults)) crash(run, node)
  }
  if (run.now % ROUND_MS === 0) { for (const node of run.nodes) if (node.isUp) choose(run, node) }
  for (const node of run.nodes) if (node.isUp) give(run, node)
}

const crashes = ({ rng }: Run, { crashesPerMinute }: Faults): boolean =>
  crashesPerMinute > 0 && Rng.below(rng, 1_000_000) < crashesPerMinute * STEP_MS / 60_000 * 1_000_000

const arrive = (run: Run, node: Node): void => {
  const { metainfo, now, observer } = run
  const { pieceCount } = metainfo.geometry
  const have = node.state?.have ??
    (node.peerClass.role === "seeder" ? Bitfield.full(pieceCount) : Bitfield.make(pieceCount))
  node.state = State.make(
    1,
    {
      peerId: new Uint8Array(20),
      port: 6_881,
      key: 0,
      clientName: "synthetic",
      nextConn: 1,
      external: ExternalAddress.make(6881),
      load: { maxConnections: 100, connections: 0, halfOpen: 0, dials: { left: 100, at: 0 } },
    },
    Throttle.make(now),
    metainfo,
    { ...State.defaults, have, seed: node.index },
    now,
  )
  node.isUp = true
  observer.nodeUp?.(node, now)
  const others = Rng.shuffle(run.rng, run.nodes.filter((other) => other.isUp && other !== node)).slice(0, 15)
  for (const other of others) {
    const conn = ++run.conns
    link(run, node, other, conn)
    link(run, other, node, -conn)
    observer.connected?.(node, conn, other, -conn, now)
  }
}

const link = ({ metainfo, now }: Run, node: Node, other: Node, conn: number): void => {
  const peer = Peer.make(conn, { ...other.address }, conn < 0, metainfo.geometry, now)
  peer.phase = "ready"
  node.state!.peers.set(conn, peer)
}

const crash = (run: Run, node: Node): void => {
  const { nodes, now, observer } = run
  observer.fault?.("crash", node, now)
  for (const peer of node.state!.peers.values()) {
    const other = otherEnd(nodes, peer)
    other.state!.peers.delete(-peer.conn)
    observer.disconnected?.(node, peer.conn, other, -peer.conn, now)
  }
  node.isUp = false
  observer.nodeDown?.(node, now, "crashed")
}

const otherEnd = (nodes: ReadonlyArray<Node>, { address }: Peer.Peer): Node =>
  nodes.find((node) => node.address.host === address.host)!

const otherPeer = (other: Node, peer: Peer.Peer): Peer.Peer => other.state!.peers.get(-peer.conn)!

/** Lets four peers download: three that gave most, and one by chance. */
const choose = (run: Run, node: Node): void => {
  const { nodes, now, observer, rng } = run
  const peers = [...node.state!.peers.values()]
  for (const peer of peers) {
    const other = otherEnd(nodes, peer)
    peer.isInterested = !State.isComplete(other.state!) && node.state!.have.count > 0
    otherPeer(other, peer).amInterested = peer.isInterested
  }
  const wanting = Rng.shuffle(rng, peers.filter((peer) => peer.isInterested))
  const ranked = [...wanting].sort((a, b) =>
    Rate.bytesPerSec(b.downloadRate, now) - Rate.bytesPerSec(a.downloadRate, now)
  )
  const slots = node.peerClass.uploadRateBytesPerSec === 0 ? 0 : 4
  const chosen = new Set([...ranked.slice(0, Math.max(0, slots - 1)), ...wanting].slice(0, slots))
  const commands: Array<Command> = []
  for (const peer of peers) {
    if (peer.amChoking !== chosen.has(peer)) continue
    peer.amChoking = !chosen.has(peer)
    otherPeer(otherEnd(nodes, peer), peer).isChoking = peer.amChoking
    const { address } = peer
    commands.push({
      _tag: "Emit",
      torrent: 1,
      event: peer.amChoking
        ? { _tag: "PeerChoked", address, reason: "no-slot" }
        : { _tag: "PeerUnchoked", address, reason: "optimistic" },
    })
  }
  observer.stepped?.(node, { _tag: "Tick", now }, commands, now)
}

const give = (run: Run, node: Node): void => {
  const open = [...node.state!.peers.values()].filter((peer) => {
    if (peer.amChoking) return false
    const other = otherEnd(run.nodes, peer)
    return other.isUp && nextPiece(run, node, other) >= 0
  })
  for (const peer of open) {
    const other = otherEnd(run.nodes, peer)
    const share = node.peerClass.uploadRateBytesPerSec / open.length
    const limit = other.peerClass.downloadRateBytesPerSec / 4
    const part = 0.75 + Rng.below(run.rng, 50) / 100
    transfer(run, node, other, peer, Math.floor(Math.min(share, limit) * part * STEP_MS / 1_000))
  }
}

const transfer = (run: Run, from: Node, to: Node, peer: Peer.Peer, bytes: number): void => {
  const { metainfo, now, observer } = run
  const back = otherPeer(to, peer)
  for (const rate of [from.state!.uploadRate, peer.uploadRate, to.state!.downloadRate, back.downloadRate]) {
    Rate.add(rate, now, bytes)
  }
  for (let left = bytes; left > 0; left -= BLOCK.length) {
    observer.delivered?.(from, to, back.conn, left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK, now)
  }
  to.partBytes += bytes
  while (to.partBytes >= metainfo.geometry.pieceBytes) {
    to.partBytes -= metainfo.geometry.pieceBytes
    const piece = nextPiece(run, from, to)
    if (piece < 0) return
    Bitfield.set(to.state!.have, piece)
    to.state!.haveBytes += Geometry.pieceLength(metainfo.geometry, piece as Geometry.PieceIndex)
    observer.pieceOnDisk?.(to, piece, true, now)
    if (State.isComplete(to.state!)) observer.completed?.(to, now)
  }
}

/** A piece that one has and the other lacks, from a place of the receiver's own; -1: none. */
const nextPiece = ({ metainfo }: Run, from: Node, to: Node): number => {
  const { pieceCount } = metainfo.geometry
  const start = to.index * 37 % pieceCount
  for (let i = 0; i < pieceCount; i++) {
    const piece = (start + i) % pieceCount
    if (!Bitfield.get(to.state!.have, piece) && Bitfield.get(from.state!.have, piece)) return piece
  }
  return -1
}
