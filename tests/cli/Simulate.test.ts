import { describe, expect, it } from "@effect/vitest"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Output from "../../cli/Output.ts"
import * as Simulate from "../../cli/Simulate.ts"
import * as SimulatePlay from "../../cli/SimulatePlay.ts"
import * as SimulateRun from "../../cli/SimulateRun.ts"
import { rule } from "../../core/sim/check/Checker.ts"
import * as Frame from "../../core/sim/check/Frame.ts"
import * as Defaults from "../../core/sim/scenario/Defaults.ts"
import * as Drawn from "../../core/sim/scenario/Random.ts"
import { NO_OPTIONS as nothing } from "./SimulateOptions.ts"
import { jsonLines, memorySink } from "./support.ts"

const files = (texts: Readonly<Record<string, string>>) =>
  FileSystem.layerNoop({
    stat: (path) =>
      texts[path] === undefined
        ? Effect.die(path)
        : Effect.succeed({ type: "File", size: FileSystem.Size(texts[path].length) } as FileSystem.File.Info),
    open: (path) =>
      Effect.sync(() => {
        let left = new TextEncoder().encode(texts[path])
        const read = (buffer: Uint8Array) =>
          Effect.sync(() => {
            const part = left.subarray(0, buffer.length)
            buffer.set(part)
            left = left.subarray(part.length)
            return FileSystem.Size(part.length)
          })
        return { read } as unknown as FileSystem.File
      }),
  })

const scenarioOf = (options: Partial<Simulate.SimulateOptions>, file?: string) =>
  SimulateRun.scenarioOf({ ...nothing, ...options }, file === undefined ? undefined : "s.toml").pipe(
    Effect.provide(files(file === undefined ? {} : { "s.toml": file })),
  )

describe("the scenario of a command line", () => {
  it.effect("is the default one with a seed that is drawn", () =>
    Effect.gen(function* () {
      const drawn = (by: string) => Effect.withRandom(scenarioOf({}), Random.make(by))
      const { seed, ...rest } = yield* drawn("a")
      expect({ ...rest, seed: 0 }).toEqual(Defaults.scenario())
      expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true)
      expect((yield* drawn("a")).seed).toBe(seed)
      expect((yield* drawn("b")).seed).not.toBe(seed)
    }))

  it.effect("is the file's, where options don't override it", () =>
    Effect.gen(function* () {
      const file = `seed = 5\nsize = "1M"\n[faults]\nresets-per-minute = 2\nuntil = "1m"`
      expect(yield* scenarioOf({}, file)).toMatchObject({
        seed: 5,
        sizeBytes: 1024 ** 2,
        faults: { resetsPerMinute: 2 },
      })
      const changed = yield* scenarioOf(
        { seed: 6, size: 2 * 1024 ** 2, faults: true, maxTime: 7_200_000 },
        file,
      )
      expect(changed).toMatchObject({ seed: 6, sizeBytes: 2 * 1024 ** 2, maxVirtualMs: 7_200_000 })
      expect(changed.faults).toEqual(Drawn.faults(6))
    }))

  it.effect("is drawn from the seed with --random, and then changed", () =>
    Effect.gen(function* () {
      expect(yield* scenarioOf({ seed: 9, random: true })).toEqual(Drawn.random(9))
      expect(yield* scenarioOf({ seed: 9, random: true, payload: "full" })).toEqual({
        ...Drawn.random(9),
        payload: "full",
      })
    }))

  it.effect.each<[string, Partial<Simulate.SimulateOptions>, string | undefined]>([
    ["--random draws a whole scenario, so that none can be given", { random: true }, ""],
    ["5 free riders are more than 3 peers in all", { peers: 3, freeRiders: 5 }, undefined],
    ["scenario s.toml: siz: unknown key; did you mean size?", {}, "siz = 1"],
    [
      "this is no scenario that can be run: piece-size: expected a power of two from 16K to 64M, not 20480",
      { pieceSize: 20_480 },
      undefined,
    ],
    [
      "s.toml is no scenario that can be run: class[1].latency.mean: expected a mean latency that is not below " +
      "the least one; class: expected at least one honest seeder, for nobody else has the content",
      {},
      `[[class]]\nname = "a"\nlatency = { min = "2s" }`,
    ],
  ])("is wrong usage: %s", ([message, options, file]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(scenarioOf(options, file))
      expect(error).toMatchObject({ _tag: "UsageError", message, command: "simulate" })
    }))
})

