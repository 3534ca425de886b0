import { expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Rng from "../../../core/base/Rng.ts"
import { NEVER } from "../../../core/base/Time.ts"
import type { TrackerFailure } from "../../../core/tracker/Announce.ts"
import * as Schedule from "../../../core/tracker/Schedule.ts"

/** What may happen next, chosen by chance among what is possible. */
const happening = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom("start", "stop", "completed", "wantPeers") },
  { weight: 6, arbitrary: fc.constantFrom("answer", "refuse", "answer", "refuse", "wake", "pass") },
  { weight: 1, arbitrary: fc.constantFrom("give up", "retry in") },
)

interface Sent extends Schedule.AnnounceCommand {
  readonly at: number
}

/** Plays a random story, with a world that answers every command once, and checks every step. */
const play = (
  seed: number,
  happenings: ReadonlyArray<readonly [string, number]>,
  spurious: boolean,
): ReadonlyArray<Sent> => {
  const sent: Array<Sent> = []
  const open: Array<Schedule.AnnounceCommand> = []
  const told = new Map<number, boolean>()
  const earliest = new Map<number, number>()
  let state = Schedule.make({ tiers: [["a", "b", "c"], ["d", "e"]], rng: Rng.make(seed) })
  let now = 0
  let completedAnswers = 0
  let sawCompletion = false
  let isRunning = false

  const step = (input: Schedule.Input): void => {
    const before = JSON.stringify(state)
    const words = [...state.rng.words]
    const [next, commands] = Schedule.step(state, input)
    // The given state stays as it was, and gives the same again.
    expect(JSON.stringify(state)).toBe(before)
    expect([...state.rng.words]).toEqual(words)
    expect(Schedule.step(state, input)).toEqual([next, commands])
    state = next
    for (const command of commands) {
      const { tracker, event, url } = command
      expect(url).toBe("abcde"[tracker])
      if (event === "stopped") {
        expect(told.get(tracker), "stopped goes to who knows us").toBe(true)
        told.set(tracker, false)
      } else {
        expect(isRunning).toBe(true)
        expect(open.filter((other) => other.event !== "stopped"), "one announce at a time").toEqual([])
        expect(open.some((other) => other.tracker === tracker), "not while stopped is under way").toBe(false)
        expect(event === "started").toBe(told.get(tracker) !== true)
        if (event === "completed") expect(sawCompletion && completedAnswers === 0).toBe(true)
        if (event === undefined) expect(now).toBeGreaterThanOrEqual(earliest.get(tracker) ?? 0)
      }
      open.push(command)
      sent.push({ ...command, at: now })
    }
  }

  const answer = (pick: number, of: (tracker: number) => Schedule.Input): void => {
    if (open.length === 0) return
    const { tracker } = open[pick % open.length]!
    // If two are under way to one tracker, the schedule takes the first answer for the regular one's.
    const regular = open.findIndex((one) => one.tracker === tracker && one.event !== "stopped")
    const [command] = open.splice(regular >= 0 ? regular : pick % open.length, 1)
    const { event } = command!
    const input = of(tracker)
    if (input._tag === "Succeeded") {
      if (event === "started") told.set(tracker, true)
      if (event === "completed") completedAnswers++
      if (event !== "stopped") earliest.set(tracker, now + input.response.minIntervalMs!)
    } else if (event !== "stopped") earliest.set(tracker, now)
    step(input)
  }

  for (const [what, number] of happenings) {
    if (spurious) {
      const wake = Schedule.nextWake(state)
      const [same, commands] = Schedule.step(state, { _tag: "Tick", now: Math.min(now, wake - 1) })
      expect(same, "a spurious tick changes nothing").toBe(state)
      expect(commands).toEqual([])
      if (wake !== NEVER) {
        expect(wake).toBeGreaterThan(now)
        expect(Schedule.step(state, { _tag: "Tick", now: wake - 1 })[0]).toBe(state)
        expect(Schedule.step(state, { _tag: "Tick", now: wake })[1]).toHaveLength(1)
      }
    }
    const refuse = (retryInMs?: TrackerFailure["retryInMs"]) =>
      answer(number, (tracker) => ({
        _tag: "Failed",
        now,
        tracker,
        failure: { reason: "Timeout", message: "", ...(retryInMs === undefined ? {} : { retryInMs }) },
      }))
    switch (what) {
      case "start":
        isRunning = true
        step({ _tag: "Start", now })
        break
      case "stop":
        isRunning = false
        step({ _tag: "Stop", now })
        break
      case "completed":
        if (isRunning) sawCompletion = true
        step({ _tag: "Completed", now })
        break
      case "wantPeers":
        step({ _tag: "WantPeers", now })
        break
      case "answer":
        answer(number, (tracker) => ({
          _tag: "Succeeded",
          now,
          tracker,
          response: { intervalMs: 60_000 + number, minIntervalMs: 60_000 },
        }))
        break
      case "refuse":
        refuse()
        break
      case "give up":
        refuse(number % 4 === 0 ? "never" : undefined)
        break
      case "retry in":
        refuse(number)
        break
      case "wake": {
        const wake = Schedule.nextWake(state)
        if (wake === NEVER) break
        now = wake
        step({ _tag: "Tick", now })
        break
      }
      default:
        now += number
        step({ _tag: "Tick", now })
    }
  }
  return sent
}

const story = fc.array(fc.tuple(happening, fc.nat(120_000)), { minLength: 1, maxLength: 80 })

it.prop(
  "keeps its rules in any story, and spurious ticks change nothing",
  [fc.integer(), story],
  ([seed, happenings]) => {
    const plain = play(seed, [["start", 0], ...happenings], false)
    expect(play(seed, [["start", 0], ...happenings], true)).toEqual(plain)
    expect(plain.length).toBeGreaterThan(0)
  },
  { fastCheck: { numRuns: 300 } },
)
