/**
 * Super-seeding (BEP 16): the first seeder of a torrent pretends to have nothing and shows each peer one piece at a time,
 * each a different one, so that what it uploads is passed on instead of being fetched from it again.
 *
 *      shown ──the peer announces it──▶ passing on ──somebody else announces it──▶ the next one is shown
 *
 * - A piece is shown that no connected peer has and nobody is being shown; which of them, luck decides.
 * - The next one follows when another peer has announced the piece. It follows as well when no other peer lacks the
 *   piece (a lone peer has nobody to pass it on to), and `RELAY_MS` after the peer announced it: those that it passed it
 *   on to may be strangers to us.
 * - A piece that was shown and has not been announced for `STALE_MS` may be shown to another peer, too: one slow peer
 *   must not hold back the last piece.
 * - It is over when each piece has been announced by some connected peer: there is a second copy in the swarm, though
 *   maybe in parts. From then on we are a seeder as any other, which is what serves the swarm best.
 */
import * as Rng from "../base/Rng.ts"
import { type Millis, MINUTE, NEVER } from "../base/Time.ts"
import type { PieceIndex } from "../metainfo/Geometry.ts"
import * as Bitfield from "./Bitfield.ts"
import type { ConnId } from "./Input.ts"

/** A peer that has announced its piece gets another after this time, even if nobody else has announced it. */
export const RELAY_MS: Millis = MINUTE

/** A piece that was shown and not announced within this time may be shown to one more peer. */
export const STALE_MS: Millis = MINUTE

/** What one peer has been shown. */
interface Guest {
  readonly shown: Set<PieceIndex>
  current: PieceIndex | undefined
  shownAt: Millis
  /** When the peer was first seen to have the current piece. */
  announcedAt: Millis | undefined
}

/** Mutable, one owner. */
export interface SuperSeed {
  readonly guests: Map<ConnId, Guest>
  /** Peers have come, gone or announced something since the last {@link reveal}. */
  isDirty: boolean
  /** When time alone lets the next piece be shown. */
  wakeAt: Millis
  /** No piece before this one was without an owner when last looked at. */
  cursor: number
}

/** A connected peer that is no seed. */
export interface Leecher {
  readonly conn: ConnId
  readonly has: Bitfield.Bitfield
}

/** What the torrent knows of its swarm. */
export interface Swarm {
  readonly now: Millis
  readonly pieceCount: number
  readonly leechers: ReadonlyArray<Leecher>
  /** Connected peers that have the piece, seeds included. */
  readonly owners: (piece: PieceIndex) => number
  readonly rng: Rng.Rng
}

export interface Reveal {
  readonly conn: ConnId
  readonly piece: PieceIndex
}

export const make = (): SuperSeed => ({ guests: new Map(), isDirty: false, wakeAt: NEVER, cursor: 0 })

/** The peer may ask for this piece. */
export const isVisible = (seed: SuperSeed, conn: ConnId, piece: PieceIndex): boolean =>
  seed.guests.get(conn)?.shown.has(piece) === true

/** A peer has come, or announced something. */
export const changed = (seed: SuperSeed): void => {
  seed.isDirty = true
}

/** A peer has gone. */
export const left = (seed: SuperSeed, conn: ConnId): void => {
  seed.guests.delete(conn)
  seed.isDirty = true
}

/** True if {@link reveal} may have something to show. */
export const isDue = (seed: SuperSeed, now: Millis): boolean => seed.isDirty || now >= seed.wakeAt

/** Each piece has an owner besides us. Costs little while the same piece has none. */
export const isOver = (seed: SuperSeed, { owners, pieceCount }: Swarm): boolean => {
  while (seed.cursor < pieceCount && owners(seed.cursor as PieceIndex) > 0) seed.cursor++
  if (seed.cursor < pieceCount) return false
  // Owners may have left since the cursor passed.
  seed.cursor = 0
  while (seed.cursor < pieceCount && owners(seed.cursor as PieceIndex) > 0) seed.cursor++
  return seed.cursor === pieceCount
}

