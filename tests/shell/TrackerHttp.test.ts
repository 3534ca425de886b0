import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Buffer } from "node:buffer"
import * as net from "node:net"
import process from "node:process"
import * as Bytes from "../../core/base/Bytes.ts"
import * as Access from "../../core/tracker/Access.ts"
import type * as Bencode from "../support/Bencode.ts"
import * as Scene from "./TrackerScene.ts"
import { announce, ask, escape, get, HASH } from "./TrackerScene.ts"

const file = (reply: Bencode.Dict): Bencode.Dict =>
  (reply["files"] as Bencode.Dict)[Bytes.toLatin1(HASH)] as Bencode.Dict

describe("announces", () => {
  it.scopedLive("introduce peers to each other, and a scrape counts them", () =>
    Effect.gen(function* () {
      const { counters, http } = yield* Scene.start()
      const first = yield* ask(http, announce(1, { left: 0, event: "started" }))
      expect(first).toMatchObject({ complete: 1, incomplete: 0, peers: Buffer.alloc(0) })
      const second = yield* ask(http, announce(2))
      expect(second).toMatchObject({ complete: 1, incomplete: 1 })
      expect(second["peers"]).toEqual(Buffer.from([127, 0, 0, 1, 1001 >> 8, 1001 & 255]))
      expect(second["external ip"]).toEqual(Buffer.from([127, 0, 0, 1]))
      expect(second["interval"]).toBeGreaterThanOrEqual(1_620)
      expect(second["interval"]).toBeLessThanOrEqual(1_800)
      yield* ask(http, announce(2, { left: 0, event: "completed" }))
      const scraped = yield* ask(http, `/scrape?info_hash=${escape(HASH)}`)
      expect(file(scraped)).toEqual({ complete: 2, downloaded: 1, incomplete: 0 })
      yield* ask(http, announce(2, { event: "stopped" }))
      expect(file(yield* ask(http, `/scrape?info_hash=${escape(HASH)}`))).toMatchObject({ complete: 1 })
      expect(counters).toMatchObject({ httpAnnounces: 4, httpScrapes: 2, httpRefusals: 0, httpErrors: 0 })
    }))

  it.scopedLive("get dictionaries with or without peer ids where they don't want it compact", () =>
    Effect.gen(function* () {
      const { http } = yield* Scene.start()
      yield* ask(http, announce(1))
      const long = yield* ask(http, announce(2, { compact: 0 }))
      const ip = Buffer.from("127.0.0.1")
      expect(long["peers"]).toEqual([{ ip, "peer id": Buffer.from(Scene.peerId(1)), port: 1001 }])
      const short = yield* ask(http, announce(2, { compact: 0, no_peer_id: 1 }))
      expect(short["peers"]).toEqual([{ ip, port: 1001 }])
    }))

  it.scopedLive("of IPv6 peers get IPv6 peers, and of IPv4 peers on the same socket IPv4", (context) =>
    Effect.gen(function* () {
      const { http } = yield* Scene.start({ host: "any" })
      if (http.host !== "::") return context.skip("this machine has no IPv6")
      yield* ask(http, announce(1), "::1")
      const other6 = yield* ask(http, announce(2), "::1")
      expect(other6).toMatchObject({ incomplete: 2, peers: Buffer.alloc(0) })
      expect(other6["peers6"]).toEqual(Buffer.from([...new Array(15).fill(0), 1, 1001 >> 8, 1001 & 255]))
      const first4 = yield* ask(http, announce(3))
      expect(first4).toMatchObject({ incomplete: 1, "external ip": Buffer.from([127, 0, 0, 1]) })
      expect(yield* ask(http, announce(4))).toMatchObject({
        peers: Buffer.from([127, 0, 0, 1, 1003 >> 8, 1003 & 255]),
      })
      expect(file(yield* ask(http, `/scrape?info_hash=${escape(HASH)}`))).toMatchObject({ incomplete: 4 })
    }))

  it.scopedLive("come many over one connection", () =>
    Effect.gen(function* () {
      const { counters, http } = yield* Scene.start()
      const one = (n: number, close: boolean) =>
        `GET ${announce(n)} HTTP/1.1\r\nHost: t\r\n${close ? "Connection: close\r\n" : ""}\r\n`
      const bytes = yield* Scene.raw(http, one(1, false) + one(2, false) + one(3, true))
      expect(bytes.toString("latin1").match(/HTTP\/1\.1 200/g)).toHaveLength(3)
      expect(counters.httpAnnounces).toBe(3)
    }))

  it.scopedLive("that make no sense are told why, in a way that clients show", () =>
    Effect.gen(function* () {
      const { counters, http, store } = yield* Scene.start()
      const cases: ReadonlyArray<readonly [Record<string, string | number | undefined>, RegExp]> = [
        [{ info_hash: escape(HASH.subarray(0, 19)) }, /info_hash must be 20 bytes/],
        [{ info_hash: `${escape(HASH)}&info_hash=${escape(HASH)}` }, /info_hash is there twice/],
        [{ info_hash: undefined }, /info_hash is missing/],
        [{ info_hash: "%zz" }, /info_hash must be 20 bytes/],
        [{ peer_id: undefined }, /peer_id is missing/],
        [{ peer_id: "short" }, /peer_id must be 20 bytes/],
        [{ port: 0 }, /port must be from 1 to 65535/],
        [{ port: 65_536 }, /port must be from 1 to 65535/],
        [{ port: -1 }, /port must be from 1 to 65535/],
        [{ port: undefined }, /port is missing/],
        [{ left: "many" }, /left must be a number/],
      ]
      for (const [changes, reason] of cases) {
        const { body, headers, status } = yield* get(http, announce(1, changes))
        expect(status).toBe(200)
        expect(headers["content-type"]).toBe("text/plain")
        expect(body.toString()).toMatch(/^d14:failure reason\d+:.*e$/)
        expect(body.toString()).toMatch(reason)
      }
      expect(counters).toMatchObject({ httpAnnounces: cases.length, httpRefusals: cases.length })
      store.stats((result) => expect(result).toMatchObject({ value: { swarms: 0 } }))
    }))

  it.scopedLive("take huge and negative numbers for what they can mean", () =>
    Effect.gen(function* () {
      const { http } = yield* Scene.start()
      for (let n = 1; n <= 60; n++) yield* ask(http, announce(n))
      const peers = (reply: Bencode.Dict) => (reply["peers"] as Buffer).length / 6
      const huge = "9".repeat(40)
      expect(peers(yield* ask(http, announce(61, { numwant: huge, left: huge, downloaded: huge })))).toBe(60)
      expect(peers(yield* ask(http, announce(61, { numwant: -5, left: `-${huge}` })))).toBe(50)
      expect(peers(yield* ask(http, announce(61, { numwant: 0 })))).toBe(0)
      expect(yield* ask(http, announce(61, { left: -1 }))).toMatchObject({ incomplete: 61, complete: 0 })
    }))

  it.scopedLive("have nothing to do with the address that they give", () =>
    Effect.gen(function* () {
      const { http } = yield* Scene.start()
      yield* ask(http, announce(1, { ip: "192.0.2.1", ipv4: "192.0.2.2", ipv6: "2001:db8::1" }))
      expect((yield* ask(http, announce(2)))["peers"]).toEqual(
        Buffer.from([127, 0, 0, 1, 1001 >> 8, 1001 & 255]),
      )
    }))
})