const SMALL = Defaults.scenario({
  seed: 1,
  sizeBytes: 64 * 1024,
  pieceBytes: 16 * 1024,
  classes: [Defaults.seeder, { ...Defaults.leecher, count: 2 }],
})

/** Whoever completes breaks its rule. */
const envious = (): Frame.Panel =>
  Frame.make([
    rule("envy", (fail) => ({ completed: ({ node }, now) => fail(node, now, "has everything") })),
  ])

const output = (isJson: boolean) => {
  const [stdout, stderr] = [memorySink(), memorySink()]
  const service = Output.make({ stdout, stderr, isJson, isQuiet: true, isColourless: true })
  return { stdout, stderr, service }
}

/** The events of a run, without the progress that a slow machine shows. */
const told = (text: string) => jsonLines(text).filter(({ event }) => event !== "progress")

describe("a run", () => {
  it.effect("in which all is well tells what came out", () =>
    Effect.gen(function* () {
      const { service, stderr, stdout } = output(true)
      yield* Effect.flatMap(SimulatePlay.play(SMALL, "again"), SimulateRun.tell).pipe(
        Effect.provideService(Output.Output, service),
      )
      expect(stderr.text).toBe("")
      expect(told(stdout.text)).toMatchObject([
        { event: "complete", peers: 2, completed: 2, violations: 0, replay: "again" },
      ])
    }))

  it.effect("in which a rule is broken fails, with the seed, what led there, and how to see it again", () =>
    Effect.gen(function* () {
      const { service, stderr, stdout } = output(false)
      const failure = yield* Effect.flip(
        SimulatePlay.play(SMALL, "shoal simulate --seed 1", { panel: envious() }).pipe(
          Effect.flatMap(SimulateRun.tell),
          Effect.provideService(Output.Output, service),
        ),
      )
      expect(failure).toMatchObject({
        _tag: "Failure",
        reason: "violation",
        isTold: true,
        message: "2 rules were broken with seed 1; to see it again: shoal simulate --seed 1",
      })
      expect(stdout.text).toContain("2 of 2 complete")
      expect(stderr.text).toMatch(/^envy at \d+(\.\d+)? s, node [12]: has everything\n/)
      expect(stderr.text).toMatch(/what led to the first:\n {2}0\.\d+ s node [012] \((seeder|leecher)\): /)
    }))

  it.effect("in which a rule is broken says so in JSON before its last line", () =>
    Effect.gen(function* () {
      const { service, stdout } = output(true)
      const played = SimulatePlay.play(SMALL, "again", { panel: envious() })
      yield* Effect.flip(played.pipe(
        Effect.flatMap(SimulateRun.tell),
        Effect.provideService(Output.Output, service),
      ))
      const lines = told(stdout.text)
      expect(lines.map(({ event }) => event)).toEqual(["violation", "violation", "complete"])
      expect(lines[1]).toMatchObject({ checker: "envy", message: "has everything" })
      expect(lines[2]).toMatchObject({ violations: 2 })
    }))

  it.effect("that crashes is a bug, told with the way to see it again", () =>
    Effect.gen(function* () {
      const { service } = output(false)
      const watchers = [{
        connected: () => {
          throw new Error("boom")
        },
      }]
      const failure = yield* Effect.flip(
        SimulatePlay.play(SMALL, "again", { watchers }).pipe(Effect.provideService(Output.Output, service)),
      )
      expect(failure).toMatchObject({ reason: "bug" })
      expect(failure.message).toMatch(/^a bug in shoal: Error: boom; last: .+; to see it again: again$/)
    }))

  it.effect("has the same digest whoever watches", () =>
    Effect.gen(function* () {
      const digest = (company: SimulatePlay.Company) =>
        SimulatePlay.play(SMALL, "", company).pipe(
          Effect.map((outcome) => outcome.digest),
          Effect.provideService(Output.Output, output(false).service),
        )
      expect(yield* digest({ panel: envious() })).toBe(yield* digest({}))
    }))
})
