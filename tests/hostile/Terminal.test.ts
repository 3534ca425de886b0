/**
 * Bad input 84, as far as it is about terminals: whatever a torrent, a link, a tracker, a peer or a node of the DHT calls
 * itself, nothing of it moves a cursor or begins a line. That nothing is printed but by way of the output, which lets nothing
 * through, is a test of the sources; `Commands.test.ts` runs the commands as they are.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as fc from "effect/FastCheck"
import * as Layer from "effect/Layer"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, test, vi } from "vitest"
import * as DhtRun from "../../cli/DhtRun.ts"
import * as Download from "../../cli/Download.ts"
import * as CliExit from "../../cli/Exit.ts"
import * as Log from "../../cli/Log.ts"
import * as Output from "../../cli/Output.ts"
import * as SimulatePlay from "../../cli/SimulatePlay.ts"
import * as SimulateRun from "../../cli/SimulateRun.ts"
import { utf8 } from "../../core/base/Bytes.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import type { PieceIndex } from "../../core/metainfo/Geometry.ts"
import { rule } from "../../core/sim/check/Checker.ts"
import * as Frame from "../../core/sim/check/Frame.ts"
import * as Defaults from "../../core/sim/scenario/Defaults.ts"
import { Dht, type DhtNode } from "../../shell/Dht.ts"
import { SessionError, type TorrentEvent } from "../../shell/Session.ts"
import { Signatures } from "../../shell/Signatures.ts"
import * as FakeSession from "../cli/FakeSession.ts"
import { downloadOptions, memorySink } from "../cli/support.ts"
import * as TempDir from "../support/TempDir.ts"
import { clean, HOSTILE, leaks } from "../support/Terminal.ts"
import { row } from "./Row.ts"
import { named } from "./Torrent.ts"

vi.setConfig({ testTimeout: 60_000 })
const temp = TempDir.make("terminal")
afterAll(temp.remove)

describe("the scan itself", () => {
  test("sees each way that a name could get out, and not what shoal paints itself", () => {
    for (
      const text of ["\x1b[31m", "\x9b", "a\rb", "\b", "\u202e", "\u2028", "\ufeff", "\ud800", "\nINJECTED"]
    ) {
      expect(leaks(`x${text}`), JSON.stringify(text)).not.toEqual([])
    }
    expect(leaks("\x1b[2F\x1b[J\x1b[36m███\x1b[0m\x1b[2m 電影\x1b[0m\nline\n")).toEqual([])
  })
})

row(84, "any text whatever, by any way that the output has -> its lines and no control character", () => {
  const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.constant(HOSTILE))
  fc.assert(fc.property(anyText, fc.boolean(), fc.boolean(), (text, isTerminal, isJson) => {
    const [stdout, stderr] = [memorySink(isTerminal), memorySink(isTerminal)]
    const output = Output.make({ stdout, stderr, isJson, isQuiet: false, isColourless: false })
    const ways = [
      output.result(text),
      output.result([text, text]),
      output.note(text),
      output.alert(text),
      output.alert([text]),
      output.event("warning", { message: text, [text]: [text] }),
      output.object({ name: text }),
      output.progress({ block: () => [text, `\x1b[36m${text}\x1b[0m`], lines: () => [text] }),
    ]
    for (const way of ways) {
      stdout.text = stderr.text = ""
      Effect.runSync(way)
      expect(leaks(stdout.text)).toEqual([])
      expect(leaks(stderr.text)).toEqual([])
      expect((stdout.text + stderr.text).split("\n").length).toBeLessThanOrEqual(3)
    }
  }))
})

row(84, "whatever else would print -> there is nothing else: only the output writes to the streams", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url))
  const files = ["cli", "shell"].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
  )
  expect(files).toContain("cli/Output.ts")
  const PRINTS =
    /\bconsole\.|\b(?:stdout|stderr|Console)\b[^\n]*\.(?:write|log|error|warn)\(|\bConsole\.\w+\(/
  const printing = files.filter((file) => PRINTS.test(readFileSync(join(root, file), "utf8")))
  // Main has one line of its own words for the time when the output may be busy; Process only flushes.
  expect(printing.sort()).toEqual(["cli/Main.ts", "cli/Output.ts", "cli/Process.ts"])
  const words = [...readFileSync(join(root, "cli/Main.ts"), "utf8").matchAll(/stderr\.write\(\s*([^)]*)\)/g)]
  expect(words.map(([, argument]) => argument!.trim().replace(/,$/, ""))).toEqual([
    expect.stringMatching(/^"[^"$]*"$/),
  ])
})

/** An event of each kind, all its texts hostile. A new kind has to be added for this to compile. */
const EVENTS: { readonly [Tag in TorrentEvent["_tag"]]: Extract<TorrentEvent, { readonly _tag: Tag }> } =
  (() => {
    const address = { host: HOSTILE, port: 1 }
    const piece = 0 as PieceIndex
    const reason = HOSTILE as "snubbed"
    return {
      Checking: { _tag: "Checking", doneBytes: 1, totalBytes: 2 },
      FilesFaulty: {
        _tag: "FilesFaulty",
        faults: [{ fileIndex: 0, path: HOSTILE, problem: "missing", pieceCount: 1, piecesHave: 0 }],
      },
      Started: { _tag: "Started", piecesHave: 0, pieceCount: 1 },
      PieceVerified: { _tag: "PieceVerified", piece },
      PieceFailed: { _tag: "PieceFailed", piece, suspects: [address] },
      PeerConnected: { _tag: "PeerConnected", address, client: HOSTILE },
      PeerDisconnected: { _tag: "PeerDisconnected", address, reason: HOSTILE },
      DhtNode: { _tag: "DhtNode", address },
      ExternalAddress: { _tag: "ExternalAddress", host: HOSTILE },
      PeerBanned: { _tag: "PeerBanned", address, reason: HOSTILE },
      PeerSnubbed: { _tag: "PeerSnubbed", address, reason: HOSTILE },
      PeerUnchoked: { _tag: "PeerUnchoked", address, reason },
      PeerChoked: { _tag: "PeerChoked", address, reason },
      SeedGoalReached: { _tag: "SeedGoalReached", goal: "ratio" },
      TrackerAnnounced: {
        _tag: "TrackerAnnounced",
        url: HOSTILE,
        peers: 1,
        seeders: 1,
        leechers: 1,
        warning: HOSTILE,
        externalIp: HOSTILE,
      },
      TrackerFailed: {
        _tag: "TrackerFailed",
        url: `http://a.example/${HOSTILE}`,
        message: HOSTILE,
        retryInMs: 1,
      },
      Warning: { _tag: "Warning", message: HOSTILE },
      MetadataComplete: { _tag: "MetadataComplete", infoBytes: utf8(HOSTILE) },
      MetadataFailed: { _tag: "MetadataFailed", suspects: [address] },
      Completed: { _tag: "Completed" },
      Failed: { _tag: "Failed", reason: HOSTILE, message: HOSTILE },
    } as const satisfies { readonly [tag: string]: TorrentEvent }
  })()

