import { describe, expect, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Create from "../../cli/Create.ts"
import { verdict } from "../../cli/Exit.ts"
import * as Output from "../../cli/Output.ts"
import * as Magnet from "../../core/metainfo/Magnet.ts"
import * as Parse from "../../core/metainfo/Parse.ts"
import * as CreationLive from "../../shell/CreationLive.ts"
import { Hasher } from "../../shell/Hasher.ts"
import * as TempDir from "../support/TempDir.ts"
import { jsonLines, memorySink } from "./support.ts"

type Options = Parameters<typeof Create.run>[0]

const defaults: Options = {
  out: undefined,
  trackers: [],
  pieceSize: undefined,
  private: false,
  comment: undefined,
  source: undefined,
  webSeeds: [],
  noDate: false,
}

/** A folder `d` of two files in a folder of its own, and the command in process. */
const scene = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => TempDir.make("create")),
    (temp) => Effect.sync(temp.remove),
  ),
  ({ path: folder }) => {
    mkdirSync(join(folder, "d"))
    writeFileSync(join(folder, "d/a"), "1")
    writeFileSync(join(folder, "d/b"), new Uint8Array(40_000))
    const create = (
      path: string,
      options: Partial<Options> = {},
      { isJson = false, isTerminal = false, hasher = undefined as Layer.Layer<Hasher> | undefined } = {},
    ) => {
      const stdout = memorySink()
      const stderr = memorySink(isTerminal)
      return Create.run({ ...defaults, ...options }, join(folder, path)).pipe(
        Effect.provide(hasher ?? Layer.empty),
        Effect.provide(Layer.mergeAll(
          CreationLive.layer,
          Output.layer({ stdout, stderr, isJson, isQuiet: false, isColourless: true }),
          NodeFileSystem.layer,
          NodePath.layer,
        )),
        Effect.exit,
        Effect.map((exit) => ({ exit, stdout: stdout.text, stderr: stderr.text })),
      )
    }
    return { folder, out: join(folder, "x.torrent"), create }
  },
)

