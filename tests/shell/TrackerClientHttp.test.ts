import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import type { ServerResponse } from "node:http"
import { Readable } from "node:stream"
import { createGzip, gzipSync } from "node:zlib"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import type { AnnounceRequest } from "../../core/tracker/Announce.ts"
import { STOPPED_TIMEOUT_MS, TrackerClient, type TrackerError } from "../../shell/TrackerClient.ts"
import * as NodeHttpClient from "../../shell/node/NodeHttpClient.ts"
import * as TrackerClientHttp from "../../shell/TrackerClientHttp.ts"
import { request } from "../contract/TrackerClient.ts"
import { serve, serveTcp } from "./HttpServer.ts"

const announce = (url: string, asked: AnnounceRequest = request) =>
  Effect.flatMap(TrackerClient, (client) => client.announce(url, asked)).pipe(
    Effect.provide(Layer.provide(TrackerClientHttp.layer(), NodeHttpClient.layer)),
  )

const failureAt = (url: string) => Effect.flip(announce(url))

/** The error of an announce to a server that answers like this. */
const failureOf = (handler: (response: ServerResponse) => void) =>
  Effect.flatMap(
    serve((_, response) => handler(response)),
    ({ origin }) => failureAt(`${origin}/announce?passkey=secret`),
  )

const expectFailure = (error: TrackerError, reason: string, message: RegExp): void => {
  expect(error.failure.reason).toBe(reason)
  expect(error.failure.message).toMatch(message)
  expect(`${error.message} ${JSON.stringify(error)} ${String(error.cause)}`).not.toMatch(
    /secret|info_hash=[^*]/,
  )
}

const empty = Encode.encode({ interval: 1_800, peers: "" })
const mebibyte = 1_048_576

describe("a request", () => {
  it.scopedLive("says who we are, and nothing of tracing", () =>
    Effect.gen(function* () {
      const seen: Array<Record<string, unknown>> = []
      const { origin } = yield* serve(({ method, url, headers }, response) => {
        seen.push({ method, path: url!.split("?")[0], ...headers })
        response.end(empty)
      })
      yield* announce(`${origin}/announce`).pipe(Effect.withSpan("outer"))
      expect(seen[0]).toMatchObject({ method: "GET", path: "/announce", "user-agent": "shoal/0.1.0" })
      expect(Object.keys(seen[0]!).filter((name) => /trace|b3|authorization|cookie/.test(name))).toEqual([])
    }))

  it.scopedLive("carries user and password of the URL in a header", () =>
    Effect.gen(function* () {
      const seen: Array<string | undefined> = []
      const elsewhere = yield* serve(({ headers }, response) => {
        seen.push(headers.authorization)
        response.end(empty)
      })
      const { origin } = yield* serve(({ url, headers }, response) => {
        seen.push(headers.authorization)
        const location = url!.startsWith("/announce2") ? `${elsewhere.origin}/announce` : "/announce2"
        response.writeHead(307, { location }).end()
      })
      yield* announce(`${origin.replace("//", "//us%20er:p%C3%A4ss@")}/announce`)
      const basic = `Basic ${btoa("us er:p\xc3\xa4ss")}`
      expect(seen, "kept on the same host, dropped on another").toEqual([basic, basic, undefined])
    }))

  it.scopedLive("is not sent at all to what is no tracker", () =>
    Effect.gen(function* () {
      let hits = 0
      const { origin } = yield* serve((_, response) => {
        hits++
        response.end(empty)
      })
      const other = yield* failureAt(`${origin}/transmission/rpc`)
      expectFailure(other, "Forbidden", /path that starts with \/announce/)
      expect(other.failure.retryInMs).toBe("never")
      expect(hits).toBe(0)
      expectFailure(
        yield* failureAt("udp://127.0.0.1:1/announce"),
        "BadUrl",
        /^UDP trackers are not supported$/,
      )
      expectFailure(yield* failureAt("nonsense"), "BadUrl", /not a URL/)
      expectFailure(yield* failureAt("http://[::x]/announce"), "BadUrl", /not a URL/)
    }))
})