/** What each peer is shown now; remembered as shown. */
export const reveal = (seed: SuperSeed, swarm: Swarm): Array<Reveal> => {
  const reveals: Array<Reveal> = []
  seed.isDirty = false
  const waiting = swarm.leechers.filter((leecher) => isReady(seed, leecher, swarm))
  if (waiting.length > 0) {
    const outstanding = shownAt(seed)
    for (const leecher of waiting) {
      const piece = choose(seed, leecher, outstanding, swarm)
      if (piece === undefined) continue
      show(seed, leecher.conn, piece, swarm.now)
      outstanding.set(piece, swarm.now)
      reveals.push({ conn: leecher.conn, piece })
    }
  }
  seed.wakeAt = wakeAt(seed, swarm, waiting.length > reveals.length)
  return reveals
}

/** The peer has passed on what it was shown, or has nobody to pass it on to. */
const isReady = (seed: SuperSeed, leecher: Leecher, { leechers, now, owners }: Swarm): boolean => {
  const guest = seed.guests.get(leecher.conn)
  if (guest?.current === undefined) return true
  const { current } = guest
  const hasIt = Bitfield.get(leecher.has, current)
  if (hasIt) guest.announcedAt ??= now
  if (owners(current) > Number(hasIt)) return true
  if (!hasIt) return false
  return now >= guest.announcedAt! + RELAY_MS || !leechers.some(({ has }) => !Bitfield.get(has, current))
}

/** When each current piece was last shown. */
const shownAt = (seed: SuperSeed): Map<PieceIndex, Millis> => {
  const outstanding = new Map<PieceIndex, Millis>()
  for (const guest of seed.guests.values()) {
    if (guest.current === undefined) continue
    outstanding.set(guest.current, Math.max(guest.shownAt, outstanding.get(guest.current) ?? -Infinity))
  }
  return outstanding
}

/** One of the pieces that nobody has: of those that nobody is being shown, else of those shown long ago. */
const choose = (
  seed: SuperSeed,
  leecher: Leecher,
  outstanding: ReadonlyMap<PieceIndex, Millis>,
  { now, owners, pieceCount, rng }: Swarm,
): PieceIndex | undefined => {
  let best: PieceIndex | undefined
  let bestAt = now - STALE_MS
  let equals = 0
  for (let index = 0; index < pieceCount; index++) {
    const piece = index as PieceIndex
    if (owners(piece) > 0 || Bitfield.get(leecher.has, piece)) continue
    const at = outstanding.get(piece) ?? -Infinity
    if (at > bestAt || isVisible(seed, leecher.conn, piece)) continue
    equals = at < bestAt || best === undefined ? 1 : equals + 1
    bestAt = at
    if (Rng.below(rng, equals) === 0) best = piece
  }
  return best
}

const show = (seed: SuperSeed, conn: ConnId, piece: PieceIndex, now: Millis): void => {
  const guest = seed.guests.get(conn)
  if (guest === undefined) {
    seed.guests.set(conn, { shown: new Set([piece]), current: piece, shownAt: now, announcedAt: undefined })
    return
  }
  guest.shown.add(piece)
  guest.current = piece
  guest.shownAt = now
  guest.announcedAt = undefined
}

const wakeAt = (seed: SuperSeed, { now }: Swarm, isSomebodyIdle: boolean): Millis => {
  let wake = NEVER
  for (const { announcedAt, shownAt } of seed.guests.values()) {
    if (announcedAt !== undefined) wake = Math.min(wake, announcedAt + RELAY_MS)
    else if (isSomebodyIdle) wake = Math.min(wake, shownAt + STALE_MS)
  }
  // What was due already and changed nothing waits for something to happen.
  return wake > now ? wake : NEVER
}