describe("everything that a session can tell", () => {
  const file = join(temp.path, "session.torrent")
  writeFileSync(file, named(HOSTILE, "http://127.0.0.1:9/announce"))
  const { Completed, ...others } = EVENTS
  const sources = {
    "a torrent": file,
    "a link": `magnet:?xt=urn:btih:${"ab".repeat(20)}&dn=${encodeURIComponent(HOSTILE)}`,
  }

  /** Downloads until the session says that it failed, and gives all that was printed, the log too. */
  const download = async (
    source: string,
    isJson: boolean,
    isTerminal: boolean,
    format: "pretty" | "logfmt" | "json",
  ) => {
    const [stdout, stderr] = [memorySink(isTerminal), memorySink(isTerminal)]
    const failed = new SessionError({ reason: "storage", message: HOSTILE })
    const events = [...Object.values(others), Completed]
    const scene = FakeSession.make({
      warnings: [HOSTILE],
      plot: { events, completed: Effect.zipRight(Effect.sleep("50 millis"), Effect.fail(failed)) },
      search: () => ({ events, metainfo: Effect.zipRight(Effect.sleep("50 millis"), Effect.fail(failed)) }),
    })
    const output = Output.make({ stdout, stderr, isJson, isQuiet: false, isColourless: false })
    const log = Log.layer(
      { logLevel: "all", logFormat: format, logDir: undefined },
      1,
      (line) => Effect.runSync(output.alert(line)),
    )
    const exit = await Effect.runPromiseExit(
      Effect.zipRight(
        Effect.logError(HOSTILE, Cause.fail(new Error(HOSTILE))).pipe(Effect.annotateLogs(HOSTILE, HOSTILE)),
        Download.run({ ...downloadOptions, out: temp.path }, [source]),
      ).pipe(
        Effect.provide(log),
        Effect.provideService(Output.Output, output),
        Effect.provide(scene.layer),
      ),
    )
    expect(Exit.isFailure(exit)).toBe(true)
    const { error, lines } = CliExit.verdict(Exit.isFailure(exit) ? exit.cause : Cause.empty)
    if (error !== undefined) Effect.runSync(output.event("error", error))
    for (const line of lines) Effect.runSync(output.alert(line))
    return { stdout: stdout.text, stderr: stderr.text }
  }

  for (const [what, source] of Object.entries(sources)) {
    for (
      const [isJson, isTerminal, format] of [
        [false, false, "pretty"],
        [false, true, "logfmt"],
        [true, true, "json"],
      ] as const
    ) {
      const how = `${isJson ? "JSON" : isTerminal ? "a live view" : "plain text"}, the log as ${format}`
      row(
        84,
        `a hostile swarm of ${what}: ${how} -> one line each, nothing that moves a cursor`,
        async () => {
          const { stdout, stderr } = await download(source, isJson, isTerminal, format)
          clean(how, stdout + stderr)
          clean(how, stderr)
          // It was told, and is readable.
          expect(stdout + stderr).toContain("gpj")
          if (isJson) {
            for (const line of stdout.trim().split("\n")) expect(() => JSON.parse(line)).not.toThrow()
          }
        },
      )
    }
  }
})

