/** What trackers over HTTP may answer: lengths that lie, bodies that swell, members that make no sense. */
import * as Effect from "effect/Effect"
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from "node:zlib"
import { expect } from "vitest"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import * as Announce from "../../core/tracker/Announce.ts"
import * as TrackerClientHttp from "../../shell/TrackerClientHttp.ts"
import { serve, serveTcp } from "../shell/HttpServer.ts"
import { row } from "./Row.ts"
import { type Asking, empty, request, withClient } from "./Trackers.ts"

const MIB = 1_048_576

/** What a tracker that answers with this body comes to: the failure, or the response as it is. */
const outcome = (
  { announce }: Asking,
  body: Uint8Array | string,
  headers: Readonly<Record<string, string>> = {},
) =>
  Effect.gen(function* () {
    const { origin } = yield* serve((_, response) => response.writeHead(200, headers).end(body))
    return yield* Effect.match(announce(`${origin}/announce`), {
      onSuccess: (response) => ({ reason: undefined, message: "", response }),
      onFailure: ({ failure }) => ({ ...failure, response: undefined }),
    })
  }).pipe(Effect.scoped)

/** The failure of an announce to a server that sends these bytes, and then closes, or waits. */
const rawFailure = ({ failure }: Asking, text: string, isClosed = true) =>
  Effect.gen(function* () {
    const { origin } = yield* serveTcp((socket) =>
      socket.once("data", () => {
        socket.write(Bytes.latin1(text))
        if (isClosed) socket.end()
      })
    )
    return yield* failure(`${origin}/announce`)
  }).pipe(Effect.scoped)

const BODY = Bytes.toLatin1(empty)
const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
const SIZED = "HTTP/1.1 200 OK\r\nContent-Length: "

row(
  52,
  "chunk sizes below zero, beyond 2^63, or of more than comes; no last chunk -> BadReply",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const broken = [
          "-1",
          "ffffffffffffffff",
          "10000000000000000",
          "7fffffffffffffff",
          "ffffffff",
          "0x5",
          "zz",
          " 5",
          "",
        ]
        for (const size of broken) {
          const reply = yield* rawFailure(asking, `${CHUNKED}${size}\r\n${BODY}\r\n0\r\n\r\n`)
          expect(reply, `size ${JSON.stringify(size)}`).toMatch(/^BadReply: /)
        }
        const whole = `${BODY.length.toString(16)}\r\n${BODY}\r\n`
        expect(yield* rawFailure(asking, CHUNKED + whole)).toMatch(/^BadReply: the reply breaks off/)
      })
    ),
)

row(
  52,
  "two lengths that differ, one of 2^63, below zero, or more than comes -> BadReply, nothing allocated",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const lengths = [
          `23\r\nContent-Length: 24`,
          "9223372036854775808",
          "18446744073709551616",
          "99999999999999999999999",
          "-1",
          "0x17",
          String(BODY.length + 1),
          "9007199254740993",
        ]
        for (const length of lengths) {
          expect(yield* rawFailure(asking, `${SIZED}${length}\r\n\r\n${BODY}`), length).toMatch(/^BadReply: /)
        }
      })
    ),
)

row(
  52,
  "a head that never ends -> BadReply, cut off at a limit",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const many = `HTTP/1.1 200 OK\r\n${"X-Filler: 0123456789\r\n".repeat(40_000)}`
        expect(yield* rawFailure(asking, many, false)).toMatch(/^BadReply: /)
        expect(yield* rawFailure(asking, `HTTP/1.1 200 OK\r\nX: ${"y".repeat(MIB)}`, false)).toMatch(
          /^BadReply: /,
        )
        expect(yield* rawFailure(asking, "HTTP/1.1 200 OK\r\nLocation: /x\0\r\n\r\n")).toMatch(/^BadReply: /)
        expect(yield* rawFailure(asking, "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n")).toMatch(
          /^BadReply: /,
        )
      })
    ),
)

row(
  53,
  "a body a byte longer than 1 MiB, as it is or inflated -> TooLarge",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const zeros = new Uint8Array(MIB + 1)
        expect(TrackerClientHttp.MAX_REPLY_BYTES).toBe(MIB)
        for (
          const [body, coding] of [
            [zeros, "identity"],
            [gzipSync(zeros), "gzip"],
            [gzipSync(zeros), "X-GZIP"],
            [deflateSync(zeros), "deflate"],
            [deflateRawSync(zeros), "deflate"],
          ] as const
        ) {
          const { reason } = yield* outcome(asking, body, { "content-encoding": coding })
          expect(reason, coding).toBe("TooLarge")
        }
      })
    ),
)

