/** The picker against a naive one made of sets, which recomputes everything at every question. */
import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Rng from "../../../core/base/Rng.ts"
import * as Geometry from "../../../core/metainfo/Geometry.ts"
import type { BlockIndex, PieceIndex } from "../../../core/metainfo/Geometry.ts"
import * as Bitfield from "../../../core/torrent/Bitfield.ts"
import * as Picker from "../../../core/torrent/Picker.ts"
import { RANDOM_FIRST_PIECES } from "../../../core/torrent/Strategy.ts"
import * as Pictures from "../../support/Pictures.ts"

interface Peer {
  readonly key: number
  readonly has: Bitfield.Bitfield
  readonly isSeed: boolean
  isOnParole: boolean
}

interface Model {
  readonly have: Set<number>
  wanted: Set<number>
  readonly requests: Map<BlockIndex, Set<number>>
  readonly senders: Map<BlockIndex, number>
  /** Per piece the peer on parole that it is reserved for. */
  readonly owners: Map<number, number>
  readonly peers: Map<number, Peer>
}

interface World {
  readonly rng: Rng.Rng
  readonly geometry: Geometry.Geometry
  readonly picker: Picker.Picker
  readonly model: Model
  nextKey: number
}

const PEERS = 6

const create = (seed: number): World => {
  const rng = Rng.make(seed)
  const blocksPerPiece = 1 + Rng.below(rng, 5)
  const pieceCount = 1 + Rng.below(rng, 12) // few, so that everything meets
  const lastBlocks = 1 + Rng.below(rng, blocksPerPiece)
  const geometry = Pictures.geometry(
    ".".repeat(blocksPerPiece).concat(" ").repeat(pieceCount - 1) + ".".repeat(lastBlocks),
  )
  const have = randomBits(rng, geometry.pieceCount, 0.1)
  const wanted = randomBits(rng, geometry.pieceCount, 0.9)
  const strategy = (["sequential", "rarest", "random"] as const)[Rng.below(rng, 3)]!
  return {
    rng,
    geometry,
    picker: Picker.make(geometry, { have, wanted, strategy, rng: Rng.make(seed) }),
    model: {
      have: new Set(Bitfield.pieces(have)),
      wanted: new Set(Bitfield.pieces(wanted)),
      requests: new Map(),
      senders: new Map(),
      owners: new Map(),
      peers: new Map(),
    },
    nextKey: 0,
  }
}

const randomBits = (rng: Rng.Rng, length: number, share: number): Bitfield.Bitfield => {
  const field = Bitfield.make(length)
  for (let i = 0; i < length; i++) if (Rng.below(rng, 1000) < share * 1000) Bitfield.set(field, i)
  return field
}

// The naive picker.

const blocksOf = ({ geometry }: World, piece: PieceIndex): Array<BlockIndex> =>
  Array.from(
    { length: Geometry.blockCount(geometry, piece) },
    (_, i) => Geometry.blockAt(geometry, piece, i * Geometry.BLOCK_BYTES),
  )

const requesters = ({ model }: World, block: BlockIndex): ReadonlySet<number> =>
  model.requests.get(block) ?? new Set()

const isFree = (world: World, block: BlockIndex): boolean =>
  requesters(world, block).size === 0 && !world.model.senders.has(block)

const workers = (world: World, piece: PieceIndex): Set<number> => {
  const found = new Set<number>()
  for (const block of blocksOf(world, piece)) {
    for (const peer of requesters(world, block)) found.add(peer)
    const sender = world.model.senders.get(block)
    if (sender !== undefined) found.add(sender)
  }
  return found
}

const isStarted = (world: World, piece: PieceIndex): boolean => workers(world, piece).size > 0

const owes = (world: World, piece: PieceIndex, peer: number): boolean =>
  blocksOf(world, piece).some((block) => requesters(world, block).has(peer))

const STAGES = ["own", "started", "fresh", "orphan", "duplicate"] as const
type Stage = typeof STAGES[number]

