/**
 * `HttpListener` on node:http itself, for Node and for Deno's node compatibility. One callback a request: through a fiber
 * and the request objects of a general server, 72,000 answers a second became 11,000.
 */
import * as http from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { Buffer } from "node:buffer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { isLoopback } from "../../core/base/Address.ts"
import { toHex } from "../../core/base/Bytes.ts"
import * as IpBytes from "../../core/base/IpBytes.ts"
import { HttpListener, type HttpReply, type HttpServe } from "../TrackerHttp.ts"
import type { ListenError } from "../Transport.ts"
import { type SystemError, toListenError } from "./SocketErrors.ts"

/** Of the request line and the headers: an announce has about 500 bytes, a scrape of 74 torrents 5,500. */
export const MAX_HEAD_BYTES = 16_384
/** From the first byte of a request to its last; a client on a bad line needs two round trips. */
export const REQUEST_TIMEOUT_MS = 10_000
/** Between two requests: most clients ask once and come back in half an hour. */
export const KEEP_ALIVE_MS = 15_000
/** At a time: beyond that they are waiting for each other, and each one costs some kilobytes. */
export const MAX_CONNECTIONS = 10_000
/**
 * From one address (IPv6: a /64), so that it takes ten of them to leave nothing for others. The users behind one NAT, and
 * the proxy in front of a tracker, have a few hundred at a time.
 */
export const MAX_CONNECTIONS_PER_ADDRESS = 1_000
/** Without a byte in either direction: whoever doesn't take the answers to what it asks is not waited for. */
export const SILENT_MS = 20_000
/** What is under way when the server stops is given as long to end. */
const STOP_MS = 2_000

/** What the parser refuses is told in a line, and the connection cut: nothing after it can be trusted. */
const refuse = (error: SystemError, socket: Socket): void => {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy()
  const status = error.code === "HPE_HEADER_OVERFLOW"
    ? "431 Request Header Fields Too Large"
    : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
    ? "408 Request Timeout"
    : "400 Bad Request"
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.destroySoon()
}

const MAPPED = "::ffff:"

const plainHost = (host: string): string =>
  host.startsWith(MAPPED) && host.includes(".") ? host.slice(MAPPED.length) : host

/** Headers by which proxies say that a request is somebody else's. */
const PROXIED = ["forwarded", "x-forwarded-for", "x-real-ip", "via"] as const

/** By loopback, or from the very address that it reached: nobody else has that one. */
const isOwn = ({ localAddress, remoteAddress = "" }: Socket): boolean =>
  remoteAddress === localAddress || isLoopback({ host: plainHost(remoteAddress), port: 0 })

/** One request, one call; what is left of a connection that is of no use any more is closed with the answer. */
const handler = (server: http.Server, serve: HttpServe): http.RequestListener => (request, response) => {
  const { headers, method = "GET", socket, url = "/" } = request
  // Gone already.
  if (socket.remoteAddress === undefined) return
  serve({
    method,
    target: url,
    accept: headers.accept,
    host: plainHost(socket.remoteAddress),
    origin: () => ({
      isOwn: isOwn(socket),
      isForwarded: PROXIED.some((name) => headers[name] !== undefined),
      authority: headers.host,
    }),
  }, (reply: HttpReply) => {
    if (response.destroyed) return
    const body = typeof reply.body === "string" ? Buffer.from(reply.body) : reply.body
    // Nothing here has a use for a body: whoever sends one is not waited for.
    const hasBody = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined
    response.writeHead(reply.status, {
      ...reply.headers,
      "content-length": body.length,
      ...(hasBody || !server.listening ? { connection: "close" } : {}),
    })
    response.end(method === "HEAD" ? undefined : body)
  })
}

/** Who has a connection, by address as {@link MAX_CONNECTIONS_PER_ADDRESS} counts. */
const makeDoor = (): (socket: Socket) => void => {
  const counts = new Map<string, number>()
  return (socket) => {
    const ip = IpBytes.fromText(plainHost(socket.remoteAddress ?? ""))
    // Gone already.
    if (ip === undefined) return void socket.destroy()
    const key = toHex(ip.subarray(0, PREFIX6_BYTES))
    const count = counts.get(key) ?? 0
    if (count >= MAX_CONNECTIONS_PER_ADDRESS) return void socket.destroy()
    counts.set(key, count + 1)
    socket.once("close", () => {
      const left = counts.get(key)! - 1
      if (left === 0) counts.delete(key)
      else counts.set(key, left)
    })
  }
}

/** A customer's whole network, as `AddressLimit` counts it too; an IPv4 address is shorter. */
const PREFIX6_BYTES = 8

type Listen = (typeof HttpListener.Service)["listen"]

/** Takes no more connections, lets what is under way end, and then cuts what is left. */
const stop = (server: http.Server): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const timer = setTimeout(() => server.closeAllConnections(), STOP_MS)
    server.close(() => {
      clearTimeout(timer)
      resume(Effect.void)
    })
    server.closeIdleConnections()
  })

const listenWith = (requestTimeoutMs: number): Listen => ({ host, port }, serve, onMalformed) =>
  Effect.acquireRelease(
    Effect.async<http.Server, ListenError>((resume) => {
      const server = http.createServer({
        maxHeaderSize: MAX_HEAD_BYTES,
        headersTimeout: requestTimeoutMs,
        requestTimeout: requestTimeoutMs,
        connectionsCheckingInterval: requestTimeoutMs / 10,
        keepAliveTimeout: KEEP_ALIVE_MS,
        noDelay: true,
      })
      server.maxConnections = MAX_CONNECTIONS
      server.timeout = SILENT_MS
      server.on("connection", makeDoor())
      server.on("request", handler(server, serve))
      server.on("clientError", (error: SystemError, socket) => {
        // What follows the first mistake is part of it.
        if (socket.writableEnded) return
        onMalformed()
        refuse(error, socket as Socket)
      })
      server.once("error", (error: SystemError) => resume(toListenError({ host: host ?? "::", port }, error)))
      server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
        server.removeAllListeners("error")
        // What goes wrong later concerns one connection that never was.
        server.on("error", () => {})
        resume(Effect.succeed(server))
      })
    }),
    stop,
  ).pipe(Effect.map((server) => {
    const { address, port } = server.address() as AddressInfo
    return { host: address, port }
  }))

/** Cuts requests that are not whole after `requestTimeoutMs`, or a tenth of that later. */
export const layerWith = (options: { readonly requestTimeoutMs: number }): Layer.Layer<HttpListener> =>
  Layer.succeed(HttpListener, { listen: listenWith(options.requestTimeoutMs) })

export const layer: Layer.Layer<HttpListener> = layerWith({ requestTimeoutMs: REQUEST_TIMEOUT_MS })
