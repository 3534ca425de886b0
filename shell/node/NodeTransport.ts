/** `Transport` on TCP sockets, for Node and for Deno's node compatibility. */
import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import type { Address } from "../../core/base/Address.ts"
import type { Bytes } from "../../core/base/Bytes.ts"
import * as Slabs from "../Slabs.ts"
import {
  type ConnectError,
  connectError,
  type Connection,
  type ConnectionHandlers,
  type ConnectReason,
  connectWith,
  DRAIN_BYTES,
  type Listener,
  type ListenError,
  listenError,
  type ListenOptions,
  type ListenReason,
  type OnConnection,
  Transport,
} from "../Transport.ts"
import * as ReadBuffer from "./ReadBuffer.ts"

const CONNECT_REASONS: ReadonlyMap<string, ConnectReason> = new Map([
  ["ECONNREFUSED", "Refused"],
  ["ETIMEDOUT", "Timeout"],
  ["EHOSTUNREACH", "Unreachable"],
  ["ENETUNREACH", "Unreachable"],
  ["EHOSTDOWN", "Unreachable"],
  ["ENETDOWN", "Unreachable"],
  ["ENOTFOUND", "Dns"],
  ["EAI_AGAIN", "Dns"],
  ["EAI_FAIL", "Dns"],
  ["EAI_NODATA", "Dns"],
  ["EAI_NONAME", "Dns"],
  ["ECONNRESET", "Reset"],
  ["EADDRNOTAVAIL", "BadLocalAddress"],
  ["EINVAL", "BadLocalAddress"], // from a loopback address to another network; and what Deno makes of the one above
  ["ERR_INVALID_IP_ADDRESS", "BadLocalAddress"],
  ["EACCES", "Denied"],
  ["EPERM", "Denied"],
  ["NotCapable", "Denied"], // Deno's own, without a code
  ["EMFILE", "TooManyOpenFiles"],
  ["ENFILE", "TooManyOpenFiles"],
])

const LISTEN_REASONS: ReadonlyMap<string, ListenReason> = new Map([
  ["EADDRINUSE", "AddressInUse"],
  ["EADDRNOTAVAIL", "AddressNotAvailable"],
  ["EINVAL", "AddressNotAvailable"], // what Deno makes of it
  ["ENOTFOUND", "AddressNotAvailable"],
  ["EACCES", "Denied"],
  ["EPERM", "Denied"],
  ["NotCapable", "Denied"],
])

/** Why an open connection broke, for people; the rest of the codes speak for themselves. */
const CLOSE_REASONS: ReadonlyMap<string, string> = new Map([
  ["ECONNRESET", "connection reset by the peer"],
  ["EPIPE", "connection closed by the peer"],
  ["ETIMEDOUT", "connection timed out"],
  ["EHOSTUNREACH", "no route to the peer any more"],
  ["ENETUNREACH", "the network is gone"],
])

interface SystemError extends Error {
  readonly code?: string
  /** One error an address, where a name has several. */
  readonly errors?: ReadonlyArray<SystemError>
}

/** Errors of several addresses come as one without a code; the first speaks for all. */
const codeOf = (error: SystemError): string => error.code ?? error.errors?.[0]?.code ?? error.name

const toConnectError = (address: Address, error: SystemError): ConnectError => {
  const code = codeOf(error)
  const reason = CONNECT_REASONS.get(code) ?? "Other"
  return connectError(reason, address, reason === "Other" ? `${code}: ${error.message}` : code)
}

/** An IPv4 peer on a socket that takes both families comes as `::ffff:192.0.2.1`. */
const plainHost = (host: string): string =>
  host.startsWith("::ffff:") && host.includes(".") ? host.slice(7) : host

/**
 * How long a connection that was closed goes on: time for what is queued to leave, and for the peer to read it. A system
 * that is told to close a socket with unread bytes resets it, and the peer loses what it has not read either.
 */
const LINGER_MS = 2_000

/** What the connections of one layer share. */
interface Shared {
  readonly slabs: Slabs.Slabs
  /** Closed by their owners, and not gone yet. */
  readonly lingering: Set<net.Socket>
}

