import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { join } from "node:path"
import type { Address } from "../../core/base/Address.ts"
import { Background, foreground, type Told } from "../../cli/Background.ts"
import { Failure, verdict } from "../../cli/Exit.ts"
import * as Seed from "../../cli/Seed.ts"
import * as NodeMachine from "../../shell/node/NodeMachine.ts"
import { SessionError, type TorrentEvent } from "../../shell/Session.ts"
import * as FakeSession from "./FakeSession.ts"
import { FIXTURES, jsonLines } from "./support.ts"

const LEAVES = join(FIXTURES, "leaves.torrent")
const ALICE = join(FIXTURES, "alice.torrent")
const NUMBERS = join(FIXTURES, "numbers.torrent")
const peer: Address = { host: "192.0.2.1", port: 6881 }

const STARTED: TorrentEvent = { _tag: "Started", piecesHave: 23, pieceCount: 23 }
const REACHED: TorrentEvent = { _tag: "SeedGoalReached", goal: "ratio" }

const options: Parameters<typeof Seed.run>[0] = {
  data: "here",
  port: undefined,
  bind: undefined,
  allowIdna: false,
  allowLocal: false,
  allTiers: false,
  maxPeers: 80,
  maxDownloadRate: 0,
  maxUploadRate: 0,
  seedRatio: undefined,
  seedTime: undefined,
  super: false,
  peers: [],
  detach: false,
}

const run = (
  scene: FakeSession.Scene,
  settings: {
    readonly options?: Partial<typeof options>
    readonly torrents?: ReadonlyArray<string>
    readonly background?: Partial<typeof Background.Service>
  } = {},
) => {
  const { layer, ...seen } = FakeSession.make({ plot: { events: [STARTED] }, ...scene })
  const background = Layer.succeed(Background, { ...foreground, ...settings.background })
  const effect = Seed.run({ ...options, ...settings.options }, settings.torrents ?? [LEAVES])
  return { effect: Effect.provide(effect, Layer.mergeAll(layer, background, NodeMachine.layer)), ...seen }
}

/** Runs until stdout has `text`, and then interrupts. */
const runUntil = (text: string, { effect, stdout }: Pick<ReturnType<typeof run>, "effect" | "stdout">) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    const said = Effect.repeat(Effect.sleep("1 millis"), { until: () => stdout.text.includes(text) })
    yield* Effect.raceFirst(said, Effect.zipRight(Fiber.join(fiber), Effect.never))
    return yield* Fiber.interrupt(fiber)
  })

