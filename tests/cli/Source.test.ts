import { describe, expect, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as Limits from "../../core/metainfo/Limits.ts"
import * as Source from "../../cli/Source.ts"
import { FIXTURES } from "./support.ts"

const LEAVES = join(FIXTURES, "leaves.torrent")
const URL = "http://torrents.example/leaves.torrent"

/** Loads with a network in which `answer` stands behind every address. */
const load = (source: string, answer: () => Effect.Effect<Response, HttpClientError.HttpClientError>) =>
  Source.load(source).pipe(
    Effect.provide(Layer.merge(
      NodeFileSystem.layer,
      Layer.succeed(
        HttpClient.HttpClient,
        HttpClient.make((request) => Effect.map(answer(), (web) => HttpClientResponse.fromWeb(request, web))),
      ),
    )),
  )

const noNetwork = () => Effect.die("no network in this test")
const failureOf = (source: string, answer: Parameters<typeof load>[1] = noNetwork) =>
  Effect.flip(load(source, answer))

it.each([
  ["a.torrent", "file"],
  ["./magnet", "file"],
  ["http:/a", "file"],
  ["HTTPS://a/b", "url"],
  ["http://a/b", "url"],
  ["magnet:?xt=urn:btih:x", "magnet"],
  ["MAGNET:?", "magnet"],
  ["D2474E86C95B19B8BCFDB92BC12C9D44667CFA36", "magnet"],
  ["./d2474e86c95b19b8bcfdb92bc12c9d44667cfa36", "file"],
])("%s is a %s", (source, kind) => expect(Source.kindOf(source)).toBe(kind))

describe("files", () => {
  it.effect("are read and parsed", () =>
    Effect.gen(function* () {
      const metainfo = yield* load(LEAVES, noNetwork)
      expect(metainfo.name).toBe("Leaves of Grass by Walt Whitman.epub")
    }))
  it.effect("that are not there, are folders or no torrents are told apart", () =>
    Effect.gen(function* () {
      expect(yield* failureOf("/nowhere/\x1b[31m")).toMatchObject({
        reason: "not-found",
        message: "there is no file /nowhere/\ufffd[31m",
      })
      expect(yield* failureOf(FIXTURES)).toMatchObject({ reason: "unreadable" })
      const failure = yield* failureOf(join(FIXTURES, "alice.txt"))
      expect(failure.reason).toBe("invalid")
      expect(failure.message).toMatch(/alice\.txt is not a valid \.torrent file: ./)
    }))
})

describe("URLs", () => {
  const body = readFileSync(LEAVES)
  it.effect("are fetched and parsed", () =>
    Effect.gen(function* () {
      const metainfo = yield* load(URL, () => Effect.succeed(new Response(body)))
      expect(metainfo.infoHash).toBe("d2474e86c95b19b8bcfdb92bc12c9d44667cfa36")
    }))
  it.effect("that answer with an error say its status", () =>
    Effect.gen(function* () {
      const failure = yield* failureOf(URL, () => Effect.succeed(new Response("no", { status: 404 })))
      expect(failure).toMatchObject({ reason: "http", message: `${URL} answered with HTTP status 404` })
    }))
  it.effect("that send more than a torrent can need are cut off", () =>
    Effect.gen(function* () {
      let sent = 0
      const endless = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          sent += 1024 * 1024
          controller.enqueue(new Uint8Array(1024 * 1024))
        },
      })
      expect(yield* failureOf(URL, () => Effect.succeed(new Response(endless)))).toMatchObject({
        reason: "too-large",
      })
      expect(sent).toBeLessThan(2 * Limits.MAX_BYTES)
    }))
  it.effect("that never answer end after a time", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(failureOf(URL, () => Effect.never))
      yield* TestClock.adjust(Source.TIMEOUT)
      expect(yield* Fiber.join(fiber)).toMatchObject({ reason: "timeout" })
    }))
  it.effect("that nobody serves say why", () =>
    Effect.gen(function* () {
      const cause = new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED 127.0.0.1:9") })
      const failure = yield* failureOf(
        URL,
        () =>
          new HttpClientError.RequestError({
            request: { method: "GET", url: URL } as never,
            reason: "Transport",
            cause,
          }),
      )
      expect(failure).toMatchObject({ reason: "http", message: `${URL}: connect ECONNREFUSED 127.0.0.1:9` })
    }))
  it.effect("that are none say so", () =>
    Effect.gen(function* () {
      expect(yield* failureOf("http://[x/")).toMatchObject({
        reason: "http",
        message: "http://[x/ is not a valid URL",
      })
    }))
})

it.effect("where the .torrent file is needed, links say how to get it", () =>
  Effect.gen(function* () {
    for (const source of ["magnet:?xt=urn:btih:a", "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36"]) {
      expect(yield* failureOf(source)).toMatchObject({
        reason: "unsupported",
        message: expect.stringContaining("shoal download --metadata-only"),
      })
    }
  }))

describe("links", () => {
  const HASH = "d2474e86c95b19b8bcfdb92bc12c9d44667cfa36"

  it.effect("are read, and a bare info-hash is one", () =>
    Effect.gen(function* () {
      expect(yield* Source.parseLink(`magnet:?xt=urn:btih:${HASH}&dn=A%20name&x.pe=192.0.2.1:7`))
        .toMatchObject({
          infoHash: HASH,
          name: "A name",
          magnet: { peers: [{ host: "192.0.2.1", port: 7 }] },
        })
      expect(yield* Source.parseLink(HASH.toUpperCase())).toMatchObject({ infoHash: HASH, name: HASH })
    }))

  it.effect("that name no torrent of version 1 are refused", () =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(Source.parseLink("magnet:?xt=urn:btih:a"))).toMatchObject({
        reason: "invalid",
      })
      const v2 = `magnet:?xt=urn:btmh:1220${"ab".repeat(32)}`
      expect(yield* Effect.flip(Source.parseLink(v2))).toMatchObject({ reason: "unsupported" })
    }))
})
