/**
 * Bytes are neither lost nor made up on the way: what a node hears on a connection is what the other end said, in order
 * and once, and what nodes tell the tracker about their totals is what went over the wires. Every connection of a watched
 * node is followed, whoever is at the other end: a client, watched or not, or a script.
 */
import type { ConnId } from "../../client/Input.ts"
import type { NodeView } from "../Observer.ts"
import { type Book, isCorrect } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"
import * as Ledger from "./Ledger.ts"
import * as Pipe from "./Pipe.ts"
import * as Wire from "./Wire.ts"

interface Ends {
  readonly out: Pipe.Pipe
  readonly in: Pipe.Pipe
}

/** `watched`: the nodes of which all messages are read anyway; absent: all that have a client. */
export const conservation = (watched?: ReadonlySet<number>): Rule =>
  rule("conservation", (fail) => {
    const pages = Ledger.make(() => new Map<ConnId, Ends>())
    let blocks = 0
    let hasScripts = false
    const isWatched = (node: NodeView): boolean => isCorrect(node) && watched?.has(node.index) !== false

    const hear = (
      node: NodeView,
      conn: ConnId,
      pipe: Pipe.Pipe,
      message: Wire.Message,
      now: number,
    ): void => {
      if (Pipe.hear(pipe, message)) return
      fail(node, now, `on connection ${conn} it hears what was not said, or not next`)
    }
    const send = (node: NodeView, conn: ConnId, chunks: ReadonlyArray<Uint8Array>): void => {
      const pipe = pages.of(node).get(conn)?.out
      if (pipe === undefined) return
      for (const chunk of chunks) pipe.sentBytes += chunk.length
      if (isWatched(node)) return
      for (const chunk of chunks) Wire.read(pipe.mouth, chunk, (message) => Pipe.say(pipe, message))
    }

    return {
      connected: (a, aConn, b, bConn) => {
        if (!isCorrect(a) || !isCorrect(b)) hasScripts = true
        if (!isWatched(a) && !isWatched(b)) return
        const there = Pipe.make()
        const back = Pipe.make()
        pages.of(a).set(aConn, { out: there, in: back })
        pages.of(b).set(bConn, { out: back, in: there })
      },
      disconnected: (a, aConn, b, bConn) => {
        pages.of(a).delete(aConn)
        pages.of(b).delete(bConn)
      },
      nodeDown: (node) => pages.forget(node),
      scripted: send,
      stepped: (node, _, commands) => {
        for (const command of commands) {
          if (command._tag === "Send") send(node, command.conn, command.chunks)
        }
      },
      delivered: (from, to, toConn, bytes, now) => {
        const pipe = pages.of(to).get(toConn)?.in
        if (pipe === undefined) return
        pipe.deliveredBytes += bytes.length
        if (!isWatched(to)) Wire.read(pipe.ear, bytes, (message) => hear(to, toConn, pipe, message, now))
        if (pipe.deliveredBytes <= pipe.sentBytes || pipe.isBroken) return
        pipe.isBroken = true
        const claim = `${pipe.deliveredBytes} bytes have come from node ${from.index}`
        fail(to, now, `on connection ${toConn} ${claim}, which has sent ${pipe.sentBytes}`)
      },
      heard: ({ node }, { id }, message, { now }) => {
        if (message._tag === "Payload" && message.isLast) blocks++
        const pipe = pages.of(node).get(id)?.in
        if (pipe !== undefined) hear(node, id, pipe, message, now)
      },
      said: ({ node }, { id }, message) => {
        const pipe = pages.of(node).get(id)?.out
        if (pipe !== undefined) Pipe.say(pipe, message)
      },
      after: (book, { commands, now }) => {
        for (const command of commands) {
          if (command._tag !== "Announce") continue
          const { downloadedBytes, uploadedBytes } = command.request
          const fault = misreport(book, uploadedBytes, downloadedBytes)
          if (fault !== undefined) fail(book.node, now, `it tells the tracker ${fault}`)
        }
      },
      closed: (book, now) => {
        const torrent = book.node.torrent()
        if (torrent === undefined) return
        const { downloadRate, uploadRate } = torrent
        const fault = misreport(book, uploadRate.totalBytes, downloadRate.totalBytes)
        if (fault !== undefined) fail(book.node, now, `it counts ${fault}`)
      },
      ended: ({ deliveries, now }) => {
        // What a script sends bit by bit is not counted as a delivery.
        if (hasScripts || blocks <= deliveries) return
        fail(undefined, now, `${blocks} blocks were heard, ${deliveries} delivered`)
      },
    }
  })

/** What of these totals of a node's is not what was seen on its wires. */
const misreport = (book: Book, uploadedBytes: number, downloadedBytes: number): string | undefined => {
  const { doubtfulBytes, downloadedBytes: heard, uploadedBytes: said } = book
  if (uploadedBytes !== said) return `${uploadedBytes} bytes up, and has sent ${said}`
  if (downloadedBytes >= heard && downloadedBytes <= heard + doubtfulBytes) return undefined
  return `${downloadedBytes} bytes down, and has received ${heard}`
}