describe("a private tracker", () => {
  it.scopedLive("serves who has a key in the path, and follows a list that changes", () =>
    Effect.gen(function* () {
      const keys = (text: string): Access.Access => {
        const parsed = Access.parseKeys(text)
        if (!parsed.ok) throw new Error(parsed.error.text)
        return { ...Access.OPEN, keys: parsed.value }
      }
      let access = keys("alice-1\n")
      const { http } = yield* Scene.start({ access: () => access })
      const withKey = (key: string) => announce(1).replace("/announce", `/announce/${key}`)
      expect(yield* ask(http, withKey("alice-1"))).toMatchObject({ incomplete: 1 })
      expect(String((yield* ask(http, withKey("mallory")))["failure reason"])).toMatch(
        /does not know your key/,
      )
      expect(String((yield* ask(http, announce(1)))["failure reason"])).toMatch(/private/)
      expect(String((yield* ask(http, `/scrape?info_hash=${escape(HASH)}`))["failure reason"])).toMatch(
        /private/,
      )
      access = keys("mallory")
      expect(yield* ask(http, withKey("mallory"))).toMatchObject({ incomplete: 1 })
      expect(String((yield* ask(http, withKey("alice-1")))["failure reason"])).toMatch(/does not know/)
    }))
})

describe("pages", () => {
  it.scopedLive("show the figures to people, scripts and Prometheus", () =>
    Effect.gen(function* () {
      const { http } = yield* Scene.start()
      for (let n = 1; n <= 3; n++) yield* ask(http, announce(n, { left: n === 1 ? 0 : 5 }))
      yield* ask(http, announce(9, { port: 0 }))

      const page = yield* get(http, "/stats")
      expect(page.headers).toMatchObject({
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": expect.stringContaining("default-src 'none'"),
        "x-content-type-options": "nosniff",
      })
      expect(page.body.toString()).toMatch(/<dt>Leechers<\/dt><dd>2<\/dd>/)

      const wanted = { swarms: 1, seeders: 1, leechers: 2, http: { announces: 4, refusals: 1 } }
      const json = yield* get(http, "/stats.json")
      expect(json.headers["content-type"]).toBe("application/json")
      expect(JSON.parse(json.body.toString())).toMatchObject(wanted)
      const accepted = yield* get(http, "/stats?x", { headers: "Accept: application/json\r\n" })
      expect(JSON.parse(accepted.body.toString())).toMatchObject(wanted)

      const metrics = yield* get(http, "/metrics")
      expect(metrics.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8")
      expect(metrics.body.toString()).toContain(`shoal_tracker_announces_total{protocol="http"} 4\n`)

      const health = yield* get(http, "/health")
      expect([health.status, health.body.toString()]).toEqual([200, "ok\n"])
    }))

  it.scopedLive("that are not there are 404, other methods 405, and HEAD has no body", () =>
    Effect.gen(function* () {
      const { counters, http } = yield* Scene.start()
      for (const path of ["/", "/announcer", "/announce/a/b", "/stats/", "/../etc/passwd", "/%61nnounce"]) {
        expect((yield* get(http, path)).status, path).toBe(404)
      }
      const posted = yield* get(http, announce(1), { method: "POST", headers: "Content-Length: 9\r\n" })
      expect(posted).toMatchObject({ status: 405, headers: { allow: "GET, HEAD", connection: "close" } })
      const head = yield* get(http, "/stats", { method: "HEAD" })
      expect([head.status, head.body.length]).toEqual([200, 0])
      expect(Number(head.headers["content-length"])).toBeGreaterThan(500)
      expect(counters).toMatchObject({ httpErrors: 7, httpPages: 1, httpAnnounces: 0 })
    }))

  it.scopedLive("say that the tracker is ill while its store doesn't answer", () =>
    Effect.gen(function* () {
      const { http, store } = yield* Scene.start()
      const broken = store as { -readonly [key in keyof typeof store]: (typeof store)[key] }
      broken.stats = (reply) => reply({ ok: false, error: { reason: "Unreachable", message: "gone" } })
      broken.announce = (_query, _ids, reply) =>
        reply({ ok: false, error: { reason: "Unreachable", message: "the store is away" } })
      expect((yield* get(http, "/health")).status).toBe(503)
      expect((yield* get(http, "/stats")).body.toString()).toMatch(/does not answer/)
      expect(String((yield* ask(http, announce(1)))["failure reason"])).toBe("the store is away")
      const metrics = (yield* get(http, "/metrics")).body.toString()
      expect(metrics).toContain("shoal_tracker_store_up 0\n")
      expect(metrics).toContain("shoal_tracker_store_failures_total 1\n")
      expect(metrics).not.toContain("shoal_tracker_peers")
    }))
})

describe("a hostile client", () => {
  it.scopedLive("gets 431 for a scrape of 10,000 torrents, and 400 for what is no HTTP", () =>
    Effect.gen(function* () {
      const { counters, http } = yield* Scene.start()
      const hashes = `info_hash=${escape(HASH)}&`.repeat(10_000)
      const long = yield* Scene.raw(http, `GET /scrape?${hashes} HTTP/1.1\r\nHost: t\r\n\r\n`)
      expect(long.toString()).toMatch(/^HTTP\/1\.1 431 /)
      const garbage = yield* Scene.raw(http, "\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
      expect(garbage.toString()).toMatch(/^HTTP\/1\.1 400 /)
      expect(counters.httpErrors).toBe(2)
      // and a scrape of as many as fit is answered for the first hundred
      const fitting = Array.from(
        { length: 200 },
        (_, n) => `info_hash=${escape(Uint8Array.of(n, ...HASH.subarray(1)))}`,
      )
      const { files } = yield* ask(http, `/scrape?${fitting.join("&")}`) as Effect.Effect<
        { files: Bencode.Dict }
      >
      expect(Object.keys(files)).toHaveLength(100)
    }))

  it.scopedLive("that never ends its request is cut off, while others are served", () =>
    Effect.gen(function* () {
      const { counters, http } = yield* Scene.start({ requestTimeoutMs: 500 })
      const half = yield* Effect.fork(Scene.raw(http, `GET ${announce(1)} HTTP/1.1\r\nHost: t\r\n`))
      expect(yield* ask(http, announce(2))).toMatchObject({ incomplete: 1 })
      const answer = yield* half
      expect(answer.toString()).toMatch(/^(?:$|HTTP\/1\.1 408 )/)
      expect(counters).toMatchObject({ httpAnnounces: 1 })
    }))

  it.scopedLive(
    "can open and break thousands of requests, and memory stays where it was",
    () =>
      Effect.gen(function* () {
        const { http } = yield* Scene.start()
        const storm = (count: number) =>
          Effect.forEach(
            Array.from({ length: count }),
            (_, n) =>
              n % 3 === 0
                ? Effect.async<void>((resume) => {
                  const socket = net.connect({ host: "127.0.0.1", port: http.port }, () => {
                    socket.write(`GET ${announce(n).slice(0, 150)}`, () => {
                      socket.destroy()
                      resume(Effect.void)
                    })
                  })
                  socket.on("error", () => resume(Effect.void))
                })
                : Effect.asVoid(get(http, n % 3 === 1 ? announce(1, { port: 0 }) : `/${"x".repeat(9_000)}`)),
            { concurrency: 50, discard: true },
          )
        yield* storm(1_500)
        const before = process.memoryUsage().rss
        yield* storm(3_000)
        expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024)
        expect(yield* ask(http, announce(1))).toMatchObject({ incomplete: 1 })
      }),
    60_000,
  )
})

describe("stopping", () => {
  it.live("answers what is under way, and takes nothing new", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { http, store } = yield* Scope.extend(Scene.start(), scope)
      const waiting: Array<() => void> = []
      const slow = store as { -readonly [key in keyof typeof store]: (typeof store)[key] }
      const announceNow = store.announce
      const asked = yield* Effect.makeLatch()
      slow.announce = (query, withPeerIds, reply) => {
        waiting.push(() => announceNow(query, withPeerIds, reply))
        asked.unsafeOpen()
      }
      const answer = yield* Effect.fork(get(http, announce(1), { headers: "X: keep\r\n" }))
      yield* asked.await
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      // refused as soon as the server has begun to stop
      const refused = Effect.map(get(http, "/health"), ({ status }) => status)
      yield* Effect.repeat(refused, { until: (status) => Number.isNaN(status) })
      waiting.forEach((go) => go())
      expect((yield* answer).status).toBe(200)
      yield* closing
    }))
})