describe("shoal seed", () => {
  it.live("asks for what its options say, and never to write", () =>
    Effect.gen(function* () {
      const scene = run({}, {
        options: { peers: [peer], super: true, seedRatio: 2, seedTime: 1_000 },
        torrents: [LEAVES, ALICE, LEAVES],
      })
      yield* runUntil("alice", scene)
      expect(scene.requests.map(({ metainfo }) => metainfo.name)).toEqual([
        "Leaves of Grass by Walt Whitman.epub",
        "alice.txt",
      ])
      expect(scene.requests[0]).toMatchObject({
        directory: join(process.cwd(), "here"),
        mode: "seed",
        superSeed: true,
        peers: [peer],
        goals: { ratio: 2, seedMs: 1_000 },
      })
    }))

  it.live("says where it listens once the data is checked, and how it went when it is stopped", () =>
    Effect.gen(function* () {
      const scene = run({ plot: { events: [STARTED], figures: { uploadedBytes: 2_048, ratio: 0.005 } } })
      const exit = yield* runUntil("listening", scene)
      expect(Exit.isFailure(exit) && verdict(exit.cause).code).toBe(130)
      expect(scene.closed).toHaveLength(1)
      expect(scene.stdout.text.split("\n")).toEqual([
        "seeding Leaves of Grass by Walt Whitman.epub, listening on 127.0.0.1:6881",
        expect.stringMatching(
          /^stopped: Leaves of Grass by Walt Whitman\.epub, 2\.0 KiB in .+, ratio 0\.00$/,
        ),
        "",
      ])
      expect(scene.stderr.text).toBe("")
    }))

  it.live("says the same to scripts", () =>
    Effect.gen(function* () {
      const scene = run({ isJson: true, listening: { host: "2001:db8::1", port: 7000 } })
      yield* runUntil("listening", scene)
      const infoHash = "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36"
      const time = expect.any(String)
      expect(jsonLines(scene.stdout.text)).toMatchObject([
        { event: "started", time, infoHash, piecesHave: 23 },
        { event: "listening", time, infoHash, host: "2001:db8::1", port: 7000 },
        { event: "stopped", time, infoHash, uploaded: 0, ratio: 0, seconds: expect.any(Number) },
      ])
    }))

  it.live("ends with success at a goal, after the torrent was left", () =>
    Effect.gen(function* () {
      const { effect, closed, stdout } = run({
        isJson: true,
        plot: {
          events: [STARTED, REACHED],
          seeded: Effect.void,
          figures: { uploadedBytes: 724_034, ratio: 2.000_99 },
        },
      })
      yield* effect
      expect(closed).toHaveLength(1)
      expect(jsonLines(stdout.text).at(-1)).toMatchObject({
        event: "complete",
        name: "Leaves of Grass by Walt Whitman.epub",
        uploaded: 724_034,
        ratio: 2,
        seconds: expect.any(Number),
      })
    }))

  it.live("names the files that are not right, and seeds the others", () =>
    Effect.gen(function* () {
      const faults = [
        { fileIndex: 0, path: "numbers/1.txt", problem: "missing", piecesHave: 0, pieceCount: 1 },
        { fileIndex: 2, path: "numbers/3.txt", problem: "short", piecesHave: 0, pieceCount: 1 },
      ] as const
      const plot: FakeSession.Plot = { events: [{ _tag: "FilesFaulty", faults }, STARTED] }
      const text = run({ plot }, { torrents: [NUMBERS] })
      yield* runUntil("listening", text)
      expect(text.stderr.text).toBe(
        "warning: seeding what is right of numbers: 1 of 3 files; " +
          "numbers/1.txt is missing, numbers/3.txt is too short\n",
      )
      const json = run({ plot, isJson: true }, { torrents: [NUMBERS] })
      yield* runUntil("listening", json)
      expect(jsonLines(json.stdout.text)[0]).toMatchObject({
        event: "faulty",
        files: [
          { index: 1, path: "numbers/1.txt", problem: "missing", pieces: 1, piecesHave: 0 },
          { index: 3, path: "numbers/3.txt", problem: "short" },
        ],
      })
    }))

  it.live("fails if nothing is right, without a word of listening", () =>
    Effect.gen(function* () {
      const nothing = new SessionError({ reason: "NothingToSeed", message: "nothing is there" })
      const { effect, stdout } = run({ plot: { seeded: Effect.fail(nothing) } })
      const exit = yield* Effect.exit(effect)
      expect(Exit.isFailure(exit) && verdict(exit.cause).lines).toEqual(["shoal: nothing is there"])
      expect(stdout.text).toBe("")
    }))

  it.live("tells at once which of several torrents failed, and goes on with the others", () =>
    Effect.gen(function* () {
      const nothing = new SessionError({ reason: "NothingToSeed", message: "nothing is there" })
      const scene = run({
        plot: ({ metainfo }) =>
          metainfo.name === "alice.txt" ? { seeded: Effect.fail(nothing) } : { events: [STARTED] },
      }, { torrents: [LEAVES, ALICE] })
      const { effect, stderr, stdout } = scene
      const fiber = yield* Effect.fork(effect)
      const both = () => stdout.text.includes("listening") && stderr.text.includes("nothing")
      yield* Effect.repeat(Effect.sleep("1 millis"), { until: both })
      expect(stderr.text).toBe("failed: alice.txt: nothing is there\n")
      yield* Fiber.interrupt(fiber)
    }))

  it.live("without a port it says that it seeds all the same", () =>
    Effect.gen(function* () {
      const scene = run({ listening: undefined, warnings: ["nobody can connect"] })
      yield* runUntil("seeding", scene)
      expect(scene.stdout.text).toMatch(/^seeding Leaves of Grass by Walt Whitman\.epub\nstopped: /)
      expect(scene.stderr.text).toBe("warning: nobody can connect\n")
    }))

  it.live("logs for each peer why it may download from us or not", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.make(({ message }) => void lines.push(String(message))),
      )
      const { effect } = run({
        plot: {
          seeded: Effect.void,
          events: [
            STARTED,
            { _tag: "PeerConnected", address: peer, client: "x" },
            { _tag: "PeerUnchoked", address: peer, reason: "optimistic" },
            { _tag: "PeerChoked", address: peer, reason: "no-slot" },
            { _tag: "PeerSnubbed", address: peer, reason: "it sends nothing" },
            { _tag: "PeerBanned", address: peer, reason: "it lied" },
            { _tag: "PeerDisconnected", address: peer, reason: "bye" },
            REACHED,
          ],
        },
      })
      yield* Effect.provide(effect, Layer.merge(logger, Logger.minimumLogLevel(LogLevel.Debug)))
      expect(lines).toEqual([
        "is connected: x",
        "may download from us: luck, to find out what it gives in return (optimistic)",
        "may not download from us: all slots are taken by others (no-slot)",
        "is snubbed: it sends nothing",
        "is banned: it lied",
        "is disconnected: bye",
      ].map((line) => `peer 192.0.2.1:6881 ${line}`))
    }))
})

describe("in the background", () => {
  it.live("nothing starts if another one there has the torrent", () =>
    Effect.gen(function* () {
      const taken = new Failure({ reason: "running", message: "it is seeded already" })
      const { effect, requests } = run({}, { background: { isDetached: true, claim: () => taken } })
      const exit = yield* Effect.exit(effect)
      expect(Exit.isFailure(exit) && verdict(exit.cause).error?.reason).toBe("running")
      expect(requests).toEqual([])
    }))

  it.live("it is ready once each torrent can be reached or has failed", () =>
    Effect.gen(function* () {
      const ready = yield* Deferred.make<ReadonlyArray<Told>>()
      const nothing = new SessionError({ reason: "NothingToSeed", message: "nothing is there" })
      const { effect } = run({
        plot: ({ metainfo }) =>
          metainfo.name === "alice.txt" ? { seeded: Effect.fail(nothing) } : { events: [STARTED] },
      }, {
        torrents: [LEAVES, ALICE],
        background: { isDetached: true, ready: (told) => Effect.asVoid(Deferred.succeed(ready, told)) },
      })
      const fiber = yield* Effect.fork(effect)
      expect(yield* Deferred.await(ready)).toMatchObject([
        { event: "listening", fields: { port: 6881 } },
        { line: "seeding Leaves of Grass by Walt Whitman.epub, listening on 127.0.0.1:6881" },
      ])
      yield* Fiber.interrupt(fiber)
    }))
})
