/**
 * What a node's client heard and said in one step, message by message: the checkers' view of the wire, read from the
 * inputs and commands alone, once for all of them.
 */
import type { Millis } from "../../base/Time.ts"
import type { Command } from "../../client/Command.ts"
import type { ConnId, Input } from "../../client/Input.ts"
import * as Books from "./Books.ts"
import * as Wire from "./Wire.ts"

/** One message on one connection of the node. */
export interface Line {
  readonly conn: Books.Conn
  /** The node said it; otherwise it heard it. */
  readonly isOurs: boolean
  readonly message: Wire.Message
}

export interface Step {
  readonly input: Input
  readonly commands: ReadonlyArray<Command>
  /** On the world's clock; the input has the node's own. */
  readonly now: Millis
  /** First everything heard, then everything said. */
  readonly lines: ReadonlyArray<Line>
  /** Connections that ended in this step, from whichever side, those that were never opened among them. */
  readonly ended: ReadonlyArray<ConnId>
}

/** Opens and closes the book's pages, and reads what was heard and said on them. */
export const read = (
  book: Books.Book,
  input: Input,
  commands: ReadonlyArray<Command>,
  now: Millis,
): Step => {
  const { conns } = book
  const lines: Array<Line> = []
  const ended: Array<ConnId> = []
  switch (input._tag) {
    case "ConnOpened":
    case "ConnAccepted":
      conns.set(input.conn, Books.makeConn(book, input.conn))
      break
    case "ConnFailed":
      ended.push(input.conn)
      break
    case "ConnClosed":
      if (close(book, input.conn)) ended.push(input.conn)
      break
    case "ConnRead": {
      const conn = conns.get(input.conn)
      if (conn !== undefined) readChunk(conn, false, input.bytes, lines)
      break
    }
  }
  for (const command of commands) {
    if (command._tag === "Send") {
      const conn = conns.get(command.conn)
      if (conn === undefined) lines.push(stray(book, command.conn))
      else for (const chunk of command.chunks) readChunk(conn, true, chunk, lines)
    } else if (command._tag === "Close") {
      close(book, command.conn)
      ended.push(command.conn)
    }
  }
  return { input, commands, now, lines, ended }
}

const readChunk = (conn: Books.Conn, isOurs: boolean, bytes: Uint8Array, lines: Array<Line>): void => {
  Wire.read(isOurs ? conn.said : conn.heard, bytes, (message) => void lines.push({ conn, isOurs, message }))
}

/** True if it was open. */
const close = ({ conns }: Books.Book, id: ConnId): boolean => {
  const conn = conns.get(id)
  if (conn === undefined) return false
  conn.isOpen = false
  return conns.delete(id)
}

const stray = (book: Books.Book, id: ConnId): Line => {
  const message = { _tag: "Garbage", why: "it is sent on a connection that isn't open" } as const
  return { conn: { ...Books.makeConn(book, id), isOpen: false }, isOurs: true, message }
}