row(84, "an item of the DHT with escape sequences -> its text without them", async () => {
  const [stdout, stderr] = [memorySink(), memorySink()]
  const value = Encode.encode(HOSTILE)
  const node = {
    address: { host: "127.0.0.1", port: 1 },
    addNode: () => undefined,
    stats: () => ({}),
    ask: (question: { readonly _tag: string }, onEvent: (event: unknown) => void) => {
      onEvent({ _tag: "ItemFound", request: 1, value, mutable: undefined })
      expect(question._tag).toBe("GetItem")
      return Effect.succeed({
        _tag: "LookupDone",
        nodes: [],
        request: 1,
        queries: 1,
        responses: 1,
        hops: 1,
        storedAt: 0,
      })
    },
  } as unknown as DhtNode
  const options = {
    bootstrap: [],
    bind: undefined,
    publicKey: undefined,
    salt: undefined,
    timeout: undefined,
  }
  const run = DhtRun.run(options as unknown as Parameters<typeof DhtRun.run>[0], ["get", "ab".repeat(20)])
  await Effect.runPromise(run.pipe(
    Effect.provide(Layer.mergeAll(
      Layer.succeed(Dht, { open: () => Effect.succeed(node) }),
      Layer.succeed(Signatures, {} as typeof Signatures.Service),
      Output.layer({ stdout, stderr, isJson: false, isQuiet: false, isColourless: true }),
      NodeFileSystem.layer,
      NodePath.layer,
    )) as never,
  ) as Effect.Effect<void>)
  expect(stdout.text).toContain("evil")
  // A value may have lines of its own: it is all that is on stdout.
  expect(leaks(stdout.text.replaceAll("\nINJECTED", "\n"))).toEqual([])
  expect(leaks(stderr.text)).toEqual([])
})

row(84, "a broken rule of a simulation, and classes, with hostile names -> one line each", async () => {
  const [stdout, stderr] = [memorySink(), memorySink()]
  const service = Output.make({ stdout, stderr, isJson: false, isQuiet: true, isColourless: true })
  const scenario = Defaults.scenario({
    seed: 1,
    sizeBytes: 65_536,
    pieceBytes: 16_384,
    classes: [{ ...Defaults.seeder, name: HOSTILE }, { ...Defaults.leecher, name: `2${HOSTILE}`, count: 2 }],
  })
  const panel = Frame.make([
    rule(HOSTILE, (fail) => ({ completed: ({ node }, now) => fail(node, now, HOSTILE) })),
  ])
  const failure = await Effect.runPromise(
    Effect.flip(
      SimulatePlay.play(scenario, HOSTILE, { panel }).pipe(
        Effect.flatMap(SimulateRun.tell),
        Effect.provideService(Output.Output, service),
      ),
    ),
  )
  const { lines } = CliExit.verdict(Cause.fail(failure))
  clean("simulate", stdout.text, stderr.text, lines.join("\n"))
  expect(stderr.text).toContain("gpj")
})
