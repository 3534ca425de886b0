/**
 * What all checkers have in common: it keeps the books of the watched nodes, reads each of their steps once, and shows
 * every rule what it wants to see.
 *
 *      step ──▶ before ──▶ books take it ──▶ heard, said (books as before each) ──▶ settled ──▶ after
 */
import type { Millis } from "../../base/Time.ts"
import type { Command } from "../../client/Command.ts"
import type { ConnId, Input } from "../../client/Input.ts"
import type { NodeView, Observer } from "../Observer.ts"
import * as Books from "./Books.ts"
import type { Checker, Fail, Rule, Sight, Violation } from "./Checker.ts"
import type { Sample } from "./Sample.ts"
import * as Transcript from "./Transcript.ts"

/** A run's checkers, and the one observer that serves them all. */
export interface Panel {
  readonly observer: Observer
  readonly checkers: ReadonlyArray<Checker>
  /** All violations, in the order of happening. */
  readonly violations: () => ReadonlyArray<Violation>
  /** How many there are so far: cheap. */
  readonly count: () => number
  /** The nodes that are watched closely; absent: all. */
  readonly sample: Sample | undefined
}

export interface Options {
  /** Nodes of which every step is read; absent: all. */
  readonly sample?: Sample
  /** Gets every step that is read. */
  readonly read?: (node: NodeView, step: Transcript.Step) => void
}

/** The first ones tell the story; what follows a broken rule is often its echo. */
const MAX_VIOLATIONS = 100

/** The rules' functions, one list for each moment, so that a moment nobody looks at costs nothing. */
type Sights = { readonly [Moment in keyof Sight]-?: ReadonlyArray<NonNullable<Sight[Moment]>> }

/** The checkers of one run. */
export const make = (rules: ReadonlyArray<Rule>, options: Options = {}): Panel => {
  const { read, sample } = options
  const all: Array<Violation> = []
  const seen: Array<Sight> = []
  const checkers = rules.map(({ name, watch }): Checker => {
    const violations: Array<Violation> = []
    const fail: Fail = (node, now, message) => {
      if (violations.length >= MAX_VIOLATIONS) return
      const violation = { checker: name, node: node?.index, now, message }
      violations.push(violation)
      all.push(violation)
    }
    seen.push(watch(fail))
    return { name, violations }
  })
  const sights = sightsOf(seen)
  const books: Array<Books.Book | undefined> = []
  /** The book of a watched node; `undefined`: another one. */
  const bookOf = (node: NodeView): Books.Book | undefined => {
    const book = books[node.index]
    if (book !== undefined) return book
    if (!Books.isCorrect(node) || sample?.watched.has(node.index) === false) return undefined
    return books[node.index] = Books.make(node)
  }
  const close = (index: number, now: Millis): void => {
    const book = books[index]
    if (book === undefined) return
    for (const look of sights.closed) look(book, now)
    books[index] = undefined
  }
  const observer: Observer = {
    stepped: (node, input, commands, now) => {
      for (const look of sights.stepped) look(node, input, commands, now)
      const book = bookOf(node)
      if (book === undefined) return
      const step = take(sights, book, input, commands, now)
      read?.(node, step)
    },
    nodeDown: (node, now, why) => {
      close(node.index, now)
      for (const look of sights.nodeDown) look(node, now, why)
    },
    ended: (world) => {
      for (let index = 0; index < books.length; index++) close(index, world.now)
      for (const look of sights.ended) look(world)
    },
    completed: (node, now) => {
      const book = bookOf(node)
      if (book !== undefined) { for (const look of sights.completed) look(book, now) }
    },
    ...passedOn(sights),
  }
  return { observer, checkers, violations: () => all, count: () => all.length, sample }
}

const sightsOf = (seen: ReadonlyArray<Sight>): Sights => {
  const of = <Moment extends keyof Sight>(moment: Moment) =>
    seen.map((sight) => sight[moment]).filter((look) => look !== undefined)
  return {
    before: of("before"),
    heard: of("heard"),
    said: of("said"),
    settled: of("settled"),
    after: of("after"),
    closed: of("closed"),
    stepped: of("stepped"),
    nodeDown: of("nodeDown"),
    scripted: of("scripted"),
    connected: of("connected"),
    disconnected: of("disconnected"),
    delivered: of("delivered"),
    pieceOnDisk: of("pieceOnDisk"),
    ended: of("ended"),
    completed: of("completed"),
  } as Sights
}

/** What concerns the world, and not one node's book. */
const passedOn = (sights: Sights): Observer => ({
  scripted: (node, conn, chunks, now) => {
    for (const look of sights.scripted) look(node, conn, chunks, now)
  },
  connected: (a, aConn, b, bConn, now) => {
    for (const look of sights.connected) look(a, aConn, b, bConn, now)
  },
  disconnected: (a, aConn, b, bConn, now) => {
    for (const look of sights.disconnected) look(a, aConn, b, bConn, now)
  },
  delivered: (from, to, toConn, bytes, now) => {
    for (const look of sights.delivered) look(from, to, toConn, bytes, now)
  },
  pieceOnDisk: (node, piece, isRight, now) => {
    for (const look of sights.pieceOnDisk) look(node, piece, isRight, now)
  },
})

/** Shows the rules a step, and lets the books take it in. */
const take = (
  sights: Sights,
  book: Books.Book,
  input: Input,
  commands: ReadonlyArray<Command>,
  now: Millis,
): Transcript.Step => {
  const step = Transcript.read(book, input, commands, now)
  const { lines } = step
  for (const look of sights.before) look(book, step)
  Books.takeStep(book, input, commands)
  for (let i = 0; i < lines.length; i++) {
    const { conn, isOurs, message } = lines[i]!
    if (isOurs) {
      for (const look of sights.said) look(book, conn, message, step)
      Books.say(book, conn, message, input.now)
    } else {
      for (const look of sights.heard) look(book, conn, message, step)
      Books.hear(book, conn, message)
    }
  }
  settle(sights, book, step)
  for (const look of sights.after) look(book, step)
  return step
}

/** Every connection that the step had to do with, once: messages of one stand together. */
const settle = (sights: Sights, book: Books.Book, step: Transcript.Step): void => {
  const { input, lines } = step
  let last: Books.Conn | undefined
  const show = (conn: Books.Conn | undefined): void => {
    if (conn === undefined || conn === last || !conn.isOpen) return
    last = conn
    for (const look of sights.settled) look(book, conn, step)
  }
  const id: ConnId | undefined = "conn" in input ? input.conn : undefined
  if (id !== undefined) show(book.conns.get(id))
  for (let i = 0; i < lines.length; i++) show(lines[i]!.conn)
}