/** Why this block may be picked, or `undefined`: the rules, one by one. */
const stageOf = (world: World, context: Picker.PickContext, block: BlockIndex): Stage | undefined => {
  const { model } = world
  const piece = Geometry.blockPiece(world.geometry, block)
  if (model.have.has(piece) || !model.wanted.has(piece) || model.senders.has(block)) return undefined
  if (!Bitfield.get(context.has, piece) || context.only?.has(piece) === false) return undefined
  const asked = requesters(world, block)
  if (asked.has(context.peer) || asked.size >= 2) return undefined
  const owner = model.owners.get(piece)
  const team = workers(world, piece)
  if (asked.size === 1) {
    return context.mayDuplicate && !context.isExclusive && (owner === undefined || context.mayTakeOver)
      ? "duplicate"
      : undefined
  }
  if (team.size === 0) return "fresh"
  if (context.isExclusive) return team.size === 1 && team.has(context.peer) ? "own" : undefined
  if (owner !== undefined && owner !== context.peer) {
    return owes(world, piece, owner) && !context.mayTakeOver ? undefined : "orphan"
  }
  return team.has(context.peer) ? "own" : "started"
}

/** Compares a pick with all that could have been picked. */
const checkPick = (world: World, context: Picker.PickContext, picked: ReadonlyArray<BlockIndex>): void => {
  const { geometry, picker } = world
  expect(new Set(picked).size).toBe(picked.length)
  const candidates = new Map<Stage, number>()
  for (const piece of Geometry.pieces(geometry)) {
    for (const block of blocksOf(world, piece)) {
      const stage = stageOf(world, context, block)
      if (stage !== undefined) candidates.set(stage, (candidates.get(stage) ?? 0) + 1)
    }
  }
  const stages = picked.map((block) => stageOf(world, context, block))
  let at = 0
  for (const stage of STAGES) {
    const expected = Math.min(candidates.get(stage) ?? 0, context.count - at)
    expect(stages.slice(at, at + expected)).toEqual(new Array(expected).fill(stage))
    at += expected
  }
  expect(picked.length).toBe(at)

  // A piece's blocks come together and in order, from its first free one.
  const byStage = (stage: Stage) => picked.filter((_, i) => stages[i] === stage)
  for (const stage of ["own", "started", "fresh", "orphan"] as const) {
    const blocks = byStage(stage)
    for (const piece of new Set(blocks.map((block) => Geometry.blockPiece(geometry, block)))) {
      const free = blocksOf(world, piece).filter((block) => isFree(world, block))
      const from = blocks.findIndex((block) => Geometry.blockPiece(geometry, block) === piece)
      const mine = blocks.filter((block) => Geometry.blockPiece(geometry, block) === piece)
      expect(blocks.slice(from, from + mine.length)).toEqual(free.slice(0, mine.length))
    }
  }

  // The order of the strategy.
  const pieces = (
    stage: Stage,
  ) => [...new Set(byStage(stage).map((block) => Geometry.blockPiece(geometry, block)))]
  const left = (stage: Stage) => {
    const all = [...Geometry.pieces(geometry)].filter((piece) =>
      blocksOf(world, piece).some((block) => stageOf(world, context, block) === stage)
    )
    return all.filter((piece) => !pieces(stage).includes(piece))
  }
  const expectOrder = (stage: Stage, rank: (piece: PieceIndex) => number) => {
    const taken = pieces(stage).map(rank)
    expect(taken).toEqual(taken.slice().sort((a, b) => a - b))
    if (taken.length > 0) {
      expect(left(stage).filter((piece) => rank(piece) < taken[taken.length - 1]!)).toEqual([])
    }
  }
  if (picker.strategy === "sequential") {
    expectOrder("started", (piece) => piece)
    if (context.only === undefined) expectOrder("fresh", (piece) => piece)
    return
  }
  expectOrder("started", (piece) => blocksOf(world, piece).filter((block) => isFree(world, block)).length)
  if (picker.strategy === "random") return
  const isSuggested = (piece: PieceIndex) => context.suggested?.has(piece) === true
  if (context.only !== undefined) expectOrder("fresh", (piece) => isSuggested(piece) ? 0 : 1)
  else if (world.model.have.size >= RANDOM_FIRST_PIECES) {
    expectOrder("fresh", (piece) => isSuggested(piece) ? -1 : naiveAvailability(world, piece))
  }
}

const naiveAvailability = ({ model }: World, piece: PieceIndex): number =>
  [...model.peers.values()].filter((peer) => Bitfield.get(peer.has, piece)).length

