/** URLs that strangers give us: trackers and redirects that lead where only we can go, and names that look like others. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { expect } from "vitest"
import * as Options from "../../cli/Options.ts"
import * as Source from "../../cli/Source.ts"
import * as IpBytes from "../../core/base/IpBytes.ts"
import * as Encode from "../../core/bencode/Encode.ts"
import * as Metainfo from "../../core/metainfo/Parse.ts"
import * as Destination from "../../core/tracker/Destination.ts"
import * as HttpFollow from "../../shell/HttpFollow.ts"
import * as NodeHttpClient from "../../shell/node/NodeHttpClient.ts"
import { serve } from "../shell/HttpServer.ts"
import { row } from "./Row.ts"
import { empty, withClient } from "./Trackers.ts"

/** A tracker that answers everything, and what it was asked. */
const tracker = Effect.gen(function* () {
  const seen: Array<string> = []
  const { origin } = yield* serve(({ url }, response) => {
    seen.push(url!)
    response.end(empty)
  })
  return { seen, origin, port: new URL(origin).port }
})

row(
  46,
  "a tracker that is a service of this machine -> Forbidden, and nothing is sent",
  () =>
    withClient(({ announce, failure, scrape }) =>
      Effect.gen(function* () {
        const { origin, seen } = yield* tracker
        for (const path of ["/transmission/rpc", "/json/new?http://x", "/", "/x/announce", "/?/announce"]) {
          expect(yield* failure(`${origin}${path}`)).toMatch(/^Forbidden: .*path that starts with \/announce/)
        }
        expect(yield* scrape(`${origin}/reboot/announce`)).toBe("Forbidden")
        expect(seen).toEqual([])
        // What is a tracker's is asked, here too.
        yield* announce(`${origin}/announce/key`)
        expect(yield* scrape(`${origin}/announce`)).toBe("BadReply")
        expect(seen.map((url) => url.split("?")[0])).toEqual(["/announce/key", "/scrape"])
      })
    ),
)

row(46, "the same where the user allows it, or has typed the URL himself -> asked", async () => {
  await withClient(({ announce }) =>
    Effect.gen(function* () {
      const { origin, seen } = yield* tracker
      yield* announce(`${origin}/x/tracker`)
      expect(seen.length).toBe(1)
    }), { allowLocal: true })
  const typed: Array<string> = []
  await withClient(({ announce, failure }) =>
    Effect.gen(function* () {
      const { origin, seen } = yield* tracker
      typed.push(` ${origin}/x/tracker`)
      yield* announce(`${origin}/x/tracker`)
      expect(yield* failure(`${origin}/x/other`)).toMatch(/^Forbidden/)
      expect(seen.length).toBe(1)
    }), { typed })
})

row(
  46,
  "what the command line makes of it -> only what was typed there is trusted, unless it says more",
  () => {
    const options = { allowLocal: false, allowIdna: false }
    expect(Options.trustOf(options)).toEqual({ ...options, typed: [] })
    const typed = ["http://192.168.1.2/a", "http://127.0.0.1/b"]
    expect(Options.trustOf({ ...options, trackers: [typed] })).toEqual({ ...options, typed })
    expect(Options.trustOf({ allowLocal: true, allowIdna: true, trackers: typed })).toEqual({
      allowLocal: true,
      allowIdna: true,
      typed,
    })
  },
)

const LOCAL_HOSTS = [
  "127.0.0.1",
  "127.1",
  "127.8.9.10",
  "2130706433",
  "0x7f000001",
  "0x7f.1",
  "0177.0.0.1",
  "017700000001",
  "0.0.0.0",
  "0",
  "localhost",
  "LOCALHOST",
  "localhost.",
  "a.b.localhost",
  "[::1]",
  "[::]",
  "[0:0:0:0:0:0:0:1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[2002:7f00:1::]",
  "10.0.0.1",
  "172.20.1.1",
  "192.168.0.1",
  "100.64.0.1",
  "192.0.2.1",
  "198.18.0.1",
  "[fd00::1]",
  "[fec0::1]",
  "[64:ff9b::a00:1]",
  "router",
  "nas.local",
  "%6cocalhost",
]

