/**
 * `HttpClient` on node:http and node:https, for GET requests to strangers. `fetch` resolves a name by itself, so that what
 * was checked need not be what is connected to; here a name is resolved once, `HttpFollow.Admission` is asked for each of
 * its addresses, and only to those that it admits there is a connection. Each request has a connection of its own: one that
 * is kept would have been checked for another request.
 *
 * Redirects are answers like others. Compressed bodies are inflated as they are read: who stops reading stops that too.
 */
import * as dns from "node:dns"
import * as http from "node:http"
import * as https from "node:https"
import type { LookupFunction } from "node:net"
import process from "node:process"
import { pipeline, type Readable } from "node:stream"
import * as zlib from "node:zlib"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import type * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as IpBytes from "../../core/base/IpBytes.ts"
import * as HttpFollow from "../HttpFollow.ts"

/** For the name and the connection, TLS not included: what `fetch` takes too. */
export const CONNECT_TIMEOUT_MS = 10_000
/** Of the status line and the headers of an answer: what Node takes of a request too. */
export const MAX_HEAD_BYTES = 16_384

/** The name in brackets of an IPv6 literal. */
const bare = (host: string): string => host.replace(/^\[(.*)\]$/, "$1")

/** All addresses of a name, as the system orders them. */
export type Resolve = (
  host: string,
  answer: (error: Error | null, found: ReadonlyArray<dns.LookupAddress>) => void,
) => void

const resolveBySystem: Resolve = (host, answer) =>
  dns.lookup(host, { all: true }, (error, found) => answer(error, found ?? []))

/** The addresses of a name that may be connected to; fails as the system does, or with `Refused`. */
const lookUp = (resolve: Resolve, admit: HttpFollow.Admit): LookupFunction => (host, { all }, callback) =>
  resolve(host, (error, found) => {
    if (error !== null) return callback(error, [])
    let objection: string | undefined
    const admitted = found.filter(({ address }) => {
      // Without the zone, which no address of the internet has.
      const ip = IpBytes.fromText(address.split("%", 1)[0]!)
      const wrong = ip === undefined ? "its name resolves to what is no address" : admit(ip)
      objection ??= wrong
      return wrong === undefined
    })
    const [first] = admitted
    if (first === undefined) {
      return callback(new HttpFollow.Refused(objection ?? "its name resolves to no address"), [])
    }
    // As many as there are, of which Node tries one after the other (RFC 8305).
    if (all === true) callback(null, admitted)
    else callback(null, first.address, first.family)
  })

const transportError = (
  request: HttpClientRequest.HttpClientRequest,
  cause: unknown,
): HttpClientError.RequestError => new HttpClientError.RequestError({ request, reason: "Transport", cause })

/** The request on its way; `answered` is called once with the head of the response, or `failed` with what went wrong. */
const send = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  lookup: LookupFunction,
  answered: (response: http.IncomingMessage) => void,
  failed: (cause: Error) => void,
): http.ClientRequest => {
  const outgoing = (url.protocol === "https:" ? https : http).request(url, {
    agent: false,
    headers: { accept: "*/*", ...headers, "accept-encoding": "gzip, deflate" },
    lookup,
    maxHeaderSize: MAX_HEAD_BYTES,
  })
  const timer = setTimeout(() => {
    outgoing.destroy(Object.assign(new Error("no connection in time"), { code: "ETIMEDOUT" }))
  }, CONNECT_TIMEOUT_MS)
  const isConnected = (): void => clearTimeout(timer)
  outgoing.on("socket", (socket) => {
    if (socket.connecting) socket.once("connect", isConnected)
    else isConnected()
  })
  outgoing.on("close", isConnected)
  outgoing.on("error", failed)
  outgoing.on("response", (response) => {
    // Whoever reads it hears of that; nobody may be reading yet, or any more.
    response.on("error", () => {})
    answered(response)
  })
  outgoing.end()
  return outgoing
}

/** Layers of compression that are taken off: one, as servers put on; each more could make a thousand times as much. */
const inflaterOf = (coding: string, first: Uint8Array): zlib.Gunzip | undefined => {
  switch (coding) {
    case "gzip":
    case "x-gzip":
      return zlib.createGunzip()
    case "deflate":
      // With the head of zlib (RFC 9110) or, as many servers do it, without.
      return (first[0]! & 0x0f) === 8 ? zlib.createInflate() : zlib.createInflateRaw()
    default:
      return undefined
  }
}

