/** The last things that happened in a run, for whoever has to find out why it went wrong. */
import type { Bytes } from "../../base/Bytes.ts"
import type { Millis } from "../../base/Time.ts"
import type { NodeView, Observer } from "../Observer.ts"

/** Keeps references only: text is made when somebody asks. Its places are used over and over. */
interface Happening {
  now: Millis
  node: NodeView | undefined
  what: string
  input: object | undefined
  commands: ReadonlyArray<object>
}

/** Mutable, one owner: the run that it observes. */
export interface Tail {
  readonly observer: Observer
  /** A line for each of the last things, the newest last. */
  readonly lines: () => ReadonlyArray<string>
}

const NONE: ReadonlyArray<object> = []

/** A tail of `length` happenings, which stops to take in more once `isOver` says so: the end is then what is wanted. */
export const make = (length: number, isOver: () => boolean): Tail => {
  const ring: Array<Happening> = []
  let at = 0
  let isFrozen = false
  const add = (
    now: Millis,
    node: NodeView | undefined,
    what: string,
    input: object | undefined = undefined,
    commands: ReadonlyArray<object> = NONE,
  ) => {
    if (isFrozen) return
    const place = ring[at]
    if (place === undefined) ring[at] = { now, node, what, input, commands }
    else {
      place.now = now
      place.node = node
      place.what = what
      place.input = input
      place.commands = commands
    }
    at = at + 1 === length ? 0 : at + 1
    isFrozen = isOver()
  }
  return {
    observer: {
      nodeUp: (node, now) => add(now, node, "up"),
      nodeDown: (node, now, why) => add(now, node, why),
      stepped: (node, input, commands, now) => add(now, node, "", input, commands),
      completed: (node, now) => add(now, node, "complete"),
      fault: (kind, node, now) => add(now, node, `fault: ${kind}`),
    },
    lines: () => [...ring.slice(at), ...ring.slice(0, at)].map(line),
  }
}

/** Commands of one step that are told. */
const SHOWN = 6

const line = ({ commands: done, input: given, node, now, what }: Happening): string => {
  const who = node === undefined ? "world" : `node ${node.index} (${node.peerClass.name})`
  const input = given && describe(given)
  const commands = done.map(describe)
  const told = commands.slice(0, SHOWN).join(", ") + (commands.length > SHOWN ? ", …" : "")
  const story = input === undefined ? what : told === "" ? input : `${input} -> ${told}`
  return `${(now / 1_000).toFixed(3)} s ${who}: ${story}`
}

/** A tagged value in a few words: its tag and its numbers, the rest by its size. */
const describe = (tagged: object): string => {
  const words: Array<string> = []
  for (const [key, value] of Object.entries(tagged) as Array<[string, unknown]>) {
    if (key === "_tag") words.unshift(String(value))
    else if (key === "now" || value === undefined) continue
    else if (typeof value !== "object" || value === null) words.push(`${key}=${String(value)}`)
    else if (isSized(value)) words.push(`${key}[${value.length}]`)
  }
  return words.join(" ")
}

const isSized = (value: object): value is Bytes | ReadonlyArray<unknown> =>
  Array.isArray(value) || value instanceof Uint8Array
