/** The connections of one driver: dialling, accepting, early input, congestion, and the two reasons for not reading. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Address } from "../core/base/Address.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import * as Gate from "../core/client/Gate.ts"
import type { ConnId, Input } from "../core/client/Input.ts"
import {
  type Connection,
  type ConnectionHandlers,
  DRAIN_BYTES,
  type OnConnection,
  type Transport,
} from "./Transport.ts"
import type { Turns } from "./Turns.ts"

/** Longest time that connecting may take; beyond it a peer is as good as dead (libtorrent: 15 s). */
const CONNECT_TIMEOUT_MS = 15_000

/** Unsent bytes of which nothing leaves for so long: the other end asks and doesn't read. A block in that time is enough. */
export const STUCK_MS = 120_000

export interface Sockets {
  readonly dial: (conn: ConnId, address: Address) => void
  /** Whether somebody from there may connect now; to be asked once for each connection, before `accept`. */
  readonly admits: (remote: Address) => boolean
  /** Takes a connection that a peer has made and gives it a number of its own: -1, -2 and so on. */
  readonly accept: OnConnection
  /** In this order, and without copying; dropped if the connection is gone. */
  readonly send: (conn: ConnId, chunks: ReadonlyArray<Bytes>) => void
  /** False once a connection is gone or was closed. */
  readonly has: (conn: ConnId) => boolean
  /** No input of this connection follows. */
  readonly close: (conn: ConnId) => void
  /** The client does not want to read this one for now, or again. */
  readonly setPaused: (conn: ConnId, isPaused: boolean) => void
  /** The disk cannot take more for now, or again: nothing is read. */
  readonly setAllPaused: (isPaused: boolean) => void
  /** Closes every connection; none is accepted any more. */
  readonly closeAll: () => void
}

interface Socket {
  connection: Connection | undefined
  dial: Fiber.RuntimeFiber<void> | undefined
  /** What came before the client heard that the connection is open. */
  early: Array<Input> | undefined
  isPaused: boolean
  /** Counted at the gate. */
  readonly visitor: string | undefined
  /** More is unsent than is worth queueing, and the client knows. */
  isCongested: boolean
  /** While it is: somebody looks every so often whether anything has left since. */
  isWatched: boolean
  hasMoved: boolean
}

export interface Options {
  /** The one that dials leave from. */
  readonly localAddress: string | undefined
  /** These bytes, as they were given to `send`, are the system's: nobody looks at them again. */
  readonly onWritten: (bytes: Bytes) => void
}

