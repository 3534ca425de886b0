/** A node never has more connections than it may, nor dials more of them at a time than a home router bears. */
import type { ConnId } from "../../client/Input.ts"
import { books, isCorrect, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import * as Transcript from "./Transcript.ts"

/** Dialled at the same time, for one torrent. */
const MAX_HALF_OPEN = 30

interface Book {
  maxPeers: number
  readonly dialling: Set<ConnId>
  /** Dialled and opened, or accepted and answered. */
  readonly open: Set<ConnId>
}

export const places = (transcript: Transcript.Transcript): Checker =>
  make("places", (fail) => {
    const nodes = books((): Book => ({ maxPeers: Infinity, dialling: new Set(), open: new Set() }))
    return {
      nodeDown: (node) => {
        nodes.forget(node)
        Transcript.forget(transcript, node)
      },
      stepped: (node, input, commands, now) => {
        const { ended, lines } = Transcript.step(transcript, node, input, commands)
        const book = nodes.of(node)
        const { dialling, open } = book
        const before = dialling.size + open.size
        if (input._tag === "Add") book.maxPeers = input.options.maxPeers
        else if (input._tag === "ConnOpened" && dialling.delete(input.conn)) open.add(input.conn)
        for (const conn of ended) {
          dialling.delete(conn)
          open.delete(conn)
        }
        for (const command of commands) if (command._tag === "Dial") dialling.add(command.conn)
        for (const { conn, isOurs, message } of lines) {
          if (isOurs && message._tag === "Handshake") open.add(conn)
        }
        const count = dialling.size + open.size
        if (count <= before || !isCorrect(node)) return
        if (count > book.maxPeers) {
          fail(node, now, `it has ${count} connections, and may have ${book.maxPeers}`)
        }
        if (dialling.size > MAX_HALF_OPEN) {
          fail(node, now, `it dials ${dialling.size} at a time, and may dial ${MAX_HALF_OPEN}`)
        }
      },
    }
  })