/** Sends what is queued, drops what comes, and ends when the peer has ended too, or has had its time. */
const linger = (socket: net.Socket, { lingering }: Shared): void => {
  if (socket.destroyed) return
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  lingering.add(socket)
  socket.once("close", () => {
    clearTimeout(timer)
    lingering.delete(socket)
  })
  socket.end()
  socket.resume()
}

/** Succeeds when no socket is left, which takes as long as one may linger. */
const allGone = ({ lingering }: Shared): Effect.Effect<void> =>
  Effect.async((resume) => {
    const check = (): void => {
      if (lingering.size === 0) resume(Effect.void)
    }
    // Their own listeners come first and take them off the list.
    for (const socket of lingering) socket.once("close", check)
    check()
  })

interface Open {
  readonly connection: Connection
  /** A read of the socket; false if it is not to read on. */
  readonly deliver: (bytes: Bytes) => boolean
  /** Begins to read, now that there is somebody to hear it. */
  readonly begin: (handlers: ConnectionHandlers) => void
}

/** A connection over an open socket, which is paused. */
const makeOpen = (socket: net.Socket, fallback: Address, shared: Shared): Open => {
  let handlers: ConnectionHandlers | undefined
  let isClosed = false
  let isPaused = false
  let isAboveMark = false
  let isCorked = false
  /** How it ended, where that was before anyone was there to hear it. */
  let unheard: { readonly reason: string | undefined } | undefined

  const ended = (reason: string | undefined): void => {
    if (isClosed) return
    isClosed = true
    socket.destroy()
    if (handlers === undefined) unheard = { reason }
    else handlers.onClose(reason)
  }
  const uncork = (): void => {
    isCorked = false
    socket.uncork()
  }
  const written = (bytes: Bytes, error: Error | null | undefined): void => {
    if (isClosed) return
    if (error === null || error === undefined) handlers?.onWritten?.(bytes)
    if (!isAboveMark || socket.writableLength > DRAIN_BYTES) return
    isAboveMark = false
    handlers?.onDrain()
  }

  socket.on("end", () => ended(undefined))
  socket.on("error", (error: SystemError) => ended(CLOSE_REASONS.get(codeOf(error)) ?? error.message))
  socket.on("close", () => ended("connection closed"))

  const connection: Connection = {
    remote: {
      host: plainHost(socket.remoteAddress ?? fallback.host),
      port: socket.remotePort ?? fallback.port,
    },
    write: (bytes) => {
      if (isClosed || bytes.length === 0) return
      // What one turn of the protocol writes, headers and blocks, leaves in one system call.
      if (!isCorked) {
        isCorked = true
        socket.cork()
        queueMicrotask(uncork)
      }
      socket.write(bytes, (error) => written(bytes, error))
      if (socket.writableLength > DRAIN_BYTES) isAboveMark = true
    },
    bufferedBytes: () => isClosed ? 0 : socket.writableLength,
    pauseReads: () => {
      isPaused = true
      if (handlers !== undefined) socket.pause()
    },
    resumeReads: () => {
      isPaused = false
      if (handlers !== undefined && !isClosed) socket.resume()
    },
    close: () => {
      if (isClosed) return
      isClosed = true
      unheard = undefined
      linger(socket, shared)
    },
  }
  return {
    connection,
    deliver: (bytes: Bytes): boolean => {
      if (isClosed) {
        shared.slabs.giveBack(bytes.buffer, bytes.length)
        return true
      }
      handlers?.onRead(bytes)
      return isClosed || !isPaused
    },
    begin: (chosen: ConnectionHandlers): void => {
      handlers = chosen
      if (unheard !== undefined) queueMicrotask(() => unheard !== undefined && chosen.onClose(unheard.reason))
      else if (!isPaused) socket.resume()
    },
  }
}

