import { describe, expect, it } from "@effect/vitest"
import { AssertionFailure } from "../../../core/base/Assert.ts"
import * as Rng from "../../../core/base/Rng.ts"
import { MINUTE, SECOND } from "../../../core/base/Time.ts"
import * as BackOff from "../../../core/tracker/BackOff.ts"
import * as Schedule from "../../../core/tracker/Schedule.ts"
import { Scene } from "./Scene.ts"

describe("one tracker", () => {
  it("hears started, then a regular announce each interval", () => {
    const scene = new Scene("a")
    expect(scene.wake()).toEqual(["never"])
    expect(scene.start()).toEqual(["a started"])
    expect(scene.wake()).toEqual(["never"])
    expect(scene.pass(2_000).ok("a", 30)).toEqual([])
    expect(scene.wake()).toEqual([`${30 * MINUTE} ms`, "a regular"])
    expect(scene.ok("a", 10)).toEqual([])
    expect(scene.wake()).toEqual([`${10 * MINUTE} ms`, "a regular"])
  })

  it("hears started until it has answered it", () => {
    const scene = new Scene("a")
    scene.start()
    expect(scene.fail("a", 7_000)).toEqual([])
    expect(scene.wake()).toEqual(["7000 ms", "a started"])
    scene.ok("a", 1)
    expect(scene.wake()).toEqual([`${MINUTE} ms`, "a regular"])
  })

  it("gets its tracker id back, the last it gave", () => {
    const scene = new Scene("a")
    scene.start()
    scene.ok("a", 1, { trackerId: "x" })
    expect(scene.wake()).toEqual(["60000 ms", "a regular x"])
    scene.ok("a", 1)
    expect(scene.wake()).toEqual(["60000 ms", "a regular x"])
    scene.ok("a", 1, { trackerId: "y" })
    expect(scene.stop()).toEqual(["a stopped y"])
  })

  it("is left alone longer after each failure in a row, up to half an hour", () => {
    const scene = new Scene("a")
    scene.start()
    const waits: Array<number> = []
    for (let i = 0; i < 12; i++) {
      scene.fail("a")
      waits.push(Number.parseInt(scene.wake()[0]!))
    }
    waits.forEach((wait, i) => {
      const whole = Math.min(BackOff.FIRST_MS * 2 ** i, BackOff.MAX_MS)
      expect(wait).toBeLessThanOrEqual(whole)
      expect(wait).toBeGreaterThanOrEqual(whole * (1 - BackOff.JITTER))
    })
    expect(new Set(waits.slice(-3)).size).toBeGreaterThan(1)
    scene.ok("a", 1)
    scene.wake()
    scene.fail("a")
    expect(Number.parseInt(scene.wake()[0]!)).toBeLessThanOrEqual(BackOff.FIRST_MS)
  })

  it("decides itself when it is tried again (BEP 31)", () => {
    const scene = new Scene("a")
    scene.start()
    scene.fail("a", 12 * MINUTE)
    expect(scene.wake()).toEqual([`${12 * MINUTE} ms`, "a started"])
    scene.fail("a", 0)
    expect(scene.wake()).toEqual([`${5 * SECOND} ms`, "a started"])
    scene.fail("a", "never")
    expect(scene.wake()).toEqual(["never"])
    expect(scene.wantPeers()).toEqual([])
    scene.stop()
    expect(scene.start()).toEqual([])
  })
})

describe("completed", () => {
  it("is announced at once, and once", () => {
    const scene = new Scene("a")
    scene.start()
    scene.ok("a")
    expect(scene.pass(1).completed()).toEqual(["a completed"])
    scene.ok("a", 1)
    expect(scene.completed()).toEqual([])
    expect(scene.wake()).toEqual(["60000 ms", "a regular"])
  })

  it("waits for the announce that is under way, and for started", () => {
    const scene = new Scene("a")
    scene.start()
    expect(scene.completed()).toEqual([])
    expect(scene.fail("a", 9_000)).toEqual([])
    expect(scene.wake()).toEqual(["9000 ms", "a started"])
    expect(scene.ok("a")).toEqual(["a completed"])
  })

  it("is repeated until one tracker has answered it", () => {
    const scene = new Scene("a b")
    scene.start()
    scene.ok("a")
    scene.completed()
    expect(scene.fail("a", 9_000)).toEqual(["b started"])
    expect(scene.ok("b", 1)).toEqual(["b completed"])
    scene.ok("b", 1)
    scene.wake()
    expect(scene.fail("b", 9_000)).toEqual(["a regular"])
  })

  it("is not said of a torrent that is not running", () => {
    const scene = new Scene("a")
    expect(scene.completed()).toEqual([])
    scene.start()
    expect(scene.ok("a", 1)).toEqual([])
    expect(scene.wake()).toEqual(["60000 ms", "a regular"])
  })
})

