/**
 * Taking connections from a listening socket, however many come: whom nobody wants is cut off before anything is made for
 * it, and too few descriptors end no listening.
 */
import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { Address } from "../../core/base/Address.ts"
import type { Listener, ListenError, ListenOptions } from "../Transport.ts"
import { type SystemError, toListenError } from "./SocketErrors.ts"

/** Connections that the system completes while we are busy (the default of the runtimes). */
const MAX_BACKLOG = 511

/** They are all taken at once, and need a descriptor each until it is known who may stay: of few, half. */
const backlogFor = (capacity: number | undefined): number =>
  Math.min(MAX_BACKLOG, Math.ceil((capacity ?? MAX_BACKLOG) / 2))

/** Time between two lines in the log about peers that could not be accepted: they come in floods. */
const WARNING_MS = 60_000

/** How soon a server that has stopped accepting goes on, and how soon again while many wait. */
const REARM_MS = 1_000
const REARM_BUSY_MS = 20

/** An IPv4 peer on a socket that takes both families comes as `::ffff:192.0.2.1`. */
export const plainHost = (host: string): string =>
  host.startsWith("::ffff:") && host.includes(".") ? host.slice(7) : host

/** Cuts off whom nobody wants: no last words, no waiting. */
const refuse = (socket: net.Socket): void => {
  socket.on("error", () => {})
  if (typeof socket.resetAndDestroy === "function") socket.resetAndDestroy()
  else socket.destroy()
}

/**
 * Where an accept has failed for want of descriptors, Node accepts and closes who waits, and goes on. Deno's server accepts
 * nobody any more, for good, and says nothing; it goes on when it is told to listen again, which otherwise changes
 * nothing. `acceptedCount` tells how many have come so far. Returns how to end this.
 */
const keepAccepting = (server: net.Server, backlog: number, acceptedCount: () => number): () => void => {
  const { _handle: handle } = server as unknown as {
    readonly _handle?: { readonly listen?: (backlog: number) => number } | null
  }
  if (!("Deno" in globalThis) || typeof handle?.listen !== "function") return () => {}
  let before = 0
  let timer: NodeJS.Timeout | undefined
  const rearm = (): void => {
    handle.listen?.(backlog)
    const isBusy = acceptedCount() > before
    before = acceptedCount()
    timer = setTimeout(rearm, isBusy ? REARM_BUSY_MS : REARM_MS).unref()
  }
  rearm()
  return () => clearTimeout(timer)
}

/**
 * Listens until the scope ends, and gives each connection that is admitted to `take`, paused, with where it leads to.
 * `capacity`: connections that the system allows, if that is known.
 */
export const open = (
  options: ListenOptions,
  capacity: number | undefined,
  take: (socket: net.Socket, remote: Address) => void,
): Effect.Effect<Listener, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const runtime = yield* Effect.runtime<never>()
    const { admits, host, port } = options
    const backlog = backlogFor(capacity)
    const asked: Address = { host: host ?? "::", port }
    let accepted = 0
    const accept = (socket: net.Socket): void => {
      accepted++
      const { remoteAddress, remotePort = 0 } = socket
      // Gone again before anyone could look.
      if (remoteAddress === undefined) return void socket.destroy()
      const remote = { host: plainHost(remoteAddress), port: remotePort }
      if (admits?.(remote) === false) refuse(socket)
      else take(socket, remote)
    }
    let warnedAt = -Infinity
    const warn = (error: SystemError): void => {
      if (performance.now() - warnedAt < WARNING_MS) return
      warnedAt = performance.now()
      Runtime.runFork(runtime)(Effect.logWarning(`peers could not be accepted: ${error.message}`))
    }
    const { server } = yield* Effect.acquireRelease(
      Effect.async<{ readonly server: net.Server; readonly end: () => void }, ListenError>((resume) => {
        const server = net.createServer({ noDelay: true, pauseOnConnect: true }, accept)
        server.once("error", (error: SystemError) => resume(toListenError(asked, error)))
        server.listen({ port, backlog, ...(host === undefined ? {} : { host }) }, () => {
          server.removeAllListeners("error")
          // What goes wrong later concerns one connection that never was: too few descriptors, mostly.
          server.on("error", warn)
          resume(Effect.succeed({ server, end: keepAccepting(server, backlog, () => accepted) }))
        })
      }),
      // Only the listening ends here: waiting for the connections would wait for their owners.
      ({ end, server }) =>
        Effect.sync(() => {
          end()
          server.close()
        }),
    )
    const bound = server.address() as net.AddressInfo
    return { address: { host: bound.address, port: bound.port } }
  })
