/**
 * Checkers watch a simulated DHT from outside, read the datagrams themselves, and say where a node broke a rule. What a
 * node believes about itself is what is being checked.
 */
import type { Millis } from "../../../base/Time.ts"
import type { Host } from "../Host.ts"
import type { Observer } from "../Observer.ts"
import type { Scenario } from "../Scenario.ts"
import type { Machine } from "../State.ts"
import { amplification } from "./Amplification.ts"
import { found } from "./Found.ts"
import { idle } from "./Idle.ts"
import { rates } from "./Rates.ts"
import { referrals } from "./Referrals.ts"
import { sizes } from "./Sizes.ts"
import { tables } from "./Tables.ts"
import { tokens } from "./Tokens.ts"
import { wakes } from "./Wakes.ts"

/** A broken rule. */
export interface Violation {
  readonly checker: string
  /** The host's number; `undefined`: the network as a whole. */
  readonly host: number | undefined
  readonly now: Millis
  /** What happened, with the numbers, for people. */
  readonly message: string
}

export interface Checker {
  readonly name: string
  readonly observer: Observer
  /** In the order of happening, up to {@link MAX_VIOLATIONS}; grows while the world runs. */
  readonly violations: ReadonlyArray<Violation>
  /** How often the rule was looked at: a checker that saw nothing proves nothing. */
  readonly looks: () => number
}

/** What is told of one rule: the rest are echoes. */
export const MAX_VIOLATIONS = 20

/** What a checker is made with. */
export interface Desk {
  readonly scenario: Scenario
  readonly machine: Machine
  /** Whether this host is looked at closely: in a large network books are kept of some only. */
  readonly isWatched: (host: Host) => boolean
  /** Books for one checker. */
  readonly open: (name: string) => Book
}

export interface Book {
  readonly violations: Array<Violation>
  looks: number
  /** Notes a breach. */
  readonly report: (host: Host | undefined, now: Millis, message: string) => void
}

/** Every checker, for one run; of every `nth` host books are kept. */
export const all = (scenario: Scenario, machine: Machine, nth = 1): ReadonlyArray<Checker> => {
  const desk: Desk = {
    scenario,
    machine,
    isWatched: ({ number }) => number % nth === 0,
    open: (name) => {
      const violations: Array<Violation> = []
      return {
        violations,
        looks: 0,
        report: (host, now, message) => {
          if (violations.length >= MAX_VIOLATIONS) return
          violations.push({ checker: name, host: host?.number, now, message })
        },
      }
    },
  }
  return [found, tables, tokens, referrals, amplification, rates, sizes, idle, wakes].map((make) =>
    make(desk)
  )
}

/** A checker of these parts. */
export const of = (name: string, book: Book, observer: Observer): Checker => ({
  name,
  observer,
  violations: book.violations,
  looks: () => book.looks,
})

/** One line for people. */
export const format = ({ checker, host, message, now }: Violation): string =>
  `${checker}: ${message} (${host === undefined ? "the network" : `host ${host}`}, at ${
    (now / 1000).toFixed(3)
  } s)`
