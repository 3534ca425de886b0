import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import * as Output from "../../cli/Output.ts"
import { memorySink } from "./support.ts"

const make = (
  options: { json?: boolean; quiet?: boolean; terminal?: boolean; colourless?: boolean } = {},
) => {
  const stdout = memorySink()
  const stderr = memorySink(options.terminal ?? false, 60)
  const output = Output.make({
    stdout,
    stderr,
    isJson: options.json ?? false,
    isQuiet: options.quiet ?? false,
    isColourless: options.colourless ?? false,
  })
  return { output, stdout, stderr }
}

const progress = (text: string): Output.Progress => ({
  block: (columns, isColoured) => [`${text} in ${columns}`, isColoured ? "coloured" : "plain"],
  lines: () => [text],
})

describe("text", () => {
  it.effect("the result goes to stdout, all else to stderr, and no JSON anywhere", () =>
    Effect.gen(function* () {
      const { output, stdout, stderr } = make()
      yield* output.result("done")
      yield* output.note("warning: w")
      yield* output.alert("shoal: e")
      yield* output.event("started", {})
      yield* output.object({})
      yield* output.progress(progress("50%"))
      expect(stdout.text).toBe("done\n")
      expect(stderr.text).toBe("warning: w\nshoal: e\n50%\n")
    }))
  it.effect("quiet silences progress and nothing else", () =>
    Effect.gen(function* () {
      const { output, stdout, stderr } = make({ quiet: true, terminal: true })
      yield* output.progress(progress("50%"))
      yield* output.note("warning: w")
      yield* output.result("done")
      expect(stderr.text).toBe("warning: w\n")
      expect(stdout.text).toBe("done\n")
      expect(output.progressIntervalMs).toBe(Infinity)
    }))
})

describe("JSON", () => {
  it.effect("stdout has one object an event, with event and time first, and stderr failures alone", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2025, 0, 2, 3, 4, 5, 678))
      const { output, stdout, stderr } = make({ json: true, terminal: true })
      yield* output.event("piece", { piece: 1, missing: undefined })
      yield* output.result("done")
      yield* output.note("warning: w")
      yield* output.progress(progress("50%"))
      yield* output.alert("shoal: e")
      expect(stdout.text).toBe(`{"event":"piece","time":"2025-01-02T03:04:05.678Z","piece":1}\n`)
      expect(stderr.text).toBe("shoal: e\n")
    }))
  it.effect("one object alone is printed as it is, its strings without anything that moves a cursor", () =>
    Effect.gen(function* () {
      const { output, stdout } = make({ json: true })
      yield* output.object({ name: "a\x1b[31m\x9b\u202e\n" })
      expect(stdout.text).toBe(`{"name":"a\\u001b[31m\\u009b\\u202e\\n"}\n`)
    }))
})

describe("the live block", () => {
  it.effect("is drawn over itself, and taken away before anything else is printed", () =>
    Effect.gen(function* () {
      const { output, stderr, stdout } = make({ terminal: true })
      yield* output.progress(progress("1%"))
      expect(stderr.text).toBe("1% in 59\ncoloured\n")
      yield* output.progress(progress("2%"))
      expect(stderr.text).toBe("1% in 59\ncoloured\n\x1b[2F\x1b[J2% in 59\ncoloured\n")
      stderr.text = ""
      yield* output.result("done")
      expect(stderr.text).toBe("\x1b[2F\x1b[J")
      expect(stdout.text).toBe("done\n")
      yield* output.clear
      expect(stderr.text).toBe("\x1b[2F\x1b[J")
    }))
  it.effect("has no colour with NO_COLOR", () =>
    Effect.gen(function* () {
      const { output, stderr } = make({ terminal: true, colourless: true })
      yield* output.progress(progress("1%"))
      expect(stderr.text).toBe("1% in 59\nplain\n")
    }))
})