row(
  47,
  "every way to write a host that is not on the internet -> Forbidden, unless it is asked for /announce",
  () =>
    withClient(({ failure, resolved }) =>
      Effect.gen(function* () {
        for (const host of LOCAL_HOSTS) {
          expect(yield* failure(`http://${host}:8080/x`), host).toMatch(/^(Forbidden|LookAlike): /)
          // Only its text is looked at here: to see whether somebody listens there is another test's affair.
          expect(Destination.reach(new URL(`http://${host}/`).hostname), host).not.toBe("global")
        }
        expect(resolved(), "nothing was looked up, let alone connected to").toBe(0)
      })
    ),
)

row(
  47,
  "link-local addresses, where clouds keep credentials, and groups -> never, whatever the path, over UDP too",
  () =>
    withClient(({ failure }) =>
      Effect.gen(function* () {
        const hosts = [
          "169.254.169.254",
          "0xa9fea9fe",
          "2852039166",
          "[fe80::1]",
          "[::ffff:169.254.169.254]",
          "[fd00:ec2::254]",
          "100.100.100.200",
          "[ff02::1]",
          "239.255.0.1",
          "255.255.255.255",
        ]
        for (const host of hosts) {
          expect(yield* failure(`http://${host}/announce`), host).toMatch(
            /^Forbidden: no tracker is at a link-local/,
          )
          const literal = new URL(`http://${host}/`).hostname
          expect(yield* failure(`udp://${literal}:6969/announce`), host).toMatch(
            /^Forbidden: no tracker is at/,
          )
        }
      })
    ),
)

row(
  48,
  "a name that resolves to an address of our own network -> Forbidden, and no connection is made",
  () =>
    withClient(
      ({ failure }) =>
        Effect.gen(function* () {
          const { port, seen } = yield* tracker
          for (const name of ["inside.example", "mapped.example", "translated.example"]) {
            expect(yield* failure(`http://${name}:${port}/rpc`), name).toMatch(
              /^Forbidden: .*path that starts/,
            )
          }
          expect(yield* failure("http://metadata.example/announce")).toMatch(/^Forbidden: .*link-local/)
          expect(yield* failure("http://zone.example/announce")).toMatch(/^Forbidden: .*link-local/)
          expect(seen).toEqual([])
        }),
      {},
      {
        "inside.example": [["127.0.0.1"]],
        "mapped.example": [["::ffff:127.0.0.1", "10.0.0.1"]],
        "translated.example": [["64:ff9b::127.0.0.1"]],
        "metadata.example": [["169.254.169.254"]],
        "zone.example": [["fe80::1%eth0"]],
      },
    ),
)

row(
  48,
  "a name that resolves to something else the second time -> resolved once, and that address is the one",
  () =>
    withClient(
      ({ announce, resolved }) =>
        Effect.gen(function* () {
          const hosts: Array<string | undefined> = []
          const { origin } = yield* serve(({ headers, socket }, response) => {
            hosts.push(`${headers.host} at ${socket.localAddress}`)
            response.end(empty)
          })
          const { port } = new URL(origin)
          yield* announce(`http://rebinding.example:${port}/announce`)
          expect(resolved()).toBe(1)
          expect(hosts, "asked by its name").toEqual([`rebinding.example:${port} at 127.0.0.1`])
        }),
      {},
      // Nobody listens at the second one: whoever resolves twice fails.
      { "rebinding.example": [["127.0.0.1"], ["127.0.0.2"]] },
    ),
)

row(48, "a name with addresses of both kinds -> only those that may be asked are", () =>
  withClient(
    ({ announce }) =>
      Effect.gen(function* () {
        const { port, seen } = yield* tracker
        yield* announce(`http://both.example:${port}/announce`)
        expect(seen.length).toBe(1)
      }),
    {},
    { "both.example": [["169.254.1.1", "127.0.0.1", "fe80::1"]] },
  ))

