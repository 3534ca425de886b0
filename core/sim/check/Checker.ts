/**
 * Checkers watch a simulated swarm from outside and say where it broke a rule. They see what an observer sees, and books
 * that are kept from that alone (`Books.ts`): what the client believes about itself is what is being checked.
 */
import type { Millis } from "../../base/Time.ts"
import type { Command } from "../../client/Command.ts"
import type { Input } from "../../client/Input.ts"
import type { NodeView, Observer } from "../Observer.ts"
import type { Book, Conn } from "./Books.ts"
import type { Step } from "./Transcript.ts"
import type * as Wire from "./Wire.ts"

/** A broken rule. */
export interface Violation {
  readonly checker: string
  /** The node's index; `undefined`: the world as a whole. */
  readonly node: number | undefined
  /** On the world's clock. */
  readonly now: Millis
  /** What happened, with the numbers, for people. */
  readonly message: string
}

/** What one kind of rule has found. */
export interface Checker {
  readonly name: string
  /** In the order of happening; grows while the world runs. */
  readonly violations: ReadonlyArray<Violation>
}

/** Notes that a rule is broken; on the world's clock. */
export type Fail = (node: NodeView | undefined, now: Millis, message: string) => void

/** A kind of rule, with what it wants to see. */
export interface Rule {
  readonly name: string
  /** Called once a run, with the means to complain. */
  readonly watch: (fail: Fail) => Sight
}

/**
 * What a rule looks at; absent: it does not. Those in the upper half are about watched nodes and come in this order for
 * each step; messages are first all that were heard, then all that were said.
 */
export interface Sight {
  /** A step has been taken; the books are as they were before it. */
  readonly before?: (book: Book, step: Step) => void
  /** The books are as they were before this message, and as the whole step says about pieces and reads. */
  readonly heard?: (book: Book, conn: Conn, message: Wire.Message, step: Step) => void
  readonly said?: (book: Book, conn: Conn, message: Wire.Message, step: Step) => void
  /** The step had to do with this connection, which is still open; after all messages. */
  readonly settled?: (book: Book, conn: Conn, step: Step) => void
  /** The books are as they are after the step. */
  readonly after?: (book: Book, step: Step) => void
  /** It has left or crashed, or the run is over; its book is closed after that. */
  readonly closed?: (book: Book, now: Millis) => void

  /** Of every node, watched or not. */
  readonly stepped?: (node: NodeView, input: Input, commands: ReadonlyArray<Command>, now: Millis) => void
  readonly nodeDown?: Observer["nodeDown"]
  readonly scripted?: Observer["scripted"]
  readonly connected?: Observer["connected"]
  readonly disconnected?: Observer["disconnected"]
  readonly delivered?: Observer["delivered"]
  readonly pieceOnDisk?: Observer["pieceOnDisk"]
  readonly ended?: Observer["ended"]
  /** Of a watched node. */
  readonly completed?: (book: Book, now: Millis) => void
}

/** A rule of this name. */
export const rule = (name: string, watch: (fail: Fail) => Sight): Rule => ({ name, watch })
