/**
 * No limit that was set is exceeded: over any time, what is read for peers and said to them is at most the rate times
 * that time and a burst; and who overdraws the limit for downloads is not read from until that is paid.
 */
import { type Millis, SECOND } from "../../base/Time.ts"
import type { Input } from "../../client/Input.ts"
import type { Book } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"
import * as Ledger from "./Ledger.ts"
import type { Step } from "./Transcript.ts"

/** What has been used and not yet earned again; 0 a second: unlimited. */
interface Debt {
  rateBytesPerSec: number
  bytes: number
  at: Millis
}

interface Page {
  readonly up: Debt
  readonly down: Debt
  /** Payload for which a read was charged, and which has not left yet. */
  paidBytes: number
}

/** A limit may be caught up with after a quarter of a second. */
const BURST_MS = 250

/** A block is never cut; and what has to be said is said. */
const ROUNDING_BYTES = 2 * 16_384

export const rates = (): Rule =>
  rule("rates", (fail) => {
    const pages = Ledger.make((): Page => ({ up: newDebt(), down: newDebt(), paidBytes: 0 }))
    return {
      closed: ({ node }) => pages.forget(node),
      after: (book, step) => {
        const { node } = book
        const page = pages.of(node)
        const { down, up } = page
        setLimits(page, step.input)
        if (up.rateBytesPerSec > 0) {
          earn(up, step.input.now)
          const over = upload(page, step)
          if (over > 0) {
            const claim = `${Math.round(over)} bytes more go up`
            fail(node, step.now, `${claim} than ${up.rateBytesPerSec} bytes a second allow`)
          }
        }
        if (down.rateBytesPerSec > 0) {
          earn(down, step.input.now)
          const fault = download(down, book, step)
          if (fault !== undefined) fail(node, step.now, fault)
        }
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

const setLimits = ({ down, up }: Page, input: Input): void => {
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
const upload = (page: Page, { commands, input, lines }: Step): number => {
  const { up } = page
  const allowed = burst(up) + ROUNDING_BYTES
  let payload = 0
  for (const { isOurs, message } of lines) {
    if (isOurs && message._tag === "Payload") payload += message.bytes
  }
  let over = 0
  let sent = 0
  for (const command of commands) {
    if (command._tag === "Read") {
      over = Math.max(over, up.bytes - allowed)
      up.bytes += command.length
      page.paidBytes += command.length
    } else if (command._tag === "Send") { for (const chunk of command.chunks) sent += chunk.length }
  }
  const paid = Math.min(page.paidBytes, payload)
  page.paidBytes -= paid
  if (input._tag === "BlockRead" && payload === 0) {
    // Taken back meanwhile: what was read does not leave.
    const refund = Math.min(page.paidBytes, input.bytes.length)
    page.paidBytes -= refund
    up.bytes = Math.max(0, up.bytes - refund)
  }
  up.bytes += sent - paid
  return payload > paid ? Math.max(over, up.bytes - allowed) : over
}

/**
 * Charges what comes down, and sees that who overdraws is paused. Guests that have not said which torrent they want, a few
 * bytes each, are nobody's to pay for.
 */
const download = (down: Debt, { conns }: Book, { commands, input }: Step): string | undefined => {
  const conn = input._tag === "ConnRead" ? conns.get(input.conn) : undefined
  const isRead = input._tag === "ConnRead" && conn?.hasSaidHandshake === true
  if (isRead) down.bytes += input.bytes.length
  for (const command of commands) {
    if (command._tag !== "ResumeReads" || down.bytes <= burst(down) + 1) continue
    return `connection ${command.conn} is read again with ${Math.round(down.bytes)} bytes of debt`
  }
  if (!isRead || conn?.isPaused === true || down.bytes <= burst(down) + ROUNDING_BYTES) return undefined
  return `connection ${input.conn} is read with ${Math.round(down.bytes)} bytes of debt`
}
