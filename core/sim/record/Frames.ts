/** Pictures of who sends to whom and who chokes whom: of some peers only, since pairs grow with the square of them. */
import { peerCount, type Scenario } from "../Scenario.ts"
import type * as Links from "./Links.ts"
import type { Member } from "./Members.ts"
import { PAIR } from "./Recording.ts"
import * as Slots from "./Slots.ts"

/** Peers at most: as many as can be told apart on a circle. */
export const MAX_SAMPLE = 60
const MAX_FRAMES = 150
/** Slots of the recorder that one frame covers. */
const STRIDE = 4

export interface Frames {
  /** Peers by index, in the order in which they came; at most as many as `size`. */
  readonly sample: Array<number>
  readonly size: number
  /** Where each of them stands in the sample. */
  readonly places: Map<number, number>
  /** How many of each class may still be taken, and how many of those that come are passed over between two. */
  readonly quotas: ReadonlyArray<{ left: number; readonly every: number; seen: number }>
  readonly flows: Slots.Slots
  readonly pairs: Slots.Slots
  readonly progress: Slots.Slots
}

/** Every class has its share of the sample, and one place at least as long as there are any. */
export const make = (scenario: Scenario): Frames => {
  const total = peerCount(scenario)
  const size = Math.min(total, MAX_SAMPLE)
  let free = size
  // Small classes first, so that the large ones share what is left.
  const order = scenario.classes.map((_, at) => at)
    .sort((a, b) => scenario.classes[a]!.count - scenario.classes[b]!.count || a - b)
  let unasked = total
  const shares = new Map<number, number>()
  for (const at of order) {
    const { count } = scenario.classes[at]!
    const share = Math.min(count, free, Math.max(1, Math.round(free * count / Math.max(1, unasked))))
    shares.set(at, share)
    free -= share
    unasked -= count
  }
  const table = (columns: number, merge: "sum" | "last") =>
    Slots.make({ capacity: MAX_FRAMES, columns, merge, stride: STRIDE, isCoarse: true })
  return {
    sample: [],
    size,
    places: new Map(),
    quotas: scenario.classes.map(({ count }, at) => {
      const left = shares.get(at)!
      return { left, every: Math.max(1, Math.floor(count / Math.max(1, left))), seen: 0 }
    }),
    flows: table(size * size, "sum"),
    pairs: table(size * size, "last"),
    progress: table(size, "last"),
  }
}

/** A peer has come for the first time: takes it into the sample if it is its class's turn. */
export const consider = (frames: Frames, peer: number, classIndex: number): void => {
  const quota = frames.quotas[classIndex]
  if (quota === undefined || frames.places.has(peer)) return
  const isTurn = quota.seen++ % quota.every === 0
  if (!isTurn || quota.left === 0) return
  quota.left--
  frames.places.set(peer, frames.sample.length)
  frames.sample.push(peer)
}

/** Takes a picture of the sample as it is, as the receivers see it: who sends may be a scripted peer, without a client. */
export const take = (
  frames: Frames,
  tick: number,
  members: ReadonlyArray<Member | undefined>,
  links: Links.Links,
  pieceCount: number,
): void => {
  const { flows, pairs, places, progress, sample, size } = frames
  const row = Slots.rowAt(flows, tick)
  const pairsRow = Slots.rowAt(pairs, tick)
  const progressRow = Slots.rowAt(progress, tick)
  pairs.cells.fill(PAIR.none, pairsRow, pairsRow + size * size)
  progress.cells.fill(-1, progressRow, progressRow + size)
  for (let to = 0; to < sample.length; to++) {
    const member = members[sample[to]!]
    if (member === undefined || !member.isUp) continue
    Slots.put(progress, progressRow, to, pieceCount === 0 ? 1 : member.pieces / pieceCount)
    const peers = member.torrent?.peers
    const ends = links.get(member.node.index)
    if (peers === undefined || ends === undefined) continue
    for (const [conn, end] of ends) {
      const from = places.get(end.other)
      const peer = peers.get(conn)
      if (from === undefined || peer === undefined) continue
      const pair = from * size + to
      const { amInterested, downloadRate: { totalBytes }, isChoking } = peer
      Slots.put(flows, row, pair, totalBytes - end.receivedBytes)
      end.receivedBytes = totalBytes
      if (amInterested) Slots.put(pairs, pairsRow, pair, isChoking ? PAIR.choked : PAIR.unchoked)
    }
  }
}
