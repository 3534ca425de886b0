/** What is known of a torrent of which nothing but the info-hash is known. */
import type { Bytes } from "../../base/Bytes.ts"
import * as Rng from "../../base/Rng.ts"
import { type Millis, NEVER } from "../../base/Time.ts"
import * as Schedules from "../../tracker/Schedules.ts"
import * as Candidates from "../Candidates.ts"
import type { Command } from "../Command.ts"
import type { ConnId, TorrentId } from "../Input.ts"
import * as Lookups from "../Lookups.ts"
import type { Local } from "../State.ts"
import type { Attempt } from "./Attempt.ts"
import type { Contact } from "./Contact.ts"

/** What a magnet link is asked to do. */
export interface Options {
  /** Tiers of announce URLs, those of the link. */
  readonly trackers: ReadonlyArray<ReadonlyArray<string>>
  /** One tracker of every tier hears of us, instead of the first that answers (BEP 12). */
  readonly announceToAllTiers: boolean
  readonly maxPeers: number
  readonly seed: number
  /** Bytes of metadata at most: a peer that claims more is not asked. */
  readonly maxBytes: number
}

/** Connections while metadata is fetched: it comes from a few, and the torrent fills its places by itself. */
const MAX_CONTACTS = 50

/** Big tables inside are updated in place: a step spends its argument. */
export interface Fetching {
  readonly id: TorrentId
  readonly local: Local
  /** 20 bytes. */
  readonly infoHash: Bytes
  /** `found`: the metadata is verified, and the connections wait for the torrent that takes them over. */
  phase: "fetching" | "found" | "stopped"
  readonly contacts: Map<ConnId, Contact>
  readonly maxContacts: number
  readonly maxBytes: number
  /** Contacts that are being dialled. */
  halfOpen: number
  readonly candidates: Candidates.Candidates
  readonly lookups: Lookups.Lookups
  schedules: Schedules.Schedules
  /** When the schedule next wants a tick. */
  announceAt: Millis
  readonly rng: Rng.Rng
  readonly attempts: Array<Attempt>
  /** What contacts said for the torrent to come, all together. */
  keptBytes: number
  /** Claims of a size beyond the limit. */
  oversized: number
  /** Wholes whose hash was wrong. */
  mismatches: number
  /** Bytes of the metadata once it is verified. */
  foundBytes: number
}

/** One step's working set. */
export interface Turn {
  readonly now: Millis
  readonly out: Array<Command>
}

export const make = (
  id: TorrentId,
  local: Local,
  infoHash: Bytes,
  options: Options,
  now: Millis,
): Fetching => {
  const rng = Rng.make(options.seed)
  return {
    id,
    local,
    infoHash,
    phase: "fetching",
    contacts: new Map(),
    maxContacts: Math.min(options.maxPeers, MAX_CONTACTS),
    maxBytes: options.maxBytes,
    halfOpen: 0,
    candidates: Candidates.make(),
    lookups: Lookups.make(local.dhtPort !== undefined, now),
    schedules: Schedules.make({ tiers: options.trackers, isParallel: options.announceToAllTiers, rng }),
    announceAt: NEVER,
    rng,
    attempts: [],
    keptBytes: 0,
    oversized: 0,
    mismatches: 0,
    foundBytes: 0,
  }
}
