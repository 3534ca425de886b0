/** Every rule there is, for one run. */
import type { Scenario } from "../Scenario.ts"
import { answers } from "./Answers.ts"
import { capacity } from "./Capacity.ts"
import type { Rule } from "./Checker.ts"
import { conservation } from "./Conservation.ts"
import * as Frame from "./Frame.ts"
import { integrity } from "./Integrity.ts"
import { liveness } from "./Liveness.ts"
import { news } from "./News.ts"
import { order } from "./Order.ts"
import { outstanding } from "./Outstanding.ts"
import { places } from "./Places.ts"
import { rates } from "./Rates.ts"
import { requests } from "./Requests.ts"
import * as Sample from "./Sample.ts"
import { type Codec, saved } from "./Saved.ts"
import { service } from "./Service.ts"
import { starvation } from "./Starvation.ts"
import { type Machine, ticks } from "./Ticks.ts"

export type { Checker, Violation } from "./Checker.ts"
export type { Panel } from "./Frame.ts"

/** How closely a run is watched. */
export interface Parts {
  /** Nodes that are watched closely at most; the others' bytes are counted. */
  readonly most?: number
  /** Parts of the client that rules call themselves; others only where a test wants to see a rule broken. */
  readonly machine?: Machine
  readonly codec?: Codec
}

const rules = (scenario: Scenario, watched: ReadonlySet<number>, parts: Parts): ReadonlyArray<Rule> => [
  integrity(),
  requests(),
  outstanding(),
  rates(),
  starvation(),
  conservation(watched),
  capacity(),
  ticks(parts.machine),
  liveness(),
  saved(parts.codec),
  order(),
  service(),
  answers(scenario),
  places(),
  news(),
]

/** The checkers of one run of this scenario. */
export const all = (
  scenario: Scenario,
  parts: Parts = {},
  options: Pick<Frame.Options, "read"> = {},
): Frame.Panel => {
  const sample = Sample.draw(scenario, parts.most)
  return Frame.make(rules(scenario, sample.watched, parts), { ...options, sample })
}
