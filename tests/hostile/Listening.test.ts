/**
 * What answers for figures: the tracker's pages, which are all that shoal has of a remote control. There is no session, no
 * password and no JSON that comes in, so that of the list's row what is left is who asks, by which name, and how much.
 */
import * as Effect from "effect/Effect"
import { describe, expect } from "vitest"
import * as Access from "../../core/tracker/Access.ts"
import * as PeerStore from "../../shell/PeerStore.ts"
import * as TrackerGuard from "../../shell/TrackerGuard.ts"
import * as TrackerHttp from "../../shell/TrackerHttp.ts"
import * as TrackerMetrics from "../../shell/TrackerMetrics.ts"
import * as Scene from "../shell/TrackerScene.ts"
import { row } from "./Row.ts"

const PAGES = ["/stats", "/stats.json", "/metrics"] as const

/** What is said to a request that comes from `host` and names `authority`. */
const answer = (
  target: string,
  origin: Partial<TrackerGuard.Origin>,
  options: { readonly hasPublicStats?: boolean; readonly method?: string } = {},
): Promise<TrackerHttp.HttpReply> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const store = yield* PeerStore.PeerStore
      const counters = TrackerMetrics.make()
      const serve = TrackerHttp.make({
        store,
        counters,
        access: () => Access.OPEN,
        hasPublicStats: options.hasPublicStats === true,
        snapshot: (reply) =>
          store.stats((stats) =>
            reply({
              counters,
              store: stats.ok ? stats.value : undefined,
              startedAtMs: 0,
              nowMs: 1_000,
              intervalSeconds: 60,
            })
          ),
      })
      return yield* Effect.async<TrackerHttp.HttpReply>((resume) =>
        serve({
          method: options.method ?? "GET",
          target,
          accept: undefined,
          host: "192.0.2.9",
          origin: () => ({ isOwn: true, isForwarded: false, authority: "127.0.0.1:6969", ...origin }),
        }, (reply) => resume(Effect.succeed(reply)))
      )
    }).pipe(Effect.provide(PeerStore.layerMemory({})), Effect.scoped),
  )

const live = <A>(body: Effect.Effect<A, unknown, import("effect/Scope").Scope>): Promise<A> =>
  Effect.runPromise(Effect.scoped(body))

describe("management", () => {
  for (const page of PAGES) {
    row(84, `${page} from another machine -> 403, unless its owner shows it to everyone`, async () => {
      const refused = await answer(page, { isOwn: false })
      expect(refused.status).toBe(403)
      expect(String(refused.body)).toMatch(/^[^\n]*--public-stats[^\n]*\n$/)
      expect((await answer(page, { isOwn: false }, { hasPublicStats: true })).status).toBe(200)
      expect((await answer(page, { isForwarded: true })).status).toBe(403)
    })

    row(84, `${page} by a foreign Host (DNS rebinding) -> 421`, async () => {
      const foreign = [
        "evil.example",
        "evil.example:6969",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "notlocalhost",
        "127.0.0.1@evil.example",
        "[::1].evil.example",
        "",
        " localhost",
        "x".repeat(100_000),
      ]
      for (const authority of foreign) {
        expect((await answer(page, { authority })).status, authority.slice(0, 50)).toBe(421)
      }
      const own = ["127.0.0.1", "127.0.0.1:6969", "[::1]:6969", "localhost", "LOCALHOST:80", "a.localhost."]
      for (const authority of [...own, "192.168.1.7:6969", undefined]) {
        expect((await answer(page, { authority })).status, authority).toBe(200)
      }
    })
  }

  row(84, "/health and announces from anywhere, by any Host -> answered", async () => {
    const stranger = { isOwn: false, authority: "tracker.example" }
    expect((await answer("/health", stranger)).status).toBe(200)
    expect((await answer(Scene.announce(1), stranger)).status).toBe(200)
  })

  row(
    84,
    "real requests: the address of the connection decides, a foreign Host is refused",
    () =>
      live(Effect.gen(function* () {
        const { http, counters } = yield* Scene.start()
        const ask = (host: string, page = "/stats.json") =>
          Effect.map(
            Scene.raw(http, `GET ${page} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
            (reply) => Number(reply.toString("latin1").split(" ")[1]),
          )
        expect(yield* ask("127.0.0.1")).toBe(200)
        expect(yield* ask("evil.example")).toBe(421)
        expect(yield* ask("evil.example\r\nX-Forwarded-For: 127.0.0.1")).toBe(403)
        expect(yield* ask("127.0.0.1\r\nVia: 1.1 proxy")).toBe(403)
        expect(counters).toMatchObject({ httpPages: 1, httpErrors: 3 })
      })),
  )

  row(
    84,
    "a body of 20 MB -> refused before it is read, and others are served",
    () =>
      live(Effect.gen(function* () {
        const { http } = yield* Scene.start()
        const head = "POST /stats HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20971520\r\n\r\n"
        // Answered and closed with a thousandth of it sent.
        const reply = yield* Scene.raw(http, head + "x".repeat(20_000))
        expect(reply.toString("latin1")).toMatch(/^HTTP\/1\.1 405 /)
        expect((yield* Scene.get(http, "/health")).status).toBe(200)
      })),
  )

  row(
    84,
    "`../` and other paths, in every spelling -> 404, no file is looked for",
    () =>
      live(Effect.gen(function* () {
        const { http } = yield* Scene.start()
        const paths = [
          "/../../../../etc/passwd",
          "/stats/../../etc/passwd",
          "/..%2f..%2fetc/passwd",
          "/%2e%2e/%2e%2e/etc/passwd",
          "/..\\..\\etc\\passwd",
          "/stats%00.json",
          "//stats",
          "/STATS",
          "/stats;x",
          "http://evil.example/stats",
        ]
        for (const path of paths) {
          const { body, status } = yield* Scene.get(http, path)
          expect([status, body.toString()], path).toEqual([404, "not found\n"])
        }
      })),
  )

  row(84, "methods other than GET and HEAD -> 405, whatever the path", async () => {
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"]) {
      for (const path of [...PAGES, "/health", "/announce"]) {
        expect((await answer(path, {}, { method })).status, `${method} ${path}`).toBe(405)
      }
    }
  })

  row(
    84,
    "line breaks in a request target -> 400 or 404, and no header of the sender's in the answer",
    () =>
      live(Effect.gen(function* () {
        const { http } = yield* Scene.start()
        for (
          const target of ["/stats%0d%0aX-Evil:1", "/stats?x=%0d%0aX-Evil:1", "/announce?x=%0d%0aX-Evil:1"]
        ) {
          const { headers } = yield* Scene.get(http, target)
          expect(Object.keys(headers), target).not.toContain("x-evil")
        }
        const split = yield* Scene.raw(http, "GET /stats\rX-Evil: 1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        expect(split.toString("latin1")).toMatch(/^HTTP\/1\.1 400 /)
        expect(split.toString("latin1")).not.toMatch(/x-evil/i)
      })),
  )
})