describe("a reply", () => {
  it.scopedLive("may be compressed, and come in any pieces", () =>
    Effect.gen(function* () {
      const { origin } = yield* serve(({ headers }, response) => {
        expect(headers["accept-encoding"]).toContain("gzip")
        response.writeHead(200, { "content-encoding": "gzip" })
        for (const byte of gzipSync(empty)) response.write(Uint8Array.of(byte))
        response.end()
      })
      expect(yield* announce(`${origin}/announce`)).toEqual({ intervalMs: 1_800_000, peers: [] })
    }))

  it.scopedLive("may be as long as the limit", () =>
    Effect.gen(function* () {
      const { origin } = yield* serve((_, response) => {
        const body = new Uint8Array(mebibyte)
        body.set(empty)
        response.end(body)
      })
      expect((yield* announce(`${origin}/announce`)).peers).toEqual([])
    }))

  it.scopedLive("is not read beyond the limit", () =>
    Effect.gen(function* () {
      const error = yield* failureOf((response) => response.end(new Uint8Array(mebibyte + 1)))
      expectFailure(error, "TooLarge", /longer than 1048576 bytes/)
    }))

  it.scopedLive("that never ends is cut off, and its connection with it", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      let sentBytes = 0
      const error = yield* failureOf((response) => {
        const part = new Uint8Array(65_536)
        const more = (): void => {
          while (!response.destroyed && response.write(part)) sentBytes += part.length
        }
        response.on("drain", more)
        response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
        more()
      }).pipe(Effect.zipLeft(Deferred.await(closed)))
      expectFailure(error, "TooLarge", /longer/)
      // What the kernel and the HTTP client have buffered comes on top; that is bounded too.
      expect(sentBytes).toBeLessThan(64 * mebibyte)
    }))

  it.scopedLive("that inflates without end is cut off", () =>
    Effect.gen(function* () {
      const error = yield* failureOf((response) => {
        const zeros = new Readable({
          read() {
            // Others, such as the one who is to stop this, get their turn.
            setImmediate(() => this.push(new Uint8Array(65_536)))
          },
        })
        const gzip = createGzip()
        response.writeHead(200, { "content-encoding": "gzip" })
        response.on("close", () => {
          zeros.destroy()
          gzip.destroy()
        })
        zeros.pipe(gzip).pipe(response)
      })
      expectFailure(error, "TooLarge", /longer/)
    }))

  it.scopedLive.each(
    [
      ["is compressed wrongly", (response: ServerResponse) => {
        response.writeHead(200, { "content-encoding": "gzip" }).end("not gzip at all")
      }],
      ["breaks off", (response: ServerResponse) => {
        response.writeHead(200, { "content-length": 1_000 })
        response.write(empty, () => response.destroy())
      }],
      ["breaks off between chunks", (response: ServerResponse) => {
        response.write(empty, () => response.destroy())
      }],
    ] as const,
  )("that %s is a bad one", ([, handler]) =>
    Effect.gen(function* () {
      const error = yield* failureOf(handler)
      expectFailure(error, "BadReply", /breaks off, or is compressed wrongly/)
      expect(error.cause).toBeTypeOf("string")
    }))

  it.scopedLive.each(
    [
      ["a web page", "<html><body>It works!</body></html>", /web page/],
      ["garbage", "\x00\x01\x02", /no announce response/],
      ["nothing", "", /empty/],
    ] as const,
  )("that is %s is a bad one", ([, body, message]) =>
    Effect.gen(function* () {
      expectFailure(yield* failureOf((response) => response.end(body)), "BadReply", message)
    }))

  it.scopedLive("without a body at all is a bad one", () =>
    Effect.gen(function* () {
      expectFailure(yield* failureOf((response) => response.writeHead(204).end()), "BadReply", /empty/)
    }))
})

