/**
 * Which nodes of a swarm are watched closely. Reading every message of every node would cost more than the run itself; in
 * a large swarm a sample says as much, for all nodes run the same code and each seed draws others.
 */
import * as Rng from "../../base/Rng.ts"
import type { PeerClass, Scenario } from "../Scenario.ts"

/** Up to so many nodes all are watched. */
export const MAX_WATCHED = 100

/** Draws for the sample must not be those of the run. */
const STREAM = 0x0b5e7ed5

export interface Sample {
  /** The watched nodes, by index. */
  readonly watched: ReadonlySet<number>
  /** All nodes that have a client, which are those that rules are for. */
  readonly of: number
}

const hasClient = ({ behaviour }: PeerClass): boolean => behaviour === "honest" || behaviour === "free-rider"

/** All nodes with a client, or the first of each class and others drawn from the seed, `most` together. */
export const draw = ({ classes, seed }: Scenario, most = MAX_WATCHED): Sample => {
  const clients: Array<number> = []
  const firsts: Array<number> = []
  let next = 0
  for (const peerClass of classes) {
    if (peerClass.count > 0 && hasClient(peerClass)) firsts.push(next)
    for (let i = 0; i < peerClass.count; i++, next++) if (hasClient(peerClass)) clients.push(next)
  }
  const of = clients.length
  if (of <= most) return { watched: new Set(clients), of }
  const watched = new Set(firsts.slice(0, most))
  const rng = Rng.make(seed ^ STREAM)
  for (let left = of; watched.size < most; left--) {
    const at = Rng.below(rng, left)
    watched.add(clients[at]!)
    clients[at] = clients[left - 1]!
  }
  return { watched, of }
}