describe("stopped", () => {
  it("goes to every tracker that knows us, even if an announce is under way", () => {
    const scene = new Scene("a b | c")
    scene.start()
    scene.ok("a", 1)
    scene.wake()
    scene.fail("a")
    scene.ok("b", 1)
    scene.wake()
    expect(scene.stop()).toEqual(["a stopped", "b stopped"])
    expect(scene.stop()).toEqual([])
    expect(scene.wake()).toEqual(["never"])
  })

  it("goes to nobody who has not answered started", () => {
    const scene = new Scene("a b")
    scene.start()
    scene.fail("a")
    expect(scene.stop()).toEqual([])
    expect(scene.fail("b")).toEqual([])
    expect(scene.wake()).toEqual(["never"])
  })

  it("follows an answer to started that comes late", () => {
    const scene = new Scene("a")
    scene.start()
    expect(scene.stop()).toEqual([])
    expect(scene.ok("a", 30, { trackerId: "x" })).toEqual(["a stopped x"])
    expect(scene.ok("a")).toEqual([])
    expect(scene.wake()).toEqual(["never"])
  })

  it("is not repeated, and its failure counts for nothing", () => {
    const scene = new Scene("a")
    scene.start()
    scene.ok("a")
    scene.stop()
    expect(scene.statuses).toEqual(["a announcing"])
    expect(scene.fail("a")).toEqual([])
    expect(scene.wake()).toEqual(["never"])
    expect(scene.statuses).toEqual(["a ok"])
  })

  it("is answered before the next start, which it could undo", () => {
    const scene = new Scene("a b")
    scene.start()
    scene.ok("a")
    expect(scene.stop()).toEqual(["a stopped"])
    expect(scene.start()).toEqual([])
    expect(scene.ok("a")).toEqual(["a started"])
    expect(scene.ok("a", 1)).toEqual([])
    expect(scene.wake()).toEqual(["60000 ms", "a regular"])
  })

  it("and a regular announce may be under way to one tracker", () => {
    const scene = new Scene("a")
    scene.start()
    scene.ok("a", 1)
    expect(scene.wake()).toEqual(["60000 ms", "a regular"])
    expect(scene.stop()).toEqual(["a stopped"])
    expect(scene.start()).toEqual([])
    expect(scene.ok("a", 1)).toEqual([])
    expect(scene.ok("a", 1)).toEqual(["a started"])
  })
})

describe("tiers", () => {
  it("are shuffled each, never mixed, the same way by the same seed", () => {
    const orders = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      const options = () => ({ tiers: [["a", "b", "c"], [], ["d", "e"]], rng: Rng.make(seed) })
      const order = (state: Schedule.Schedule) =>
        state.tiers.map((tier) => tier.map((id) => state.trackers[id]!.url).join(""))
      const made = order(Schedule.make(options()))
      expect(made).toEqual(order(Schedule.make(options())))
      expect(made.map((tier) => [...tier].sort().join(""))).toEqual(["abc", "de"])
      orders.add(made.join(" "))
    }
    expect(orders.size).toBe(12)
  })

  it("have a URL once, where it comes first, and ids by the order given", () => {
    const state = Schedule.make({ tiers: [["a", "a"], ["b", "a"], ["a"]], rng: Rng.make(1) })
    expect(state.trackers.map(({ url }) => url)).toEqual(["a", "b"])
    expect(state.tiers).toEqual([[0], [1]])
  })

  it("promote the first that answers, and stay with it", () => {
    const scene = new Scene("a b c | d")
    expect(scene.start()).toEqual(["a started"])
    expect(scene.fail("a")).toEqual(["b started"])
    expect(scene.ok("b", 1)).toEqual([])
    expect(scene.order).toBe("b a c | d")
    expect(scene.wake()).toEqual(["60000 ms", "b regular"])
  })

  it("are gone through in order where the one in use fails", () => {
    const scene = new Scene("a b | c")
    scene.start()
    scene.ok("a", 1)
    scene.wake()
    expect(scene.fail("a")).toEqual(["b started"])
    expect(scene.fail("b")).toEqual(["c started"])
    expect(scene.ok("c", 1)).toEqual([])
    expect(scene.order).toBe("a b | c")
  })

  it("are begun from the first again at the next interval (BEP 12)", () => {
    const scene = new Scene("a | b")
    scene.start()
    scene.fail("a")
    scene.ok("b", 1)
    expect(scene.wake()).toEqual(["60000 ms", "a started"])
    expect(scene.ok("a", 1)).toEqual([])
    expect(scene.wake()).toEqual(["60000 ms", "a regular"])
    expect(scene.stop()).toEqual(["a stopped", "b stopped"])
  })

  it("leave out, in an interval's pass, who backs off longer", () => {
    const scene = new Scene("a | b")
    scene.start()
    scene.fail("a", 10 * MINUTE)
    scene.ok("b", 1)
    expect(scene.wake()).toEqual(["60000 ms", "b regular"])
  })

  it("are all tried before any twice, then each when its own back-off ends", () => {
    const scene = new Scene("a b | c")
    scene.start()
    expect(scene.fail("a", 30_000)).toEqual(["b started"])
    expect(scene.fail("b", 10_000)).toEqual(["c started"])
    expect(scene.fail("c", 20_000)).toEqual([])
    expect(scene.wake()).toEqual(["10000 ms", "b started"])
    expect(scene.fail("b", 50_000)).toEqual([])
    expect(scene.wake()).toEqual(["10000 ms", "c started"])
    expect(scene.pass(15_000).fail("c", 50_000)).toEqual(["a started"])
  })
})

