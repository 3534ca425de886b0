/**
 * The world keeps its side of the contract: everything that a client asks for is answered once and in time, and nothing
 * comes that nobody asked for. Without this, a run would prove something about a client in a world that doesn't exist.
 */
import { type Millis, MINUTE } from "../../base/Time.ts"
import type { Command } from "../../client/Command.ts"
import type { ConnId, Input } from "../../client/Input.ts"
import type { Scenario } from "../Scenario.ts"
import { books, make } from "./Books.ts"
import type { Checker } from "./Checker.ts"

interface Book {
  /** Everything asked for and not answered, by what will answer it, with the time of asking. */
  readonly asked: Map<string, Array<Millis>>
  /** Bytes of `Write` commands that have not been reported as written, by piece. */
  readonly writing: Map<number, number>
  readonly open: Set<ConnId>
  /** The client has closed them: what still comes is ignored. */
  readonly closed: Set<ConnId>
  /** Its disk has failed: what was asked of it may stay unanswered. */
  hasFailed: boolean
  lookAt: Millis
}

/** Disks and trackers take a while; nothing takes longer but what the scenario makes slow. */
const PATIENCE_MS = 3 * MINUTE

export const answers = (scenario: Scenario): Checker =>
  make("answers", (fail) => {
    const { diskLatencyMs, partitionMs, stallMs } = scenario.faults
    const patienceMs = PATIENCE_MS + partitionMs + stallMs + 100 * diskLatencyMs
    const nodes = books((): Book => ({
      asked: new Map(),
      writing: new Map(),
      open: new Set(),
      closed: new Set(),
      hasFailed: false,
      lookAt: patienceMs,
    }))
    return {
      nodeDown: (node) => nodes.forget(node),
      stepped: (node, input, commands, now) => {
        const book = nodes.of(node)
        const fault = take(book, input)
        if (fault !== undefined) fail(node, now, fault)
        for (const command of commands) ask(book, command, input.now)
        if (input.now < book.lookAt) return
        book.lookAt = input.now + patienceMs
        for (const [what, times] of book.asked) {
          if (input.now - times[0]! < patienceMs || (book.hasFailed && !what.startsWith("announce"))) continue
          fail(node, now, `nobody has answered ${what}, asked ${Math.round(input.now - times[0]!)} ms ago`)
        }
      },
    }
  })

const read = (conn: ConnId, piece: number, begin: number): string => `read ${conn} ${piece}:${begin}`

const ask = (book: Book, command: Command, now: Millis): void => {
  switch (command._tag) {
    case "Dial":
      return expect(book, `dial ${command.conn}`, now)
    case "Read":
      return expect(book, read(command.conn, command.piece, command.begin), now)
    case "Hash":
      return expect(book, `hash ${command.piece}`, now)
    case "HashBlocks":
      return expect(book, `hash-blocks ${command.piece}`, now)
    case "Announce":
      return expect(book, `announce ${command.tracker}`, now)
    case "Write": {
      const { bytes, piece } = command
      book.writing.set(piece, (book.writing.get(piece) ?? 0) + bytes.length)
      return
    }
    case "Close":
      return close(book, command.conn)
  }
}

const expect = ({ asked }: Book, what: string, now: Millis): void => {
  const times = asked.get(what)
  if (times === undefined) asked.set(what, [now])
  else times.push(now)
}

/** What a client closes needs no answers any more, though some may be on their way. */
const close = ({ asked, closed, open }: Book, conn: ConnId): void => {
  open.delete(conn)
  closed.add(conn)
  asked.delete(`dial ${conn}`)
  for (const what of asked.keys()) if (what.startsWith(`read ${conn} `)) asked.delete(what)
}

/** True if this was asked for. */
const answered = ({ asked }: Book, what: string): boolean => {
  const times = asked.get(what)
  if (times === undefined) return false
  times.shift()
  if (times.length === 0) asked.delete(what)
  return true
}

/** What is wrong with an input. */
const take = (book: Book, input: Input): string | undefined => {
  switch (input._tag) {
    case "ConnOpened":
    case "ConnFailed":
      if (input._tag === "ConnOpened") book.open.add(input.conn)
      if (answered(book, `dial ${input.conn}`) || book.closed.has(input.conn)) return undefined
      return `connection ${input.conn} was not dialled`
    case "ConnAccepted":
      book.open.add(input.conn)
      return undefined
    case "ConnRead":
    case "ConnClosed": {
      const isOpen = book.open.has(input.conn)
      if (input._tag === "ConnClosed" && isOpen) close(book, input.conn)
      if (isOpen || book.closed.has(input.conn)) return undefined
      return `connection ${input.conn} was never opened`
    }
    case "BlockRead":
    case "ReadFailed": {
      if (input._tag === "ReadFailed") book.hasFailed = true
      const { begin, conn, piece } = input
      if (answered(book, read(conn, piece, begin)) || book.closed.has(conn)) return undefined
      return `a block came that was not asked for: ${piece}:${begin} for connection ${conn}`
    }
    case "PieceHashed":
    case "BlocksHashed": {
      const what = `${input._tag === "PieceHashed" ? "hash" : "hash-blocks"} ${input.piece}`
      return answered(book, what) ? undefined : `an answer came that was not asked for: ${what}`
    }
    case "StorageFailed":
      book.hasFailed = true
      return undefined
    case "Written": {
      const left = (book.writing.get(input.piece) ?? 0) - input.bytes
      book.writing.set(input.piece, left)
      return left >= 0 ? undefined : `of piece ${input.piece} ${-left} bytes more were written than were sent`
    }
    case "Announced":
    case "AnnounceFailed":
      if (answered(book, `announce ${input.tracker}`)) return undefined
      return `tracker ${input.tracker} answered what it was not asked`
    default:
      return undefined
  }
}
