/** `shoal simulate --compare`: the same swarms with one choker or picker and with another, and the difference it makes. */
import * as Effect from "effect/Effect"
import * as Estimate from "../core/sim/scenario/Estimate.ts"
import type * as Statistics from "../core/sim/scenario/Statistics.ts"
import { type Fields, Output } from "./Output.ts"
import type { Comparison, SimulateOptions } from "./Simulate.ts"
import * as Play from "./SimulatePlay.ts"
import * as View from "./SimulateView.ts"
import * as Text from "./Text.ts"

/** A figure of a run that is compared. */
interface Metric {
  readonly name: string
  /** For people. */
  readonly label: string
  readonly of: (summary: Statistics.Summary) => number
}

const METRICS: ReadonlyArray<Metric> = [
  { name: "completionSeconds", label: "mean completion, s", of: ({ completion }) => completion.mean / 1_000 },
  { name: "seederCopies", label: "seeder's copies", of: ({ seederCopies }) => seederCopies },
  { name: "fairness", label: "fairness", of: ({ fairness }) => fairness },
]

/** What a figure is with either, over the same seeds. */
export interface Difference {
  readonly name: string
  readonly label: string
  /** Means over the runs that have the figure with both. */
  readonly a: number
  readonly b: number
  /** Of `b - a`, with the half width of its 95 % confidence interval. */
  readonly difference: Estimate.Interval
  readonly isSignificant: boolean
}

/** Compares summaries of runs with `a` and with `b`, paired by seed. */
export const differences = (
  pairs: ReadonlyArray<readonly [Statistics.Summary, Statistics.Summary]>,
): ReadonlyArray<Difference> =>
  METRICS.map(({ label, name, of }) => {
    const figures = pairs.map(([a, b]) => [of(a), of(b)] as const).filter(([a, b]) => Number.isFinite(a + b))
    const a = figures.map(([value]) => value)
    const b = figures.map(([, value]) => value)
    const difference = Estimate.pairedDifference(a, b)
    return {
      name,
      label,
      a: Estimate.mean(a),
      b: Estimate.mean(b),
      difference,
      isSignificant: Estimate.isSignificant(difference),
    }
  })

const shown = (value: number): string =>
  !Number.isFinite(value) ? "-" : Math.abs(value) < 10 ? value.toFixed(3) : value.toFixed(1)

/** Zero has no sign, wherever rounding came from. */
const signed = (value: number): string => {
  const text = shown(value)
  return /^-?0\.0+$/.test(text) ? text.replace("-", "") : value > 0 ? `+${text}` : text
}

/** A table for people: the difference is the second's figure less the first's. */
export const lines = (
  [a, b]: readonly [string, string],
  compared: ReadonlyArray<Difference>,
): ReadonlyArray<string> =>
  View.table([
    ["", a, b, "difference", "95 %", ""],
    ...compared.map((one) => [
      one.label,
      shown(one.a),
      shown(one.b),
      signed(one.difference.mean),
      `± ${shown(one.difference.margin)}`,
      one.isSignificant ? "significant" : "",
    ]),
  ])

/** A run of one seed with one choker or picker, as the options and the file ask for it. */
export type PlayWith<E, R> = (
  changes: Pick<Partial<SimulateOptions>, "seed" | Comparison["what"]>,
) => Effect.Effect<Play.Outcome, E, R>

/** What is compared, for people and for scripts. */
const WHAT: Readonly<Record<Comparison["what"], string>> = {
  choker: "choker",
  seedingChoker: "seeding-choker",
  picker: "picker",
}

/** Plays `runs` seeds, from `seed` on, each with both, and tells what differs. */
export const run = <E, R>(comparison: Comparison, runs: number, seed: number, play: PlayWith<E, R>) =>
  Effect.gen(function* () {
    const output = yield* Output
    const [a, b] = comparison.names
    const what = WHAT[comparison.what]
    yield* output.event("started", { seed, runs, what, a, b })
    yield* output.result(`${Text.count(runs, "seed")} from ${seed} on, each with ${what} ${a} and with ${b}`)
    const outcomes: Array<Play.Outcome> = []
    const pairs: Array<readonly [Statistics.Summary, Statistics.Summary]> = []
    for (let i = 0; i < runs; i++) {
      const one = { seed: (seed + i) % 2 ** 32 }
      const withA = yield* play({ ...one, [comparison.what]: a })
      const withB = yield* play({ ...one, [comparison.what]: b })
      outcomes.push(withA, withB)
      pairs.push([withA.summary, withB.summary])
      yield* output.note(`${i + 1} of ${Text.count(runs, "seed")}`)
    }
    yield* output.clear
    const compared = differences(pairs)
    yield* Effect.forEach(lines([a, b], compared), (line) => output.result(line), { discard: true })
    const broken = outcomes.filter(({ violations }) => violations.length > 0)
    const total = (of: (outcome: Play.Outcome) => number): number =>
      outcomes.reduce((sum, outcome) => sum + of(outcome), 0)
    yield* output.event("complete", {
      seed,
      runs,
      what,
      a,
      b,
      virtualSeconds: Math.round(total(({ virtualMs }) => virtualMs)) / 1_000,
      realSeconds: Math.round(total(({ realMs }) => realMs)) / 1_000,
      deliveries: total(({ deliveries }) => deliveries),
      violations: total(({ violations }) => violations.length),
      figures: compared.map(fields),
    })
    if (broken.length > 0) return yield* Play.broken(broken[0]!)
  })

const fields = ({ a, b, difference, isSignificant, name }: Difference): Fields => ({
  name,
  a,
  b,
  difference: difference.mean,
  margin: Number.isFinite(difference.margin) ? difference.margin : undefined,
  significant: isSignificant,
})
