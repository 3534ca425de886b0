/** A node never has more connections than it may, nor dials more of them at a time than a home router bears. */
import type { ConnId } from "../../client/Input.ts"
import { type Rule, rule } from "./Checker.ts"
import * as Ledger from "./Ledger.ts"

/** Dialled at the same time, for one torrent. */
const MAX_HALF_OPEN = 30

interface Page {
  maxPeers: number
  readonly dialling: Set<ConnId>
  /** Dialled and opened, or accepted and answered. */
  readonly open: Set<ConnId>
  /** Of both, before the step. */
  before: number
}

export const places = (): Rule =>
  rule("places", (fail) => {
    const pages = Ledger.make((): Page => ({
      maxPeers: Infinity,
      dialling: new Set(),
      open: new Set(),
      before: 0,
    }))
    return {
      closed: ({ node }) => pages.forget(node),
      before: ({ node }, { input }) => {
        const page = pages.of(node)
        const { dialling, open } = page
        page.before = dialling.size + open.size
        if (input._tag === "Add") page.maxPeers = input.options.maxPeers
        else if (input._tag === "ConnOpened" && dialling.delete(input.conn)) open.add(input.conn)
      },
      said: ({ node }, { id }, message) => {
        if (message._tag === "Handshake") pages.of(node).open.add(id)
      },
      after: ({ node }, { commands, ended, now }) => {
        const { before, dialling, maxPeers, open } = pages.of(node)
        for (const command of commands) if (command._tag === "Dial") dialling.add(command.conn)
        for (const conn of ended) {
          dialling.delete(conn)
          open.delete(conn)
        }
        const count = dialling.size + open.size
        if (count <= before) return
        if (count > maxPeers) fail(node, now, `it has ${count} connections, and may have ${maxPeers}`)
        if (dialling.size > MAX_HALF_OPEN) {
          fail(node, now, `it dials ${dialling.size} at a time, and may dial ${MAX_HALF_OPEN}`)
        }
      },
    }
  })
