/** Which members of a swarm one of them is told of: a choice by chance among those that can be of use. */
import type { Bytes } from "../base/Bytes.ts"
import * as Rng from "../base/Rng.ts"
import type { AnnounceEvent } from "./Announce.ts"
import * as Draw from "./Draw.ts"

/** Whom a peer is told of. */
export type Whom = "anyone" | "leechers first" | "leechers"

/**
 * Seeders have nothing for each other, so of them it is leechers. But aria2, when it comes from a link, says that nothing is
 * left to download as long as it doesn't know how much there is: when it starts, places that leechers leave go to seeders, or
 * it would never find out. Not so for others: they would dial each other for nothing, and Transmission takes whoever comes
 * from the address of a seeder that it was told of for a seeder too, and has nothing for him.
 */
export const whom = (
  { event, leftBytes, peerId }: {
    readonly event: AnnounceEvent
    readonly leftBytes: number
    readonly peerId: Bytes
  },
): Whom => leftBytes !== 0 ? "anyone" : event === "started" && isAria2(peerId) ? "leechers first" : "leechers"

/** `A2-1-36-0-…` */
const isAria2 = (peerId: Bytes): boolean => peerId[0] === 0x41 && peerId[1] === 0x32 && peerId[2] === 0x2d

/**
 * Draws the positions of up to `most` members into `Draw.drawn`; gives how many. Members stand leechers first, then come the
 * seeders; the asker's own position, NONE if it has none, is never drawn. The choice is made anew each time, and costs the
 * same for each one that is drawn.
 */
export const choose = (
  rng: Rng.Rng,
  whom: Whom,
  leechers: number,
  seeders: number,
  asker: number,
  most: number,
): number => {
  if (whom === "anyone") return drawFrom(rng, 0, leechers + seeders, asker, most)
  if (whom === "leechers" || leechers >= most) return drawFrom(rng, 0, leechers, asker, most)
  return drawBehind(rng, leechers, seeders, asker, most)
}

/** Draws up to `most` of the positions from `first` on, but not `skipped`; gives how many. */
const drawFrom = (rng: Rng.Rng, first: number, range: number, skipped: number, most: number): number => {
  const end = first + range
  const others = skipped >= first && skipped < end ? range - 1 : range
  const count = Math.max(0, Math.min(most, others))
  if (count === 0) return 0
  Draw.draw(rng, others, count)
  for (let i = 0; i < count; i++) {
    const position = first + Draw.drawn[i]!
    // The last one stands in for the asker, and is not in the range that is drawn from.
    Draw.drawn[i] = position === skipped ? first + others : position
  }
  return count
}

/** All of the first positions, a seeder not being among them, and what is wanted of those behind them. */
const drawBehind = (
  rng: Rng.Rng,
  first: number,
  range: number,
  skipped: number,
  most: number,
): number => {
  const count = drawFrom(rng, first, range, skipped, most - first)
  Draw.drawn.copyWithin(first, 0, count)
  for (let i = 0; i < first; i++) Draw.drawn[i] = i
  return first + count
}