/** The body as it was before it was compressed, in parts. `stopWith` is told what else is to be destroyed at the end. */
async function* inflated(
  response: http.IncomingMessage,
  stopWith: (inflater: Readable) => void,
): AsyncGenerator<Uint8Array> {
  const coding = response.headers["content-encoding"]?.trim().toLowerCase() ?? ""
  if (coding === "" || coding === "identity") return yield* response as AsyncIterable<Uint8Array>
  const parts = (response as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  const head = await parts.next()
  if (head.done === true) return
  const inflater = inflaterOf(coding, head.value)
  if (inflater === undefined) throw new Error("the body is compressed in a way that was not asked for")
  stopWith(inflater)
  async function* whole(): AsyncGenerator<Uint8Array> {
    yield head.value
    for (let part = await parts.next(); part.done !== true; part = await parts.next()) yield part.value
  }
  // An error of either end is an error of the output, which is read below.
  pipeline(whole, inflater, () => {})
  yield* inflater as AsyncIterable<Uint8Array>
}

/** The same as something to iterate over whose `return` does not wait for a part that may never come. */
const bodyOf = (response: http.IncomingMessage): AsyncIterable<Uint8Array> => ({
  [Symbol.asyncIterator]: () => {
    let inflater: Readable | undefined
    const parts = inflated(response, (made) => void (inflater = made))
    return {
      next: () => parts.next(),
      return: () => {
        response.destroy()
        inflater?.destroy()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  },
})

/** A response whose body comes without a detour; nothing but head and stream is there. */
const responseTo = (
  request: HttpClientRequest.HttpClientRequest,
  response: http.IncomingMessage,
): HttpClientResponse.HttpClientResponse => {
  const headers = new Headers()
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    headers.append(response.rawHeaders[i]!, response.rawHeaders[i + 1]!)
  }
  const web = new Response(null, { status: response.statusCode ?? 0, headers })
  const head = HttpClientResponse.fromWeb(request, web)
  const stream = Stream.fromAsyncIterable(
    bodyOf(response),
    (cause) => new HttpClientError.ResponseError({ request, response: head, reason: "Decode", cause }),
  )
  return Object.create(head, { stream: { value: stream } })
}

const clientWith = (resolve: Resolve): HttpClient.HttpClient =>
  HttpClient.make((request, url, signal, fiber) =>
    Effect.async((resume) => {
      if (request.method !== "GET" || request.body._tag !== "Empty") {
        return resume(Effect.dieMessage("this client is for GET requests"))
      }
      const admit = Context.get(fiber.currentContext, HttpFollow.Admission)
      const failed = (cause: Error): void => resume(Effect.fail(transportError(request, cause)))
      const literal = IpBytes.fromText(bare(url.hostname))
      const objection = literal === undefined ? undefined : admit(literal)
      if (objection !== undefined) return failed(new HttpFollow.Refused(objection))
      let outgoing: http.ClientRequest | undefined
      try {
        outgoing = send(url, request.headers, lookUp(resolve, admit), (response) => {
          try {
            resume(Effect.succeed(responseTo(request, response)))
          } catch {
            // A status beyond 599, or headers with what must not stand there.
            response.destroy()
            failed(new Error("invalid HTTP: the head of the answer makes no sense"))
          }
        }, failed)
      } catch (cause) {
        return failed(cause as Error)
      }
      const stop = (): void => void outgoing.destroy()
      signal.addEventListener("abort", stop, { once: true })
      return Effect.sync(stop)
    })
  )

const PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]

/**
 * Deno's `fetch` goes by way of the proxies of the environment, which then resolve the names: there is nothing for us to
 * check but the text of a URL, and nothing that could be reached from here.
 */
const isProxied = (): boolean => {
  if (!("Deno" in globalThis)) return false
  try {
    return PROXIES.some((name) => (process.env[name] ?? process.env[name.toLowerCase()] ?? "") !== "")
  } catch {
    // We may not know, so we do as if there were none.
    return false
  }
}

/** The same with names resolved in another way, and without proxies. */
export const layerWith = (resolve: Resolve): Layer.Layer<HttpClient.HttpClient> =>
  Layer.succeed(HttpClient.HttpClient, clientWith(resolve))

export const layer: Layer.Layer<HttpClient.HttpClient> = Layer.suspend(() =>
  isProxied() ? FetchHttpClient.layer : layerWith(resolveBySystem)
)