describe("an HTTP error", () => {
  it.scopedLive.each(
    [
      [404, /^HTTP 404: there is no tracker at this URL$/],
      [403, /passkey/],
      [503, /problem of its own/],
      [418, /^HTTP 418$/],
      [304, /^HTTP 304$/],
    ] as const,
  )("%i is told in words", ([status, message]) =>
    Effect.gen(function* () {
      const error = yield* failureOf((response) => {
        response.writeHead(status).end(status === 304 ? undefined : "<h1>no</h1>")
      })
      expectFailure(error, "HttpStatus", message)
      expect(error.failure.retryInMs).toBeUndefined()
    }))

  it.scopedLive("with a refusal in its body is that refusal", () =>
    Effect.gen(function* () {
      const body = Encode.encode({ "failure reason": "unregistered torrent", "retry in": "never" })
      const error = yield* failureOf((response) => response.writeHead(404).end(body))
      expectFailure(error, "Refused", /^unregistered torrent$/)
      expect(error.failure.retryInMs).toBe("never")
    }))

  it.scopedLive("with an endless page is still that error", () =>
    Effect.gen(function* () {
      const error = yield* failureOf((response) => response.writeHead(500).end(new Uint8Array(2 * mebibyte)))
      expectFailure(error, "HttpStatus", /^HTTP 500/)
    }))

  it.scopedLive.each([["120", 120_000], ["1000000000", 86_400_000], ["soon", undefined]] as const)(
    "with Retry-After: %s is repeated then",
    ([value, retryInMs]) =>
      Effect.gen(function* () {
        const error = yield* failureOf((response) => response.writeHead(503, { "retry-after": value }).end())
        expect(error.failure.retryInMs).toBe(retryInMs)
      }),
  )
})

describe("a redirect", () => {
  it.scopedLive.each([301, 302, 303, 307, 308])("%i is followed", (status) =>
    Effect.gen(function* () {
      const { origin } = yield* serve(({ url }, response) => {
        if (url!.startsWith("/announce/moved?")) response.end(empty)
        else {response.writeHead(status, { location: url!.replace("/announce?", "/announce/moved?") }).end(
            "moved",
          )}
      })
      expect((yield* announce(`${origin}/announce`)).intervalMs).toBe(1_800_000)
    }))

  it.scopedLive("in a circle ends", () =>
    Effect.gen(function* () {
      let hits = 0
      const { origin } = yield* serve(({ url }, response) => {
        hits++
        response.writeHead(302, { location: url! }).end()
      })
      expectFailure(yield* failureAt(`${origin}/announce`), "BadReply", /more than 5 redirects/)
      expect(hits).toBe(6)
    }))

  it.scopedLive.each(
    [
      ["udp://127.0.0.1:1/announce", "Forbidden", /redirects to udp:/],
      ["file:///etc/passwd", "Forbidden", /redirects to file:/],
      ["/transmission/rpc", "Forbidden", /path that starts with \/announce/],
      ["http://[", "BadUrl", /no URL/],
    ] as const,
  )("to %s is not followed", ([location, reason, message]) =>
    Effect.gen(function* () {
      const error = yield* failureOf((response) => response.writeHead(302, { location }).end())
      expectFailure(error, reason, message)
      expect(error.failure.retryInMs).toBeUndefined()
    }))
})