const connect = (shared: Shared) =>
(
  address: Address,
  { timeoutMs, localAddress }: { readonly timeoutMs: number; readonly localAddress?: string },
  handlers: ConnectionHandlers,
): Effect.Effect<Connection, ConnectError> => {
  const dial = (done: (outcome: Effect.Effect<Open, ConnectError>) => void): () => void => {
    let open: Open | undefined
    const buffer = ReadBuffer.make(shared.slabs)
    let socket: net.Socket
    try {
      socket = net.connect({
        host: address.host,
        port: address.port,
        noDelay: true,
        onread: {
          buffer: buffer.offer,
          callback: (bytes) => {
            const read = buffer.take(bytes)
            return open?.deliver(read) ?? false
          },
        },
        ...(localAddress === undefined ? {} : { localAddress }),
      })
    } catch (error) {
      // A local address that is none, or Deno's sandbox; anything else is our own bug.
      if (!CONNECT_REASONS.has(codeOf(error as SystemError))) throw error
      done(Effect.fail(toConnectError(address, error as SystemError)))
      return () => {}
    }
    // Nothing is read before the connection has an owner.
    socket.pause()
    const failed = (error: SystemError): void => done(Effect.fail(toConnectError(address, error)))
    socket.on("error", failed)
    socket.once("connect", () => {
      socket.off("error", failed)
      open = makeOpen(socket, address, shared)
      done(Effect.succeed(open))
    })
    return () => socket.destroy()
  }
  return connectWith(address, timeoutMs, dial, (open) => {
    open.begin(handlers)
    return open.connection
  })
}

/**
 * A socket that was accepted and the connection over it. Servers have no `onread` option, so a second socket takes over
 * the first one's handle: read into buffers of the runtime, 3 GB cost 2.3 s of CPU instead of 1.0. Should a runtime keep
 * its handles elsewhere, that is how they are read.
 */
const takeOver = (accepted: net.Socket, shared: Shared, fallback: Address): Open => {
  const keeper = accepted as unknown as { _handle?: object | null }
  const handle = keeper._handle
  if (typeof handle !== "object" || handle === null) {
    const open = makeOpen(accepted, fallback, shared)
    accepted.on("data", open.deliver)
    return open
  }
  keeper._handle = null
  accepted.destroy()
  const buffer = ReadBuffer.make(shared.slabs)
  // Called only after `resume`, which nobody can ask for before there is a connection.
  const callback = (bytes: number): boolean => open.deliver(buffer.take(bytes))
  const options = { handle, onread: { buffer: buffer.offer, callback } }
  const socket = new net.Socket(options as net.SocketConstructorOpts)
  socket.pause()
  const open = makeOpen(socket, fallback, shared)
  return open
}

const listen = (shared: Shared) =>
(
  options: ListenOptions,
  onConnection: OnConnection,
): Effect.Effect<Listener, ListenError, Scope.Scope> =>
  Effect.gen(function* () {
    const runtime = yield* Effect.runtime<never>()
    const asked: Address = { host: options.host ?? "::", port: options.port }
    const accept = (socket: net.Socket): void => {
      // Gone again before anyone could look.
      if (socket.remoteAddress === undefined) return void socket.destroy()
      const open = takeOver(socket, shared, asked)
      let hasHandlers = false
      onConnection(open.connection, (handlers) => {
        hasHandlers = true
        open.begin(handlers)
      })
      if (!hasHandlers) open.connection.close()
    }
    const server = yield* Effect.acquireRelease(
      Effect.async<net.Server, ReturnType<typeof listenError>>((resume) => {
        const server = net.createServer({ noDelay: true, pauseOnConnect: true }, accept)
        server.once("error", (error: SystemError) => {
          const reason = LISTEN_REASONS.get(codeOf(error)) ?? "Other"
          resume(listenError(reason, asked, reason === "Other" ? error.message : codeOf(error)))
        })
        server.listen(options, () => {
          server.removeAllListeners("error")
          // What goes wrong later concerns one connection that never was.
          server.on("error", (error) =>
            Runtime.runFork(runtime)(Effect.logWarning(`accepting a peer: ${error.message}`)))
          resume(Effect.succeed(server))
        })
      }),
      // Only the listening ends here: waiting for the connections would wait for their owners.
      (server) =>
        Effect.sync(() => server.close()),
    )
    const { address, port } = server.address() as net.AddressInfo
    return { address: { host: address, port } }
  })

/** Its end waits for connections that were closed: what they still have to send would end with the process. */
export const layer: Layer.Layer<Transport> = Layer.scoped(
  Transport,
  Effect.gen(function* () {
    const shared: Shared = { slabs: Slabs.make(), lingering: new Set() }
    yield* Effect.addFinalizer(() => allGone(shared))
    return { connect: connect(shared), recycle: shared.slabs.giveBack, listen: listen(shared) }
  }),
)
