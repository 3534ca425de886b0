/**
 * Who says what when: the handshake first and once, an account of what one has right after it and never again (BEP 3,
 * BEP 6), no message of an extension that the other end doesn't speak, no request without interest or leave, and no
 * change of mind that is none.
 */
import { type Conn, keyOf } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"
import * as Wire from "./Wire.ts"

export const order = (): Rule =>
  rule("order", (fail) => ({
    said: ({ node }, conn, message, { now }) => {
      const fault = faultOf(conn, message)
      if (fault === undefined) return
      fail(node, now, `on connection ${conn.id} it says "${Wire.show(message)}" ${fault}`)
    },
  }))

const ACCOUNTS: ReadonlySet<Wire.Message["_tag"]> = new Set(["Bitfield", "HaveAll", "HaveNone"])
const FAST: ReadonlySet<Wire.Message["_tag"]> = new Set([
  "HaveAll",
  "HaveNone",
  "Suggest",
  "AllowedFast",
  "Reject",
])

/** What is wrong with saying this now. */
const faultOf = (conn: Conn, message: Wire.Message): string | undefined => {
  if (message._tag === "Garbage") return "which is no message"
  if (message._tag === "Handshake") return undefined
  if (!conn.hasSaidHandshake) return "before its handshake"
  if (!conn.hasHeardHandshake) return "before it has heard a handshake"
  const isAccount = ACCOUNTS.has(message._tag)
  if (isAccount && conn.hasSpoken) return "not right after the handshake"
  if (!conn.hasSpoken && conn.isFast && !isAccount) return "before it has said which pieces it has"
  if (!conn.isFast && FAST.has(message._tag)) return "without the fast extension"
  if (message._tag === "Extended" && !conn.isExtended) return "without the extension protocol"
  return changeOf(conn, message)
}

/** Whether the message says anything new, and may be said now. */
const changeOf = (conn: Conn, message: Wire.Message): string | undefined => {
  switch (message._tag) {
    case "Choke":
    case "Unchoke":
      return conn.amChoking === (message._tag === "Choke") ? "again" : undefined
    case "Interested":
    case "NotInterested":
      return conn.amInterested === (message._tag === "Interested") ? "again" : undefined
    case "Request":
      if (!conn.amInterested) return "without being interested"
      return conn.isChoking && !conn.allowed.has(message.piece) ? "while it is choked" : undefined
    case "Cancel":
      return conn.asked.has(keyOf(message)) ? undefined : "though it doesn't wait for that"
    default:
      return undefined
  }
}
