/**
 * When to announce to which tracker (BEP 3 and 12), as a machine: no clock, no network, no I/O.
 *
 * ```
 *            Start               due                   Succeeded: promoted, waits its interval
 *   idle ───────────▶ waiting ─────────▶ announcing ──▶ waiting
 *     ▲                 ▲                    │ Failed: backs off, and the next tracker is due at once
 *     └──── Stop ───────┴────────────────────┘
 * ```
 * A pass walks the tiers in order. Trackers that failed are tried again once their back-off is over; the walk ends at
 * the first tracker that has not failed, so that nothing behind a working tracker is ever asked.
 */
import { assert } from "../base/Assert.ts"
import * as Rng from "../base/Rng.ts"
import { type Millis, MINUTE, NEVER } from "../base/Time.ts"
import type { AnnounceEvent, AnnounceResponse, TrackerFailure } from "./Announce.ts"
import * as BackOff from "./BackOff.ts"

/** Where the tracker names no `min interval`: libtorrent's floor. Only `WantPeers` asks earlier than the interval. */
export const DEFAULT_MIN_INTERVAL_MS: Millis = 5 * MINUTE

/** Stable number of a tracker in one schedule: its place in the tiers as given, duplicates not counted. */
export type TrackerId = number

interface Tracker {
  readonly url: string
  readonly tier: number
  /** It answered `started` and has not been sent `stopped` since. */
  readonly knowsUs: boolean
  readonly hasAnswered: boolean
  readonly failuresInRow: number
  readonly failureMessage: string | undefined
  /** A failure said that another try cannot help. */
  readonly isGivenUp: boolean
  /** `stopped` was sent and not answered: an announce now could overtake it. */
  readonly isStopping: boolean
  /** The end of its back-off, or of its minimum interval; events need not wait for the latter. */
  readonly readyAt: Millis
  readonly trackerId: string | undefined
}

export interface Schedule {
  /** By {@link TrackerId}. */
  readonly trackers: ReadonlyArray<Tracker>
  /** Ids in the order in which they are tried. */
  readonly tiers: ReadonlyArray<ReadonlyArray<TrackerId>>
  readonly isRunning: boolean
  /** When the next pass begins, unless a tracker is still waiting; in the past while all have failed. */
  readonly dueAt: Millis
  /** The one announce under way, `stopped` ones not counted. */
  readonly inFlight: { readonly tracker: TrackerId; readonly event: AnnounceEvent } | undefined
  readonly completion: "unseen" | "seen" | "told"
  /** Spread out by copying, so that a state stays a value. */
  readonly rng: Rng.Rng
}

/** Every command must be answered, by exactly one `Succeeded` or `Failed` that names its tracker. */
export interface AnnounceCommand {
  readonly tracker: TrackerId
  readonly url: string
  readonly event: AnnounceEvent
  readonly trackerId?: string
}

export type Input =
  /** The torrent runs: announce `started`. */
  | { readonly _tag: "Start"; readonly now: Millis }
  /** The last missing piece arrived. Not for a torrent that was complete when it started. */
  | { readonly _tag: "Completed"; readonly now: Millis }
  /** The torrent leaves its swarm: announce `stopped` to all that know of us, whatever else is under way. */
  | { readonly _tag: "Stop"; readonly now: Millis }
  /** We are starved: don't wait for the interval, only for the minimum interval. */
  | { readonly _tag: "WantPeers"; readonly now: Millis }
  | {
    readonly _tag: "Succeeded"
    readonly now: Millis
    readonly tracker: TrackerId
    readonly response: Pick<AnnounceResponse, "intervalMs" | "minIntervalMs" | "trackerId">
  }
  | {
    readonly _tag: "Failed"
    readonly now: Millis
    readonly tracker: TrackerId
    readonly failure: TrackerFailure
  }
  | { readonly _tag: "Tick"; readonly now: Millis }

/** A schedule at rest. Each tier is shuffled (BEP 12) by `rng`, which advances; a URL counts where it comes first. */
export const make = (options: {
  readonly tiers: ReadonlyArray<ReadonlyArray<string>>
  readonly rng: Rng.Rng
}): Schedule => {
  const trackers: Array<Tracker> = []
  const tiers: Array<ReadonlyArray<TrackerId>> = []
  const seen = new Set<string>()
  for (const urls of options.tiers) {
    const tier: Array<TrackerId> = []
    for (const url of urls) {
      if (seen.has(url)) continue
      seen.add(url)
      tier.push(trackers.length)
      trackers.push({
        url,
        tier: tiers.length,
        knowsUs: false,
        hasAnswered: false,
        failuresInRow: 0,
        failureMessage: undefined,
        isGivenUp: false,
        isStopping: false,
        readyAt: -Infinity,
        trackerId: undefined,
      })
    }
    if (tier.length > 0) tiers.push(Rng.shuffle(options.rng, tier))
  }
  return {
    trackers,
    tiers,
    isRunning: false,
    dueAt: NEVER,
    inFlight: undefined,
    completion: "unseen",
    rng: Rng.make(Rng.next(options.rng)),
  }
}

