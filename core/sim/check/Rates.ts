/**
 * No limit that was set is exceeded: over any time, what is read for peers and said to them is at most the rate times
 * that time and a burst; and who overdraws the limit for downloads is not read from until that is paid.
 */
import { type Millis, SECOND } from "../../base/Time.ts"
import type { Command } from "../../client/Command.ts"
import type { ConnId, Input } from "../../client/Input.ts"
import { books, isCorrect, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"
import * as Transcript from "./Transcript.ts"

/** What has been used and not yet earned again; 0 a second: unlimited. */
interface Debt {
  rateBytesPerSec: number
  bytes: number
  at: Millis
}

interface Book {
  readonly up: Debt
  readonly down: Debt
  /** Payload for which a read was charged, and which has not left yet. */
  paidBytes: number
  readonly paused: Set<ConnId>
  /** Guests that have not said which torrent they want, a few bytes each, are nobody's to pay for. */
  readonly greeted: Set<ConnId>
}

/** A limit may be caught up with after a quarter of a second. */
const BURST_MS = 250

/** A block is never cut; and what has to be said is said. */
const ROUNDING_BYTES = 2 * 16_384

export const rates = (transcript: Transcript.Transcript): Checker =>
  make("rates", (fail) => {
    const nodes = books((): Book => ({
      up: newDebt(),
      down: newDebt(),
      paidBytes: 0,
      paused: new Set(),
      greeted: new Set(),
    }))
    return {
      nodeDown: (node) => {
        nodes.forget(node)
        Transcript.forget(transcript, node)
      },
      stepped: (node, input, commands, now) => {
        const book = nodes.of(node)
        if (!isCorrect(node)) return
        setLimits(book, input)
        earn(book.up, input.now)
        earn(book.down, input.now)
        const { ended, lines } = Transcript.step(transcript, node, input, commands)
        let payload = 0
        for (const { conn, isOurs, message } of lines) {
          if (isOurs && message._tag === "Payload") payload += message.bytes
          else if (isOurs && message._tag === "Handshake") book.greeted.add(conn)
        }
        const over = upload(book, input, commands, payload)
        if (over > 0) {
          const { rateBytesPerSec } = book.up
          fail(node, now, `${Math.round(over)} bytes more go up than ${rateBytesPerSec} bytes a second allow`)
        }
        for (const conn of ended) {
          book.paused.delete(conn)
          book.greeted.delete(conn)
        }
        const fault = download(book, input, commands, ended)
        if (fault !== undefined) fail(node, now, fault)
      },
    }
  })

const newDebt = (): Debt => ({ rateBytesPerSec: 0, bytes: 0, at: 0 })

const burst = (debt: Debt): number => debt.rateBytesPerSec * BURST_MS / SECOND

/** Only differences of times are used, so a clock may begin anywhere. */
const earn = (debt: Debt, now: Millis): void => {
  debt.bytes = Math.max(0, debt.bytes - (now - debt.at) * debt.rateBytesPerSec / SECOND)
  debt.at = now
}

const setLimits = ({ down, up }: Book, input: Input): void => {
  const rates = input._tag === "Add"
    ? [input.options.maxUploadRateBytesPerSec, input.options.maxDownloadRateBytesPerSec]
    : input._tag === "TorrentLimits"
    ? [input.uploadRateBytesPerSec, input.downloadRateBytesPerSec]
    : undefined
  if (rates === undefined) return
  for (const [debt, rate] of [[up, rates[0]!], [down, rates[1]!]] as const) {
    earn(debt, input.now)
    // What was free is paid by nobody; and a debt is at most what the new rate's burst forgives.
    if (debt.rateBytesPerSec === 0 || rate < debt.rateBytesPerSec) debt.bytes = 0
    debt.rateBytesPerSec = rate
  }
}

/** Charges what goes up. Returns how much of it is beyond the limit, which holds for payload only. */
const upload = (
  book: Book,
  input: Input,
  commands: ReadonlyArray<Command>,
  payload: number,
): number => {
  const { up } = book
  if (up.rateBytesPerSec === 0) return 0
  const allowed = burst(up) + ROUNDING_BYTES
  let over = 0
  let sent = 0
  for (const command of commands) {
    if (command._tag === "Read") {
      over = Math.max(over, up.bytes - allowed)
      up.bytes += command.length
      book.paidBytes += command.length
    } else if (command._tag === "Send") { for (const chunk of command.chunks) sent += chunk.length }
  }
  const paid = Math.min(book.paidBytes, payload)
  book.paidBytes -= paid
  if (input._tag === "BlockRead" && payload === 0) {
    // Taken back meanwhile: what was read does not leave.
    const refund = Math.min(book.paidBytes, input.bytes.length)
    book.paidBytes -= refund
    up.bytes = Math.max(0, up.bytes - refund)
  }
  up.bytes += sent - paid
  return payload > paid ? Math.max(over, up.bytes - allowed) : over
}

/** Charges what comes down, and sees that who overdraws is paused. */
const download = (
  { down, greeted, paused }: Book,
  input: Input,
  commands: ReadonlyArray<Command>,
  ended: ReadonlyArray<ConnId>,
): string | undefined => {
  if (down.rateBytesPerSec === 0) return undefined
  const isRead = input._tag === "ConnRead" && greeted.has(input.conn) && !ended.includes(input.conn)
  if (isRead) down.bytes += input.bytes.length
  for (const command of commands) {
    if (command._tag === "PauseReads") paused.add(command.conn)
    else if (command._tag === "ResumeReads") {
      paused.delete(command.conn)
      if (down.bytes <= burst(down) + 1) continue
      return `connection ${command.conn} is read again with ${Math.round(down.bytes)} bytes of debt`
    }
  }
  if (!isRead || paused.has(input.conn)) return undefined
  if (down.bytes <= burst(down) + ROUNDING_BYTES) return undefined
  return `connection ${input.conn} is read with ${Math.round(down.bytes)} bytes of debt`
}
