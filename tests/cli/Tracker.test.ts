import { describe, expect, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Command from "../../cli/Command.ts"
import { verdict } from "../../cli/Exit.ts"
import * as Output from "../../cli/Output.ts"
import * as Tracker from "../../cli/Tracker.ts"
import { type HostError, type HostOptions, TrackerHost } from "../../shell/TrackerHost.ts"
import { jsonLines, memorySink } from "./support.ts"

const platform = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeTerminal.layer)

/** The options as a command line gives them. */
const decode = (given: Readonly<Record<string, string>>) =>
  Command.decode("tracker", Tracker.spec.flags, {
    argv: new Map(Object.entries(given).map(([name, text]) => [name, [text]])),
    environment: new Map(),
    file: new Map(),
  }).pipe(Effect.provide(platform))

const LISTENING = { http: { host: "127.0.0.1", port: 80 }, udp: { host: "::1", port: 81 } }

/** Runs the command against a tracker that isn't one, until it listens or fails, and then interrupts it. */
const run = (
  given: Readonly<Record<string, string>>,
  { isJson = false, listening = LISTENING, fails }: {
    readonly isJson?: boolean
    readonly listening?: Partial<typeof LISTENING>
    readonly fails?: HostError
  } = {},
) =>
  Effect.gen(function* () {
    const stdout = memorySink()
    const stderr = memorySink()
    const seen: Array<HostOptions> = []
    const stopped = yield* Deferred.make<void>()
    const host = Layer.succeed(TrackerHost, {
      start: (options, warn) =>
        Effect.gen(function* () {
          seen.push(options)
          if (fails !== undefined) return yield* Effect.fail(fails)
          yield* Effect.addFinalizer(() => Deferred.succeed(stopped, undefined))
          yield* warn("line 3\u001b is odd")
          return { http: listening.http, udp: listening.udp }
        }),
    })
    const fiber = yield* Effect.flatMap(decode(given), Tracker.run).pipe(
      Effect.provide(
        Layer.merge(host, Output.layer({ stdout, stderr, isJson, isQuiet: false, isColourless: true })),
      ),
      Effect.fork,
    )
    const heard = Effect.repeat(Effect.yieldNow(), { until: () => stdout.text.includes("listening") })
    yield* Effect.race(heard, Effect.exit(Fiber.join(fiber)))
    yield* Fiber.interrupt(fiber)
    const exit = yield* Fiber.await(fiber)
    return { exit, seen, stderr: stderr.text, stdout: stdout.text, stopped: yield* Deferred.isDone(stopped) }
  })

describe("shoal tracker", () => {
  it.live("says where it listens, serves until it is interrupted, and then stops cleanly", () =>
    Effect.gen(function* () {
      const { exit, seen, stderr, stdout, stopped } = yield* run({})
      expect(stdout).toBe("listening on http://127.0.0.1:80/announce and udp://[::1]:81/announce\n")
      expect(stderr).toBe("warning: line 3\ufffd is odd\n")
      expect(stopped).toBe(true)
      expect(Exit.isFailure(exit) && verdict(exit.cause).code).toBe(130)
      expect(seen).toEqual([{
        host: undefined,
        httpPort: 6969,
        udpPort: 6969,
        intervalSeconds: 1_800,
        lists: { allow: undefined, deny: undefined, keys: undefined },
        redisUrl: undefined,
        stateFile: undefined,
        workers: 1,
        hasPublicStats: false,
      }])
    }))

  it.live("says the same to scripts, without what isn't there", () =>
    Effect.gen(function* () {
      const { stderr, stdout } = yield* run({ "no-udp": "true" }, {
        isJson: true,
        listening: { http: LISTENING.http },
      })
      expect(jsonLines(stdout)).toEqual([
        { event: "warning", time: expect.any(String), message: "line 3\u001b is odd" },
        { event: "listening", time: expect.any(String), http: "http://127.0.0.1:80/announce" },
      ])
      expect(stderr).toBe("")
    }))

  it.live("passes its options on", () =>
    Effect.gen(function* () {
      const { seen } = yield* run({
        "host": "::1",
        "http-port": "0",
        "no-udp": "true",
        "interval": "90s",
        "allow": "a.txt",
        "deny": "d.txt",
        "keys": "k.txt",
        "state": "s.bin",
        "workers": "4",
        "public-stats": "true",
      })
      expect(seen).toEqual([{
        host: "::1",
        httpPort: 0,
        udpPort: undefined,
        intervalSeconds: 90,
        lists: { allow: "a.txt", deny: "d.txt", keys: "k.txt" },
        redisUrl: undefined,
        stateFile: "s.bin",
        workers: 4,
        hasPublicStats: true,
      }])
    }))

  it.live("refuses what leaves nothing to do, or can't be", () =>
    Effect.gen(function* () {
      const wrong: ReadonlyArray<readonly [Readonly<Record<string, string>>, RegExp]> = [
        [{ "no-http": "true", "no-udp": "true" }, /leave nothing to serve/],
        [{ redis: "redis://127.0.0.1", state: "s.bin" }, /--state is for swarms in memory/],
        [{ interval: "0s" }, /whole seconds from 1s to 24h/],
        [{ interval: "25h" }, /whole seconds from 1s to 24h/],
        [{ interval: "1.5s" }, /whole seconds from 1s to 24h/],
        [{ interval: "soon" }, /a duration such as/],
        [{ "udp-port": "65536" }, /a whole number from 0 to 65535/],
        [{ workers: "0" }, /a whole number from 1 to 64/],
        [{ host: "tracker.example" }, /an IP address/],
      ]
      for (const [given, message] of wrong) {
        const { exit, seen } = yield* run(given)
        const { code, lines } = Exit.isFailure(exit) ? verdict(exit.cause) : { code: 0, lines: [] }
        expect([code, lines.join(" ")]).toEqual([2, expect.stringMatching(message)])
        expect(seen).toEqual([])
      }
    }))

  it.live("fails in one line if the tracker can't start", () =>
    Effect.gen(function* () {
      const { exit, stdout } = yield* run({}, {
        fails: { reason: "AddressInUse", message: "port 6969 is taken" },
      })
      expect(stdout).toBe("")
      expect(Exit.isFailure(exit) && verdict(exit.cause)).toEqual({
        code: 1,
        lines: ["shoal: port 6969 is taken"],
        error: { reason: "AddressInUse", message: "port 6969 is taken" },
      })
    }))

  it("shows a URL that this machine can use if it listens everywhere", () => {
    for (const host of ["::", "0.0.0.0"]) {
      expect(Tracker.announceUrl("udp", { host, port: 6969 })).toBe("udp://127.0.0.1:6969/announce")
    }
  })
})
