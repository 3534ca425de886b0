/** Changes of a scenario as a whole: so many peers, another picker, half of them free riders. */
import { err, ok, type Result } from "../../base/Result.ts"
import type { PolicyName } from "../../torrent/Choker.ts"
import type { Strategy } from "../../torrent/Strategy.ts"
import type { PeerClass, Scenario } from "../Scenario.ts"
import * as Defaults from "./Defaults.ts"
import * as Statistics from "./Statistics.ts"

/** What is absent stays as it is. */
export interface Changes {
  readonly seed?: number | undefined
  /** Leechers that want a copy, free riders included; classes keep their shares. */
  readonly peers?: number | undefined
  /** Those of them that give nothing. */
  readonly freeRiders?: number | undefined
  /** Honest seeders. */
  readonly seeders?: number | undefined
  /** Polluters, besides the peers. */
  readonly polluters?: number | undefined
  readonly sizeBytes?: number | undefined
  /** Absent while the size changes: what suits the new size. */
  readonly pieceBytes?: number | undefined
  readonly payload?: Scenario["payload"] | undefined
  /** While downloading, of every honest leecher. */
  readonly choker?: PolicyName | undefined
  /** While seeding, of every honest node. */
  readonly seedingChoker?: PolicyName | undefined
  /** Of every honest leecher. */
  readonly strategy?: Strategy | undefined
  readonly superSeed?: boolean | undefined
  readonly faults?: Scenario["faults"] | undefined
  readonly maxVirtualMs?: number | undefined
}

/** The scenario with these changes; the error says which of them cannot be. */
export const adjust = (scenario: Scenario, changes: Changes): Result<Scenario, string> => {
  const counted = recount(scenario.classes, changes)
  if (!counted.ok) return counted
  const sizeBytes = changes.sizeBytes ?? scenario.sizeBytes
  const keepsPieces = changes.sizeBytes === undefined
  return ok({
    ...scenario,
    seed: changes.seed ?? scenario.seed,
    sizeBytes,
    pieceBytes: changes.pieceBytes ?? (keepsPieces ? scenario.pieceBytes : Defaults.pieceBytes(sizeBytes)),
    classes: counted.value.map((one) => retune(one, changes)),
    faults: changes.faults ?? scenario.faults,
    payload: changes.payload ?? scenario.payload,
    maxVirtualMs: changes.maxVirtualMs ?? scenario.maxVirtualMs,
  })
}

const retune = (one: PeerClass, changes: Changes): PeerClass => {
  if (one.behaviour !== "honest") return one
  const choker = { ...one.choker, seeding: changes.seedingChoker ?? one.choker.seeding }
  if (one.role === "seeder") return { ...one, choker, superSeed: changes.superSeed ?? one.superSeed }
  return {
    ...one,
    choker: { ...choker, leeching: changes.choker ?? choker.leeching },
    strategy: changes.strategy ?? one.strategy,
  }
}

type Kind = (one: PeerClass) => boolean

const isHonestLeecher: Kind = (one) => Statistics.isDownloader(one) && one.behaviour === "honest"
const isFreeRider: Kind = (one) => one.behaviour === "free-rider"
const isSeeder: Kind = (one) => one.role === "seeder" && one.behaviour === "honest"
const isPolluter: Kind = (one) => one.behaviour === "polluter"

const total = (classes: ReadonlyArray<PeerClass>, isKind: Kind): number =>
  classes.reduce((sum, one) => sum + (isKind(one) ? one.count : 0), 0)

const recount = (
  classes: ReadonlyArray<PeerClass>,
  changes: Changes,
): Result<ReadonlyArray<PeerClass>, string> => {
  const { freeRiders, peers, polluters, seeders } = changes
  let changed = classes
  const model = classes.find(isHonestLeecher) ?? Defaults.leecher
  if (peers !== undefined) changed = share(changed, Statistics.isDownloader, peers, model)
  if (freeRiders !== undefined) {
    const all = total(changed, Statistics.isDownloader)
    if (freeRiders > all) return err(`${freeRiders} free riders are more than ${all} peers in all`)
    changed = share(changed, isFreeRider, freeRiders, Defaults.freeRider(model))
    changed = share(changed, isHonestLeecher, all - freeRiders, model)
  }
  if (seeders !== undefined) changed = share(changed, isSeeder, seeders, Defaults.seeder)
  if (polluters !== undefined) changed = share(changed, isPolluter, polluters, Defaults.polluter)
  return ok(changed)
}

/** Gives the classes of a kind `count` nodes together, in the proportions that they have; `model` if there is none. */
const share = (
  classes: ReadonlyArray<PeerClass>,
  isKind: Kind,
  count: number,
  model: PeerClass,
): ReadonlyArray<PeerClass> => {
  if (!classes.some(isKind)) return count === 0 ? classes : [...classes, { ...model, count }]
  let weight = total(classes, isKind)
  const isEven = weight === 0
  if (isEven) weight = classes.filter(isKind).length
  let left = count
  return classes.map((one) => {
    if (!isKind(one)) return one
    // What is left is shared among those that are left, so that the sum comes out exactly.
    const mine = isEven ? 1 : one.count
    const given = weight === 0 ? 0 : Math.round(left * mine / weight)
    left -= given
    weight -= mine
    return { ...one, count: given }
  })
}
