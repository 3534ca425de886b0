/**
 * One try at the metadata: parts of 16 KiB that belong together because their givers claim the same size. When all are
 * there the SHA-1 of the whole decides, since no part can be judged alone.
 *
 *      shared   by all who claim this size and are not suspect
 *      alone    from a single suspect, one of several that gave the parts of a bad whole
 */
import type { Address } from "../../base/Address.ts"
import * as Bytes from "../../base/Bytes.ts"
import type { Millis } from "../../base/Time.ts"
import * as Metadata from "../../wire/ExtendedMetadata.ts"
import type { ConnId } from "../Input.ts"

/** Mutable, one owner. */
export interface Attempt {
  readonly totalBytes: number
  /** The suspect that it is made with; `undefined`: shared. */
  readonly only: ConnId | undefined
  readonly startedAt: Millis
  /** Only what came: nothing is allocated by a size that somebody claims, but for a word a part. */
  readonly parts: Array<Bytes.Bytes | undefined>
  missing: number
  /** How many are asked for each part now. */
  readonly askers: Uint8Array
  /** When each part was asked for last; -Infinity: never. */
  readonly askedAt: Float64Array
  /** Who gave parts, even if it has gone. */
  readonly givers: Map<ConnId, Address>
}

/** Nothing is there yet. `totalBytes` is within the limit. */
export const make = (totalBytes: number, only: ConnId | undefined, now: Millis): Attempt => {
  const count = Metadata.partCount(totalBytes)
  return {
    totalBytes,
    only,
    startedAt: now,
    parts: new Array<Bytes.Bytes | undefined>(count).fill(undefined),
    missing: count,
    askers: new Uint8Array(count),
    askedAt: new Float64Array(count).fill(-Infinity),
    givers: new Map(),
  }
}

/** How long a part may be waited for before somebody else is asked as well: silence must not cost its whole time-out. */
export const HASTE_MS: Millis = 1_000

/** Who is asked for the same part at a time, at most. */
const MAX_ASKERS = 8

/**
 * The part to ask for next: the first that nobody is asked for, else the one that is waited for longest, if for
 * {@link HASTE_MS}. `isAsked` are those that the same peer owes already.
 */
export const next = (
  attempt: Attempt,
  isAsked: (part: number) => boolean,
  now: Millis,
): number | undefined => {
  let best: number | undefined
  for (let part = 0; part < attempt.parts.length; part++) {
    if (attempt.parts[part] !== undefined || isAsked(part)) continue
    if (attempt.askers[part] === 0) return part
    if (attempt.askers[part]! >= MAX_ASKERS || now < attempt.askedAt[part]! + HASTE_MS) continue
    if (best === undefined || attempt.askedAt[part]! < attempt.askedAt[best]!) best = part
  }
  return best
}

/** When {@link next} would find something that it does not find now. */
export const nextHaste = (attempt: Attempt, isAsked: (part: number) => boolean): Millis => {
  let at = Infinity
  for (let part = 0; part < attempt.parts.length; part++) {
    if (attempt.parts[part] !== undefined || isAsked(part) || attempt.askers[part]! >= MAX_ASKERS) continue
    at = Math.min(at, attempt.askedAt[part]! + HASTE_MS)
  }
  return at
}

/** Somebody is asked for a part. */
export const ask = (attempt: Attempt, part: number, now: Millis): void => {
  attempt.askers[part]!++
  attempt.askedAt[part] = now
}

/** Somebody is waited for no longer, whether it has answered or not. */
export const release = (attempt: Attempt, part: number): void => {
  if (attempt.askers[part]! > 0) attempt.askers[part]!--
}

/** Takes a part of the right length; false if it is there already. */
export const give = (
  attempt: Attempt,
  part: number,
  bytes: Bytes.Bytes,
  conn: ConnId,
  address: Address,
): boolean => {
  if (attempt.parts[part] !== undefined) return false
  attempt.parts[part] = bytes
  attempt.missing--
  attempt.givers.set(conn, address)
  return true
}

/** Bytes that are there. */
export const haveBytes = ({ missing, parts, totalBytes }: Attempt): number => {
  if (missing === 0) return totalBytes
  let bytes = 0
  for (const part of parts) bytes += part?.length ?? 0
  return bytes
}

/** The whole, once nothing is missing. */
export const whole = ({ parts }: Attempt): Bytes.Bytes =>
  Bytes.concat(parts.map((part) => part ?? Bytes.empty))
