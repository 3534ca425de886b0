/** A run under the eyes of all checkers, and what is told of it when a rule is broken. */
import type { Scenario } from "../Scenario.ts"
import * as All from "./All.ts"
import type { Violation } from "./Checker.ts"
import type { Panel } from "./Frame.ts"
import * as Trace from "./Trace.ts"

/** The checkers of one run, with a memory of what led to a violation. */
export interface Watch extends Panel {
  readonly trace: Trace.Trace
}

/** All checkers, and a trace. */
export const watch = (scenario: Scenario, parts: All.Parts = {}): Watch => {
  const trace = Trace.make()
  return { ...All.all(scenario, parts, { read: trace.read }), trace }
}

/** What somebody needs to find the bug: what happened, where, what led to it, and how to see it again. */
export const report = (
  scenario: Scenario,
  violation: Violation,
  trace: Trace.Trace,
  replay: string,
): string => {
  const { checker, message, node, now } = violation
  const where = node === undefined ? "the world" : `node ${node}`
  const tail = node === undefined ? [] : trace.tail(node)
  return [
    `${checker}: ${message}`,
    `  ${where}, at ${Trace.seconds(now)}, seed ${scenario.seed}`,
    ...(tail.length === 0 ? [] : ["  its last steps:", ...tail.map((step) => `    ${step}`)]),
    `  scenario: ${JSON.stringify(scenario)}`,
    `  replay: ${replay}`,
  ].join("\n")
}
