/** What a rule notes of each node for itself, beside the books that all rules share. */
import type { NodeView } from "../Observer.ts"

/** A page for each node, made when first asked for. */
export interface Ledger<A> {
  readonly of: (node: NodeView) => A
  readonly forget: (node: NodeView) => void
}

export const make = <A>(page: (node: NodeView) => A): Ledger<A> => {
  const pages: Array<A | undefined> = []
  return {
    of: (node) => pages[node.index] ??= page(node),
    forget: (node) => {
      pages[node.index] = undefined
    },
  }
}