/** A web that needs no network: what each name resolves to, and what it redirects to or says. */
const web = (places: Readonly<Record<string, { readonly ip: string; readonly to?: string }>>) => {
  const requests: Array<string> = []
  const client = HttpClient.make((request, url, _, fiber) =>
    Effect.suspend(() => {
      const { ip, to } = places[url.hostname]!
      const admit = Context.get(fiber.currentContext, HttpFollow.Admission)
      const objection = admit(IpBytes.fromText(ip)!)
      if (objection !== undefined) return Effect.die(new HttpFollow.Refused(objection))
      requests.push(`${url.href} ${request.headers["authorization"] ?? "-"}`)
      const response = to === undefined
        ? new Response("ok")
        : new Response(null, { status: 302, headers: { location: to } })
      return Effect.succeed(HttpClientResponse.fromWeb(request, response))
    })
  )
  return { client, requests }
}

const STRANGER: HttpFollow.Trust = { isTyped: false, allowLocal: false, allowIdna: false, query: "" }

const follow = (client: HttpClient.HttpClient, url: string, trust = STRANGER) =>
  HttpFollow.get(client, url, {}, trust, (response) => Effect.succeed(response.status)).pipe(
    Effect.catchAllDefect((defect) => Effect.fail(defect as Error)),
    Effect.match({ onSuccess: String, onFailure: (error) => error.message }),
    Effect.runPromise,
  )

row(49, "a redirect from the internet into our network, by address or by name -> Forbidden", async () => {
  for (
    const [to, message] of [
      ["http://192.168.1.1/announce", /it redirects into the local network/],
      ["http://127.0.0.1:9091/announce", /it redirects into this machine/],
      ["http://[::ffff:10.0.0.1]/scrape", /it redirects into the local network/],
      ["http://inside.example/announce", /it redirects into the local network/],
      ["//0x7f.1/announce", /it redirects into this machine/],
    ] as const
  ) {
    for (const isTyped of [false, true]) {
      const { client, requests } = web({
        "far.example": { ip: "8.8.8.8", to },
        "inside.example": { ip: "10.1.2.3" },
      })
      expect(await follow(client, "http://far.example/announce", { ...STRANGER, isTyped }), to).toMatch(
        message,
      )
      expect(requests.length, "only the first was asked").toBe(1)
    }
  }
  const { client } = web({
    "far.example": { ip: "8.8.8.8", to: "http://near.example/x" },
    "near.example": { ip: "10.0.0.1" },
  })
  expect(await follow(client, "http://far.example/a", { ...STRANGER, allowLocal: true })).toBe("200")
})

row(
  49,
  "more than five redirects, or one to another scheme -> BadReply, Forbidden",
  () =>
    withClient(({ failure }) =>
      Effect.gen(function* () {
        let hits = 0
        const { origin } = yield* serve(({ url }, response) => {
          hits++
          response.writeHead(302, {
            location: url!.includes("/announce/") ? url!.split("/announce/")[1]! : "/announce",
          }).end()
        })
        expect(yield* failure(`${origin}/announce`)).toBe("BadReply: more than 5 redirects")
        expect(hits).toBe(6)
        for (
          const to of [
            "udp://127.0.0.1:6969",
            "file:///etc/passwd",
            "ftp://x/announce",
            "data:,d8:intervali1ee",
          ]
        ) {
          expect(yield* failure(`${origin}/announce/${to}?`), to).toMatch(/^Forbidden: it redirects to \w+:$/)
        }
        expect(yield* failure(`${origin}/announce/http://127.0.0.1:25/announce?`)).toMatch(
          /^BadUrl: its port/,
        )
      })
    ),
)

row(49, "a redirect to another origin of a URL with user and password -> it gets neither", async () => {
  const { client, requests } = web({
    "one.example": { ip: "8.8.8.8", to: "https://one.example:8443/announce" },
    "two.example": { ip: "8.8.4.4" },
  })
  await follow(client, "https://user:secret@one.example/announce?passkey=key")
  const basic = `Basic ${btoa("user:secret")}`
  expect(requests[0]).toBe(`https://one.example/announce?passkey=key ${basic}`)
  expect(requests.slice(1).every((request) => request.endsWith(" -") && !request.includes("key"))).toBe(true)
  expect(requests.length).toBeGreaterThan(1)
})

