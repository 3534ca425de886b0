/** What checkers are made of: a means to complain, and books on each node. */
import type { Millis } from "../../base/Time.ts"
import type { NodeView, Observer } from "../Observer.ts"
import type { Checker, Violation } from "./Checker.ts"

/** The first ones tell the story; what follows a broken rule is often its echo. */
const MAX_VIOLATIONS = 100

/** Notes that a rule is broken. */
export type Fail = (node: NodeView | undefined, now: Millis, message: string) => void

/** A checker of this name; `watch` gets the means to complain and returns what it wants to see. */
export const make = (name: string, watch: (fail: Fail) => Observer): Checker => {
  const violations: Array<Violation> = []
  const observer = watch((node, now, message) => {
    if (violations.length < MAX_VIOLATIONS) {
      violations.push({ checker: name, node: node?.index, now, message })
    }
  })
  return { name, observer, violations }
}

/** The rules are for those who mean to keep them. */
export const isHonest = ({ peerClass }: NodeView): boolean => peerClass.behaviour === "honest"

/** Who only takes keeps to the protocol all the same: it is the same client. */
export const isCorrect = (node: NodeView): boolean =>
  isHonest(node) || node.peerClass.behaviour === "free-rider"

/** What a checker knows of each node, made when first asked for. */
export interface Books<A> {
  readonly of: (node: NodeView) => A
  readonly forget: (node: NodeView) => void
}

export const books = <A>(make: (node: NodeView) => A): Books<A> => {
  const known = new Map<number, A>()
  return {
    of: (node) => {
      let book = known.get(node.index)
      if (book === undefined) known.set(node.index, book = make(node))
      return book
    },
    forget: (node) => {
      known.delete(node.index)
    },
  }
}

/** The entry of `key`, made when first asked for. */
export const entry = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  let value = map.get(key)
  if (value === undefined) map.set(key, value = make())
  return value
}
