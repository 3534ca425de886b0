/**
 * Checkers watch a simulated swarm from outside and say where it broke a rule. They see what an observer sees and keep
 * books of their own: what the client believes about itself is what is being checked.
 */
import type { Millis } from "../../base/Time.ts"
import type { Observer } from "../Observer.ts"
import type { Scenario } from "../Scenario.ts"
import { answers } from "./Answers.ts"
import { conservation } from "./Conservation.ts"
import { integrity } from "./Integrity.ts"
import { liveness } from "./Liveness.ts"
import { news } from "./News.ts"
import { order } from "./Order.ts"
import { outstanding } from "./Outstanding.ts"
import { places } from "./Places.ts"
import { rates } from "./Rates.ts"
import { requests } from "./Requests.ts"
import { type Codec, saved } from "./Saved.ts"
import { service } from "./Service.ts"
import { starvation } from "./Starvation.ts"
import { type Machine, ticks } from "./Ticks.ts"
import * as Transcript from "./Transcript.ts"

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

export interface Checker {
  readonly name: string
  readonly observer: Observer
  /** In the order of happening; grows while the world runs. */
  readonly violations: ReadonlyArray<Violation>
}

/** Parts of the client that checkers call themselves; others only where a test wants to see a checker fail. */
export interface Parts {
  readonly machine?: Machine
  readonly codec?: Codec
}

/** Every checker, for one run of this scenario. */
export const all = (scenario: Scenario, parts: Parts = {}): ReadonlyArray<Checker> =>
  over(scenario, Transcript.make(), parts)

/** The same, reading the wires once for whoever else wants to know. */
export const over = (
  scenario: Scenario,
  transcript: Transcript.Transcript,
  { codec, machine }: Parts,
): ReadonlyArray<Checker> => [
  integrity(transcript),
  requests(transcript),
  outstanding(transcript),
  rates(transcript),
  starvation(transcript),
  conservation(transcript),
  ticks(machine),
  liveness(),
  saved(codec),
  order(transcript),
  service(transcript),
  answers(scenario),
  places(transcript),
  news(transcript),
]
