/** Whoever is connected and lacks a piece hears of it soon after it is verified, once (BEP 3, HAVE). */
import { type Millis, SECOND } from "../../base/Time.ts"
import type { ConnId } from "../../client/Input.ts"
import * as Bitfield from "../../torrent/Bitfield.ts"
import * as Haves from "../../torrent/Haves.ts"
import type { Book, Conn } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"
import * as Ledger from "./Ledger.ts"
import * as Wire from "./Wire.ts"

/** What a peer may not have been told yet. */
interface Owed {
  readonly conn: ConnId
  readonly piece: number
  /** By the node's own clock. */
  readonly verifiedAt: Millis
}

/** The oldest first; the first `looked` of them are done with. */
interface Page {
  owed: Array<Owed>
  looked: number
}

/** News may wait for so long, and a tick that is asked for may come a little late. */
const PATIENCE_MS: Millis = Haves.MAX_DELAY_MS + SECOND / 10

export const news = (): Rule =>
  rule("news", (fail) => {
    const pages = Ledger.make((): Page => ({ owed: [], looked: 0 }))
    return {
      closed: ({ node }) => pages.forget(node),
      said: ({ node }, { id, told }, message, { now }) => {
        if (message._tag !== "Have" || !Bitfield.get(told, message.piece)) return
        fail(node, now, `on connection ${id} it announces ${Wire.show(message)} a second time`)
      },
      after: (book, { commands, input, now }) => {
        const page = pages.of(book.node)
        for (const command of commands) {
          if (command._tag === "Emit" && command.event._tag === "PieceVerified") {
            owe(page, book, command.event.piece, input.now)
          }
        }
        for (; page.looked < page.owed.length; page.looked++) {
          const { conn, piece, verifiedAt } = page.owed[page.looked]!
          if (verifiedAt + PATIENCE_MS >= input.now) break
          const at = book.conns.get(conn)
          if (at === undefined || !isDue(at, piece)) continue
          fail(
            book.node,
            now,
            `on connection ${conn} it has not said for long that piece ${piece} is verified`,
          )
        }
        if (page.looked === 0 || page.looked * 2 < page.owed.length) return
        page.owed = page.owed.slice(page.looked)
        page.looked = 0
      },
    }
  })

const owe = (page: Page, { conns }: Book, piece: number, verifiedAt: Millis): void => {
  for (const conn of conns.values()) {
    if (!conn.hasHeardHandshake || !conn.hasSaidHandshake || !isDue(conn, piece)) continue
    page.owed.push({ conn: conn.id, piece, verifiedAt })
  }
}

/** It lacks the piece, and was not told. */
const isDue = ({ has, told }: Conn, piece: number): boolean =>
  !Bitfield.get(has, piece) && !Bitfield.get(told, piece)
