/** What each node did last, kept in a ring: what happened before a rule was broken is worth more than all the rest. */
import type { Millis } from "../../base/Time.ts"
import type { Command } from "../../client/Command.ts"
import type { Input } from "../../client/Input.ts"
import type { NodeView } from "../Observer.ts"
import type { Step } from "./Transcript.ts"
import * as Wire from "./Wire.ts"

/** Mutable. */
export interface Trace {
  /** A watched node has taken a step. */
  readonly read: (node: NodeView, step: Step) => void
  /** The last steps of a node, a line each, the oldest first. */
  readonly tail: (node: number) => ReadonlyArray<string>
}

/** Remembers the last `size` steps of each node. */
export const make = (size = 25): Trace => {
  const rings: Array<Array<Step> | undefined> = []
  return {
    read: ({ index }, step) => {
      const ring = rings[index] ??= []
      ring.push(step)
      // In batches, since taking one off the front costs as much as taking many.
      if (ring.length >= 2 * size) ring.splice(0, ring.length - size)
    },
    tail: (node) => (rings[node] ?? []).slice(-size).map(line),
  }
}

const line = ({ commands, input, lines, now }: Step): string => {
  const heard = lines.filter(({ isOurs }) => !isOurs).map(({ message }) => Wire.show(message))
  const asked = commands.filter(({ _tag }) => _tag !== "Send").map(showCommand)
  const said = lines.filter(({ isOurs }) => isOurs).map(({ conn, message }) =>
    `to ${conn.id}: ${Wire.show(message)}`
  )
  const words = heard.length === 0 ? "" : ` "${few(heard, ", ")}"`
  const outcome = [...asked, ...said]
  return `${seconds(now)}  ${showInput(input)}${words}${
    outcome.length === 0 ? "" : ` -> ${few(outcome, "; ")}`
  }`
}

/** A read may bring hundreds of messages. */
const MAX_SHOWN = 12

const few = (items: ReadonlyArray<string>, separator: string): string =>
  items.length <= MAX_SHOWN
    ? items.join(separator)
    : `${items.slice(0, MAX_SHOWN).join(separator)}${separator}and ${items.length - MAX_SHOWN} more`

/** Times as a reader compares them: seconds, to the millisecond. */
export const seconds = (now: Millis): string => `${(now / 1_000).toFixed(3)} s`

const showInput = (input: Input): string => {
  const conn = "conn" in input ? ` ${input.conn}` : ""
  const piece = "piece" in input ? ` ${input.piece}` : ""
  const begin = "begin" in input ? `:${input.begin}` : ""
  const why = "reason" in input && input.reason !== undefined ? ` (${input.reason})` : ""
  return `${input._tag}${conn}${piece}${begin}${why}`
}

const showCommand = (command: Command): string => {
  switch (command._tag) {
    case "Emit":
      return `Emit ${command.event._tag}`
    case "Read":
      return `Read ${command.piece}:${command.begin} for ${command.conn}`
    case "Write":
      return `Write ${command.piece}:${command.begin}+${command.bytes.length}`
    case "Hash":
    case "HashBlocks":
      return `${command._tag} ${command.piece}`
    case "LookUp":
      return `LookUp${command.isSeed ? " as a seed" : ""}`
    case "Announce":
      return `Announce ${command.request.event ?? "again"}`
    default:
      return `${command._tag} ${command.conn}`
  }
}
