import { describe, expect, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Announce from "../../cli/Announce.ts"
import { verdict } from "../../cli/Exit.ts"
import * as Output from "../../cli/Output.ts"
import * as Scrape from "../../cli/Scrape.ts"
import * as Trackers from "../../cli/Trackers.ts"
import { err, ok } from "../../core/base/Result.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import type { AnnounceRequest, AnnounceResponse } from "../../core/tracker/Announce.ts"
import {
  type AnnounceHandler,
  layerMemory,
  type ScrapeHandler,
  TrackerClient,
} from "../../shell/TrackerClient.ts"
import { FIXTURES, jsonLines, memorySink, withFolder } from "./support.ts"

const LEAVES = "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36"
const UDP = "udp://tracker.example:6969/announce"
const HTTP = "http://tracker.example/0123456789abcdef/announce"

interface Options {
  readonly onAnnounce?: AnnounceHandler
  readonly onScrape?: ScrapeHandler
  readonly trackers?: ReadonlyArray<string>
  readonly torrent?: string
  readonly isJson?: boolean
}

/** Runs a command against trackers in memory and gives how it ended and what it printed. */
const run = (
  command: typeof Announce.run | typeof Scrape.run,
  { onAnnounce = () => ok(plain), onScrape, trackers = [], torrent = "leaves.torrent", isJson = false }:
    Options,
) => {
  const stdout = memorySink()
  const stderr = memorySink()
  const noNetwork = Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make(() => Effect.die("no network in this test")),
  )
  return Effect.gen(function* () {
    const exit = yield* Effect.exit(command({ trackers }, resolve(FIXTURES, torrent)))
    const end = Exit.isFailure(exit) ? verdict(exit.cause) : { code: 0, lines: [], error: undefined }
    return { ...end, stdout: stdout.text, stderr: stderr.text }
  }).pipe(Effect.provide(Layer.mergeAll(
    layerMemory(onAnnounce, onScrape),
    Output.layer({ stdout, stderr, isJson, isQuiet: false, isColourless: true }),
    NodeFileSystem.layer,
    noNetwork,
  )))
}

const plain: AnnounceResponse = { intervalMs: 1_800_000, peers: [] }
const full: AnnounceResponse = {
  intervalMs: 1_800_000,
  minIntervalMs: 900_000,
  peers: [{ host: "192.0.2.1", port: 6881 }, { host: "2001:db8::1", port: 1 }, {
    host: "192.0.2.1",
    port: 6881,
  }],
  seeders: 1,
  leechers: 2,
  downloads: 3,
  warning: "so\x1b[31mon",
  externalIp: "198.51.100.7",
  trackerId: "id",
}

