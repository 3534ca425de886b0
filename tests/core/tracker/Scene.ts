/** Stories about a schedule in virtual time, short enough to read. */
import * as Rng from "../../../core/base/Rng.ts"
import { MINUTE, NEVER } from "../../../core/base/Time.ts"
import type { TrackerFailure } from "../../../core/tracker/Announce.ts"
import * as Schedule from "../../../core/tracker/Schedule.ts"

type Inputs = Schedule.Input extends infer I ? I extends { readonly now: number } ? Omit<I, "now"> : never
  : never

/** Trackers go by their URLs, commands read `url event`. */
export class Scene {
  now = 1_000
  state: Schedule.Schedule

  /** Tiers of URLs, `a b | c`. */
  constructor(tiers: string, seed = 1) {
    const urls = tiers.split(" | ").map((tier) => tier.split(" "))
    this.state = Schedule.make({ tiers: urls, rng: Rng.make(seed) })
    // Stories are easier to read in the order given.
    const order = urls.map((tier) => tier.map((url) => this.id(url)))
    this.state = { ...this.state, tiers: order }
  }

  id(url: string): number {
    return this.state.trackers.findIndex((tracker) => tracker.url === url)
  }

  input(input: Inputs): ReadonlyArray<string> {
    const [state, commands] = Schedule.step(this.state, { ...input, now: this.now } as Schedule.Input)
    this.state = state
    return commands.map(({ url, event, trackerId }) =>
      [url, event ?? "regular", trackerId].filter((word) => word !== undefined).join(" ")
    )
  }

  start = () => this.input({ _tag: "Start" })
  stop = () => this.input({ _tag: "Stop" })
  completed = () => this.input({ _tag: "Completed" })
  wantPeers = () => this.input({ _tag: "WantPeers" })
  ok = (url: string, minutes = 30, more: { minIntervalMs?: number; trackerId?: string } = {}) =>
    this.input({
      _tag: "Succeeded",
      tracker: this.id(url),
      response: { intervalMs: minutes * MINUTE, ...more },
    })
  fail = (url: string, retryInMs?: TrackerFailure["retryInMs"]) =>
    this.input({
      _tag: "Failed",
      tracker: this.id(url),
      failure: {
        reason: "Refused",
        message: `${url} says no`,
        ...(retryInMs === undefined ? {} : { retryInMs }),
      },
    })

  /** Lets time pass without a tick. */
  pass(ms: number): this {
    this.now += ms
    return this
  }

  tick = () => this.input({ _tag: "Tick" })

  /** Waits until the schedule wakes up; how long that took comes first. */
  wake(): ReadonlyArray<string> {
    const at = Schedule.nextWake(this.state)
    if (at === NEVER) return ["never"]
    const waited = at - this.now
    this.now = at
    return [`${waited} ms`, ...this.tick()]
  }

  get order(): string {
    return this.state.tiers.map((tier) => tier.map((id) => this.state.trackers[id]!.url).join(" ")).join(
      " | ",
    )
  }

  get statuses(): ReadonlyArray<string> {
    return Schedule.status(this.state, this.now).map(({ url, state, failuresInRow, nextAnnounceInMs }) =>
      [url, state, failuresInRow || "", nextAnnounceInMs ?? ""].filter((word) => word !== "").join(" ")
    )
  }
}
