/** `shoal simulate`: a whole swarm of the very core that downloads, on virtual time, the same on every run of a seed. */
import { err, ok } from "../core/base/Result.ts"
import { policies, type PolicyName } from "../core/torrent/Choker.ts"
import { orders, type Strategy } from "../core/torrent/Strategy.ts"
import type { Spec } from "./Command.ts"
import * as Options from "./Options.ts"
import * as Value from "./Value.ts"

const CHOKERS = Object.keys(policies) as ReadonlyArray<PolicyName>
const PICKERS = Object.keys(orders) as ReadonlyArray<Strategy>

/** Two ways to do one thing, for the same swarms; `what` is the option that names it. */
export type Comparison =
  | { readonly what: "choker" | "seedingChoker"; readonly names: readonly [PolicyName, PolicyName] }
  | { readonly what: "picker"; readonly names: readonly [Strategy, Strategy] }

/**
 * Two chokers or two pickers, `tit-for-tat,round-robin`. Before a colon stands which: `leeching:` and `seeding:` chokers,
 * where leeching is what is meant without, or `picker:`, which the names tell already.
 */
export const comparison: Value.Parser<Comparison> = (text) => {
  const [, kind, names = ""] = /^\s*(?:(leeching|seeding|picker)\s*:)?([^:]*)$/i.exec(text) ?? []
  const what = kind?.toLowerCase()
  const given = names.split(",").map((part) => part.trim().toLowerCase())
  const pick = <A extends string>(known: ReadonlyArray<A>): readonly [A, A] | undefined => {
    const [a, b, ...rest] = given.map((name) => known.find((one) => one === name))
    return a !== undefined && b !== undefined && a !== b && rest.length === 0 ? [a, b] : undefined
  }
  const chokers = what === "picker" ? undefined : pick(CHOKERS)
  if (chokers !== undefined) {
    return ok({ what: what === "seeding" ? "seedingChoker" : "choker", names: chokers })
  }
  const pickers = what === undefined || what === "picker" ? pick(PICKERS) : undefined
  if (pickers !== undefined) return ok({ what: "picker", names: pickers })
  return err(
    `expected two of ${CHOKERS.join(", ")}, or two of ${PICKERS.join(", ")}, with a comma between; ` +
      "seeding: in front for the chokers of those that have everything",
  )
}

const count = (name: string, low: number, description: string) =>
  Options.value(name, "N", Value.integer(low, 100_000), undefined, description)

export const spec = {
  name: "simulate",
  summary: "simulate a swarm on virtual time, the same on every run of a seed",
  argument: {
    name: "SCENARIO",
    isRepeated: false,
    isOptional: true,
    description: "a TOML or JSON file that says what to simulate; options override it",
  },
  flags: {
    seed: Options.value(
      "seed",
      "N",
      Value.integer(0, 2 ** 32 - 1),
      undefined,
      "what everything is drawn from; drawn, and printed, unless it is given",
    ),
    peers: count("peers", 1, "leechers, free riders among them; 50 unless it is given"),
    seeders: count("seeders", 1, "seeders; 1 unless it is given"),
    freeRiders: count("free-riders", 0, "of the peers, how many give nothing"),
    polluters: count("polluters", 0, "nodes besides the peers that send garbage"),
    size: Options.value("size", "SIZE", Value.size, undefined, "what they share; 32M unless it is given"),
    pieceSize: Options.value(
      "piece-size",
      "SIZE",
      Value.size,
      undefined,
      "bytes of a piece, a power of two from 16K to 64M; what 'create' would choose unless it is given",
    ),
    faults: Options.flag("faults", "things go wrong for a while: which, is drawn from the seed"),
    random: Options.flag("random", "draw the whole scenario from the seed, a small one"),
    choker: Options.value(
      "choker",
      "NAME",
      Value.oneOf(...CHOKERS),
      undefined,
      `who leechers let download: ${CHOKERS.join(", ")}`,
    ),
    seedingChoker: Options.value(
      "seeding-choker",
      "NAME",
      Value.oneOf(...CHOKERS),
      undefined,
      "who those let download that have everything: the same names",
    ),
    picker: Options.value(
      "picker",
      "NAME",
      Value.oneOf(...PICKERS),
      undefined,
      `which piece leechers fetch next: ${PICKERS.join(", ")}`,
    ),
    superSeed: Options.flag("super-seed", "seeders show each peer other pieces until all are out (BEP 16)"),
    payload: Options.value(
      "payload",
      "KIND",
      Value.oneOf("shared", "full"),
      undefined,
      "shared: content is known by its place, which is fast; full: real bytes, really hashed",
    ),
    maxTime: Options.value(
      "max-time",
      "DURATION",
      Value.duration,
      undefined,
      "virtual time after which it ends; 24h unless it is given",
    ),
    report: Options.value(
      "report",
      "DIR",
      Value.text("a folder"),
      undefined,
      "write a page about the run, and the numbers behind it, to this folder",
    ),
    compare: Options.value(
      "compare",
      "A,B",
      comparison,
      undefined,
      "run each seed with two chokers, seeding chokers (seeding:A,B) or pickers, and say what difference it makes",
    ),
    runs: Options.value("runs", "N", Value.integer(2, 1_000), 10, "how many seeds --compare takes"),
    printScenario: Options.flag(
      "print-scenario",
      "print the scenario as TOML, to be edited, and run nothing",
    ),
  },
  example: "shoal simulate --seed 42 --peers 1000 --faults",
  interrupted: "stopped",
} satisfies Spec

export type SimulateOptions = Options.Values<typeof spec.flags>
