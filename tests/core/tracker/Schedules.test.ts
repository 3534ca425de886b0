import { describe, expect, it } from "@effect/vitest"
import * as Rng from "../../../core/base/Rng.ts"
import { MINUTE, NEVER } from "../../../core/base/Time.ts"
import type { Input } from "../../../core/tracker/Schedule.ts"
import * as Schedules from "../../../core/tracker/Schedules.ts"

const TIERS = [["a", "b"], ["b", "c"], ["a"], ["d"]]

/** Steps and tells what was asked as `URL event`, sorted: tiers are shuffled. */
const scene = (isParallel: boolean) => {
  let state = Schedules.make({ tiers: TIERS, isParallel, rng: Rng.make(7) })
  const numbers = new Map(Schedules.status(state, 0).map(({ tracker, url }) => [url, tracker]))
  const step = (input: Input): ReadonlyArray<string> => {
    const [next, commands] = Schedules.step(state, input)
    state = next
    for (const { tracker, url } of commands) expect(Schedules.urlOf(state, tracker)).toBe(url)
    return commands.map(({ event, url }) => `${url} ${event ?? "regular"}`).sort()
  }
  return {
    step,
    state: () => state,
    ok: (url: string, now: number) =>
      step({ _tag: "Succeeded", now, tracker: numbers.get(url)!, response: { intervalMs: 30 * MINUTE } }),
    fail: (url: string, now: number) =>
      step({
        _tag: "Failed",
        now,
        tracker: numbers.get(url)!,
        failure: { reason: "Unreachable", message: "no answer" },
      }),
  }
}

describe("in turn", () => {
  it("asks one tracker, and the next tiers only when one has failed", () => {
    const { fail, ok, state, step } = scene(false)
    const [first] = step({ _tag: "Start", now: 0 })
    expect(first).toMatch(/^[ab] started$/)
    const other = first!.startsWith("a") ? "b" : "a"
    expect(fail(first![0]!, 1)).toEqual([`${other} started`])
    expect(fail(other, 2)).toEqual(["c started"])
    expect(ok("c", 3)).toEqual([])
    expect(Schedules.status(state(), 3).map(({ tier, url }) => `${tier}${url}`).sort())
      .toEqual(["0a", "0b", "1c", "2d"])
  })
})

describe("in parallel", () => {
  it("asks one tracker of every tier, each with its own failures and intervals", () => {
    const { fail, ok, state, step } = scene(true)
    const asked = step({ _tag: "Start", now: 0 })
    expect(asked.map((line) => line.slice(1))).toEqual([" started", " started", " started"])
    expect(asked.slice(1)).toEqual(["c started", "d started"])
    const first = asked[0]![0]!
    const other = first === "a" ? "b" : "a"
    expect(ok("d", 1)).toEqual([])
    expect(fail(first, 2)).toEqual([`${other} started`])
    expect(fail("c", 3)).toEqual([])
    expect(Schedules.allFailedTimes(state())).toBe(0)
    expect(Schedules.nextWake(state())).toBeLessThan(MINUTE)
    expect(step({ _tag: "Completed", now: 4 })).toEqual(["d completed"])
    expect(ok("d", 5)).toEqual([])
    expect(ok(other, 6)).toEqual([`${other} completed`])
    expect(ok(other, 7)).toEqual([])
    expect(step({ _tag: "Stop", now: 8 })).toEqual([`${other} stopped`, "d stopped"])
    expect(Schedules.nextWake(state())).toBe(NEVER)
  })

  it("numbers trackers throughout, each URL once", () => {
    const state = Schedules.make({ tiers: TIERS, isParallel: true, rng: Rng.make(1) })
    expect(Schedules.size(state)).toBe(4)
    expect(Schedules.status(state, 0).map(({ tier, tracker, url }) => `${tracker}${tier}${url}`).sort())
      .toEqual(["00a", "10b", "21c", "32d"])
    expect(Schedules.urlOf(state, 4)).toBeUndefined()
  })

  it("without trackers has nothing to do, and nobody has failed", () => {
    const state = Schedules.make({ tiers: [[]], isParallel: true, rng: Rng.make(1) })
    expect(Schedules.step(state, { _tag: "Start", now: 0 })[1]).toEqual([])
    expect(Schedules.nextWake(state)).toBe(NEVER)
    expect(Schedules.allFailedTimes(state)).toBe(0)
  })
})

it.each([true, false])(
  "a wish for peers is heard once until an answer comes, in parallel: %s",
  (isParallel) => {
    const { ok, state, step } = scene(isParallel)
    expect(Schedules.canHurry(state(), 0), "before the start").toBe(false)
    const asked = step({ _tag: "Start", now: 0 })
    expect(Schedules.canHurry(state(), 0), "under way").toBe(false)
    for (const [url] of asked) ok(url!, 1)
    expect(Schedules.canHurry(state(), MINUTE)).toBe(true)
    step({ _tag: "WantPeers", now: MINUTE })
    expect(Schedules.canHurry(state(), MINUTE)).toBe(false)
    const before = state()
    const wake = Schedules.nextWake(before)
    step({ _tag: "WantPeers", now: Math.min(wake, 2 * MINUTE) - 1 })
    expect(state()).toEqual(before)
    expect(step({ _tag: "Tick", now: wake })).not.toEqual([])
  },
)