row(
  53,
  "a bomb of gzip, a thousand times its size -> stopped at the limit, its rest neither read nor inflated",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const bomb = gzipSync(new Uint8Array(256 * MIB), { level: 9 })
        const before = process.memoryUsage()
        const { reason } = yield* outcome(asking, bomb, { "content-encoding": "gzip" })
        const after = process.memoryUsage()
        expect(reason).toBe("TooLarge")
        // Of 256 MiB; what is left is for garbage.
        expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(64 * MIB)
      })
    ),
)

row(
  53,
  "compressed twice, in ways not asked for, cut off, or not at all -> BadReply",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const whole = gzipSync(empty)
        for (
          const [body, coding] of [
            [gzipSync(whole), "gzip, gzip"],
            [brotliCompressSync(empty), "br"],
            [whole.subarray(0, whole.length - 9), "gzip"],
            [empty, "gzip"],
            [empty, "deflate"],
            [whole, "constructor"],
          ] as const
        ) {
          const { message, reason } = yield* outcome(asking, body, { "content-encoding": coding })
          expect([reason, message], coding).toEqual(["BadReply", expect.stringMatching(/compressed wrongly/)])
        }
        expect((yield* outcome(asking, deflateRawSync(empty), { "content-encoding": "deflate" })).response)
          .toEqual({ intervalMs: 1_800_000, peers: [] })
      })
    ),
)

row(
  54,
  "peers cut off, with ports of 0 and beyond, without sense -> the good ones, and no more than the limit",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const peersOf = (members: Readonly<Record<string, Encode.Encodable>>) =>
          Effect.map(
            outcome(asking, Encode.encode({ interval: 1_800, ...members })),
            ({ response }) => response?.peers,
          )
        const four = Uint8Array.of(8, 8, 8, 8, 0x1a, 0xe1)
        const six = new Uint8Array(18).fill(0x20)
        expect(yield* peersOf({ peers: Bytes.concat([four, four.subarray(0, 5)]) })).toEqual([{
          host: "8.8.8.8",
          port: 6881,
        }])
        expect(yield* peersOf({ peers: Uint8Array.of(8, 8, 8, 8, 0, 0) })).toEqual([])
        expect((yield* peersOf({ peers: "", peers6: Bytes.concat([six, six.subarray(0, 17)]) }))?.length)
          .toBe(1)
        const peer = (port: Encode.Encodable, ip: Encode.Encodable = "8.8.4.4") => ({ ip, port })
        expect(
          yield* peersOf({
            peers: [
              peer(0),
              peer(65_536),
              peer(-1),
              peer("80"),
              peer(80, ""),
              peer(80, "256.1.1.1"),
              peer(80, "a\r\nb"),
              peer(80, new Uint8Array(3)),
              peer(80, 7),
              "x",
              7,
              [peer(80)],
              { port: 80 },
              peer(6881),
              peer(81, "a.example"),
            ],
          }),
        ).toEqual([{ host: "8.8.4.4", port: 6881 }, { host: "a.example", port: 81 }])
        const flood = new Uint8Array(170_000 * 6).fill(1)
        expect((yield* peersOf({ peers: flood }))?.length).toBe(Announce.MAX_PEERS)
      })
    ),
)

row(
  54,
  "a list of 10^6 peers -> refused by its bytes or its tokens, before there are objects for them",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const list = `d8:intervali9e5:peersl${"de".repeat(1_000_000)}ee`
        expect((yield* outcome(asking, list)).reason).toBe("TooLarge")
        const dense = `d8:intervali9e5:peersl${"le".repeat(500_000)}ee`
        const started = performance.now()
        expect((yield* outcome(asking, dense)).reason).toBe("BadReply")
        expect(performance.now() - started).toBeLessThan(5_000)
        expect((yield* outcome(asking, `${"l".repeat(500_000)}`)).reason).toBe("BadReply")
      })
    ),
)

