import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Parse from "../../core/metainfo/Parse.ts"
import type { Metainfo } from "../../core/metainfo/Metainfo.ts"
import * as Download from "../../cli/Download.ts"
import * as Inspect from "../../cli/Inspect.ts"
import * as Select from "../../cli/Select.ts"
import { SessionError } from "../../shell/Session.ts"
import * as FakeSession from "./FakeSession.ts"
import { downloadOptions as options, FIXTURES, jsonLines } from "./support.ts"

const parsed = Parse.parse(readFileSync(join(FIXTURES, "numbers.torrent")))
if (!parsed.ok) throw new Error("the fixture is a torrent")
const TRACKER = "http://tracker.test/announce"
const numbers: Metainfo = { ...parsed.value, trackers: [[TRACKER]] }
const LINK = `magnet:?xt=urn:btih:${numbers.infoHash}&dn=Numbers&tr=${encodeURIComponent(TRACKER)}` +
  "&x.pe=192.0.2.1:7000&so=0,2&xl=6&ws=http%3A%2F%2Fmirror.test%2F"

const run = (more: Partial<Download.DownloadOptions> = {}, isJson = false, source = LINK) => {
  const { layer, ...seen } = FakeSession.make({
    isJson,
    plot: { events: [{ _tag: "Completed" }] },
    search: () => ({
      metainfo: Effect.succeed(numbers),
      events: [{ _tag: "MetadataComplete", infoBytes: numbers.infoBytes }],
    }),
  })
  return { effect: Effect.provide(Download.run({ ...options, ...more }, [source]), layer), ...seen }
}

/** A folder of its own for what a test writes. */
const withFolder = <A, E, R>(body: (folder: string) => Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "shoal-link-"))),
    body,
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true })),
  )

describe("shoal download LINK", () => {
  it.effect("fetches the metadata first, then all that the link says counts", () =>
    Effect.gen(function* () {
      const peer = { host: "192.0.2.9", port: 1 }
      const { effect, requests, searches } = run({ peers: [peer], out: "/nowhere/out" })
      yield* effect
      const peers = [peer, { host: "192.0.2.1", port: 7_000 }]
      expect(searches).toMatchObject([{
        infoHash: numbers.infoHash,
        name: "Numbers",
        trackers: [[TRACKER]],
        webSeeds: ["http://mirror.test/"],
        peers,
        directory: "/nowhere/out",
      }])
      expect(requests).toMatchObject([{
        metainfo: numbers,
        selection: new Set([0, 2]),
        search: { id: 1 },
        peers,
      }])
    }))

  it.effect("prefers --select to the selection of the link", () =>
    Effect.gen(function* () {
      const select = Select.parse("2")
      const { effect, requests } = run({ select: select.ok ? select.value : undefined })
      yield* effect
      expect(requests[0]!.selection).toEqual(new Set([1]))
    }))

  it.effect("takes a bare info-hash", () =>
    Effect.gen(function* () {
      const { effect, requests, searches } = run({}, false, numbers.infoHash)
      yield* effect
      expect(searches).toMatchObject([{ infoHash: numbers.infoHash, trackers: [], peers: [] }])
      expect(requests[0]!.selection).toBeUndefined()
    }))

  it.effect("tells of the metadata", () =>
    Effect.gen(function* () {
      const { effect, stdout } = run({}, true)
      yield* effect
      expect(jsonLines(stdout.text)).toContainEqual({
        event: "metadata",
        time: expect.any(String),
        infoHash: numbers.infoHash,
        ok: true,
        name: "numbers",
        bytes: numbers.infoBytes.length,
        totalLength: 6,
        files: 3,
        seconds: expect.any(Number),
      })
    }))

  it.effect("fails as the search does", () =>
    Effect.gen(function* () {
      const error = new SessionError({ reason: "NoPeers", message: "Numbers: nobody is there" })
      const { layer, requests } = FakeSession.make({ search: () => ({ metainfo: Effect.fail(error) }) })
      const exit = yield* Effect.flip(Effect.provide(Download.run(options, [LINK]), layer))
      expect(exit).toBe(error)
      expect(requests).toEqual([])
    }))
})

describe("--metadata-only", () => {
  it.effect("writes NAME.torrent with the trackers and web seeds of the link, and downloads nothing", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const { effect, requests, searches, stdout } = run({ metadataOnly: true, out: join(folder, "new") })
        yield* effect
        const file = join(folder, "new/numbers.torrent")
        const written = Parse.parse(readFileSync(file))
        expect(written.ok && written.value).toMatchObject({
          infoHash: numbers.infoHash,
          trackers: [[TRACKER]],
        })
        expect(requests).toEqual([])
        expect(searches[0]!.directory).toBeUndefined()
        expect(stdout.text).toBe(`wrote ${file}\n`)
        expect(readdirSync(join(folder, "new"))).toEqual(["numbers.torrent"])
      })
    ))

  it.effect("leaves the same torrent as it is, and fails rather than replace another file", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const file = join(folder, "numbers.torrent")
        yield* run({ metadataOnly: true, out: folder }).effect
        const first = readFileSync(file)
        yield* run({ metadataOnly: true, out: folder }).effect
        expect(readFileSync(file)).toEqual(first)
        writeFileSync(file, "mine")
        const error = yield* Effect.flip(run({ metadataOnly: true, out: folder }).effect)
        expect(error).toMatchObject({ reason: "Exists" })
        expect(readFileSync(file, "utf8")).toBe("mine")
      })
    ))

  it.effect("says what is wrong where it cannot write", () =>
    withFolder((folder) =>
      Effect.gen(function* () {
        const blocked = join(folder, "file")
        writeFileSync(blocked, "")
        const error = yield* Effect.flip(run({ metadataOnly: true, out: blocked }).effect)
        expect(error).toMatchObject({ message: expect.stringContaining(blocked) })
        expect(existsSync(join(folder, "numbers.torrent"))).toBe(false)
      })
    ))
})

describe("shoal inspect LINK", () => {
  it.effect("prints what the link says, for nobody is asked", () =>
    Effect.gen(function* () {
      const text = FakeSession.make({})
      yield* Effect.provide(Inspect.run(LINK), text.layer)
      expect(text.stdout.text).toBe([
        "name       Numbers",
        `info-hash  ${numbers.infoHash}`,
        "size       6 B, as the link claims",
        `tracker    ${TRACKER}`,
        "web seed   http://mirror.test/",
        "peer       192.0.2.1:7000",
        "selects    1, 3",
        "files      known to peers; 'shoal download --metadata-only' fetches the .torrent file",
        "",
      ].join("\n"))
      const json = FakeSession.make({ isJson: true })
      yield* Effect.provide(Inspect.run(LINK), json.layer)
      expect(jsonLines(json.stdout.text)).toEqual([{
        name: "Numbers",
        infoHash: numbers.infoHash,
        totalLength: 6,
        trackers: [[TRACKER]],
        webSeeds: ["http://mirror.test/"],
        peers: ["192.0.2.1:7000"],
        select: [1, 3],
        warnings: [],
      }])
      expect(json.searches).toEqual([])
    }))
})
