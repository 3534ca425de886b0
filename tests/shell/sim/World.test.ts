import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Random from "effect/Random"
import * as Process from "../../../shell/sim/Process.ts"
import * as World from "../../../shell/sim/World.ts"

/** A world with a process, and what its fibers say, with the time. */
const scene = (seed = 1) => {
  const world = World.make({ seed })
  const process = Process.make(world, "test", seed)
  const said: Array<string> = []
  const say = (what: string) => Effect.sync(() => said.push(`${World.now(world)} ${what}`))
  return { world, process, said, say, run: () => World.run(world, () => false) }
}

describe("World", () => {
  it("lets no time pass but what is waited for, and things happen in the order of their times", () => {
    const { process, run, said, say, world } = scene()
    const began = performance.now()
    for (const [name, ms] of [["c", 3_600_000], ["a", 5], ["b", 5]] as const) {
      Process.start(process, Effect.zipRight(Effect.sleep(ms), say(name)))
    }
    expect(said).toEqual([])
    expect(run()).toBe("Standstill")
    expect(said).toEqual(["5 a", "5 b", "3600000 c"])
    expect(World.now(world)).toBe(3_600_000)
    expect(performance.now() - began).toBeLessThan(10_000)
  })

  it("stops when what it waits for has come, or its time is up, and goes on from there", () => {
    const { process, said, say, world } = scene()
    Process.start(process, Effect.forever(Effect.zipRight(Effect.sleep(10), say("tick"))))
    expect(World.run(world, () => said.length === 3)).toBe("Done")
    expect(World.run(world, () => false, 55)).toBe("TimeUp")
    expect(said).toEqual([10, 20, 30, 40, 50].map((at) => `${at} tick`))
  })

  it("gives fibers the world's clock and a random service of the seed", () => {
    const draw = (seed: number): unknown => {
      const { process, run, said, world } = scene(seed)
      Process.start(
        process,
        Effect.gen(function* () {
          yield* Effect.sleep(1.5)
          const nanos = yield* Clock.currentTimeNanos
          expect(nanos).toBe(BigInt(Process.EPOCH_MS) * 1_000_000n + 1_500_000n)
          expect(yield* Clock.currentTimeMillis).toBe(Process.EPOCH_MS + 1)
          said.push(String(yield* Random.nextIntBetween(0, 2 ** 31)))
        }),
      )
      run()
      expect(World.now(world)).toBe(1.5)
      expect(said.length).toBe(1)
      return said
    }
    expect(draw(1)).toEqual(draw(1))
    expect(draw(1)).not.toEqual(draw(2))
  })

  it("runs the fibers of a time-out, an interruption and a race in the same order each time", () => {
    const run = (): ReadonlyArray<string> => {
      const { process, run, said, say } = scene()
      Process.start(
        process,
        Effect.gen(function* () {
          yield* Effect.timeoutOption(Effect.onInterrupt(Effect.sleep(50), () => say("interrupted")), 20)
          yield* Effect.race(Effect.as(Effect.sleep(7), "slow"), Effect.as(Effect.sleep(3), "fast")).pipe(
            Effect.flatMap(say),
          )
          yield* Effect.forEach([3, 1, 2], (ms) => Effect.zipRight(Effect.sleep(ms), say(`${ms}`)), {
            concurrency: "unbounded",
          })
        }),
      )
      expect(run()).toBe("Standstill")
      return said
    }
    expect(run()).toEqual(["20 interrupted", "23 fast", "24 1", "25 2", "26 3"])
    expect(run()).toEqual(run())
  })

  it("fingerprints its journal", () => {
    const digest = (line: string): string => {
      const world = World.make({ seed: 1 })
      World.note(world, line)
      return World.digest(world)
    }
    expect(digest("a")).toBe(digest("a"))
    expect(digest("a")).not.toBe(digest("b"))
  })

  it("says so when fibers spin instead of waiting", () => {
    const { process, run } = scene()
    Process.start(process, Effect.forever(Effect.yieldNow()))
    expect(run).toThrow(/fibers spin at 0 ms/)
  })
})

describe("Process", () => {
  it("that is killed runs no instruction more: no timer, no finalizer", () => {
    const { process, run, said, say, world } = scene()
    const gone: Array<number> = []
    process.onGone.push(() => gone.push(World.now(world)))
    Process.start(
      process,
      Effect.zipRight(
        Effect.addFinalizer(() => say("finalizer")),
        Effect.zipRight(say("begun"), Effect.sleep(10)),
      )
        .pipe(Effect.zipRight(say("woken")), Effect.scoped),
    )
    World.at(world, 5, () => Process.kill(process))
    World.at(world, 6, () => Process.kill(process))
    run()
    expect(said).toEqual(["0 begun"])
    expect(gone).toEqual([5])
  })

  it("leaves the others alone when it is killed", () => {
    const { process, run, said, say, world } = scene()
    const other = Process.make(world, "other", 2)
    Process.start(process, Effect.zipRight(Effect.sleep(10), say("first")))
    Process.start(other, Effect.zipRight(Effect.sleep(10), say("other")))
    World.at(world, 5, () => Process.kill(process))
    run()
    expect(said).toEqual(["10 other"])
  })

  it("writes what it logs into the journal", () => {
    const lines: Array<string> = []
    const world = World.make({ seed: 1, onNote: (now, line) => lines.push(`${now} ${line}`) })
    Process.start(
      Process.make(world, "test", 1),
      Effect.zipRight(Effect.sleep(3), Effect.logWarning("look out")),
    )
    World.run(world, () => false)
    expect(lines).toEqual(["3 test logs WARN: look out"])
  })

  it("runs an effect to its end, and says where none would come", () => {
    const world = World.make({ seed: 1 })
    expect(Process.runIn(world, "one", Effect.as(Effect.sleep("1 hour"), 7))).toEqual(Exit.succeed(7))
    const exit = Process.runIn(world, "two", Effect.async<never>(() => {}))
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toMatch(
      /two waits for what never comes \(Standstill at 3600000 ms\)/,
    )
  })
})
