/**
 * What a node's client heard and said in one step, message by message: the checkers' view of the wire, read from the
 * inputs and commands alone. Each step is read once, however many checkers ask for it.
 */
import type { Command } from "../../client/Command.ts"
import type { ConnId, Input } from "../../client/Input.ts"
import type { NodeView } from "../Observer.ts"
import * as Wire from "./Wire.ts"

/** One message on one connection of the node. */
export interface Line {
  readonly conn: ConnId
  /** The node said it; otherwise it heard it. */
  readonly isOurs: boolean
  readonly message: Wire.Message
}

export interface Step {
  /** First everything heard, then everything said. */
  readonly lines: ReadonlyArray<Line>
  /** Connections that ended in this step, from whichever side: what was heard on them may not have been read. */
  readonly ended: ReadonlyArray<ConnId>
}

interface Streams {
  readonly heard: Wire.Stream
  readonly said: Wire.Stream
}

/** Mutable; shared by checkers. */
export interface Transcript {
  readonly nodes: Map<number, Map<ConnId, Streams>>
  readonly last: { input: Input | undefined; commands: ReadonlyArray<Command> | undefined; step: Step }
}

const NOTHING: Step = { lines: [], ended: [] }

export const make = (): Transcript => ({
  nodes: new Map(),
  last: { input: undefined, commands: undefined, step: NOTHING },
})

/** The step that has just been taken. */
export const step = (
  transcript: Transcript,
  node: NodeView,
  input: Input,
  commands: ReadonlyArray<Command>,
): Step => {
  const { last } = transcript
  if (last.input === input && last.commands === commands) return last.step
  last.input = input
  last.commands = commands
  last.step = read(transcript, node, input, commands)
  return last.step
}

/** The node's client is gone, and all its connections are. */
export const forget = (transcript: Transcript, node: NodeView): void => {
  transcript.nodes.delete(node.index)
}

const read = (
  transcript: Transcript,
  node: NodeView,
  input: Input,
  commands: ReadonlyArray<Command>,
): Step => {
  let conns = transcript.nodes.get(node.index)
  if (conns === undefined) transcript.nodes.set(node.index, conns = new Map())
  const lines: Array<Line> = []
  const ended: Array<ConnId> = []
  switch (input._tag) {
    case "ConnOpened":
    case "ConnAccepted":
      conns.set(input.conn, { heard: Wire.make(), said: Wire.make() })
      break
    case "ConnFailed":
    case "ConnClosed":
      if (conns.delete(input.conn) || input._tag === "ConnFailed") ended.push(input.conn)
      break
    case "ConnRead": {
      const streams = conns.get(input.conn)
      if (streams !== undefined) tell(streams.heard, input.conn, false, [input.bytes], lines)
      break
    }
  }
  for (const command of commands) {
    if (command._tag === "Send") {
      const streams = conns.get(command.conn)
      if (streams !== undefined) tell(streams.said, command.conn, true, command.chunks, lines)
      else {
        const why = "it is sent on a connection that isn't open"
        lines.push({ conn: command.conn, isOurs: true, message: { _tag: "Garbage", why } })
      }
    } else if (command._tag === "Close") {
      conns.delete(command.conn)
      ended.push(command.conn)
    }
  }
  return lines.length === 0 && ended.length === 0 ? NOTHING : { lines, ended }
}

const tell = (
  stream: Wire.Stream,
  conn: ConnId,
  isOurs: boolean,
  chunks: ReadonlyArray<Uint8Array>,
  lines: Array<Line>,
): void => {
  const messages: Array<Wire.Message> = []
  for (const chunk of chunks) Wire.read(stream, chunk, messages)
  for (const message of messages) lines.push({ conn, isOurs, message })
}