/** One transition. The same state and input give the same result, and the given state stays valid. */
export const step = (
  state: Schedule,
  input: Input,
): readonly [Schedule, ReadonlyArray<AnnounceCommand>] => {
  switch (input._tag) {
    case "Start":
      return state.isRunning
        ? [state, []]
        : decide({ ...state, isRunning: true, dueAt: input.now }, input.now)
    case "Stop":
      return state.isRunning ? stop({ ...state, isRunning: false, dueAt: NEVER }) : [state, []]
    case "Completed":
      if (!state.isRunning || state.completion !== "unseen") return [state, []]
      return decide({ ...state, completion: "seen", dueAt: Math.min(state.dueAt, input.now) }, input.now)
    case "WantPeers":
      if (!state.isRunning) return [state, []]
      return decide(state.dueAt <= input.now ? state : { ...state, dueAt: input.now }, input.now)
    case "Succeeded":
    case "Failed":
      return answered(state, input)
    case "Tick":
      return decide(state, input.now)
  }
}

/** Whether `WantPeers` would change anything; once it has, it would not until an answer comes, or a `Tick` is due. */
export const canHurry = (state: Schedule, now: Millis): boolean => state.isRunning && state.dueAt > now

/** When a `Tick` would next announce; a `Tick` before it changes nothing. {@link NEVER} where only an answer or the user can. */
export const nextWake = (state: Schedule): Millis => {
  if (!state.isRunning || state.inFlight !== undefined) return NEVER
  let wake = NEVER
  for (const { at } of candidates(state)) wake = Math.min(wake, at)
  return wake
}

export interface TrackerStatus {
  readonly tracker: TrackerId
  /** As the torrent gives it, passkey included: `Url.redact` it before it is logged. */
  readonly url: string
  readonly tier: number
  readonly state: "idle" | "announcing" | "ok" | "failed"
  /** Of the last announce, if it failed; safe to print. */
  readonly failureMessage?: string
  readonly failuresInRow: number
  /** Absent while it is announcing, while a better tracker works, and where it was given up. */
  readonly nextAnnounceInMs?: Millis
}

/** Every tracker for display, in the order in which they are tried. */
export const status = (state: Schedule, now: Millis): ReadonlyArray<TrackerStatus> => {
  const waits = new Map<TrackerId, Millis>()
  if (state.isRunning) {
    for (const { id, at } of candidates(state)) {
      if (at !== NEVER && state.inFlight?.tracker !== id) waits.set(id, Math.max(0, at - now))
    }
  }
  return state.tiers.flat().map((id) => {
    const tracker = state.trackers[id]!
    const isAnnouncing = tracker.isStopping || state.inFlight?.tracker === id
    const wait = waits.get(id)
    return {
      tracker: id,
      url: tracker.url,
      tier: tracker.tier,
      state: isAnnouncing
        ? "announcing"
        : tracker.failuresInRow > 0
        ? "failed"
        : tracker.hasAnswered
        ? "ok"
        : "idle",
      failuresInRow: tracker.failuresInRow,
      ...(tracker.failureMessage === undefined ? {} : { failureMessage: tracker.failureMessage }),
      ...(wait === undefined ? {} : { nextAnnounceInMs: wait }),
    }
  })
}

/**
 * How often in a row every tracker has failed at least: 0 while one works or is untried, and where there are none.
 * Trackers given up for good don't count; Infinity if all of them were.
 */
export const allFailedTimes = (state: Schedule): number =>
  state.trackers.length === 0
    ? 0
    : Math.min(...state.trackers.map((tracker) => tracker.isGivenUp ? Infinity : tracker.failuresInRow))

/** The trackers that the next pass may ask, in order, and when. */
const candidates = function* (state: Schedule): Generator<{ readonly id: TrackerId; readonly at: Millis }> {
  for (const tier of state.tiers) {
    for (const id of tier) {
      const tracker = state.trackers[id]!
      if (tracker.isGivenUp) continue
      const waits = tracker.failuresInRow > 0 || eventFor(state, tracker) === undefined
      yield {
        id,
        at: tracker.isStopping ? NEVER : waits ? Math.max(state.dueAt, tracker.readyAt) : state.dueAt,
      }
      if (tracker.failuresInRow === 0) return
    }
  }
}