/** Everything that the picker tells, and the invariants of its tables. */
const checkState = (world: World): void => {
  const { geometry, model, picker } = world
  const all = [...Geometry.pieces(geometry)]
  const peers = [...model.peers.values()]
  const missing = all.filter((piece) => model.wanted.has(piece) && !model.have.has(piece))
  const hasBlock = (piece: PieceIndex, block: BlockIndex) => model.have.has(piece) || model.senders.has(block)
  expect({
    drawing: Pictures.draw(picker),
    availability: all.map((piece) => Picker.availability(picker, piece)),
    isWanted: all.map((piece) => Picker.isWanted(picker, piece)),
    isComplete: all.map((piece) => Picker.isComplete(picker, piece)),
    isReceived: all.map((piece) => blocksOf(world, piece).map((block) => Picker.isReceived(picker, block))),
    missing: Picker.missingWanted(picker),
    isEndGame: Picker.isEndGame(picker),
    isInteresting: peers.map((peer) => Picker.firstInteresting(picker, peer.has) !== undefined),
  }).toEqual({
    drawing: naiveDrawing(world),
    availability: all.map((piece) => naiveAvailability(world, piece)),
    isWanted: all.map((piece) => model.wanted.has(piece)),
    isComplete: all.map((piece) => blocksOf(world, piece).every((block) => hasBlock(piece, block))),
    isReceived: all.map((piece) => blocksOf(world, piece).map((block) => hasBlock(piece, block))),
    missing: missing.length,
    isEndGame: missing.every((piece) => blocksOf(world, piece).every((block) => !isFree(world, block))),
    isInteresting: peers.map((peer) => missing.some((piece) => Bitfield.get(peer.has, piece))),
  })
  checkOrder(world, missing.filter((piece) => !isStarted(world, piece)))
  checkPartials(world, all.filter((piece) => !model.have.has(piece) && isStarted(world, piece)))
}

/** Exactly the wanted free pieces are listed, each within the borders of its bucket. */
const checkOrder = ({ geometry, picker }: World, listed: ReadonlyArray<PieceIndex>): void => {
  const { counts, ends, lowest, order, position } = picker.availability
  const places = listed.map((piece) => position[piece]!)
  const isInBucket = (piece: PieceIndex) =>
    position[piece]! >= (ends[counts[piece]! - 1] ?? 0) && position[piece]! < ends[counts[piece]!]!
  expect({
    listed: [...Bitfield.pieces(picker.availability.listed)],
    lowest,
    size: ends[ends.length - 1],
    atPlaces: places.map((at) => order[at]),
    unlisted: [...position].filter((at) => at < 0).length,
    misplaced: listed.filter((piece) => !isInBucket(piece)),
  }).toEqual({
    listed,
    lowest: listed[0] ?? geometry.pieceCount,
    size: listed.length,
    atPlaces: listed,
    unlisted: geometry.pieceCount - listed.length,
    misplaced: [],
  })
}

const byNumber = (items: Iterable<number>): Array<number> => [...items].sort((a, b) => a - b)

const checkPartials = (world: World, started: ReadonlyArray<PieceIndex>): void => {
  const { model, picker } = world
  const { list, openCount, slots } = picker.partials
  expect(byNumber(list.map((partial) => partial.piece))).toEqual(started)
  expect(list.map((partial, slot) => ({
    slot: slots[partial.piece],
    freeCount: partial.freeCount,
    isOpen: slot < openCount,
    peers: byNumber(partial.peers),
    shares: partial.shares.reduce((sum, share) => sum + share, 0),
    contributors: Picker.isComplete(picker, partial.piece)
      ? byNumber(Picker.contributors(picker, partial.piece))
      : undefined,
    owner: partial.owner,
  }))).toEqual(list.map(({ piece }, slot) => {
    const freeCount = blocksOf(world, piece).filter((block) => isFree(world, block)).length
    const peers = byNumber(workers(world, piece))
    return {
      slot,
      freeCount,
      isOpen: freeCount > 0 && model.wanted.has(piece),
      peers,
      shares: blocksOf(world, piece).reduce(
        (sum, block) => sum + requesters(world, block).size + (model.senders.has(block) ? 1 : 0),
        0,
      ),
      contributors: blocksOf(world, piece).every((block) => model.senders.has(block)) ? peers : undefined,
      owner: model.owners.get(piece),
    }
  }))
}