describe("shoal announce", () => {
  it.effect("joins as a peer that has nothing, and leaves again at once", () =>
    Effect.gen(function* () {
      const asked: Array<readonly [string, AnnounceRequest]> = []
      const onAnnounce: AnnounceHandler = (url, request) => {
        asked.push([url, request])
        return ok({ ...plain, trackerId: "id" })
      }
      yield* run(Announce.run, { onAnnounce, trackers: [UDP] })
      expect(asked.map(([url, { event }]) => [url, event])).toEqual([[UDP, "started"], [UDP, "stopped"]])
      const [[, started], [, stopped]] = asked as [
        readonly [string, AnnounceRequest],
        readonly [string, AnnounceRequest],
      ]
      expect(started).toMatchObject({ port: 6881, leftBytes: 362_017, uploadedBytes: 0, numWant: 200 })
      expect(started.infoHash.length).toBe(20)
      expect(stopped).toEqual({ ...started, event: "stopped", numWant: 0, trackerId: "id" })
    }))

  it.effect("prints what each tracker says, and who is there", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run(Announce.run, {
        onAnnounce: (url) => url === UDP ? ok(full) : ok(plain),
        trackers: [UDP, HTTP],
      })
      expect(code).toBe(0)
      expect(stdout).toBe([
        "udp://tracker.example:6969/announce: 1 seeder, 2 leechers, 3 downloads, 2 peers:",
        "  warning: so\ufffd[31mon",
        "  your address is 198.51.100.7",
        "  192.0.2.1:6881",
        "  [2001:db8::1]:1",
        "http://tracker.example/***/announce: 0 peers",
        "",
      ].join("\n"))
    }))

  it.effect("prints one JSON object of the documented shape", () =>
    Effect.gen(function* () {
      const { stdout, stderr } = yield* run(Announce.run, {
        onAnnounce: (url) =>
          url === UDP ? ok(full) : err({ reason: "Refused", message: "no", retryInMs: 300_000 }),
        trackers: [UDP, HTTP],
        isJson: true,
      })
      expect(stderr).toBe("")
      expect(jsonLines(stdout)).toEqual([{
        infoHash: LEAVES,
        name: "Leaves of Grass by Walt Whitman.epub",
        trackers: [
          {
            url: UDP,
            ok: true,
            intervalSeconds: 1_800,
            minIntervalSeconds: 900,
            seeders: 1,
            leechers: 2,
            downloads: 3,
            externalIp: "198.51.100.7",
            warning: "so\x1b[31mon",
            peers: ["192.0.2.1:6881", "[2001:db8::1]:1"],
          },
          { url: HTTP, ok: false, error: "no", retrySeconds: 300, peers: [] },
        ],
      }])
    }))

  it.effect("succeeds if one tracker answers, and tells of the others", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run(Announce.run, {
        onAnnounce: (url, { event }) =>
          url === UDP
            ? ok(plain)
            : event === "stopped"
            ? expect.unreachable("a tracker that refused was told of a leave")
            : err({ reason: "Refused", message: "no", retryInMs: "never" }),
        trackers: [HTTP, UDP],
      })
      expect(code).toBe(0)
      expect(stdout).toBe([
        "http://tracker.example/***/announce: failed: no; it does not want to be asked again",
        "udp://tracker.example:6969/announce: 0 peers",
        "",
      ].join("\n"))
    }))

  it.effect("a tracker that cannot be told of the leave is no failure", () =>
    Effect.gen(function* () {
      const { code } = yield* run(Announce.run, {
        onAnnounce: (_, { event }) =>
          event === "stopped" ? err({ reason: "Timeout", message: "no answer" }) : ok(plain),
        trackers: [UDP],
      })
      expect(code).toBe(0)
    }))

  it.effect("fails if none answers, in one line, without a passkey, and the JSON stays one object", () =>
    Effect.gen(function* () {
      const onAnnounce: AnnounceHandler = () => err({ reason: "Timeout", message: "no answer" })
      const one = yield* run(Announce.run, { onAnnounce, trackers: [HTTP] })
      expect(one).toMatchObject({
        code: 1,
        lines: ["shoal: tracker http://tracker.example/***/announce: no answer"],
        stdout: "http://tracker.example/***/announce: failed: no answer\n",
      })
      const two = yield* run(Announce.run, { onAnnounce, trackers: [HTTP, UDP], isJson: true })
      expect(two.code).toBe(1)
      expect(two.error).toBeUndefined()
      expect(two.lines).toEqual([
        "shoal: none of the 2 trackers answered; the first, tracker http://tracker.example/***/announce: no answer",
      ])
      expect(jsonLines(two.stdout)).toMatchObject([{ trackers: [{ ok: false }, { ok: false }] }])
    }))

  it.effect("asks every tracker of the torrent once, unless it is told whom to ask", () =>
    Effect.promise(() =>
      withFolder(async (folder) => {
        const torrent = join(folder, "tiers.torrent")
        const info = { length: 1, name: "one", "piece length": 16_384, pieces: new Uint8Array(20) }
        const tiers = [["http://a/announce", "udp://b:1"], ["http://a/announce"], ["http://c/announce"]]
        await writeFile(torrent, Encode.encode({ "announce-list": tiers, info }))
        const urls: Array<string> = []
        const onAnnounce: AnnounceHandler = (url, { event }) => {
          if (event === "started") urls.push(url)
          return ok(plain)
        }
        await Effect.runPromise(run(Announce.run, { onAnnounce, torrent }))
        expect(urls.sort()).toEqual(["http://a/announce", "http://c/announce", "udp://b:1"])
        urls.length = 0
        await Effect.runPromise(run(Announce.run, { onAnnounce, torrent, trackers: [UDP, UDP] }))
        expect(urls).toEqual([UDP])
      })
    ))

  it.effect("says what to do for a torrent without trackers", () =>
    Effect.gen(function* () {
      const { code, error } = yield* run(Announce.run, { torrent: "numbers.torrent" })
      expect(code).toBe(1)
      expect(error).toEqual({
        reason: "no-trackers",
        message: "numbers names no tracker; --tracker URL asks one",
      })
    }))

  it.effect("leaves also when it is interrupted while it joins", () =>
    Effect.gen(function* () {
      const events: Array<string | undefined> = []
      const joining = yield* Deferred.make<void>()
      const client = Layer.succeed(TrackerClient, {
        announce: (_, { event }) => {
          events.push(event)
          return event === "stopped"
            ? Effect.succeed(plain)
            : Effect.zipRight(Deferred.succeed(joining, undefined), Effect.never)
        },
        scrape: () => Effect.die("not in this test"),
      })
      const stdout = memorySink()
      const fiber = yield* Effect.fork(
        Announce.run({ trackers: [UDP] }, join(FIXTURES, "leaves.torrent")).pipe(
          Effect.provide(Layer.mergeAll(
            client,
            Output.layer({ stdout, stderr: memorySink(), isJson: true, isQuiet: false, isColourless: true }),
            NodeFileSystem.layer,
            Layer.succeed(
              HttpClient.HttpClient,
              HttpClient.make(() => Effect.die("no network in this test")),
            ),
          )),
        ),
      )
      yield* Deferred.await(joining)
      const exit = yield* Fiber.interrupt(fiber)
      expect(Exit.isInterrupted(exit)).toBe(true)
      expect(events).toEqual(["started", "stopped"])
      expect(stdout.text).toBe("")
    }))
})

