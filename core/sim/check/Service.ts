/**
 * Each request gets one answer: a block only for a request, never to a peer that is choked, and, with the fast extension,
 * a reject for whatever will not be served (BEP 6). None of them is left lying: while it waits, something is being read.
 */
import { type Book, type Conn, keyOf } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"
import type * as Wire from "./Wire.ts"

export const service = (): Rule =>
  rule("service", (fail) => ({
    said: ({ node }, conn, message, { now }) => {
      const fault = faultOf(conn, message)
      if (fault !== undefined) fail(node, now, `on connection ${conn.id} ${fault}`)
    },
    settled: (book, conn, { now }) => {
      const fault = neglect(book, conn)
      if (fault !== undefined) fail(book.node, now, `on connection ${conn.id} ${fault}`)
    },
  }))

const nameOf = ({ begin, length, piece }: Pick<Wire.Block, "piece" | "begin" | "length">): string =>
  `${piece}:${begin}+${length}`

/** What is wrong with an answer. */
const faultOf = (conn: Conn, message: Wire.Message): string | undefined => {
  if (message._tag !== "Payload" && message._tag !== "Reject") return undefined
  if (message._tag === "Payload" && !message.isFirst) return undefined
  const verb = message._tag === "Payload" ? "sends" : "rejects"
  if (conn.waiting.get(keyOf(message)) !== message.length) {
    return `it ${verb} ${nameOf(message)}, which was not asked for or answered before`
  }
  if (message._tag === "Reject" || !conn.amChoking || conn.granted.has(message.piece)) return undefined
  return `it sends ${nameOf(message)} to a peer that it chokes`
}

/** What is wrong with what still waits at the end of a step. */
const neglect = ({ isLimited }: Book, conn: Conn): string | undefined => {
  // Without the fast extension a refusal is silent: what it refused is not known.
  if (conn.waiting.size === 0 || !conn.isFast) return undefined
  if (conn.amChoking) {
    for (const [key, length] of conn.waiting) {
      const piece = Math.floor(key / 2 ** 32)
      if (conn.granted.has(piece)) continue
      const name = nameOf({ piece, begin: key % 2 ** 32, length })
      return `it neither serves nor rejects ${name}, of a peer that it chokes`
    }
  }
  if (conn.reads > 0 || conn.isCongested || isLimited) return undefined
  return `it lets ${conn.waiting.size} requests lie, and reads nothing for them`
}