describe("a connection", () => {
  it.scopedLive("that is refused is told as such", () =>
    Effect.gen(function* () {
      const { origin } = yield* Effect.scoped(serve(() => {}))
      expectFailure(
        yield* failureAt(`${origin}/announce?passkey=secret`),
        "Unreachable",
        /connection refused/,
      )
    }))

  it.scopedLive("to a name that does not exist is told as such", () =>
    Effect.gen(function* () {
      expectFailure(
        yield* failureAt("http://tracker.invalid/announce?passkey=secret"),
        "Unreachable",
        /resolve/,
      )
    }))

  it.scopedLive("to a port that web requests must not go to is told as such", () =>
    Effect.gen(function* () {
      const error = yield* failureAt("http://127.0.0.1:6667/announce?passkey=secret")
      expectFailure(error, "BadUrl", /its port/)
      expect(error.failure.retryInMs).toBe("never")
    }))

  it.scopedLive("that closes without an answer is told as such", () =>
    Effect.gen(function* () {
      const { origin } = yield* serveTcp((socket) => socket.once("data", () => socket.destroy()))
      expectFailure(yield* failureAt(`${origin}/announce`), "Unreachable", /closed without an answer/)
    }))

  it.scopedLive("that speaks something else is told as such", () =>
    Effect.gen(function* () {
      const { origin } = yield* serveTcp((socket) => socket.end("220 mail.example ESMTP\r\n"))
      expectFailure(yield* failureAt(`${origin}/announce`), "BadReply", /does not speak HTTP/)
    }))

  it.scopedLive("that expects TLS and gets none is told as such", () =>
    Effect.gen(function* () {
      const { origin } = yield* serve((_, response) => response.end(empty))
      expectFailure(yield* failureAt(`${origin.replace("http", "https")}/announce`), "Unreachable", /TLS/)
    }))
})

describe("time", () => {
  /** A server that never completes its answer; `arrived` and `closed` tell of its one request. */
  const slow = (answer: (response: ServerResponse) => void) =>
    Effect.gen(function* () {
      const arrived = yield* Deferred.make<void>()
      const closed = yield* Deferred.make<void>()
      const { origin } = yield* serve((_, response) => {
        response.on("close", () => Deferred.unsafeDone(closed, Effect.void))
        answer(response)
        Deferred.unsafeDone(arrived, Effect.void)
      })
      return { url: `${origin}/announce?passkey=secret`, arrived, closed }
    })

  it.scoped.each(
    [
      ["silent", () => {}],
      ["dripping", (response: ServerResponse) => void response.write("d8:")],
    ] as const,
  )("runs out for a %s tracker", ([, answer]) =>
    Effect.gen(function* () {
      const { url, arrived, closed } = yield* slow(answer)
      const fiber = yield* Effect.fork(failureAt(url))
      yield* Deferred.await(arrived)
      yield* TestClock.adjust(TrackerClientHttp.TIMEOUT_MS - 1)
      expect(fiber.unsafePoll()).toBeNull()
      yield* TestClock.adjust(1)
      expectFailure(yield* Fiber.join(fiber), "Timeout", /^no whole answer within 30 seconds$/)
      yield* Deferred.await(closed)
    }))

  it.scoped("runs out sooner for stopped", () =>
    Effect.gen(function* () {
      const { url, arrived } = yield* slow(() => {})
      const fiber = yield* Effect.fork(Effect.flip(announce(url, { ...request, event: "stopped" })))
      yield* Deferred.await(arrived)
      yield* TestClock.adjust(STOPPED_TIMEOUT_MS)
      expectFailure(yield* Fiber.join(fiber), "Timeout", /5 seconds/)
    }))

  it.scopedLive("is not spent on who is no longer waited for", () =>
    Effect.gen(function* () {
      const { url, arrived, closed } = yield* slow(() => {})
      const fiber = yield* Effect.fork(announce(url))
      yield* Deferred.await(arrived)
      const exit = yield* Fiber.interrupt(fiber)
      expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
      yield* Deferred.await(closed)
    }))
})

it.scopedLive("escapes the info-hash byte by byte on the wire", () =>
  Effect.gen(function* () {
    let seen = ""
    const { origin } = yield* serve(({ url }, response) => {
      seen = url!
      response.end(empty)
    })
    yield* announce(`${origin}/announce?u=%c3%a4`, {
      ...request,
      infoHash: Bytes.latin1("\x00\xff %+'\"<>`{|}~abcdef"),
    })
    expect(seen).toMatch(
      /^\/announce\?u=%c3%a4&info_hash=%00%FF%20%25%2B%27%22%3C%3E%60%7B%7C%7D~abcdef&peer_id=/,
    )
  }))
