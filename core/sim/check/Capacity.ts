/**
 * No line carries more than it can. What a node was heard to say is never more than an ideal line of its rate could have
 * carried by then, of what it was given to say; and what a node hears, over any time, is at most its rate times that time
 * and a burst. Kept from what goes in and what comes out, of every node: how the world shares a line is its own affair.
 */
import { type Millis, SECOND } from "../../base/Time.ts"
import type { NodeView } from "../Observer.ts"
import { type Rule, rule } from "./Checker.ts"
import * as Ledger from "./Ledger.ts"

/** A connection's turn on a line: who sends slowly for a while is heard all at once at the end of it. */
const TURN_BYTES = 64 * 1024

/** What lies unread where a node has stopped to read a connection, and comes at once when it goes on. */
const WINDOW_BYTES = 1024 * 1024

/** Sums of many small times are not exact. */
const ROUNDING_BYTES = 1

interface Page {
  /** Of what it was given, so much the ideal line has not carried at `givenAt`. */
  givenBytes: number
  backlogBytes: number
  givenAt: Millis
  /** Of that, heard by the others. */
  heardBytes: number
  /** Heard by it, and more than its line has earned by `debtAt`. */
  debtBytes: number
  debtAt: Millis
  /** Connections at a time, now and at most, and whether it has ever stopped to read one. */
  conns: number
  mostConns: number
  hasPaused: boolean
}

export const capacity = (): Rule =>
  rule("capacity", (fail) => {
    const pages = Ledger.make((): Page => ({
      givenBytes: 0,
      backlogBytes: 0,
      givenAt: 0,
      heardBytes: 0,
      debtBytes: 0,
      debtAt: 0,
      conns: 0,
      mostConns: 0,
      hasPaused: false,
    }))
    const give = (node: NodeView, chunks: ReadonlyArray<Uint8Array>, now: Millis): void => {
      const page = pages.of(node)
      carry(page, node, now)
      for (let i = 0; i < chunks.length; i++) {
        page.givenBytes += chunks[i]!.length
        page.backlogBytes += chunks[i]!.length
      }
    }
    return {
      connected: (a, _, b) => {
        join(pages.of(a))
        join(pages.of(b))
      },
      disconnected: (a, _, b) => {
        pages.of(a).conns--
        pages.of(b).conns--
      },
      scripted: (node, _, chunks, now) => give(node, chunks, now),
      stepped: (node, _, commands, now) => {
        for (let i = 0; i < commands.length; i++) {
          const command = commands[i]!
          if (command._tag === "Send") give(node, command.chunks, now)
          else if (command._tag === "PauseReads") pages.of(node).hasPaused = true
        }
      },
      delivered: (from, to, _, bytes, now) => {
        const over = send(pages.of(from), from, bytes.length, now)
        if (over > 0) {
          const { uploadRateBytesPerSec: rate } = from.peerClass
          fail(from, now, `${Math.round(over)} bytes more have left it than ${rate} bytes a second allow`)
        }
        const surplus = receive(pages.of(to), to, bytes.length, now)
        if (surplus > 0) {
          const { downloadRateBytesPerSec: rate } = to.peerClass
          fail(to, now, `${Math.round(surplus)} bytes more have come than ${rate} bytes a second allow`)
        }
      },
    }
  })

const join = (page: Page): void => {
  page.conns++
  if (page.conns > page.mostConns) page.mostConns = page.conns
}

/** Lets the ideal line work until now. */
const carry = (page: Page, { peerClass }: NodeView, now: Millis): void => {
  const carried = (now - page.givenAt) * peerClass.uploadRateBytesPerSec / SECOND
  page.backlogBytes = page.backlogBytes > carried ? page.backlogBytes - carried : 0
  page.givenAt = now
}

/** So many bytes of a node's are heard; returns how many of them cannot have left it. */
const send = (page: Page, node: NodeView, bytes: number, now: Millis): number => {
  if (node.peerClass.uploadRateBytesPerSec === 0) return 0
  page.heardBytes += bytes
  carry(page, node, now)
  return page.heardBytes - (page.givenBytes - page.backlogBytes) - TURN_BYTES - ROUNDING_BYTES
}

/** A node hears so many bytes; returns how many of them cannot have come over its line. */
const receive = (page: Page, { peerClass }: NodeView, bytes: number, now: Millis): number => {
  const rate = peerClass.downloadRateBytesPerSec
  if (rate === 0) return 0
  const earned = (now - page.debtAt) * rate / SECOND
  page.debtBytes = (page.debtBytes > earned ? page.debtBytes - earned : 0) + bytes
  page.debtAt = now
  const perConn = TURN_BYTES + (page.hasPaused ? WINDOW_BYTES : 0)
  return page.debtBytes - page.mostConns * perConn - ROUNDING_BYTES
}
