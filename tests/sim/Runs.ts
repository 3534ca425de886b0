/** Runs of small worlds with all checkers: drawn from a seed, some with limits that users set while they run. */
import type { Input } from "../../core/client/Input.ts"
import * as Report from "../../core/sim/check/Report.ts"
import type { NodeView } from "../../core/sim/Observer.ts"
import type { Scenario } from "../../core/sim/Scenario.ts"
import * as Random from "../../core/sim/scenario/Random.ts"
import * as World from "../../core/sim/World.ts"

/** What users do that no scenario says. */
export type Habit = "none" | "limits"

export interface Run {
  readonly scenario: Scenario
  readonly habit: Habit
}

export interface Outcome {
  readonly digest: string
  readonly events: number
  readonly virtualMs: number
  /** What went wrong, for people; `undefined`: nothing did. */
  readonly failure: string | undefined
}

/** Pieces of a small run: enough for rarest first and an end game, few enough for hundreds of runs a minute. */
const MAX_PIECES = 24

/** The scenario of this seed, as `shoal simulate --random` would have it, with fewer pieces. */
export const small = (seed: number): Scenario => {
  const scenario = Random.random(seed)
  const { pieceBytes, sizeBytes } = scenario
  const most = (MAX_PIECES - 1) * pieceBytes + (sizeBytes % pieceBytes)
  return { ...scenario, sizeBytes: Math.min(sizeBytes, most) }
}

/** Every fourth seed has users that set limits. */
export const ofSeed = (seed: number): Run => ({
  scenario: small(seed),
  habit: seed % 4 === 3 ? "limits" : "none",
})

/** The command line that does it again; limits are set by tests alone. */
export const replay = ({ habit, scenario: { pieceBytes, seed, sizeBytes } }: Run): string =>
  habit === "none"
    ? `shoal simulate --random --seed ${seed} --size ${sizeBytes} --piece-size ${pieceBytes}`
    : `npm run sim:soak -- --seed ${seed}`

/** Runs to the end, or to the first violation or crash. */
export const run = (one: Run): Outcome => {
  const { habit, scenario } = one
  const watch = Report.watch(scenario)
  const added: Array<NodeView> = []
  const arrivals = {
    stepped: (node: NodeView, input: Input) => {
      if (input._tag === "Add" && habit === "limits") added.push(node)
    },
  }
  const world = World.make(scenario, [watch.observer, arrivals])
  let crash: string | undefined
  try {
    while (World.step(world) && watch.count() === 0) {
      for (const node of added.splice(0)) limit(world, node)
    }
  } catch (error) {
    crash = error instanceof Error ? error.stack ?? error.message : String(error)
  }
  const { events, now } = World.view(world)
  const [violation] = watch.violations()
  const failure = crash !== undefined
    ? `seed ${scenario.seed}, at ${now} ms: ${crash}\n  replay: ${replay(one)}`
    : violation === undefined
    ? undefined
    : Report.report(scenario, violation, watch.trace, replay(one))
  return { digest: World.digest(world), events, virtualMs: now, failure }
}

const KIB = 1024

/** The user of every other node sets limits, slower than a line: different ones, and some for one direction only. */
const limit = (world: World.World, { index }: NodeView): void => {
  const node = world.nodes[index]!
  if (node.client === undefined || index % 2 === 0) return
  const now = world.receiver.clock(world, node)
  world.receiver.input(world, node, {
    _tag: "TorrentLimits",
    now,
    torrent: 1,
    uploadRateBytesPerSec: index % 3 === 0 ? 0 : (24 + index * 8) * KIB,
    downloadRateBytesPerSec: index % 5 === 0 ? 0 : (32 + index * 16) * KIB,
  })
}