row(49, "a .torrent behind a redirect into our network -> refused, as is one to another scheme", async () => {
  const load = (url: string, places: Parameters<typeof web>[0]) =>
    Source.load(url).pipe(
      Effect.catchAllDefect((defect) => Effect.fail(defect as Error)),
      Effect.flip,
      Effect.map(({ message }) => message),
      Effect.provide(
        Layer.merge(NodeFileSystem.layer, Layer.succeed(HttpClient.HttpClient, web(places).client)),
      ),
      Effect.runPromise,
    )
  const url = "http://far.example/a.torrent"
  expect(await load(url, { "far.example": { ip: "8.8.8.8", to: "http://10.0.0.1/x" } }))
    .toMatch(/^http:\/\/far\.example\/a\.torrent: it redirects into the local network/)
  expect(await load(url, { "far.example": { ip: "8.8.8.8", to: "file:///etc/passwd" } })).toMatch(
    /redirects to file:/,
  )
  // What the user typed is asked wherever it is, and may stay there.
  expect(await load("http://192.168.1.9/a", { "192.168.1.9": { ip: "192.168.1.9" } })).toMatch(
    /not a valid \.torrent/,
  )
})

row(
  50,
  "names with letters beyond ASCII, or what stands for them -> LookAlike, over UDP and in redirects too",
  () =>
    withClient(({ announce, failure, resolved }) =>
      Effect.gen(function* () {
        const names = [
          "bt1.archiv\uff45.org",
          "\u0430pple.example",
          "xn--80ak6aa92e.com",
          "t.XN--e1afmkfd.example",
          "%D0%B0.example",
        ]
        for (const name of names) {
          expect(yield* failure(`http://${name}/announce`), name).toMatch(/^LookAlike: .*--allow-idna/)
          expect(yield* failure(`udp://${name}:6969/announce`), name).toMatch(/^LookAlike: /)
        }
        const { origin } = yield* serve(({ url }, response) => {
          if (url!.startsWith("/announce/on")) response.end(empty)
          else {response.writeHead(302, {
              location: decodeURIComponent(url!.split("to=")[1]!.split("&")[0]!),
            }).end()}
        })
        expect(yield* failure(`${origin}/announce?to=http:%2F%2Fxn--80ak6aa92e.com/announce`)).toMatch(
          /^LookAlike/,
        )
        yield* announce(`${origin}/announce?to=/announce/on/%25D0%25B0`)
        expect(resolved()).toBe(0)
      })
    ),
)

row(
  50,
  "the same where the user allows it -> looked up as any other",
  () =>
    withClient(({ failure }) =>
      Effect.gen(function* () {
        expect(yield* failure("http://\u0430pple.example/announce")).toBe(
          "Unreachable: its name does not resolve to an address",
        )
      }), { allowIdna: true }),
)

row(
  51,
  "a URL that already says what we say -> ours replaces it; outside the internet -> Forbidden",
  () =>
    withClient(({ announce, failure }) =>
      Effect.gen(function* () {
        const { origin, seen } = yield* tracker
        for (
          const query of [
            "info_hash=x",
            "event=stopped",
            "passkey=x&port=22",
            "peer%5Fid=x",
            "EVENT=stopped",
            "left",
          ]
        ) {
          expect(yield* failure(`${origin}/announce?${query}`), query).toMatch(
            /^Forbidden: .*must not have '/,
          )
        }
        expect(seen).toEqual([])
        yield* announce(`${origin}/announce?passkey=x`)
        expect(seen.length).toBe(1)
      })
    ),
)

row(
  51,
  "the same on a tracker that the user trusts -> each of ours is there once, and says what we say",
  () =>
    withClient(({ announce }) =>
      Effect.gen(function* () {
        const { origin, seen } = yield* tracker
        yield* announce(`${origin}/announce?info_hash=forged&event=stopped&Port=1&x=y`)
        const query = seen[0]!.split("?")[1]!.split("&")
        const named = (name: string) => query.filter((pair) => pair.toLowerCase().startsWith(`${name}=`))
        expect(named("event")).toEqual(["event=started"])
        expect(named("port")).toEqual(["port=6881"])
        expect(named("info_hash")).toEqual([expect.stringMatching(/^info_hash=%01%23Eg%89/)])
        expect(query[0]).toBe("x=y")
      }), { allowLocal: true }),
)

