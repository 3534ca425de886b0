/** The connections of one driver: dialling, early input, and the two reasons for not reading. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Address } from "../core/base/Address.ts"
import type { Bytes } from "../core/base/Bytes.ts"
import type { ConnId, Input } from "../core/client/Input.ts"
import type { Connection, Transport } from "./Transport.ts"
import type { Turns } from "./Turns.ts"

/** Longest time that connecting may take; beyond it a peer is as good as dead (libtorrent: 15 s). */
const CONNECT_TIMEOUT_MS = 15_000

export interface Sockets {
  readonly dial: (conn: ConnId, address: Address) => void
  /** Dropped if the connection is gone. */
  readonly send: (conn: ConnId, bytes: Bytes) => void
  /** No input of this connection follows. */
  readonly close: (conn: ConnId) => void
  /** The client does not want to read this one for now, or again. */
  readonly setPaused: (conn: ConnId, isPaused: boolean) => void
  /** The disk cannot take more for now, or again: nothing is read. */
  readonly setAllPaused: (isPaused: boolean) => void
  readonly closeAll: () => void
}

interface Socket {
  connection: Connection | undefined
  dial: Fiber.RuntimeFiber<void> | undefined
  /** What came before the client heard that the connection is open. */
  early: Array<Input> | undefined
  isPaused: boolean
}

/** No connections yet; `localAddress` is the one that dials leave from. */
export const make = (
  transport: Transport["Type"],
  { now, push, run }: Turns,
  localAddress: string | undefined,
): Sockets => {
  const sockets = new Map<ConnId, Socket>()
  let isAllPaused = false

  const applyPause = ({ connection, isPaused }: Socket): void => {
    if (isPaused || isAllPaused) connection?.pauseReads()
    else connection?.resumeReads()
  }

  const dial = (conn: ConnId, address: Address): void => {
    const socket: Socket = { connection: undefined, dial: undefined, early: [], isPaused: false }
    sockets.set(conn, socket)
    const deliver = (input: Input): void => {
      if (sockets.get(conn) !== socket) return
      if (socket.early !== undefined) socket.early.push(input)
      else {
        if (input._tag === "ConnClosed") sockets.delete(conn)
        push(input)
      }
    }
    const connect = transport.connect(
      address,
      { timeoutMs: CONNECT_TIMEOUT_MS, ...(localAddress === undefined ? {} : { localAddress }) },
      {
        onRead: (bytes) => deliver({ _tag: "ConnRead", now: now(), conn, bytes }),
        onDrain: () => {},
        onClose: (reason) => deliver({ _tag: "ConnClosed", now: now(), conn, reason }),
      },
    )
    socket.dial = run(Effect.match(connect, {
      onFailure: ({ message }) => {
        if (sockets.get(conn) !== socket) return
        sockets.delete(conn)
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
        early.forEach(deliver)
      },
    }))
  }

  const close = (conn: ConnId): void => {
    const socket = sockets.get(conn)
    sockets.delete(conn)
    socket?.connection?.close()
    if (socket?.dial !== undefined) socket.dial.unsafeInterruptAsFork(socket.dial.id())
  }

  return {
    dial,
    send: (conn, bytes) => sockets.get(conn)?.connection?.write(bytes),
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
      for (const conn of [...sockets.keys()]) close(conn)
    },
  }
}
