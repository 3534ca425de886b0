/** A peer is never asked for more blocks at a time than it said it takes (BEP 10, `reqq`). */
import * as Books from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"

export const outstanding = (): Rule =>
  rule("outstanding", (fail) => ({
    said: ({ node }, conn, message, { input, now }) => {
      if (message._tag !== "Request" || conn.asked.size < conn.reqq) return
      const others = Books.awaited(conn, input.now) - (conn.asked.has(Books.keyOf(message)) ? 1 : 0)
      if (others < conn.reqq) return
      fail(node, now, `on connection ${conn.id} it waits for ${others + 1} of ${conn.reqq} blocks`)
    },
  }))