describe("a starved torrent", () => {
  it("asks before the interval is over, but not before the minimum interval", () => {
    const scene = new Scene("a")
    scene.start()
    scene.ok("a", 30, { minIntervalMs: 10 * MINUTE })
    expect(scene.pass(MINUTE).wantPeers()).toEqual([])
    expect(scene.wantPeers()).toEqual([])
    expect(scene.wake()).toEqual([`${9 * MINUTE} ms`, "a regular"])
    expect(scene.wantPeers()).toEqual([])
    scene.ok("a", 30, { minIntervalMs: 10 * MINUTE })
    expect(scene.pass(11 * MINUTE).wantPeers()).toEqual(["a regular"])
  })

  it("leaves a tracker that names no minimum alone for five minutes", () => {
    const scene = new Scene("a")
    scene.start()
    scene.ok("a")
    scene.wantPeers()
    expect(scene.wake()).toEqual([`${Schedule.DEFAULT_MIN_INTERVAL_MS} ms`, "a regular"])
    scene.ok("a", 2)
    scene.wantPeers()
    expect(scene.wake()).toEqual([`${2 * MINUTE} ms`, "a regular"])
  })

  it("does not shorten a back-off", () => {
    const scene = new Scene("a")
    scene.start()
    scene.fail("a", 9_000)
    expect(scene.wantPeers()).toEqual([])
    expect(scene.wake()).toEqual(["9000 ms", "a started"])
  })

  it("is no reason to announce while not running", () => {
    const scene = new Scene("a")
    expect(scene.wantPeers()).toEqual([])
    expect(scene.wake()).toEqual(["never"])
  })
})

describe("status", () => {
  it("shows each tracker as it is", () => {
    const scene = new Scene("a b | c")
    expect(scene.statuses).toEqual(["a idle", "b idle", "c idle"])
    scene.start()
    expect(scene.statuses).toEqual(["a announcing", "b idle", "c idle"])
    scene.fail("a", 90_000)
    expect(scene.statuses).toEqual(["a failed 1 90000", "b announcing", "c idle"])
    scene.ok("b", 1)
    expect(scene.pass(10_000).statuses).toEqual([
      "b ok 50000",
      "a idle".replace("idle", "failed 1"),
      "c idle",
    ])
    expect(Schedule.status(scene.state, scene.now)[1]).toEqual({
      tracker: 0,
      url: "a",
      tier: 0,
      state: "failed",
      failureMessage: "a says no",
      failuresInRow: 1,
    })
  })

  it("shows no next announce to who was given up", () => {
    const scene = new Scene("a")
    scene.start()
    scene.fail("a", "never")
    expect(scene.statuses).toEqual(["a failed 1"])
  })
})

describe("allFailedTimes", () => {
  const times = (scene: Scene) => Schedule.allFailedTimes(scene.state)

  it("is the least of all trackers' failures in a row", () => {
    const scene = new Scene("a | b")
    scene.start()
    scene.fail("a", 5_000)
    expect(times(scene)).toBe(0)
    scene.fail("b", 60_000)
    expect(times(scene)).toBe(1)
    scene.wake()
    scene.fail("a", 5_000)
    expect(times(scene)).toBe(1)
    scene.pass(60_000).tick()
    scene.ok("a")
    expect(times(scene)).toBe(0)
  })

  it("leaves out those given up, unless all are", () => {
    const scene = new Scene("a | b")
    scene.start()
    scene.fail("a", "never")
    scene.fail("b", 5_000)
    scene.wake()
    scene.fail("b", 5_000)
    expect(times(scene)).toBe(2)
    scene.wake()
    scene.fail("b", "never")
    expect(times(scene)).toBe(Infinity)
  })

  it("is 0 without trackers", () => {
    const state = Schedule.make({ tiers: [[]], rng: Rng.make(1) })
    expect(Schedule.allFailedTimes(state)).toBe(0)
    expect(Schedule.step(state, { _tag: "Start", now: 0 })[1]).toEqual([])
  })
})

it("takes an answer of a tracker that it does not have for our own bug", () => {
  const scene = new Scene("a")
  expect(() => scene.ok("z")).toThrow(AssertionFailure)
})