/** No connections yet. */
export const make = (
  transport: Transport["Type"],
  { now, push, run }: Turns,
  { localAddress, onWritten }: Options,
): Sockets => {
  const sockets = new Map<ConnId, Socket>()
  const gate = Gate.make()
  let isAllPaused = false
  let isClosed = false
  let nextAccepted = -1

  const applyPause = ({ connection, isPaused }: Socket): void => {
    if (isPaused || isAllPaused) connection?.pauseReads()
    else connection?.resumeReads()
  }

  const add = (conn: ConnId, connection: Connection | undefined): Socket => {
    const socket: Socket = {
      connection,
      dial: undefined,
      early: connection === undefined ? [] : undefined,
      isPaused: false,
      visitor: connection?.remote.host,
      isCongested: false,
      isWatched: false,
      hasMoved: false,
    }
    sockets.set(conn, socket)
    if (socket.visitor !== undefined) Gate.entered(gate, socket.visitor)
    return socket
  }

  const remove = (conn: ConnId, { visitor }: Socket): void => {
    if (sockets.delete(conn) && visitor !== undefined) Gate.left(gate, visitor)
  }

  /** Passes an input of this connection on, unless it is gone for the client. */
  const deliver = (conn: ConnId, socket: Socket, input: Input): void => {
    if (sockets.get(conn) !== socket) return
    if (socket.early !== undefined) socket.early.push(input)
    else {
      if (input._tag === "ConnClosed") remove(conn, socket)
      push(input)
    }
  }

  const handlersOf = (conn: ConnId, socket: Socket): ConnectionHandlers => ({
    onRead: (bytes) => deliver(conn, socket, { _tag: "ConnRead", now: now(), conn, bytes }),
    onWritten: (bytes) => {
      socket.hasMoved = true
      onWritten(bytes)
    },
    onDrain: () => {
      if (!socket.isCongested) return
      socket.isCongested = false
      deliver(conn, socket, { _tag: "ConnDrained", now: now(), conn })
    },
    onClose: (reason) => deliver(conn, socket, { _tag: "ConnClosed", now: now(), conn, reason }),
  })

  const dial = (conn: ConnId, address: Address): void => {
    const socket = add(conn, undefined)
    const connect = transport.connect(
      address,
      { timeoutMs: CONNECT_TIMEOUT_MS, ...(localAddress === undefined ? {} : { localAddress }) },
      handlersOf(conn, socket),
    )
    socket.dial = run(Effect.match(connect, {
      onFailure: ({ message }) => {
        if (sockets.get(conn) !== socket) return
        remove(conn, socket)
        push({ _tag: "ConnFailed", now: now(), conn, reason: message })
      },
      onSuccess: (connection) => {
        if (sockets.get(conn) !== socket) return connection.close()
        socket.connection = connection
        socket.dial = undefined
        applyPause(socket)
        push({ _tag: "ConnOpened", now: now(), conn })
        const early = socket.early ?? []
        socket.early = undefined
        // It happens now: the clock that the client sees never runs backwards.
        for (const input of early) deliver(conn, socket, { ...input, now: now() })
      },
    }))
  }

  const accept: OnConnection = (connection, setHandlers) => {
    if (isClosed) return
    const conn = nextAccepted--
    const socket = add(conn, connection)
    setHandlers(handlersOf(conn, socket))
    applyPause(socket)
    push({ _tag: "ConnAccepted", now: now(), conn, address: connection.remote })
  }

  /** Slow is slow, but who takes nothing at all is given up. */
  const watch = (conn: ConnId, socket: Socket): void => {
    socket.isWatched = true
    socket.hasMoved = false
    run(Effect.map(Effect.sleep(STUCK_MS), () => {
      socket.isWatched = false
      if (sockets.get(conn) !== socket || !socket.isCongested) return
      if (socket.hasMoved) return watch(conn, socket)
      socket.connection?.close()
      deliver(conn, socket, {
        _tag: "ConnClosed",
        now: now(),
        conn,
        reason: "it reads nothing of what it asked for",
      })
    }))
  }

  const send = (conn: ConnId, chunks: ReadonlyArray<Bytes>): void => {
    const socket = sockets.get(conn)
    if (socket?.connection === undefined) return
    for (const chunk of chunks) socket.connection.write(chunk)
    if (socket.isCongested || socket.connection.bufferedBytes() <= DRAIN_BYTES) return
    socket.isCongested = true
    if (!socket.isWatched) watch(conn, socket)
    push({ _tag: "ConnCongested", now: now(), conn })
  }

  const close = (conn: ConnId): void => {
    const socket = sockets.get(conn)
    if (socket === undefined) return
    remove(conn, socket)
    socket.connection?.close()
    if (socket.dial !== undefined) socket.dial.unsafeInterruptAsFork(socket.dial.id())
  }

  return {
    dial,
    admits: ({ host }) => !isClosed && Gate.admits(gate, host, now()),
    accept,
    send,
    has: (conn) => sockets.has(conn),
    close,
    setPaused: (conn, isPaused) => {
      const socket = sockets.get(conn)
      if (socket === undefined) return
      socket.isPaused = isPaused
      applyPause(socket)
    },
    setAllPaused: (isPaused) => {
      isAllPaused = isPaused
      for (const socket of sockets.values()) applyPause(socket)
    },
    closeAll: () => {
      isClosed = true
      for (const conn of [...sockets.keys()]) close(conn)
    },
  }
}