const naiveDrawing = (world: World): string =>
  [...Geometry.pieces(world.geometry)].map((piece) =>
    blocksOf(world, piece).map((block) => {
      const asked = [...requesters(world, block)]
      const sender = world.model.senders.get(block)
      if (world.model.have.has(piece)) return "#"
      if (sender !== undefined) return String.fromCharCode(97 + sender).toUpperCase()
      return asked.length === 0 ? "." : asked.length > 1 ? "+" : String.fromCharCode(97 + asked[0]!)
    }).join("")
  ).join(" ")

// What happens.

const one = <A>(rng: Rng.Rng, items: ReadonlyArray<A>): A | undefined => items[Rng.below(rng, items.length)]

/** Reservations end with the last block that their peer has sent or owes. */
const settleOwners = (world: World): void => {
  for (const [piece, owner] of world.model.owners) {
    if (!workers(world, piece as PieceIndex).has(owner)) world.model.owners.delete(piece)
  }
}

const forgetPiece = (world: World, piece: PieceIndex): void => {
  for (const block of blocksOf(world, piece)) {
    world.model.requests.delete(block)
    world.model.senders.delete(block)
  }
}

const release = (world: World, block: BlockIndex, peer: number): void => {
  Picker.released(world.picker, block, peer)
  world.model.requests.get(block)?.delete(peer)
}

const actions: Record<string, (world: World) => void> = {
  arrive: (world) => {
    const { geometry, model, picker, rng } = world
    if (model.peers.size >= PEERS) return
    const isSeed = Rng.below(rng, 4) === 0
    const has = isSeed ? Bitfield.full(geometry.pieceCount) : randomBits(rng, geometry.pieceCount, 0.5)
    const key = world.nextKey++
    model.peers.set(key, { key, has, isSeed, isOnParole: Rng.below(rng, 4) === 0 })
    if (isSeed) Picker.addSeed(picker)
    else Picker.addPeer(picker, has)
  },
  leave: (world) => {
    const { model, picker, rng } = world
    const peer = one(rng, [...model.peers.values()])
    if (peer === undefined) return
    for (const block of model.requests.keys()) {
      if (requesters(world, block).has(peer.key)) release(world, block, peer.key)
    }
    model.peers.delete(peer.key)
    if (peer.isSeed) Picker.removeSeed(picker)
    else Picker.removePeer(picker, peer.has)
  },
  have: ({ geometry, model, picker, rng }) => {
    const peer = one(rng, [...model.peers.values()].filter((peer) => !peer.isSeed))
    const piece = Geometry.pieceIndex(geometry, Rng.below(rng, geometry.pieceCount))!
    if (peer !== undefined && Bitfield.set(peer.has, piece)) Picker.addHave(picker, piece)
  },
  parole: ({ model, rng }) => {
    const peer = one(rng, [...model.peers.values()])
    if (peer !== undefined) peer.isOnParole = !peer.isOnParole
  },
  pick: (world) => {
    const { geometry, model, picker, rng } = world
    const peer = one(rng, [...model.peers.values()])
    if (peer === undefined) return
    const some = () => new Set(Bitfield.pieces(randomBits(rng, geometry.pieceCount, 0.3)))
    const context: Picker.PickContext = {
      peer: peer.key,
      has: peer.has,
      count: Rng.below(rng, 8),
      isExclusive: peer.isOnParole,
      mayTakeOver: Rng.below(rng, 2) === 0,
      mayDuplicate: Rng.below(rng, 2) === 0,
      ...(Rng.below(rng, 5) === 0 ? { only: some() } : {}),
      ...(Rng.below(rng, 5) === 0 ? { suggested: some() } : {}),
    }
    const before = Picker.fork(picker)
    const seed = Rng.next(rng)
    const picked = Picker.pick(picker, context, Rng.make(seed))
    expect(picker).toEqual(before)
    expect(Picker.pick(before, context, Rng.make(seed))).toEqual(picked)
    checkPick(world, context, picked)
    const sent = Rng.below(rng, picked.length + 1)
    for (const block of Rng.below(rng, 2) === 0 ? picked : picked.slice(0, sent)) {
      Picker.requested(picker, block, peer.key, peer.isOnParole)
      model.requests.set(block, new Set([...requesters(world, block), peer.key]))
      const piece = Geometry.blockPiece(geometry, block)
      if (peer.isOnParole) model.owners.set(piece, peer.key)
      else model.owners.delete(piece)
    }
  },
  receive: (world) => {
    const owed = [...world.model.requests].filter(([, peers]) => peers.size > 0)
    const chosen = one(world.rng, owed)
    if (chosen !== undefined) receive(world, chosen[0], one(world.rng, [...chosen[1]])!)
  },
  receiveUnasked: (world) => {
    const { geometry, model, rng } = world
    const peer = one(rng, [...model.peers.keys()])
    const piece = Geometry.pieceIndex(geometry, Rng.below(rng, geometry.pieceCount))!
    if (peer !== undefined && Rng.below(rng, 4) === 0) receive(world, one(rng, blocksOf(world, piece))!, peer)
  },
  /** Of a request that was made, mostly; otherwise of one that was taken back or answered already. */
  release: (world) => {
    const { geometry, model, rng } = world
    const peer = one(rng, [...model.peers.keys()])
    const piece = Geometry.pieceIndex(geometry, Rng.below(rng, geometry.pieceCount))!
    const block = Rng.below(rng, 2) === 0
      ? one(rng, [...model.requests.keys()])
      : one(rng, blocksOf(world, piece))
    if (block !== undefined && peer !== undefined) release(world, block, peer)
  },
  verdict: (world) => {
    const { geometry, model, picker, rng } = world
    const complete = [...Geometry.pieces(geometry)].filter((piece) =>
      !model.have.has(piece) && Picker.isComplete(picker, piece)
    )
    const piece = one(rng, complete)
    if (piece === undefined) return
    forgetPiece(world, piece)
    if (Rng.below(rng, 4) === 0) return Picker.failed(picker, piece)
    Picker.verified(picker, piece)
    model.have.add(piece)
  },
  /** A recheck of the disk: any piece turns out good, or not. */
  recheck: (world) => {
    const { geometry, model, picker, rng } = world
    const piece = Geometry.pieceIndex(geometry, Rng.below(rng, geometry.pieceCount))!
    const kind = Rng.below(rng, 12)
    if (kind === 0) {
      Picker.lost(picker, piece)
      model.have.delete(piece)
    } else if (kind === 1) {
      Picker.verified(picker, piece)
      model.have.add(piece)
      forgetPiece(world, piece)
    } else if (kind === 2 && !model.have.has(piece)) {
      Picker.failed(picker, piece)
      forgetPiece(world, piece)
    }
  },
  select: ({ geometry, model, picker, rng }) => {
    if (Rng.below(rng, 6) > 0) return
    const wanted = randomBits(rng, geometry.pieceCount, 0.8)
    Picker.setWanted(picker, wanted)
    model.wanted = new Set(Bitfield.pieces(wanted))
  },
}

