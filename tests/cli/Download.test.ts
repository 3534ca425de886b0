import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { join } from "node:path"
import type { Address } from "../../core/base/Address.ts"
import * as Batch from "../../cli/Batch.ts"
import * as Download from "../../cli/Download.ts"
import { verdict } from "../../cli/Exit.ts"
import * as Select from "../../cli/Select.ts"
import { SessionError, type TorrentEvent, type TorrentRequest } from "../../shell/Session.ts"
import * as FakeSession from "./FakeSession.ts"
import type { Plot } from "./FakeSession.ts"
import { downloadOptions as options, FIXTURES, jsonLines } from "./support.ts"

const LEAVES = join(FIXTURES, "leaves.torrent")
const ALICE = join(FIXTURES, "alice.torrent")
const peer: Address = { host: "192.0.2.1", port: 6881 }

/** Runs the command with a session that says `Completed` after the plot's events. */
const run = (
  plot: Plot | ((request: TorrentRequest) => Plot),
  settings: {
    isJson?: boolean
    options?: Partial<Download.DownloadOptions>
    sources?: ReadonlyArray<string>
    warnings?: ReadonlyArray<string>
  } = {},
) => {
  const { isJson = false, warnings = [] } = settings
  const { layer, ...seen } = FakeSession.make({
    isJson,
    warnings,
    plot: (request) => {
      const { events = [], figures, ...rest } = typeof plot === "function" ? plot(request) : plot
      return {
        ...rest,
        events: [...events, { _tag: "Completed" }],
        figures: { hashFailures: 2, ...figures },
      }
    },
  })
  const effect = Download.run({ ...options, ...settings.options }, settings.sources ?? [LEAVES])
  return { effect: Effect.provide(effect, layer), ...seen }
}

describe("what the session is asked for", () => {
  it.effect("the folder as an absolute path, every file, rarest first", () =>
    Effect.gen(function* () {
      const { effect, requests } = run({}, { options: { out: "here", peers: [peer] } })
      yield* effect
      expect(requests).toHaveLength(1)
      expect(requests[0]).toMatchObject({
        directory: join(process.cwd(), "here"),
        strategy: "rarest",
        peers: [peer],
      })
      expect(requests[0]!.selection).toBeUndefined()
    }))

  it.effect("the files of --select as indexes from 0, and pieces in order with --sequential", () =>
    Effect.gen(function* () {
      const select = Select.parse("2-3")
      const { effect, requests } = run({}, {
        options: { select: select.ok ? select.value : undefined, sequential: true },
        sources: [join(FIXTURES, "numbers.torrent")],
      })
      yield* effect
      expect(requests[0]).toMatchObject({ selection: new Set([1, 2]), strategy: "sequential" })
    }))

  it.effect("a selection without a file is wrong usage, and nothing is started", () =>
    Effect.gen(function* () {
      const select = Select.parse("7")
      const { effect, requests } = run({}, { options: { select: select.ok ? select.value : undefined } })
      const exit = yield* Effect.exit(effect)
      expect(Exit.isFailure(exit) && verdict(exit.cause).code).toBe(2)
      expect(requests).toEqual([])
    }))

  it.effect("each torrent once, however often it is named", () =>
    Effect.gen(function* () {
      const { effect, requests, stderr } = run({}, { sources: [LEAVES, ALICE, LEAVES] })
      yield* effect
      expect(requests.map(({ metainfo }) => metainfo.name)).toEqual([
        "Leaves of Grass by Walt Whitman.epub",
        "alice.txt",
      ])
      expect(stderr.text).toBe(`warning: ${LEAVES} is the same torrent as one before it\n`)
    }))
})

