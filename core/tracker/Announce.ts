/** What a client tells a tracker and what it hears back, the same over HTTP (BEP 3) and UDP (BEP 15). */
import * as Address from "../base/Address.ts"
import { type Bytes, toUtf8 } from "../base/Bytes.ts"
import type { Millis } from "../base/Time.ts"

/** Absent on a regular announce. */
export type AnnounceEvent = "started" | "completed" | "stopped" | undefined

export interface AnnounceRequest {
  /** 20 bytes. */
  readonly infoHash: Bytes
  /** 20 bytes. */
  readonly peerId: Bytes
  /** Where we listen, 1 to 65535. */
  readonly port: number
  /** Payload sent since `started`. */
  readonly uploadedBytes: number
  /** Payload received since `started`. */
  readonly downloadedBytes: number
  /** What is still missing; 0 makes us a seeder. */
  readonly leftBytes: number
  readonly event: AnnounceEvent
  /** Peers that we would like, 0 for none. */
  readonly numWant: number
  /** 32 bits that stay the same while our address changes, and that other peers do not know. */
  readonly key: number
  /** `tracker id` of this tracker's last response that had one; sent back verbatim. */
  readonly trackerId?: string
}

export interface AnnounceResponse {
  /** Until the next regular announce; clamped. */
  readonly intervalMs: Millis
  /** No announce without an event before this has passed; never above `intervalMs`. */
  readonly minIntervalMs?: Millis
  /** As given, duplicates included; ports are 1 to 65535. */
  readonly peers: ReadonlyArray<Address.Address>
  readonly seeders?: number
  readonly leechers?: number
  /** How often the torrent was completed, as far as the tracker knows. */
  readonly downloads?: number
  /** Latin-1, one character a byte, for it need not be text. */
  readonly trackerId?: string
  /** For the user; safe to print. */
  readonly warning?: string
  /** Our own address as the tracker sees it (BEP 24), an IP literal. */
  readonly externalIp?: string
}

/**
 * - `Refused`: the tracker answered and said no.
 * - `HttpStatus`: an HTTP error whose body says nothing that we can read.
 * - `BadReply`: an answer that is not an announce response.
 * - `TooLarge`: the answer passed the limit of bytes, inflated or not.
 * - `Unreachable`: no connection, or it broke before an answer.
 * - `Timeout`: no whole answer in time.
 * - `BadUrl`: not a URL that can be announced to.
 * - `Forbidden`: we don't send a request to where this URL or redirect points.
 * - `LookAlike`: a host whose name has letters beyond ASCII, which may look like another one's (IDNA).
 * - `NoScrape`: the tracker cannot be scraped.
 */
export type FailureReason =
  | "Refused"
  | "HttpStatus"
  | "BadReply"
  | "TooLarge"
  | "Unreachable"
  | "Timeout"
  | "BadUrl"
  | "Forbidden"
  | "LookAlike"
  | "NoScrape"

export interface TrackerFailure {
  readonly reason: FailureReason
  /** One line, safe to print: see {@link printable}. */
  readonly message: string
  /** The tracker's own wish (BEP 31), or `never` where another try cannot help; absent: back off. */
  readonly retryInMs?: Millis | "never"
}

/** Bounds of an interval from a tracker: 0 would make us a flood, 2^31 would silence us for good. */
export const MIN_INTERVAL_MS: Millis = 60_000
export const MAX_INTERVAL_MS: Millis = 24 * 60 * 60_000
/** Where a tracker gives none: what most trackers give. */
export const DEFAULT_INTERVAL_MS: Millis = 30 * 60_000

/** Peers that are kept of one response: five times what anyone asks for, so that a hostile list costs little. */
export const MAX_PEERS = 1_000

/** Characters kept of a tracker's message: a paragraph, while a hostile one may be as long as the whole reply. */
export const MAX_MESSAGE_LENGTH = 300

/**
 * Text of a tracker as one line that can be printed: control, formatting (also right-to-left overrides) and line
 * separator characters become spaces, runs of space one, and the rest is cut at {@link MAX_MESSAGE_LENGTH}.
 */
export const printable = (text: string | Bytes): string => {
  // Cut before the work as well, at 4 bytes a character: a message of 1 MiB is not worth decoding.
  const limit = MAX_MESSAGE_LENGTH * 4
  const head = typeof text === "string" ? text.slice(0, limit) : toUtf8(text.subarray(0, limit))
  const line = head.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, " ").trim()
  const characters = Array.from(line)
  if (characters.length <= MAX_MESSAGE_LENGTH && text.length <= limit) return line
  return `${characters.slice(0, MAX_MESSAGE_LENGTH - 1).join("")}…`
}

/** A {@link TrackerFailure} whose message is made {@link printable}. */
export const failure = (
  reason: FailureReason,
  message: string | Bytes,
  retryInMs?: Millis | "never",
): TrackerFailure => ({
  reason,
  message: printable(message),
  ...(retryInMs === undefined ? {} : { retryInMs }),
})

/** An interval in seconds as milliseconds between {@link MIN_INTERVAL_MS} and {@link MAX_INTERVAL_MS}. */
export const clampInterval = (seconds: number): Millis =>
  Math.min(Math.max(seconds * 1_000, MIN_INTERVAL_MS), MAX_INTERVAL_MS)

/**
 * Up to {@link MAX_PEERS} peers of 6 bytes each (BEP 23) or, of family 6, of 18 (BEP 7). Peers with port 0 and one that
 * is cut off are left out.
 */
export const compactPeers = (bytes: Bytes, family: 4 | 6): Array<Address.Address> => {
  const [size, read] = family === 4 ? [6, Address.fromCompact4] as const : [18, Address.fromCompact6] as const
  const peers: Array<Address.Address> = []
  for (let at = 0; at + size <= bytes.length && peers.length < MAX_PEERS; at += size) {
    const peer = read(bytes, at)
    if (peer.port > 0) peers.push(peer)
  }
  return peers
}

/**
 * What a tracker said over IPv4 and over IPv6, at least one of them, as one answer: the peers of both, the longer wait,
 * and the larger figures, for the two swarms share most of their peers.
 */
export const merge = (responses: ReadonlyArray<AnnounceResponse>): AnnounceResponse => {
  const largest = (figures: ReadonlyArray<number | undefined>): number | undefined => {
    const known = figures.filter((figure) => figure !== undefined)
    return known.length === 0 ? undefined : Math.max(...known)
  }
  const seeders = largest(responses.map((response) => response.seeders))
  const leechers = largest(responses.map((response) => response.leechers))
  return {
    intervalMs: Math.max(...responses.map(({ intervalMs }) => intervalMs)),
    peers: responses.flatMap(({ peers }) => peers),
    ...(seeders === undefined ? {} : { seeders }),
    ...(leechers === undefined ? {} : { leechers }),
  }
}