describe("shoal scrape", () => {
  const onScrape: ScrapeHandler = (url) =>
    url === UDP ? ok([{ seeders: 1, leechers: 0, downloads: 12 }]) : url === HTTP ? ok([undefined]) : err({
      reason: "NoScrape",
      message: "this tracker cannot be scraped, as its URL shows",
      retryInMs: "never",
    })
  const trackers = [UDP, HTTP, "http://tracker.example/a"]

  it.effect("prints each tracker's figures", () =>
    Effect.gen(function* () {
      const { code, stdout } = yield* run(Scrape.run, { onScrape, trackers })
      expect(code).toBe(0)
      expect(stdout).toBe([
        "udp://tracker.example:6969/announce: 1 seeder, 0 leechers, 12 downloads",
        "http://tracker.example/***/announce: it does not know this torrent",
        "http://tracker.example/a: failed: this tracker cannot be scraped, as its URL shows",
        "",
      ].join("\n"))
    }))

  it.effect("prints one JSON object of the documented shape", () =>
    Effect.gen(function* () {
      const { stdout } = yield* run(Scrape.run, { onScrape, trackers, isJson: true })
      expect(jsonLines(stdout)).toEqual([{
        infoHash: LEAVES,
        name: "Leaves of Grass by Walt Whitman.epub",
        trackers: [
          { url: UDP, ok: true, seeders: 1, leechers: 0, downloads: 12 },
          { url: HTTP, ok: true, seeders: 0, leechers: 0, downloads: 0, unknown: true },
          {
            url: "http://tracker.example/a",
            ok: false,
            error: "this tracker cannot be scraped, as its URL shows",
          },
        ],
      }])
    }))

  it.effect("fails if none can be scraped", () =>
    Effect.gen(function* () {
      const { code } = yield* run(Scrape.run, { onScrape, trackers: ["http://tracker.example/a"] })
      expect(code).toBe(1)
    }))
})

describe("--tracker", () => {
  it.each(["udp://a:1", "http://a/announce", "HTTPS://a/b?c", " udp://a:1/x "])("takes %s", (text) => {
    expect(Trackers.url(text)).toEqual({ ok: true, value: text.trim() })
  })
  it.each(["", "a", "a:6969", "ftp://a", "wss://a", "udp:a", "udp://"])("does not take '%s'", (text) => {
    expect(Trackers.url(text)).toMatchObject({ ok: false })
  })
})
