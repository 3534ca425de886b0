import { afterEach, beforeEach, describe, expect, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { mkdirSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { verdict } from "../../cli/Exit.ts"
import * as Output from "../../cli/Output.ts"
import * as Stop from "../../cli/Stop.ts"
import { Machine, MachineError } from "../../shell/Machine.ts"
import * as TempDir from "../support/TempDir.ts"
import { FIXTURES, jsonLines, memorySink } from "./support.ts"

const LEAVES = { infoHash: "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36", name: "Leaves\u001b of Grass" }
const ALICE = { infoHash: "722fe65b2aa26d14f35b4ad627d20236e481d924", name: "alice.txt" }

let state: TempDir.TempDir
let folder = ""
const outside = process.env["XDG_STATE_HOME"]

beforeEach(() => {
  state = TempDir.make("state")
  process.env["XDG_STATE_HOME"] = state.path
  folder = join(state.path, "shoal", "background")
})
afterEach(() => {
  state.remove()
  if (outside === undefined) delete process.env["XDG_STATE_HOME"]
  else process.env["XDG_STATE_HOME"] = outside
})

/** A command in the background, as its status file says. */
const put = (name: string, pid: number, torrents: ReadonlyArray<typeof LEAVES>) => {
  mkdirSync(folder, { recursive: true })
  const status = { pid, identity: `began ${pid}`, state: "ready", torrents, told: [] }
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(status))
}

/** A machine on which `running` processes run, until they are told to end; `stubborn` ones never do. */
const machineOf = (running: Map<number, string>, stubborn: ReadonlySet<number>) => {
  const told: Array<number> = []
  const layer = Layer.succeed(Machine, {
    addresses: Effect.succeed([]),
    start: () => Effect.die("nothing is started here"),
    identity: Effect.succeed("this one"),
    isRunning: (pid, identity) => Effect.sync(() => running.get(pid) === identity),
    terminate: (pid) =>
      Effect.suspend(() => {
        told.push(pid)
        if (!running.has(pid)) return new MachineError({ reason: "EPERM", message: "not permitted" })
        if (!stubborn.has(pid)) running.delete(pid)
        return Effect.void
      }),
  })
  return { layer, told }
}

const run = (
  args: ReadonlyArray<string>,
  settings: {
    readonly all?: boolean
    readonly isJson?: boolean
    readonly running?: ReadonlyArray<number>
    readonly stubborn?: ReadonlyArray<number>
  } = {},
) => {
  const running = new Map((settings.running ?? [1, 2]).map((pid) => [pid, `began ${pid}`]))
  const { layer, told } = machineOf(running, new Set(settings.stubborn))
  const stdout = memorySink()
  const stderr = memorySink()
  const isJson = settings.isJson ?? false
  const effect = Stop.run({ all: settings.all ?? false }, args).pipe(Effect.provide(Layer.mergeAll(
    layer,
    Output.layer({ stdout, stderr, isJson, isQuiet: false, isColourless: true }),
    NodeFileSystem.layer,
    NodePath.layer,
    Layer.succeed(HttpClient.HttpClient, HttpClient.make(() => Effect.die("no network in this test"))),
  )))
  return { effect, told, stdout, stderr }
}

const failureOf = (exit: Exit.Exit<unknown, unknown>) =>
  Exit.isFailure(exit) ? { code: verdict(exit.cause).code, line: verdict(exit.cause).lines[0] } : undefined

describe("shoal stop", () => {
  it.live("ends the one that runs, and says what that was", () =>
    Effect.gen(function* () {
      put("a", 1, [LEAVES, ALICE])
      const { effect, told, stdout } = run([])
      yield* effect
      expect(told).toEqual([1])
      expect(stdout.text).toBe("stopped Leaves\ufffd of Grass and 1 more (process 1)\n")
    }))

  it.live("fails if nothing runs, whether or not something ever did", () =>
    Effect.gen(function* () {
      for (const args of [[], [LEAVES.infoHash]]) {
        expect(failureOf(yield* Effect.exit(run(args).effect))).toEqual({
          code: 1,
          line: "shoal: nothing runs in the background",
        })
      }
    }))

  it.live("wants to know which one, if there are several", () =>
    Effect.gen(function* () {
      put("a", 1, [LEAVES])
      put("b", 2, [])
      const { effect, told } = run([])
      expect(failureOf(yield* Effect.exit(effect))).toEqual({
        code: 1,
        line: "shoal: 2 commands run in the background: Leaves\ufffd of Grass (process 1), " +
          "what had just begun (process 2); name a torrent, or end them with --all",
      })
      expect(told).toEqual([])
    }))

  it.live("finds it by its torrent or info-hash, in upper case too, and each only once", () =>
    Effect.gen(function* () {
      put("a", 1, [LEAVES])
      put("b", 2, [ALICE])
      const { effect, told, stdout } = run(
        [join(FIXTURES, "leaves.torrent"), LEAVES.infoHash.toUpperCase()],
        { isJson: true },
      )
      yield* effect
      expect(told).toEqual([1])
      expect(jsonLines(stdout.text)).toMatchObject([{ event: "stopped", pid: 1, torrents: [LEAVES] }])
    }))

  it.live("ends everything with --all, which leaves nothing to name", () =>
    Effect.gen(function* () {
      put("a", 1, [LEAVES])
      put("b", 2, [ALICE])
      const wrong = run([ALICE.infoHash], { all: true })
      expect(failureOf(yield* Effect.exit(wrong.effect))).toMatchObject({ code: 2 })
      const { effect, told } = run([], { all: true })
      yield* effect
      expect(told).toEqual([1, 2])
    }))

  it.live("says what it did not find, after it has ended the others", () =>
    Effect.gen(function* () {
      put("a", 1, [LEAVES])
      const { effect, told } = run([LEAVES.infoHash, "0".repeat(40)])
      expect(failureOf(yield* Effect.exit(effect))).toEqual({
        code: 1,
        line: "shoal: nothing in the background serves 1 of these",
      })
      expect(told).toEqual([1])
    }))

  it.live("clears away what has died, and never touches a process that got its number since", () =>
    Effect.gen(function* () {
      put("a", 7, [LEAVES])
      put("b", 2, [ALICE])
      writeFileSync(join(folder, "c.json"), '{"pid": "x"}')
      const { effect, told } = run([LEAVES.infoHash], { running: [2] })
      expect(failureOf(yield* Effect.exit(effect))?.line).toMatch(/^shoal: nothing in the background serves /)
      expect(told).toEqual([])
      expect(readdirSync(folder).sort()).toEqual(["b.json", "c.json"])
    }))

  it.effect("gives up on a process that does not end", () =>
    Effect.gen(function* () {
      put("a", 1, [ALICE])
      const { effect, told } = run([], { stubborn: [1] })
      const fiber = yield* Effect.fork(effect)
      // Files are read in real time.
      yield* Effect.repeat(Effect.promise(() => new Promise((resolve) => setImmediate(resolve))), {
        until: () => told.length > 0,
      })
      yield* TestClock.adjust("15 seconds")
      expect(failureOf(yield* Fiber.await(fiber))).toEqual({
        code: 1,
        line: "shoal: alice.txt (process 1) does not end; 'kill -9 1' ends it without saving",
      })
    }))
})
