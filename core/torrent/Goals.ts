/** When seeding has done its part: a share ratio or a time, whichever comes first; told once (`SeedGoalReached`). */
import { type Millis, NEVER } from "../base/Time.ts"
import * as State from "./State.ts"

/** `undefined`: no such goal. */
export interface Goals {
  /** Uploaded bytes for each wanted byte. */
  readonly ratio: number | undefined
  /** Time with every wanted piece verified. */
  readonly seedMs: number | undefined
}

/** What counts towards the goals. */
export interface Progress {
  /** Payload given away, earlier runs included. */
  readonly uploadedBytes: number
  /** What a ratio of 1 has given away. */
  readonly ratioBytes: number
  /** Since when every wanted piece is verified in this run; `undefined` while one is missing. */
  readonly seedingSince: Millis | undefined
}

/** The goal that is reached, if one is. A torrent of no bytes has given back all of them at once. */
export const reached = (goals: Goals, progress: Progress, now: Millis): "ratio" | "time" | undefined => {
  if (progress.seedingSince === undefined) return undefined
  const { ratio } = goals
  if (ratio !== undefined && progress.uploadedBytes >= ratio * progress.ratioBytes) return "ratio"
  return now >= timeAt(goals, progress) ? "time" : undefined
}

/** When time alone reaches a goal; {@link NEVER} without one. */
export const timeAt = ({ seedMs }: Goals, { seedingSince }: Progress): Millis =>
  seedMs === undefined || seedingSince === undefined ? NEVER : seedingSince + seedMs

const progressOf = (torrent: State.Torrent): Progress => ({
  uploadedBytes: torrent.earlier.uploadedBytes + torrent.uploadRate.totalBytes,
  ratioBytes: State.ratioBytes(torrent),
  seedingSince: torrent.seedingSince,
})

/** When {@link check} next finds a goal reached by time alone. */
export const nextWake = (torrent: State.Torrent): Millis =>
  torrent.isGoalReached ? NEVER : timeAt(torrent.goals, progressOf(torrent))

/** Tells, once, that a goal is reached. Whether seeding goes on is the listener's to decide. */
export const check = (torrent: State.Torrent, turn: State.Turn): void => {
  if (torrent.isGoalReached || torrent.seedingSince === undefined) return
  const goal = reached(torrent.goals, progressOf(torrent), turn.now)
  if (goal === undefined) return
  torrent.isGoalReached = true
  turn.out.push({ _tag: "Emit", torrent: torrent.id, event: { _tag: "SeedGoalReached", goal } })
}
