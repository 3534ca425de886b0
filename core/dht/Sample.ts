/**
 * The sample of info-hashes that a node gives to those who index the DHT (BEP 51). Where there are more than one packet
 * holds, it stays the same for half an hour, whoever asks: so nobody gains by asking again.
 */
import { type Bytes, empty } from "../base/Bytes.ts"
import * as Rng from "../base/Rng.ts"
import { type Millis, SECOND } from "../base/Time.ts"
import { MAX_SAMPLES, SAMPLE_INTERVAL_MS } from "./Limits.ts"
import * as NodeId from "./NodeId.ts"
import * as PeerStore from "./PeerStore.ts"

/** Mutable, one owner. */
export interface Sample {
  /** Info-hashes of 20 bytes each, in random order. */
  samples: Bytes
  /** How long they stay. */
  until: Millis
}

export const make = (): Sample => ({ samples: empty, until: -Infinity })

/**
 * What to answer at `now`: up to 20 info-hashes, in random order, so that any first part of them is a sample too; how many
 * there are in all; and when to ask again.
 */
export const take = (
  sample: Sample,
  store: PeerStore.PeerStore,
  now: Millis,
  rng: Rng.Rng,
): { readonly samples: Bytes; readonly sampledFrom: number; readonly intervalSeconds: number } => {
  const sampledFrom = PeerStore.torrentCount(store)
  // As long as all of them fit, everybody gets them all as they are.
  if (now >= sample.until || sampledFrom <= MAX_SAMPLES) {
    sample.samples = draw(store, rng)
    sample.until = sampledFrom > MAX_SAMPLES ? now + SAMPLE_INTERVAL_MS : -Infinity
  }
  const left = sample.until === -Infinity ? SAMPLE_INTERVAL_MS : sample.until - now
  return { samples: sample.samples, sampledFrom, intervalSeconds: Math.ceil(left / SECOND) }
}

/** Selection sampling over positions (Floyd), then a shuffle: no list of all positions is needed. */
const draw = (store: PeerStore.PeerStore, rng: Rng.Rng): Bytes => {
  const total = PeerStore.torrentCount(store)
  const positions = new Set<number>()
  for (let bound = Math.max(0, total - MAX_SAMPLES) + 1; bound <= total; bound++) {
    const position = Rng.below(rng, bound)
    positions.add(positions.has(position) ? bound - 1 : position)
  }
  const samples = new Uint8Array(positions.size * NodeId.BYTES)
  Rng.shuffle(rng, [...positions]).forEach((position, i) =>
    samples.set(PeerStore.infoHashAt(store, position), i * NodeId.BYTES)
  )
  return samples
}
