/** A run under the eyes of all checkers, and what is told of it when a rule is broken. */
import type { Observer } from "../Observer.ts"
import type { Scenario } from "../Scenario.ts"
import { type Checker, over, type Parts, type Violation } from "./Checker.ts"
import * as Trace from "./Trace.ts"
import * as Transcript from "./Transcript.ts"

/** The checkers of one run, with a memory of what led to a violation. */
export interface Watch {
  readonly observers: ReadonlyArray<Observer>
  readonly checkers: ReadonlyArray<Checker>
  /** All violations, the first of each checker in front of its echoes. */
  readonly violations: () => ReadonlyArray<Violation>
  readonly trace: Trace.Trace
}

/** All checkers, and a trace. */
export const watch = (scenario: Scenario, parts: Parts = {}): Watch => {
  const transcript = Transcript.make()
  const trace = Trace.make(transcript)
  const checkers = over(scenario, transcript, parts)
  return {
    observers: [trace.observer, ...checkers.map(({ observer }) => observer)],
    checkers,
    violations: () => checkers.flatMap(({ violations }) => violations).sort((a, b) => a.now - b.now),
    trace,
  }
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