row(
  58,
  "a torrent whose web seeds are services of ours -> only http(s) is kept, and none is ever asked",
  () =>
    withClient(({ announce }) =>
      Effect.gen(function* () {
        const { origin, seen } = yield* tracker
        const bytes = Encode.encode({
          "announce": `${origin}/announce`,
          "httpseeds": [`${origin}/seed`],
          "info": { "length": 5, "name": "a", "piece length": 16_384, "pieces": new Uint8Array(20) },
          "url-list": [
            `${origin}/reboot`,
            "file:///etc/passwd",
            "http://169.254.169.254/latest",
            "ftp://x/y",
          ],
        })
        const parsed = Metainfo.parse(bytes)
        if (!parsed.ok) throw new Error(parsed.error.message)
        expect(parsed.value.warnings.join()).toMatch(/web seeds ignored, neither HTTP nor HTTPS: 2/)
        for (const url of parsed.value.trackers.flat()) yield* announce(url)
        expect(seen.map((url) => url.split("?")[0]), "web seeds are not spoken").toEqual(["/announce"])
      })
    ),
)

// A certificate of tracker.example that nobody has signed but itself.
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGzjlGzj292Tm/ixx
vvzBBWXnVOi7OinUkDEaRZS2oIChRANCAARKklZciZcjz9LzFwusMaPPefIhMk9+
vP+ALJBnb4HGWcg6FdQDO3mbNlJZ9Zj2cyT1gngKONMD3zC7nZzB0jSC
-----END PRIVATE KEY-----`
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBsjCCAVigAwIBAgIUSFCFQBj4EonJKu5kiS8Cyml3o6YwCgYIKoZIzj0EAwIw
GjEYMBYGA1UEAwwPdHJhY2tlci5leGFtcGxlMCAXDTI2MTEyMTIzNDgzOVoYDzIx
MjYxMDI4MjM0ODM5WjAaMRgwFgYDVQQDDA90cmFja2VyLmV4YW1wbGUwWTATBgcq
hkjOPQIBBggqhkjOPQMBBwNCAARKklZciZcjz9LzFwusMaPPefIhMk9+vP+ALJBn
b4HGWcg6FdQDO3mbNlJZ9Zj2cyT1gngKONMD3zC7nZzB0jSCo3oweDAdBgNVHQ4E
FgQUw9VbKu6mThWoGYqvp70dHev+OUIwHwYDVR0jBBgwFoAUw9VbKu6mThWoGYqv
p70dHev+OUIwDwYDVR0TAQH/BAUwAwEB/zAlBgNVHREEHjAcgg90cmFja2VyLmV4
YW1wbGWCCWxvY2FsaG9zdDAKBggqhkjOPQQDAgNIADBFAiBjOOGRUd3Th95CYv0h
ZzjMOnOQ4cBeoH18r+ZrRt6unAIhAMXG/DCxGqi+m5+ucGmN4DyU6YzHrtyAPIE0
7UGtTmmA
-----END CERTIFICATE-----`

row(48, "TLS to the address that was checked -> the name is asked for, and its certificate verified", () => {
  const names: Array<string> = []
  let requests = 0
  const server = createTlsServer({
    key: KEY,
    cert: CERTIFICATE,
    SNICallback: (name, done) => {
      names.push(name)
      done(null)
    },
  }, (_, response) => {
    requests++
    response.end(empty)
  })
  return withClient(
    ({ failure }) =>
      Effect.gen(function* () {
        yield* Effect.acquireRelease(
          Effect.async<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
          () => Effect.async<void>((resume) => void server.close(() => resume(Effect.void))),
        )
        const { port } = server.address() as AddressInfo
        expect(yield* failure(`https://tracker.example:${port}/announce`)).toMatch(
          /^Unreachable: no TLS: certificate/,
        )
        expect(names).toEqual(["tracker.example"])
        expect(requests, "the passkey did not leave").toBe(0)
      }),
    {},
    { "tracker.example": [["127.0.0.1"]] },
  )
})

row(
  48,
  "the default way to resolve a name -> is the system's, once for each request",
  () =>
    Effect.gen(function* () {
      const { port, seen } = yield* tracker
      const client = yield* HttpClient.HttpClient
      const status = yield* HttpFollow.get(
        client,
        `http://localhost:${port}/announce`,
        {},
        STRANGER,
        (response) => Effect.succeed(response.status),
      )
      expect([status, seen]).toEqual([200, ["/announce"]])
    }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layer), Effect.runPromise),
)