const receive = (world: World, block: BlockIndex, peer: number): void => {
  const { geometry, model, picker } = world
  const isFresh = !model.have.has(Geometry.blockPiece(geometry, block)) && !model.senders.has(block)
  const others = isFresh ? [...requesters(world, block)].filter((other) => other !== peer) : []
  const receipt = Picker.received(picker, block, peer)
  expect({ ...receipt, others: [...receipt.others].sort() }).toEqual({ isFresh, others: others.sort() })
  if (!isFresh) return
  model.senders.set(block, peer)
  model.requests.delete(block)
}

const step = (world: World): void => {
  const name = one(world.rng, [...Object.keys(actions), "pick", "pick", "receive", "receive"])!
  actions[name]!(world)
  settleOwners(world)
}

const settings = { fastCheck: { numRuns: 60 } }
const runs = [fc.integer(), fc.integer({ min: 1, max: 200 })] as const

describe("the picker", () => {
  it.prop("agrees with a naive one after every step", [...runs], ([seed, steps]) => {
    const world = create(seed)
    checkState(world)
    for (let i = 0; i < steps; i++) {
      step(world)
      checkState(world)
    }
  }, settings)

  it.prop("is not touched by what happens to its fork", [...runs], ([seed, steps]) => {
    const world = create(seed)
    for (let i = 0; i < steps; i++) step(world)
    const fork = Picker.fork(world.picker)
    const snapshot = structuredClone(world.picker)
    expect(fork).toEqual(snapshot)
    for (let i = 0; i < 50; i++) step(world)
    expect(fork).toEqual(snapshot)
  }, settings)

  it.prop("does the same again with the same seed", [...runs], ([seed, steps]) => {
    const [a, b] = [create(seed), create(seed)]
    for (let i = 0; i < steps; i++) {
      step(a)
      step(b)
    }
    expect(a.picker).toEqual(b.picker)
  }, settings)
})
