/**
 * Bytes are neither lost nor made up on the way: what a node hears on a connection is what the other end said, in order
 * and once, and what nodes tell the tracker about their totals is what went over the wires.
 */
import type { ConnId } from "../../client/Input.ts"
import { books, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import * as Transcript from "./Transcript.ts"
import type * as Wire from "./Wire.ts"

/** One direction of a connection between two clients. */
interface Way {
  sentBytes: number
  deliveredBytes: number
  /** Said and not yet heard; the first `heard` of them are done with. */
  readonly said: Array<Wire.Message>
  heard: number
  isBroken: boolean
}

interface Ends {
  readonly out: Way
  readonly in: Way
}

interface Book {
  readonly conns: Map<ConnId, Ends>
  uploadedBytes: number
  downloadedBytes: number
  /** Came with what ended its connection: it may have been read or not. */
  doubtfulBytes: number
}

export const conservation = (transcript: Transcript.Transcript): Checker =>
  make("conservation", (fail) => {
    const nodes = books((): Book => ({
      conns: new Map(),
      uploadedBytes: 0,
      downloadedBytes: 0,
      doubtfulBytes: 0,
    }))
    let blocks = 0
    let hasScripts = false
    return {
      connected: (a, aConn, b, bConn) => {
        // What a scripted peer says is seen by nobody.
        if (a.torrent() === undefined || b.torrent() === undefined) {
          hasScripts = true
          return
        }
        const there = newWay()
        const back = newWay()
        nodes.of(a).conns.set(aConn, { out: there, in: back })
        nodes.of(b).conns.set(bConn, { out: back, in: there })
      },
      disconnected: (a, aConn, b, bConn) => {
        nodes.of(a).conns.delete(aConn)
        nodes.of(b).conns.delete(bConn)
      },
      nodeDown: (node) => {
        nodes.forget(node)
        Transcript.forget(transcript, node)
      },
      delivered: (from, to, toConn, bytes, now) => {
        const way = nodes.of(to).conns.get(toConn)?.in
        if (way === undefined) return
        way.deliveredBytes += bytes.length
        if (way.deliveredBytes <= way.sentBytes || way.isBroken) return
        way.isBroken = true
        const claim = `${way.deliveredBytes} bytes have come from node ${from.index}`
        fail(to, now, `on connection ${toConn} ${claim}, which has sent ${way.sentBytes}`)
      },
      stepped: (node, input, commands, now) => {
        const { ended, lines } = Transcript.step(transcript, node, input, commands)
        const book = nodes.of(node)
        for (const { conn, isOurs, message } of lines) {
          if (message._tag === "Payload") {
            if (isOurs) book.uploadedBytes += message.bytes
            else if (ended.includes(conn)) book.doubtfulBytes += message.bytes
            else book.downloadedBytes += message.bytes
            if (!isOurs && message.isLast) blocks++
            if (!message.isFirst) continue
          }
          const ends = book.conns.get(conn)
          if (ends === undefined) continue
          if (isOurs) ends.out.said.push(message)
          else if (!hear(ends.in, message)) {
            fail(node, now, `on connection ${conn} it hears what was not said, or not next`)
          }
        }
        for (const command of commands) {
          if (command._tag === "Send") {
            const way = book.conns.get(command.conn)?.out
            if (way !== undefined) { for (const chunk of command.chunks) way.sentBytes += chunk.length }
          } else if (command._tag === "Announce") {
            const { downloadedBytes, uploadedBytes } = command.request
            const fault = misreport(book, uploadedBytes, downloadedBytes)
            if (fault !== undefined) fail(node, now, `it tells the tracker ${fault}`)
          }
        }
      },
      ended: (world) => {
        for (const node of world.nodes) {
          const torrent = node.isUp ? node.torrent() : undefined
          if (torrent === undefined) continue
          const { downloadRate, uploadRate } = torrent
          const fault = misreport(nodes.of(node), uploadRate.totalBytes, downloadRate.totalBytes)
          if (fault !== undefined) fail(node, world.now, `it counts ${fault}`)
        }
        if (!hasScripts && blocks > world.deliveries) {
          fail(undefined, world.now, `${blocks} blocks were heard, ${world.deliveries} delivered`)
        }
      },
    }
  })

const newWay = (): Way => ({ sentBytes: 0, deliveredBytes: 0, said: [], heard: 0, isBroken: false })

/** True if this is what the other end said next. One complaint a direction is enough. */
const hear = (way: Way, message: Wire.Message): boolean => {
  if (way.isBroken) return true
  const said = way.said[way.heard++]
  if (way.heard > 64 && way.heard * 2 > way.said.length) {
    way.said.splice(0, way.heard)
    way.heard = 0
  }
  if (said !== undefined && isSame(said, message)) return true
  way.isBroken = true
  return false
}

const isSame = (a: Wire.Message, b: Wire.Message): boolean => {
  if (a._tag !== b._tag) return false
  if ("piece" in a && "piece" in b && a.piece !== b.piece) return false
  if ("begin" in a && "begin" in b) return a.begin === b.begin && a.length === b.length
  return true
}

/** What of these totals of a node's is not what was seen on its wires. */
const misreport = (book: Book, uploadedBytes: number, downloadedBytes: number): string | undefined => {
  const { doubtfulBytes, downloadedBytes: heard, uploadedBytes: said } = book
  if (uploadedBytes !== said) return `${uploadedBytes} bytes up, and has sent ${said}`
  if (downloadedBytes >= heard && downloadedBytes <= heard + doubtfulBytes) return undefined
  return `${downloadedBytes} bytes down, and has received ${heard}`
}