describe("what is printed", () => {
  it.live("one line when it is done", () =>
    Effect.gen(function* () {
      const { effect, stdout, closed } = run({ figures: { downloadedBytes: 362_017 } })
      yield* effect
      expect(stdout.text).toMatch(
        /^done: Leaves of Grass by Walt Whitman\.epub, 353\.5 KiB in .+ \(.+\/s\), verified\n$/,
      )
      expect(closed).toEqual(["Leaves of Grass by Walt Whitman.epub"])
    }))

  it.live("a line that says so where nothing had to be downloaded", () =>
    Effect.gen(function* () {
      const { effect, stdout } = run({})
      yield* effect
      expect(stdout.text).toBe(
        "done: Leaves of Grass by Walt Whitman.epub, 353.5 KiB were already there, verified\n",
      )
    }))

  it.live("every event as JSON, in order, and the sum last", () =>
    Effect.gen(function* () {
      const piece = 3 as Extract<TorrentEvent, { _tag: "PieceVerified" }>["piece"]
      const { effect, stdout, stderr } = run({
        figures: { downloadedBytes: 400_000 },
        events: [
          { _tag: "Started", piecesHave: 1, pieceCount: 23 },
          { _tag: "TrackerFailed", url: "http://t/", message: "gone", retryInMs: 1_500 },
          { _tag: "PeerConnected", address: peer, client: "x\x1b[31m" },
          { _tag: "PieceFailed", piece, suspects: [peer] },
          { _tag: "PieceVerified", piece },
          { _tag: "Warning", message: "w" },
          { _tag: "PeerDisconnected", address: peer, reason: "bye" },
        ],
      }, { isJson: true })
      yield* effect
      const infoHash = "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36"
      const lines = jsonLines(stdout.text)
      expect(lines.map(({ event }) => event))
        .toEqual(["started", "tracker", "peer", "piece", "piece", "warning", "peer", "complete"])
      for (const line of lines) {
        expect(line).toMatchObject({ infoHash, time: expect.stringMatching(/^\d{4}-.+Z$/) })
      }
      expect(lines[0]).toMatchObject({
        name: "Leaves of Grass by Walt Whitman.epub",
        pieces: 23,
        piecesHave: 1,
      })
      expect(lines[1]).toMatchObject({ url: "http://t/", ok: false, message: "gone", retrySeconds: 2 })
      expect(lines[2]).toMatchObject({ state: "connected", address: "192.0.2.1:6881", client: "x\x1b[31m" })
      expect(lines[3]).toMatchObject({ piece: 3, ok: false, suspects: ["192.0.2.1:6881"] })
      expect(lines[4]).toMatchObject({ piece: 3, ok: true })
      expect(Object.keys(lines[7]!)).toEqual(expect.arrayContaining(
        ["infoHash", "name", "bytes", "seconds", "averageRate", "uploaded", "hashFailures"],
      ))
      expect(lines[7]).toMatchObject({ bytes: 362_017, hashFailures: 2, downloaded: 400_000 })
      expect(stdout.text).not.toContain("\x1b")
      expect(stderr.text).toBe("")
    }))

  it.live("to people only what they may act on, a silent tracker once", () =>
    Effect.gen(function* () {
      const gone: TorrentEvent = {
        _tag: "TrackerFailed",
        url: "http://t/",
        message: "gone\x1b",
        retryInMs: 1,
      }
      const { effect, stderr } = run({
        events: [gone, gone, { _tag: "PeerConnected", address: peer, client: "x" }, {
          _tag: "Warning",
          message: "w",
        }],
      })
      yield* effect
      expect(stderr.text).toBe("warning: tracker http://t/: gone\ufffd\nwarning: w\n")
    }))

  it.effect("progress while it goes on, and none after the last line", () =>
    Effect.gen(function* () {
      const done = yield* Deferred.make<void>()
      const started = yield* Deferred.make<void>()
      const { effect, stdout } = run(
        { completed: Effect.zipRight(Deferred.succeed(started, undefined), Deferred.await(done)) },
        { isJson: true },
      )
      const fiber = yield* Effect.fork(effect)
      yield* Deferred.await(started)
      yield* TestClock.adjust("2500 millis")
      yield* Deferred.succeed(done, undefined)
      yield* Fiber.join(fiber)
      const lines = jsonLines(stdout.text)
      expect(lines.map(({ event }) => event)).toEqual(["progress", "progress", "complete"])
      expect(lines[0]).toMatchObject({ bytes: 362_017, totalBytes: 362_017, peers: 0, downloadRate: 0 })
    }))
})

