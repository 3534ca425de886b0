/** `Transport` on TCP sockets, for Node and for Deno's node compatibility. */
import * as net from "node:net"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Address } from "../../core/base/Address.ts"
import type { Bytes } from "../../core/base/Bytes.ts"
import * as Slabs from "../Slabs.ts"
import {
  type ConnectError,
  type Connection,
  type ConnectionHandlers,
  connectWith,
  DRAIN_BYTES,
  type Listener,
  type ListenError,
  type ListenOptions,
  type OnConnection,
  Transport,
} from "../Transport.ts"
import * as Accepting from "./Accepting.ts"
import * as Descriptors from "./Descriptors.ts"
import * as ReadBuffer from "./ReadBuffer.ts"
import { CLOSE_REASONS, codeOf, CONNECT_REASONS, type SystemError, toConnectError } from "./SocketErrors.ts"

/**
 * How long a connection that was closed goes on: time for what is queued to leave, and for the peer to read it. A system
 * that is told to close a socket with unread bytes resets it, and the peer loses what it has not read either.
 */
const LINGER_MS = 2_000

/** So many may linger at a time; of more, the oldest has had its time: floods of connections must not add up. */
const MAX_LINGERING = 64

/** What is read and dropped of one that lingers: its peer's last messages, and no flood. */
const MAX_LINGER_BYTES = 1024 * 1024

/** What the connections of one layer share. */
interface Shared {
  /** Connections that the system allows, if that is known. */
  readonly capacity: number | undefined
  readonly slabs: Slabs.Slabs
  /** Closed by their owners, and not gone yet. */
  readonly lingering: Set<net.Socket>
}

/** Sends what is queued, drops what comes, and ends when the peer has ended too, or has had its time. */
const linger = (socket: net.Socket, { lingering }: Shared): void => {
  if (socket.destroyed) return
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  lingering.add(socket)
  if (lingering.size > MAX_LINGERING) lingering.values().next().value!.destroy()
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
  /** Written in this turn of the runtime, and not yet handed to the socket. */
  let queued: Array<Bytes> = []
  let queuedBytes = 0
  let hasWritten = false
  let droppedBytes = 0
  /** How it ended, where that was before anyone was there to hear it. */
  let unheard: { readonly reason: string | undefined } | undefined

  const ended = (reason: string | undefined): void => {
    if (isClosed) return
    isClosed = true
    socket.destroy()
    if (handlers === undefined) unheard = { reason }
    else handlers.onClose(reason)
  }
  const bufferedBytes = (): number => socket.writableLength + queuedBytes
  /** What one turn of the protocol writes, headers and blocks, leaves in one system call and is heard of once. */
  const flush = (): void => {
    const chunks = queued
    if (chunks.length === 0 || socket.destroyed) return
    queued = []
    queuedBytes = 0
    socket.cork()
    for (let i = 0; i < chunks.length - 1; i++) socket.write(chunks[i]!)
    socket.write(chunks.at(-1)!, (error) => written(chunks, error))
    socket.uncork()
  }
  const written = (chunks: ReadonlyArray<Bytes>, error: Error | null | undefined): void => {
    if (isClosed) return
    if (error === null || error === undefined) { for (const bytes of chunks) handlers?.onWritten?.(bytes) }
    if (!isAboveMark || bufferedBytes() > DRAIN_BYTES) return
    isAboveMark = false
    handlers?.onDrain()
  }

  socket.on("end", () => ended(undefined))
  socket.on("error", (error: SystemError) => ended(CLOSE_REASONS.get(codeOf(error)) ?? error.message))
  socket.on("close", () => ended("connection closed"))

  const connection: Connection = {
    remote: {
      host: Accepting.plainHost(socket.remoteAddress ?? fallback.host),
      port: socket.remotePort ?? fallback.port,
    },
    write: (bytes) => {
      if (isClosed || bytes.length === 0) return
      hasWritten = true
      if (queued.length === 0) queueMicrotask(flush)
      queued.push(bytes)
      queuedBytes += bytes.length
      if (bufferedBytes() > DRAIN_BYTES) isAboveMark = true
    },
    bufferedBytes: () => isClosed ? 0 : bufferedBytes(),
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
      flush()
      isClosed = true
      unheard = undefined
      // To whom nothing was said, nothing can get lost.
      if (hasWritten) linger(socket, shared)
      else socket.destroy()
    },
  }
  return {
    connection,
    deliver: (bytes: Bytes): boolean => {
      if (isClosed) {
        shared.slabs.giveBack(bytes.buffer, bytes.length)
        droppedBytes += bytes.length
        return droppedBytes < MAX_LINGER_BYTES
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
  Accepting.open(options, shared.capacity, (socket, address) => {
    const open = takeOver(socket, shared, address)
    let hasHandlers = false
    onConnection(open.connection, (handlers) => {
      hasHandlers = true
      open.begin(handlers)
    })
    if (!hasHandlers) open.connection.close()
  })

/** Its end waits for connections that were closed: what they still have to send would end with the process. */
export const layer: Layer.Layer<Transport> = Layer.scoped(
  Transport,
  Effect.gen(function* () {
    const capacity = Descriptors.capacity()
    const shared: Shared = { capacity, slabs: Slabs.make(), lingering: new Set() }
    yield* Effect.addFinalizer(() => allGone(shared))
    return {
      connect: connect(shared),
      recycle: shared.slabs.giveBack,
      listen: listen(shared),
      capacity,
    }
  }),
)