describe("shoal create", () => {
  it.scoped("writes the file, and prints info-hash and magnet link", () =>
    Effect.gen(function* () {
      const { create, out } = yield* scene
      const { exit, stdout, stderr } = yield* create("d", { out, trackers: [["http://t/a", "udp://u:1"]] })
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(stderr).toBe("")
      const parsed = Parse.parse(new Uint8Array(readFileSync(out)))
      if (!parsed.ok) throw new Error(parsed.error.message)
      const { infoHash } = parsed.value
      expect(stdout).toBe(
        `wrote ${out}: 2 files, 39.1 KiB, 3 pieces of 16.0 KiB\n` +
          `info-hash  ${infoHash}\n` +
          `magnet     magnet:?xt=urn:btih:${infoHash}&dn=d&tr=http%3A%2F%2Ft%2Fa&tr=udp%3A%2F%2Fu%3A1\n`,
      )
    }))

  it.scoped("prints one JSON object of the documented shape", () =>
    Effect.gen(function* () {
      const { create, out } = yield* scene
      const { stdout, stderr } = yield* create("d", { out, private: true, webSeeds: ["http://w"] }, {
        isJson: true,
      })
      expect(stderr).toBe("")
      const parsed = Parse.parse(new Uint8Array(readFileSync(out)))
      const [event, ...more] = jsonLines(stdout)
      expect(more).toEqual([])
      expect(event).toEqual({
        event: "complete",
        time: expect.any(String),
        file: out,
        name: "d",
        infoHash: parsed.ok && parsed.value.infoHash,
        magnet: expect.any(String),
        pieceLength: 16_384,
        pieceCount: 3,
        totalLength: 40_001,
        files: 2,
        warnings: ["a private torrent without a tracker finds no peers; --tracker URL adds one"],
      })
      const magnet = Magnet.parse(event!["magnet"] as string)
      expect(magnet.ok && magnet.value).toMatchObject({
        infoHash: event!["infoHash"],
        name: "d",
        webSeeds: ["http://w/"],
        warnings: [],
      })
    }))

  it.scoped("the date is now, unless it is not wanted", () =>
    Effect.gen(function* () {
      const { create, folder } = yield* scene
      yield* TestClock.setTime(1_700_000_000_999)
      const dateOf = (name: string) => {
        const parsed = Parse.parse(new Uint8Array(readFileSync(join(folder, name))))
        return parsed.ok && parsed.value.creationDate
      }
      yield* create("d", { out: join(folder, "now") })
      yield* create("d", { out: join(folder, "never"), noDate: true })
      expect([dateOf("now"), dateOf("never")]).toEqual([1_700_000_000, undefined])
    }))

  it.scoped("puts NAME.torrent into a folder", () =>
    Effect.gen(function* () {
      const { create, folder } = yield* scene
      mkdirSync(join(folder, "torrents"))
      yield* create("d/a", { out: join(folder, "torrents") })
      expect(TempDir.list(join(folder, "torrents"))).toEqual(["a.torrent"])
    }))

  it.scoped("leaves what is there, and says so before it hashes anything", () =>
    Effect.gen(function* () {
      const { create, out, folder } = yield* scene
      writeFileSync(out, "mine")
      const hasher = Layer.succeed(Hasher, { sha1: () => Effect.die("nothing is to be hashed") })
      const { exit, stdout } = yield* create("d", { out }, { hasher })
      expect(stdout).toBe("")
      expect(Exit.isFailure(exit) && verdict(exit.cause)).toEqual({
        code: 1,
        error: {
          reason: "Exists",
          message: `${out} exists already; move it away, or choose another name (-o FILE)`,
        },
        lines: [`shoal: ${out} exists already; move it away, or choose another name (-o FILE)`],
      })
      expect(readFileSync(out, "utf8")).toBe("mine")
      expect(TempDir.list(folder)).toEqual(["d/", "d/a", "d/b", "x.torrent"])
    }))

  it.scoped("refuses to write into the folder itself", () =>
    Effect.gen(function* () {
      const { create, folder } = yield* scene
      const { exit } = yield* create("d", { out: join(folder, "d") })
      expect(Exit.isFailure(exit) && verdict(exit.cause).error?.reason).toBe("InsideContent")
    }))

  it.scoped("interrupted, it leaves nothing", () =>
    Effect.gen(function* () {
      const { create, folder, out } = yield* scene
      const hasher = Layer.succeed(Hasher, { sha1: () => Effect.interrupt })
      const { exit } = yield* create("d", { out }, { hasher })
      expect(Exit.isFailure(exit) && verdict(exit.cause).code).toBe(130)
      expect(TempDir.list(folder)).toEqual(["d/", "d/a", "d/b"])
    }))

  const drawings = [
    [false, "40.9% hashing d: 16.0 KiB of 39.1 KiB\n"],
    [true, "hashing d: 16.0 KiB of 39.1 KiB\n█████████░░░░░░░░░░░░░░░  40.9%\n"],
  ] as const
  it.scoped.each(drawings)(
    "draws its progress; on a terminal: %s",
    ([isTerminal, drawn]) =>
      Effect.gen(function* () {
        const { create, out } = yield* scene
        // One piece is hashed, the rest once the progress was drawn.
        let piece = 0
        const rest = yield* Effect.makeLatch(false)
        const first = yield* Effect.makeLatch(false)
        const hasher = Layer.succeed(Hasher, {
          sha1: () =>
            piece++ === 0
              ? Effect.as(Effect.zipRight(Effect.yieldNow(), first.open), new Uint8Array(20))
              : Effect.as(rest.await, new Uint8Array(20)),
        })
        const fiber = yield* Effect.fork(create("d", { out }, { hasher, isTerminal }))
        yield* first.await
        yield* Effect.yieldNow({ priority: 1 })
        yield* TestClock.adjust("5 seconds")
        yield* rest.open
        const { stderr } = yield* Fiber.join(fiber)
        expect(stderr.startsWith(drawn)).toBe(true)
      }),
  )
})

describe("options", () => {
  it("a tier is one tracker, or several with commas between", () => {
    expect(Create.tier("http://a/announce")).toEqual({ ok: true, value: ["http://a/announce"] })
    expect(Create.tier("udp://a:1, wss://b")).toEqual({ ok: true, value: ["udp://a:1", "wss://b"] })
    for (
      const wrong of ["", "a", "http://", "ftp://a/x", "http://a,", "http://a,b", "http://a:99999/", "udp:a"]
    ) {
      expect([wrong, Create.tier(wrong).ok]).toEqual([wrong, false])
    }
  })

  it("a web seed is an http or https URL", () => {
    expect(Create.webSeed(" https://a/b c/ ")).toEqual({ ok: true, value: "https://a/b c/" })
    for (const wrong of ["", "a", "udp://a:1", "file:///etc/passwd", "http:/a"]) {
      expect([wrong, Create.webSeed(wrong).ok]).toEqual([wrong, false])
    }
  })

  it("a piece size is a power of two from 16K to 64M", () => {
    expect(Create.pieceSize("16k")).toEqual({ ok: true, value: 16_384 })
    expect(Create.pieceSize("262144")).toEqual({ ok: true, value: 262_144 })
    expect(Create.pieceSize("64M")).toEqual({ ok: true, value: 2 ** 26 })
    for (const wrong of ["0", "8K", "100K", "128M", "1.3M", "x", "-16K"]) {
      expect(Create.pieceSize(wrong)).toEqual({
        ok: false,
        error: "expected a power of two from 16K to 64M, such as 256K or 1M",
      })
    }
  })
})