row(
  55,
  "intervals of 0, below, of 2^31 and 400 digits -> between a minute and a day",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const intervalOf = (member: string) =>
          Effect.map(outcome(asking, `d${member}5:peers0:e`), ({ response }) => response?.intervalMs)
        expect(yield* intervalOf("")).toBe(1_800_000)
        for (
          const [seconds, expected] of [["0", 60_000], ["-5", 60_000], ["59", 60_000], [
            "2147483648",
            86_400_000,
          ]] as const
        ) {
          expect(yield* intervalOf(`8:intervali${seconds}e`), seconds).toBe(expected)
        }
        for (const odd of ["i99999999999999999999e", `i${"9".repeat(400)}e`, "3:abc", "le"]) {
          const interval = yield* intervalOf(`8:interval${odd}`)
          expect(interval === 1_800_000 || interval === 86_400_000, odd).toBe(true)
        }
      })
    ),
)

row(
  56,
  "a refusal with escapes for the terminal, a warning of 1 MB -> one line of bounded length",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const reason = "\x1b[2J\x1b]0;owned\x07a\r\nb\u202egnp.exe\u0000\u009b31m"
        const refused = yield* outcome(asking, Encode.encode({ "failure reason": reason }))
        expect(refused.reason).toBe("Refused")
        expect(refused.message).toBe("[2J ]0;owned a b gnp.exe 31m")
        const warning = yield* outcome(
          asking,
          Encode.encode({ "interval": 1, "warning message": "w\n".repeat(500_000) }),
        )
        expect(warning.response?.warning?.length).toBe(Announce.MAX_MESSAGE_LENGTH)
        const binary = yield* outcome(
          asking,
          Encode.encode({ "failure reason": new Uint8Array(1_000_000).fill(0xff) }),
        )
        expect(binary.message.length).toBeLessThanOrEqual(Announce.MAX_MESSAGE_LENGTH)
      })
    ),
)

row(
  57,
  "HTTP 200 with a web page, with nothing, with a picture -> BadReply that says so",
  () =>
    withClient((asking) =>
      Effect.gen(function* () {
        const page = yield* outcome(asking, "\n<!DOCTYPE html><title>Login</title>", {
          "content-type": "text/html",
        })
        expect([page.reason, page.message]).toEqual(["BadReply", expect.stringMatching(/web page/)])
        for (const body of ["", "\x89PNG\r\n", "OK", "d", "i1e", "le", "de"]) {
          expect((yield* outcome(asking, body)).reason, body).toBe("BadReply")
        }
      })
    ),
)

row(
  57,
  "a URL, a passkey or a tracker id with line breaks -> one request line, no header of theirs",
  () =>
    withClient(({ announce, failure }) =>
      Effect.gen(function* () {
        const heads: Array<string> = []
        const { origin } = yield* serveTcp((socket) =>
          socket.once("data", (data) => {
            heads.push(data.toString("latin1"))
            socket.end(`${SIZED}${BODY.length}\r\nConnection: close\r\n\r\n${BODY}`)
          })
        )
        const evil = "x HTTP/1.1\r\nX-Evil: 1\r\n\r\nGET /announce/other"
        yield* announce(`${origin}/announce/${evil}?passkey=${evil}&a=\n\t\u2028`)
        yield* announce(`${origin}/announce`, { ...request, trackerId: evil })
        yield* announce(`${origin.replace("//", "//user%0d%0aX-Evil:pass%0d%0aword@")}/announce`)
        expect(heads.length).toBe(3)
        for (const head of heads) {
          const lines = head.split("\r\n")
          expect(lines[0]).toMatch(/^GET \/announce[^ ]* HTTP\/1\.1$/)
          expect(lines.some((line) => /^x-evil/i.test(line)), head).toBe(false)
          expect(head.indexOf("\r\n\r\n"), "the head is all that is sent").toBe(head.length - 4)
        }
        expect(yield* failure(`http://127.0.0.1\r\nX-Evil: 1/announce`)).toMatch(/^BadUrl/)
      })
    ),
)

row(
  57,
  "others are asked meanwhile -> one that says nothing holds up nobody",
  () =>
    withClient(({ announce }) =>
      Effect.gen(function* () {
        const silent = yield* serve(() => {})
        const good = yield* serve((_, response) => response.end(empty))
        yield* Effect.forkScoped(
          Effect.forEach(
            Array.from({ length: 20 }),
            (_, i) => Effect.ignore(announce(`${silent.origin}/announce/${i}`)),
            {
              concurrency: "unbounded",
            },
          ),
        )
        for (let i = 0; i < 20; i++) yield* announce(`${good.origin}/announce`)
      })
    ),
)
