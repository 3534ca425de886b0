/**
 * The world keeps its side of the contract: everything that a client asks for is answered once and in time, and nothing
 * comes that nobody asked for. Without this, a run would prove something about a client in a world that doesn't exist.
 */
import { type Millis, MINUTE } from "../../base/Time.ts"
import type { Command } from "../../client/Command.ts"
import type { ConnId, Input } from "../../client/Input.ts"
import type { Scenario } from "../Scenario.ts"
import { type Book, keyOf } from "./Books.ts"
import { type Rule, rule } from "./Checker.ts"
import * as Ledger from "./Ledger.ts"

/** Questions of one kind, by what they are about. */
type Asked = Map<number, { count: number; since: Millis }>

interface Page {
  readonly dials: Asked
  /** By connection. */
  readonly reads: Map<ConnId, Asked>
  readonly hashes: Asked
  readonly blockHashes: Asked
  readonly announces: Asked
  /** Bytes of `Write` commands that have not been reported as written, by piece. */
  readonly writing: Map<number, number>
  /** The furthest numbers of connections that there have been, dialled (1, 2, …) and accepted (-1, -2, …). */
  lastDialled: ConnId
  lastAccepted: ConnId
  /** Its disk has failed: what was asked of it may stay unanswered. */
  hasFailed: boolean
  lookAt: Millis
}

/** Disks and trackers take a while; nothing takes longer but what the scenario makes slow. */
const PATIENCE_MS = 3 * MINUTE

export const answers = (scenario: Scenario): Rule =>
  rule("answers", (fail) => {
    const { diskLatencyMs, partitionMs, stallMs } = scenario.faults
    const patienceMs = PATIENCE_MS + partitionMs + stallMs + 100 * diskLatencyMs
    const pages = Ledger.make((): Page => ({
      dials: new Map(),
      reads: new Map(),
      hashes: new Map(),
      blockHashes: new Map(),
      announces: new Map(),
      writing: new Map(),
      lastDialled: 0,
      lastAccepted: 0,
      hasFailed: false,
      lookAt: patienceMs,
    }))
    return {
      closed: ({ node }) => pages.forget(node),
      after: (book, { commands, ended, input, now }) => {
        const page = pages.of(book.node)
        const fault = take(page, book, input, ended)
        if (fault !== undefined) fail(book.node, now, fault)
        for (const command of commands) ask(page, command, input.now)
        // What is closed needs no answers any more, though some may be on their way.
        for (const conn of ended) {
          page.reads.delete(conn)
          page.dials.delete(conn)
        }
        if (input.now < page.lookAt) return
        page.lookAt = input.now + patienceMs
        for (const [what, since] of overdue(page, input.now - patienceMs)) {
          const waited = Math.round(input.now - since)
          fail(book.node, now, `nobody has answered ${what}, asked ${waited} ms ago`)
        }
      },
    }
  })

const ask = (page: Page, command: Command, now: Millis): void => {
  switch (command._tag) {
    case "Dial":
      if (command.conn > page.lastDialled) page.lastDialled = command.conn
      return expect(page.dials, command.conn, now)
    case "Read": {
      let reads = page.reads.get(command.conn)
      if (reads === undefined) page.reads.set(command.conn, reads = new Map())
      return expect(reads, keyOf(command), now)
    }
    case "Hash":
      return expect(page.hashes, command.piece, now)
    case "HashBlocks":
      return expect(page.blockHashes, command.piece, now)
    case "Announce":
      return expect(page.announces, command.tracker, now)
    case "Write": {
      const { bytes, piece } = command
      page.writing.set(piece, (page.writing.get(piece) ?? 0) + bytes.length)
    }
  }
}

const expect = (asked: Asked, what: number, now: Millis): void => {
  const entry = asked.get(what)
  if (entry === undefined) asked.set(what, { count: 1, since: now })
  else entry.count++
}

/** True if this was asked for. */
const answered = (asked: Asked | undefined, what: number, now: Millis): boolean => {
  const entry = asked?.get(what)
  if (entry === undefined) return false
  entry.since = now
  if (--entry.count === 0) asked!.delete(what)
  return true
}

/** True of a connection that there has been, and of which stragglers may come: numbers are never used again. */
const wasOpen = ({ lastAccepted, lastDialled }: Page, conn: ConnId): boolean =>
  conn > 0 ? conn <= lastDialled : conn >= lastAccepted

/** What is wrong with an input. */
const take = (page: Page, book: Book, input: Input, ended: ReadonlyArray<ConnId>): string | undefined => {
  const { now } = input
  switch (input._tag) {
    case "ConnOpened":
    case "ConnFailed":
      if (answered(page.dials, input.conn, now) || wasOpen(page, input.conn)) return undefined
      return `connection ${input.conn} was not dialled`
    case "ConnAccepted":
      if (input.conn < page.lastAccepted) page.lastAccepted = input.conn
      return undefined
    case "ConnRead":
    case "ConnClosed":
      if (book.conns.has(input.conn) || ended.includes(input.conn) || wasOpen(page, input.conn)) {
        return undefined
      }
      return `connection ${input.conn} was never opened`
    case "BlockRead":
    case "ReadFailed": {
      if (input._tag === "ReadFailed") page.hasFailed = true
      const { begin, conn, piece } = input
      if (answered(page.reads.get(conn), keyOf(input), now) || !isOpen(book, conn, ended)) return undefined
      return `a block came that was not asked for: ${piece}:${begin} for connection ${conn}`
    }
    case "PieceHashed":
      return answered(page.hashes, input.piece, now) ? undefined : unasked(`hash ${input.piece}`)
    case "BlocksHashed":
      return answered(page.blockHashes, input.piece, now) ? undefined : unasked(`hash-blocks ${input.piece}`)
    case "StorageFailed":
      page.hasFailed = true
      return undefined
    case "Written": {
      const left = (page.writing.get(input.piece) ?? 0) - input.bytes
      if (left === 0) page.writing.delete(input.piece)
      else page.writing.set(input.piece, left)
      return left >= 0 ? undefined : `of piece ${input.piece} ${-left} bytes more were written than were sent`
    }
    case "Announced":
    case "AnnounceFailed":
      if (answered(page.announces, input.tracker, now)) return undefined
      return `tracker ${input.tracker} answered what it was not asked`
    default:
      return undefined
  }
}

const isOpen = ({ conns }: Book, conn: ConnId, ended: ReadonlyArray<ConnId>): boolean =>
  conns.has(conn) || ended.includes(conn)

const unasked = (what: string): string => `an answer came that was not asked for: ${what}`

/** What was asked for before a time and never answered, with the time of asking. */
const overdue = function* (page: Page, before: Millis): Generator<readonly [string, Millis]> {
  const old = function* (name: string, asked: Asked): Generator<readonly [string, Millis]> {
    for (const [what, { since }] of asked) if (since <= before) yield [`${name} ${what}`, since]
  }
  yield* old("announce", page.announces)
  yield* old("dial", page.dials)
  // A disk that has failed owes nothing any more.
  if (page.hasFailed) return
  yield* old("hash", page.hashes)
  yield* old("hash-blocks", page.blockHashes)
  for (const [conn, reads] of page.reads) {
    for (const [key, { since }] of reads) {
      if (since > before) continue
      yield [`read ${conn} ${Math.floor(key / 2 ** 32)}:${key % 2 ** 32}`, since]
    }
  }
}
