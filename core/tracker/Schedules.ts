/**
 * The trackers of one torrent: as BEP 12 has it one schedule walks all tiers, and asks the next tier only when one has
 * failed; in parallel each tier has a schedule of its own, so that one tracker of every tier hears of us. Trackers are
 * numbered throughout, in the order of the tiers; a URL counts where it comes first.
 */
import type * as Rng from "../base/Rng.ts"
import { type Millis, NEVER } from "../base/Time.ts"
import * as Schedule from "./Schedule.ts"

/** Immutable; the number of a tracker is its number in its schedule plus all trackers before that. */
export type Schedules = ReadonlyArray<Schedule.Schedule>

/** Schedules at rest. Advances `rng`. */
export const make = (options: {
  readonly tiers: ReadonlyArray<ReadonlyArray<string>>
  readonly isParallel: boolean
  readonly rng: Rng.Rng
}): Schedules => {
  const { rng, tiers } = options
  if (!options.isParallel) return [Schedule.make({ tiers, rng })]
  const seen = new Set<string>()
  return tiers.flatMap((urls) => {
    const tier = urls.filter((url) => !seen.has(url))
    for (const url of tier) seen.add(url)
    return tier.length === 0 ? [] : [Schedule.make({ tiers: [tier], rng })]
  })
}

/** One transition: an answer concerns the schedule of its tracker, everything else all of them. */
export const step = (
  state: Schedules,
  input: Schedule.Input,
): readonly [Schedules, ReadonlyArray<Schedule.AnnounceCommand>] => {
  const commands: Array<Schedule.AnnounceCommand> = []
  let first = 0
  const next = state.map((schedule) => {
    const offset = first
    first += schedule.trackers.length
    const own = within(input, offset, schedule)
    if (own === undefined) return schedule
    const [stepped, asked] = Schedule.step(schedule, own)
    for (const command of asked) commands.push({ ...command, tracker: command.tracker + offset })
    return stepped
  })
  return [next, commands]
}

/** The input as this schedule numbers its trackers; `undefined` where it is none of its own. */
const within = (
  input: Schedule.Input,
  offset: number,
  { trackers }: Schedule.Schedule,
): Schedule.Input | undefined => {
  if (input._tag !== "Succeeded" && input._tag !== "Failed") return input
  const tracker = input.tracker - offset
  return tracker >= 0 && tracker < trackers.length ? { ...input, tracker } : undefined
}

/** Whether `WantPeers` would change anything, unless a `Tick` is due. */
export const canHurry = (state: Schedules, now: Millis): boolean => {
  for (const schedule of state) if (Schedule.canHurry(schedule, now)) return true
  return false
}

/** When a `Tick` would next announce. */
export const nextWake = (state: Schedules): Millis =>
  state.reduce((wake, schedule) => Math.min(wake, Schedule.nextWake(schedule)), NEVER)

/** How many trackers there are. */
export const size = (state: Schedules): number =>
  state.reduce((sum, { trackers }) => sum + trackers.length, 0)

/** The URL of a tracker, passkey included. */
export const urlOf = (state: Schedules, tracker: Schedule.TrackerId): string | undefined =>
  state.flatMap(({ trackers }) => trackers)[tracker]?.url

/** Every tracker for display, tier by tier in the order in which they are tried. */
export const status = (state: Schedules, now: Millis): ReadonlyArray<Schedule.TrackerStatus> => {
  let first = 0
  let tier = 0
  return state.flatMap((schedule) => {
    const offset = first
    const above = tier
    first += schedule.trackers.length
    tier += schedule.tiers.length
    return Schedule.status(schedule, now).map((one) => ({
      ...one,
      tracker: one.tracker + offset,
      tier: one.tier + above,
    }))
  })
}

/** How often in a row every tracker has failed at least, as `Schedule.allFailedTimes` counts. */
export const allFailedTimes = (state: Schedules): number =>
  size(state) === 0
    ? 0
    : Math.min(...state.filter(({ trackers }) => trackers.length > 0).map(Schedule.allFailedTimes))
