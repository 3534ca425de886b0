/** Two ends of a connection that remember what they have seen, for the transport's contract. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type { Address } from "../../core/base/Address.ts"
import { type Connection, type ConnectionHandlers, Transport } from "../../shell/Transport.ts"
import { random } from "./BlockStore.ts"

export const HOST = "127.0.0.1"
export const TIMEOUT_MS = 10_000

/** What one end has seen, and ways to wait for more. */
export interface Seen {
  readonly handlers: ConnectionHandlers
  readonly reads: Array<Uint8Array>
  readonly closes: Array<string | undefined>
  /** What the system has taken. */
  readonly written: Array<Uint8Array>
  readonly receivedBytes: () => number
  /** Waits until `isDone`, asked after each event. */
  readonly until: (isDone: (seen: Seen) => boolean) => Effect.Effect<void>
  drains: number
}

export const watch = (): Seen => {
  let received = 0
  const waiting = new Set<() => void>()
  const changed = (): void => waiting.forEach((check) => check())
  const seen: Seen = {
    reads: [],
    closes: [],
    written: [],
    drains: 0,
    receivedBytes: () => received,
    until: (isDone) =>
      Effect.async((resume) => {
        const check = (): void => {
          if (!isDone(seen)) return
          waiting.delete(check)
          resume(Effect.void)
        }
        waiting.add(check)
        check()
      }),
    handlers: {
      onRead: (bytes) => {
        seen.reads.push(bytes)
        received += bytes.length
        changed()
      },
      onWritten: (bytes) => {
        seen.written.push(bytes)
        changed()
      },
      onDrain: () => {
        seen.drains++
        changed()
      },
      onClose: (reason) => {
        seen.closes.push(reason)
        changed()
      },
    },
  }
  return seen
}

/** A listener that watches every connection, and its connections in order. */
export const listening = Effect.gen(function* () {
  const accepted = yield* Queue.unbounded<{ readonly connection: Connection; readonly seen: Seen }>()
  const transport = yield* Transport
  const { address } = yield* transport.listen({ host: HOST, port: 0 }, (connection, setHandlers) => {
    const seen = watch()
    setHandlers(seen.handlers)
    accepted.unsafeOffer({ connection, seen })
  })
  return { address, accepted }
})

export const connect = (address: Address, seen = watch()) =>
  Effect.gen(function* () {
    const transport = yield* Transport
    const connection = yield* Effect.acquireRelease(
      transport.connect(address, { timeoutMs: TIMEOUT_MS }, seen.handlers),
      (connection) => Effect.sync(connection.close),
    )
    return { connection, seen }
  })

/** Both ends of one connection. */
export const pair = Effect.gen(function* () {
  const { address, accepted } = yield* listening
  const near = yield* connect(address)
  const far = yield* Queue.take(accepted)
  yield* Effect.addFinalizer(() => Effect.sync(far.connection.close))
  return { address, near, far }
})

/** Turns the loop of both ends often enough for whatever would wrongly be read to arrive. */
export const letThingsHappen = Effect.gen(function* () {
  const { near, far } = yield* pair
  for (let i = 1; i <= 30; i++) {
    near.connection.write(random(60_000))
    yield* far.seen.until((seen) => seen.receivedBytes() === i * 60_000)
    far.connection.write(random(1))
    yield* near.seen.until((seen) => seen.receivedBytes() === i)
  }
})
