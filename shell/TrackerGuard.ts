/**
 * Who may see the tracker's figures: programs and browsers on this machine, unless its owner has them shown to everyone.
 * A page elsewhere could still have a browser on this machine ask, by a name of its own that it lets lead here (DNS
 * rebinding; CVE-2018-5702 was that), so that a request must have been meant for this machine, too.
 */

/** What a request for figures has to say for itself. */
export interface Origin {
  /** It comes from this machine, by the address of the connection. */
  readonly isOwn: boolean
  /** A proxy passed it on, which says so; where from is then anybody's guess. */
  readonly isForwarded: boolean
  /** The header `Host`. */
  readonly authority: string | undefined
}

/** Longer than any name with a port (RFC 1035: 255). */
const MAX_AUTHORITY = 300

/** A literal address, which no other machine can hand out, or a name that always means this machine (RFC 6761). */
const OWN_NAME = /^(?:\[[0-9a-f:.]+\]|\d{1,3}(?:\.\d{1,3}){3}|(?:[a-z0-9-]+\.)*localhost\.?)(?::\d{1,5})?$/i

/** Whether a `Host` can be meant for this machine; browsers always send one, so that none at all is a program's. */
const isOwnName = (authority: string | undefined): boolean =>
  authority === undefined || (authority.length <= MAX_AUTHORITY && OWN_NAME.test(authority))

export type Verdict = "Allowed" | "NotFromHere" | "NotMeantForHere"

/** Whether the figures are for whoever asks. */
export const judge = (isPublic: boolean, { authority, isForwarded, isOwn }: Origin): Verdict => {
  if (isPublic) return "Allowed"
  if (!isOwn || isForwarded) return "NotFromHere"
  return isOwnName(authority) ? "Allowed" : "NotMeantForHere"
}
