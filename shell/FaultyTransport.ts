/** `Transport` with faults: the same plan as for the disk (`Faulty.ts`) refuses, cuts and splits what passes. */
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Layer from "effect/Layer"
import type { Bytes } from "../core/base/Bytes.ts"
import type { Connection, ConnectionHandlers } from "./Connection.ts"
import type { Plan } from "./Faulty.ts"
import { connectError, type ConnectReason, Transport } from "./Transport.ts"

const REASONS: ReadonlyMap<string, ConnectReason> = new Map([
  ["ECONNREFUSED", "Refused"],
  ["ECONNRESET", "Reset"],
  ["ETIMEDOUT", "Timeout"],
  ["EHOSTUNREACH", "Unreachable"],
  ["ENETUNREACH", "Unreachable"],
  ["EMFILE", "TooManyOpenFiles"],
  ["ENFILE", "TooManyOpenFiles"],
])

/**
 * A `Transport` over another one. A connection that fails is cut: its owner hears that as of any other that was reset, and
 * what was under way is lost. Connections that come in can be cut, too; listening always works.
 */
export const layer = (plan: Plan): Layer.Layer<Transport, never, Transport> =>
  Layer.effect(
    Transport,
    Effect.gen(function* () {
      const below = yield* Transport
      const scheduler = yield* FiberRef.get(FiberRef.currentScheduler)
      const soon = (task: () => void): void => scheduler.scheduleTask(task, 0)
      return {
        recycle: below.recycle,
        connect: (address, options, handlers) =>
          Effect.suspend(() => {
            const fault = plan.next("connect")
            if (fault?._tag === "Fails" || fault?._tag === "Torn") {
              return connectError(REASONS.get(fault.code) ?? "Other", address, fault.code)
            }
            const wire = wrap(plan, soon)
            return Effect.map(below.connect(address, options, wire.handlers(handlers)), wire.open)
          }),
        listen: (options, onConnection) =>
          below.listen(options, (connection, setHandlers) => {
            const wire = wrap(plan, soon)
            onConnection(wire.open(connection), (handlers) => setHandlers(wire.handlers(handlers)))
          }),
      }
    }),
  )

/** One connection: what its owner holds, and what the layer below calls. */
const wrap = (plan: Plan, soon: (task: () => void) => void) => {
  let inner: Connection | undefined
  let owner: ConnectionHandlers | undefined
  /** Closed by its owner, or gone: nothing is told any more. */
  let isOver = false
  /** What was sent in two parts is told of as what it was, with the second of them. */
  const halves = new Map<Bytes, Bytes | "first">()

  const cut = (code: string): void => {
    if (isOver) return
    isOver = true
    inner?.close()
    // Never inside a call of its owner, who may have closed it by then.
    soon(() => owner?.onClose(code))
  }

  const read = (bytes: Bytes): void => {
    if (!isOver) owner?.onRead(bytes)
  }

  const handlers = (given: ConnectionHandlers): ConnectionHandlers => {
    owner = given
    return {
      onRead: (bytes) => {
        if (isOver) return
        const fault = plan.next("receive")
        const middle = bytes.length >> 1
        switch (fault?._tag) {
          case "Fails":
            return cut(fault.code)
          case "Torn":
            if (middle > 0) read(bytes.subarray(0, middle))
            return cut(fault.code)
          case "Short":
            if (middle > 0) read(bytes.subarray(0, middle))
            return read(bytes.subarray(middle))
          default:
            return read(bytes)
        }
      },
      onWritten: (bytes) => {
        const whole = halves.get(bytes)
        halves.delete(bytes)
        if (!isOver && whole !== "first") given.onWritten?.(whole ?? bytes)
      },
      onDrain: () => {
        if (!isOver) given.onDrain()
      },
      onClose: (reason) => {
        if (isOver) return
        isOver = true
        given.onClose(reason)
      },
    }
  }

  const write = (connection: Connection, bytes: Bytes): void => {
    if (isOver) return
    const fault = plan.next("send")
    const middle = bytes.length >> 1
    switch (fault?._tag) {
      case "Fails":
        return cut(fault.code)
      case "Torn":
        if (middle > 0) connection.write(bytes.subarray(0, middle))
        return cut(fault.code)
      case "Short": {
        const [first, second] = [bytes.subarray(0, middle), bytes.subarray(middle)]
        halves.set(first, "first").set(second, bytes)
        connection.write(first)
        return connection.write(second)
      }
      default:
        return connection.write(bytes)
    }
  }

  const open = (connection: Connection): Connection => {
    inner = connection
    if (isOver) connection.close()
    return {
      remote: connection.remote,
      write: (bytes) => write(connection, bytes),
      bufferedBytes: () => connection.bufferedBytes(),
      pauseReads: () => connection.pauseReads(),
      resumeReads: () => connection.resumeReads(),
      close: () => {
        isOver = true
        owner = undefined
        connection.close()
      },
    }
  }

  return { handlers, open }
}
