/**
 * Nobody who wants something waits for ever: whoever stays connected and interested is unchoked within so many rounds,
 * whatever the choker's policy, by the optimistic slots alone.
 */
import { type Millis, SECOND } from "../../base/Time.ts"
import type { Input } from "../../client/Input.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import { type Book, type Conn, isHonest } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"
import * as Ledger from "./Ledger.ts"

interface Page {
  slots: number
  /** The earliest time at which somebody may have waited too long. */
  lookAt: Millis
  /** Somebody has begun or ceased to wait in this step. */
  isNews: boolean
}

/** An optimistic slot passes on after 30 seconds, at the next of the rounds of 10 seconds (BEP 3). */
const TURN_MS = 40 * SECOND

/** Luck may pass over somebody for two fair shares; then it is first come, first served, for one more share and some. */
const SHARES = 4

/** Every free-for-all has its beginning: connections and interests come in one by one. */
const GRACE_MS = 60 * SECOND

/** One slot of five, at least one, is given without regard to merit. */
const bound = (slots: number, rivals: number): Millis =>
  GRACE_MS + SHARES * TURN_MS * Math.ceil(rivals / Math.max(1, Math.floor(slots / 5)))

const waits = (conn: Conn): boolean => conn.isInterested && conn.amChoking && !Bitfield.isFull(conn.has)

export const starvation = (): Rule =>
  rule("starvation", (fail) => {
    const pages = Ledger.make((): Page => ({ slots: 0, lookAt: Infinity, isNews: false }))
    const begin = (conn: Conn, now: Millis): void => {
      conn.waitsSince = now
      conn.rivals = 1
    }
    return {
      closed: ({ node }) => pages.forget(node),
      before: ({ node }, { ended, input }) => {
        const page = pages.of(node)
        if (input._tag === "Add") page.slots = slotsOf(input)
        page.isNews = ended.length > 0
      },
      heard: (_, conn, message, { input }) => {
        if (message._tag === "Interested" && !conn.isInterested) begin(conn, input.now)
      },
      said: (_, conn, message, { input }) => {
        if (message._tag === "Choke" && !conn.amChoking) begin(conn, input.now)
      },
      settled: ({ node }, conn) => {
        if (waits(conn) === conn.isWaiting) return
        conn.isWaiting = !conn.isWaiting
        pages.of(node).isNews = true
      },
      after: (book, { input, now }) => {
        const { node } = book
        if (!isHonest(node)) return
        const page = pages.of(node)
        if (page.isNews) count(page, book)
        if (input.now < page.lookAt) return
        for (const conn of book.conns.values()) {
          const waitedMs = input.now - conn.waitsSince
          if (!conn.isWaiting || waitedMs <= bound(page.slots, conn.rivals)) continue
          const wait = `${Math.round(waitedMs / SECOND)} s, with at most ${conn.rivals} waiting`
          fail(node, now, `connection ${conn.id} has waited for one of ${page.slots} slots for ${wait}`)
          conn.waitsSince = input.now
        }
        count(page, book)
      },
    }
  })

const slotsOf = ({ options: { choker: { slots } } }: Extract<Input, { readonly _tag: "Add" }>): number =>
  slots._tag === "Fixed" ? slots.slots : slots.min

/** Who waits has that many rivals now; and when the first of them would have waited too long. */
const count = (page: Page, { conns }: Book): void => {
  let waiting = 0
  for (const conn of conns.values()) if (conn.isWaiting) waiting++
  page.lookAt = Infinity
  for (const conn of conns.values()) {
    if (!conn.isWaiting) continue
    conn.rivals = Math.max(conn.rivals, waiting)
    page.lookAt = Math.min(page.lookAt, conn.waitsSince + bound(page.slots, conn.rivals))
  }
}