describe("--seed-ratio and --seed-time", () => {
  const goal: TorrentEvent = { _tag: "SeedGoalReached", goal: "ratio" }

  it.effect("keep a torrent until a goal is reached, and say so in between", () =>
    Effect.gen(function* () {
      const completed = yield* Deferred.make<void>()
      const seeded = yield* Deferred.make<void>()
      const { effect, closed, requests, stdout } = run({
        events: [goal],
        completed: Deferred.succeed(completed, undefined),
        seeded: Deferred.await(seeded),
        figures: { downloadedBytes: 362_017, uploadedBytes: 543_026, ratio: 1.5 },
      }, { isJson: true, options: { seedRatio: 1.5, seedTime: 60_000 } })
      const fiber = yield* Effect.fork(effect)
      yield* Deferred.await(completed)
      yield* TestClock.adjust("1500 millis")
      expect(jsonLines(stdout.text).map(({ event }) => event)).toEqual(["seeding", "progress"])
      expect(closed).toEqual([])
      yield* Deferred.succeed(seeded, undefined)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      expect(requests[0]).toMatchObject({ mode: "download", goals: { ratio: 1.5, seedMs: 60_000 } })
      expect(closed).toHaveLength(1)
      expect(jsonLines(stdout.text)[0]).toMatchObject({ bytes: 362_017, seconds: expect.any(Number) })
      expect(jsonLines(stdout.text).at(-1)).toMatchObject({
        event: "complete",
        uploaded: 543_026,
        ratio: 1.5,
        seedSeconds: expect.any(Number),
      })
    }))

  it.live("say both in words", () =>
    Effect.gen(function* () {
      const { effect, stdout } = run({
        events: [goal],
        seeded: Effect.void,
        figures: { uploadedBytes: 724_034, ratio: 2 },
      }, { options: { seedRatio: 2 } })
      yield* effect
      expect(stdout.text.split("\n")).toEqual([
        "done: Leaves of Grass by Walt Whitman.epub, 353.5 KiB were already there, verified; seeding",
        expect.stringMatching(
          /^seeded: Leaves of Grass by Walt Whitman\.epub, 707\.1 KiB in .+, ratio 2\.00$/,
        ),
        "",
      ])
    }))

  it.live("a torrent whose disk fails while it seeds has failed", () =>
    Effect.gen(function* () {
      const { effect } = run({
        seeded: Effect.fail(new SessionError({ reason: "Io", message: "the disk is gone" })),
      }, { options: { seedTime: 1_000 } })
      const exit = yield* Effect.exit(effect)
      expect(Exit.isFailure(exit) && verdict(exit.cause).lines).toEqual(["shoal: the disk is gone"])
    }))
})

describe("the port", () => {
  const listen = (changes: Partial<Download.DownloadOptions>) =>
    Batch.sessionOptions({ ...options, ...changes }).listen

  it("is the usual one or any free one, unless it was named", () => {
    expect(listen({})).toEqual({ host: undefined, port: 6881, isFallbackAllowed: true })
    expect(listen({ port: 7000, bind: "::1" })).toEqual({ host: "::1", port: 7000, isFallbackAllowed: false })
  })

  it.live("that was taken is a warning", () =>
    Effect.gen(function* () {
      const { effect, stderr } = run({}, { warnings: ["port 6881 is taken\x1b"] })
      yield* effect
      expect(stderr.text).toBe("warning: port 6881 is taken\ufffd\n")
    }))
})

describe("failures", () => {
  const broken = Effect.fail(new SessionError({ reason: "NoPeers", message: "nobody has it" }))

  it.live("are the run's, with their reason", () =>
    Effect.gen(function* () {
      const { effect, stdout, closed } = run({ completed: broken }, { isJson: true })
      const exit = yield* Effect.exit(effect)
      expect(Exit.isFailure(exit) && verdict(exit.cause)).toEqual({
        code: 1,
        lines: ["shoal: nobody has it"],
        error: { reason: "NoPeers", message: "nobody has it" },
      })
      expect(stdout.text).toBe("")
      expect(closed).toHaveLength(1)
    }))

  it.live("of one torrent do not stop the others", () =>
    Effect.gen(function* () {
      const { effect, stdout } = run(
        ({ metainfo }) => metainfo.name === "alice.txt" ? {} : { completed: broken },
        { sources: [LEAVES, ALICE] },
      )
      const exit = yield* Effect.exit(effect)
      expect(Exit.isFailure(exit) && verdict(exit.cause).lines).toEqual(["shoal: nobody has it"])
      expect(stdout.text).toMatch(/^done: alice\.txt, /)
    }))

  it.live("of several torrents are counted in one line, and told one by one in JSON", () =>
    Effect.gen(function* () {
      const { effect, stdout } = run({ completed: broken }, { sources: [LEAVES, ALICE], isJson: true })
      const exit = yield* Effect.exit(effect)
      const { lines } = verdict(Exit.isFailure(exit) ? exit.cause : Cause.empty)
      expect(lines).toHaveLength(1)
      expect(lines[0]).toMatch(/2 of 2 torrents failed; .*nobody has it/)
      expect(jsonLines(stdout.text)).toMatchObject([{ event: "error" }, { event: "error" }])
    }))

  it.effect("interrupting closes every torrent before it ends", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const { effect, closed } = run({
        completed: Effect.zipRight(Deferred.succeed(started, undefined), Effect.never),
      })
      const fiber = yield* Effect.fork(effect)
      yield* Deferred.await(started)
      const exit = yield* Fiber.interrupt(fiber)
      expect(closed).toHaveLength(1)
      expect(Exit.isFailure(exit) && verdict(exit.cause).code).toBe(130)
    }))
})
