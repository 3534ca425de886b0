/** A real HTTP server on a free port of 127.0.0.1, as faulty as a test needs it. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import * as Net from "node:net"

export interface HttpServer {
  /** `http://127.0.0.1:port`. */
  readonly origin: string
}

/** Answers with `handler` until the scope ends, which drops every connection. */
export const serve = (
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Effect.Effect<HttpServer, never, Scope.Scope> => listen(createServer(handler))

/** The same on bare TCP, for what is no HTTP. */
export const serveTcp = (
  handler: (socket: Net.Socket) => void,
): Effect.Effect<HttpServer, never, Scope.Scope> => listen(Net.createServer(handler))

const listen = (server: Net.Server): Effect.Effect<HttpServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<HttpServer & { readonly sockets: Set<Net.Socket> }>((resume) => {
      const sockets = new Set<Net.Socket>()
      server.on("connection", (socket: Net.Socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as Net.AddressInfo
        resume(Effect.succeed({ origin: `http://127.0.0.1:${port}`, sockets }))
      })
    }),
    ({ sockets }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      }),
  )