/** What this tracker has to hear next. `completed` waits for `started`, and is over once any tracker has answered it. */
const eventFor = (state: Schedule, tracker: Tracker): AnnounceEvent =>
  !tracker.knowsUs ? "started" : state.completion === "seen" ? "completed" : undefined

const decide = (state: Schedule, now: Millis): readonly [Schedule, ReadonlyArray<AnnounceCommand>] => {
  if (!state.isRunning || state.inFlight !== undefined) return [state, []]
  for (const { id, at } of candidates(state)) {
    if (at > now) continue
    const tracker = state.trackers[id]!
    const event = eventFor(state, tracker)
    return [{ ...state, inFlight: { tracker: id, event } }, [command(tracker, id, event)]]
  }
  return [state, []]
}

const command = (tracker: Tracker, id: TrackerId, event: AnnounceEvent): AnnounceCommand => ({
  tracker: id,
  url: tracker.url,
  event,
  ...(tracker.trackerId === undefined ? {} : { trackerId: tracker.trackerId }),
})

/** `stopped` to every tracker that knows us. */
const stop = (state: Schedule): readonly [Schedule, ReadonlyArray<AnnounceCommand>] => {
  const commands: Array<AnnounceCommand> = []
  const trackers = state.trackers.map((tracker, id) => {
    if (!tracker.knowsUs) return tracker
    commands.push(command(tracker, id, "stopped"))
    return { ...tracker, knowsUs: false, isStopping: true }
  })
  return [{ ...state, trackers }, commands]
}

const answered = (
  state: Schedule,
  input: Extract<Input, { readonly _tag: "Succeeded" | "Failed" }>,
): readonly [Schedule, ReadonlyArray<AnnounceCommand>] => {
  const id = input.tracker
  const tracker = state.trackers[id]
  assert(tracker !== undefined, "an answer names a tracker of this schedule")
  if (state.inFlight?.tracker !== id) {
    // A `stopped` is not repeated: the tracker forgets us by itself. If a regular announce and `stopped` are under way
    // to the same tracker, the first answer counts for the former; nothing depends on which it was.
    if (!tracker.isStopping) return [state, []]
    return decide(withTracker(state, id, { ...tracker, isStopping: false }), input.now)
  }
  const { event } = state.inFlight
  const idle = { ...state, inFlight: undefined }
  const next = input._tag === "Succeeded"
    ? succeeded(idle, id, event, input.now, input.response)
    : failed(idle, id, input.now, input.failure)
  // Its answer to `started` may come after Stop: then it knows us only now.
  return state.isRunning ? decide(next, input.now) : stop(next)
}

const succeeded = (
  state: Schedule,
  id: TrackerId,
  event: AnnounceEvent,
  now: Millis,
  response: Extract<Input, { readonly _tag: "Succeeded" }>["response"],
): Schedule => {
  const before = state.trackers[id]!
  const minIntervalMs = response.minIntervalMs ?? Math.min(DEFAULT_MIN_INTERVAL_MS, response.intervalMs)
  const tracker: Tracker = {
    ...before,
    knowsUs: before.knowsUs || event === "started",
    hasAnswered: true,
    failuresInRow: 0,
    failureMessage: undefined,
    readyAt: now + minIntervalMs,
    trackerId: response.trackerId ?? before.trackerId,
  }
  const completion = event === "completed" ? "told" : state.completion
  const tiers = state.tiers.map((tier, index) =>
    index === tracker.tier ? [id, ...tier.filter((other) => other !== id)] : tier
  )
  const next = withTracker({ ...state, tiers, completion }, id, tracker)
  if (!state.isRunning) return next
  return { ...next, dueAt: eventFor(next, tracker) === undefined ? now + response.intervalMs : now }
}

const failed = (
  state: Schedule,
  id: TrackerId,
  now: Millis,
  { message, retryInMs }: TrackerFailure,
): Schedule => {
  const before = state.trackers[id]!
  const failuresInRow = before.failuresInRow + 1
  const rng: Rng.Rng = { words: state.rng.words.slice() }
  return withTracker({ ...state, rng }, id, {
    ...before,
    failuresInRow,
    failureMessage: message,
    isGivenUp: retryInMs === "never",
    readyAt: now + BackOff.waitMs(rng, failuresInRow, retryInMs),
  })
}

const withTracker = (state: Schedule, id: TrackerId, tracker: Tracker): Schedule => ({
  ...state,
  trackers: state.trackers.with(id, tracker),
})
