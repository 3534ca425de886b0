/**
 * HTTP over a simulated network, as a tracker and its clients need it: a request is answered once, after two round trips,
 * or fails as it would between real machines. Messages are handed over as a whole; their bytes are not simulated.
 */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { utf8 } from "../../core/base/Bytes.ts"
import { HttpListener, type HttpReply } from "../TrackerHttp.ts"
import { listenError } from "../Transport.ts"
import * as Network from "./Network.ts"
import type * as Process from "./Process.ts"
import * as World from "./World.ts"

/** Servers of a process on this machine; they are gone with it. */
export const listener = (host: Network.Host, process: Process.Process): Layer.Layer<HttpListener> =>
  Layer.succeed(HttpListener, {
    listen: ({ host: ip = "0.0.0.0", port }, serve) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.suspend(() => {
            const address = { host: ip, port: port === 0 ? Network.newPort(host) : port }
            if (!Network.isOwn(host, ip)) return listenError("AddressNotAvailable", address)
            const release = Network.occupy(host.webServers, address, { process, serve })
            if (release === undefined) return listenError("AddressInUse", address)
            process.onGone.push(release)
            return Effect.succeed({ address, release })
          }),
          ({ release }) => Effect.sync(release),
        ),
        ({ address }) => address,
      ),
  })

/** The web as a process on this machine sees it. */
export const client = (
  host: Network.Host,
  process: Process.Process,
): Layer.Layer<HttpClient.HttpClient> =>
  Layer.succeed(
    HttpClient.HttpClient,
    HttpClient.make((request, url) =>
      Effect.map(
        Effect.async<HttpReply, HttpClientError.RequestError>((resume) => {
          let isWanted = true
          ask(host, request, url, (delayMs, outcome) =>
            World.after(process.world, delayMs, () => {
              if (!isWanted || !process.isAlive) return
              World.note(process.world, `${process.name} hears from ${url.host}: ${textOf(outcome)}`)
              resume(typeof outcome === "string" ? failed(request, outcome) : Effect.succeed(outcome))
            }))
          return Effect.sync(() => {
            isWanted = false
          })
        }),
        (reply) => responseTo(request, reply),
      )
    ),
  )

/** What came of a request: an answer, or the system's error code. */
type Outcome = HttpReply | "ENOTFOUND" | "ECONNREFUSED" | "ECONNRESET"

const textOf = (outcome: Outcome): string => typeof outcome === "string" ? outcome : `HTTP ${outcome.status}`

/** Asks, and tells `answer` how long the answer takes to come; never if nobody says anything. */
const ask = (
  from: Network.Host,
  { headers, method }: HttpClientRequest.HttpClientRequest,
  url: URL,
  answer: (delayMs: number, outcome: Outcome) => void,
): void => {
  const { network } = from
  const { world } = network
  const ip = Network.resolve(network, url.hostname.replace(/^\[(.*)\]$/, "$1"))?.[0]
  if (ip === undefined) return answer(0, "ENOTFOUND")
  const to = Network.hostOf(from, ip)
  if (to === undefined || (to.isBehindNat && to !== from)) return
  const latencyMs = Network.latencyMs(from, to)
  // To the server and back for the connection, and there again with the request.
  World.after(world, 3 * latencyMs, () => {
    if (!Network.isConnected(from, to)) return
    const server = Network.lookUp(to.webServers, { host: ip, port: Number(url.port || 80) })
    if (server === undefined) return answer(0, "ECONNREFUSED")
    const request = {
      method,
      target: `${url.pathname}${url.search}`,
      accept: headers.accept,
      host: Network.addressTowards(from, ip),
      origin: () => ({ isOwn: to === from, isForwarded: false, authority: url.host }),
    }
    const { onGone } = server.process
    const cutShort = (): void => {
      if (to.isUp) answer(latencyMs, "ECONNRESET")
    }
    onGone.push(cutShort)
    server.serve(request, (reply) => {
      onGone.splice(onGone.indexOf(cutShort), 1)
      if (server.process.isAlive && Network.isConnected(to, from)) answer(latencyMs, copyOf(reply))
    })
  })
}

/** The server may use its memory again. */
const copyOf = (reply: HttpReply): HttpReply => ({
  ...reply,
  body: typeof reply.body === "string" ? reply.body : reply.body.slice(),
})

const failed = (
  request: HttpClientRequest.HttpClientRequest,
  code: string,
): HttpClientError.RequestError =>
  new HttpClientError.RequestError({
    request,
    reason: "Transport",
    cause: Object.assign(new Error("the connection failed"), { code }),
  })

/** A response whose body comes without a promise; nothing but its stream is ever read. */
const responseTo = (
  request: HttpClientRequest.HttpClientRequest,
  { body, headers, status }: HttpReply,
): HttpClientResponse.HttpClientResponse => {
  const head = HttpClientResponse.fromWeb(request, new Response(null, { status, headers }))
  const stream = Stream.make(typeof body === "string" ? utf8(body) : body)
  return Object.create(head, { stream: { value: stream } })
}
