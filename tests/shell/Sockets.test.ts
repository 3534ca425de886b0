import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import * as TestClock from "effect/TestClock"
import * as Gate from "../../core/client/Gate.ts"
import type { Input } from "../../core/client/Input.ts"
import * as Sockets from "../../shell/Sockets.ts"
import {
  type Connection,
  type ConnectionHandlers,
  DRAIN_BYTES,
  layerMemory,
  Transport,
} from "../../shell/Transport.ts"

/** A connection whose unsent bytes leave when they are told to. */
const makeLine = () => {
  const written: Array<Uint8Array> = []
  let unsent = 0
  let isClosed = false
  let handlers: ConnectionHandlers | undefined
  const connection: Connection = {
    remote: { host: "192.0.2.1", port: 5_000 },
    write: (bytes) => {
      written.push(bytes)
      unsent += bytes.length
    },
    bufferedBytes: () => unsent,
    pauseReads: () => {},
    resumeReads: () => {},
    close: () => {
      isClosed = true
    },
  }
  return {
    connection,
    written,
    setHandlers: (chosen: ConnectionHandlers) => {
      handlers = chosen
    },
    handlers: () => handlers!,
    isClosed: () => isClosed,
    drain: () => {
      unsent = 0
      handlers!.onDrain()
    },
  }
}

const setup = Effect.gen(function* () {
  const transport = yield* Transport
  const runtime = yield* Effect.runtime<never>()
  const inputs: Array<Input> = []
  const given: Array<Uint8Array> = []
  let at = 0
  const sockets = Sockets.make(transport, {
    now: () => ++at,
    push: (input) => void inputs.push(input),
    pushAll: (more) => void inputs.push(...more),
    run: Runtime.runFork(runtime),
  }, { localAddress: undefined, onWritten: (bytes) => void given.push(bytes) })
  return { sockets, inputs, given }
}).pipe(Effect.provide(layerMemory()))

describe("Sockets", () => {
  it.effect("numbers the connections that it takes -1, -2 and so on, and tells of them before anything else", () =>
    Effect.gen(function* () {
      const { sockets, inputs } = yield* setup
      const lines = [makeLine(), makeLine()]
      for (const line of lines) sockets.accept(line.connection, line.setHandlers)
      lines[1]!.handlers().onRead(Uint8Array.of(1))
      lines[0]!.handlers().onClose("reset")
      expect(inputs.map((input) => [input._tag, "conn" in input ? input.conn : 0])).toEqual([
        ["ConnAccepted", -1],
        ["ConnAccepted", -2],
        ["ConnRead", -2],
        ["ConnClosed", -1],
      ])
      expect(inputs[0]).toMatchObject({ address: { host: "192.0.2.1", port: 5_000 } })
      expect([-1, -2, -3].map(sockets.has)).toEqual([false, true, false])
    }))

  it.effect("admits no more of one address than it may have open, until one is gone", () =>
    Effect.gen(function* () {
      const { sockets } = yield* setup
      const remote = makeLine().connection.remote
      let admitted = 0
      while (sockets.admits(remote)) {
        admitted++
        const line = makeLine()
        sockets.accept(line.connection, line.setHandlers)
      }
      expect(admitted).toBe(Gate.GLOBAL.open)
      expect(sockets.admits({ host: "192.0.2.2", port: 1 })).toBe(true)
      // The clock goes on by a millisecond with each question: it may come again by now, but has too many open.
      for (let i = 0; i < 3_000; i++) expect(sockets.admits(remote)).toBe(false)
      sockets.close(-1)
      sockets.close(-1)
      expect(sockets.admits(remote)).toBe(true)
      const line = makeLine()
      sockets.accept(line.connection, line.setHandlers)
      expect(sockets.admits(remote)).toBe(false)
      sockets.closeAll()
      expect(sockets.admits({ host: "192.0.2.2", port: 1 })).toBe(false)
    }))

  it.effect("takes none once it was closed", () =>
    Effect.gen(function* () {
      const { sockets, inputs } = yield* setup
      const before = makeLine()
      sockets.accept(before.connection, before.setHandlers)
      sockets.closeAll()
      expect(before.isClosed()).toBe(true)
      const after = makeLine()
      sockets.accept(after.connection, after.setHandlers)
      expect(after.handlers()).toBeUndefined()
      expect(inputs.length).toBe(1)
    }))

  it.effect("says once that more is unsent than is worth queueing, and once that it has gone", () =>
    Effect.gen(function* () {
      const { sockets, inputs, given } = yield* setup
      const line = makeLine()
      sockets.accept(line.connection, line.setHandlers)
      inputs.length = 0
      const [header, payload] = [new Uint8Array(13), new Uint8Array(DRAIN_BYTES - 13)]
      sockets.send(-1, [header, payload])
      expect(inputs).toEqual([])
      // The same bytes, not copies of them.
      expect(line.written[0]).toBe(header)
      expect(line.written[1]).toBe(payload)
      for (let i = 0; i < 3; i++) sockets.send(-1, [new Uint8Array(1)])
      expect(inputs).toMatchObject([{ _tag: "ConnCongested", conn: -1 }])
      line.handlers().onWritten!(payload)
      expect(given.length).toBe(1)
      expect(given[0]).toBe(payload)
      line.drain()
      line.drain()
      expect(inputs.slice(1)).toMatchObject([{ _tag: "ConnDrained", conn: -1 }])
      // For a connection that was closed there is nothing more to say.
      sockets.send(-1, [new Uint8Array(2 * DRAIN_BYTES)])
      sockets.close(-1)
      line.drain()
      sockets.send(-1, [header])
      expect(inputs.slice(2).map(({ _tag }) => _tag)).toEqual(["ConnCongested"])
    }))

  it.effect("gives up who reads nothing for two minutes of all that is unsent, and nobody who reads slowly", () =>
    Effect.gen(function* () {
      const { sockets, inputs } = yield* setup
      const [stuck, slow] = [makeLine(), makeLine()]
      for (const line of [stuck, slow]) sockets.accept(line.connection, line.setHandlers)
      const blocks = Array.from({ length: 40 }, () => new Uint8Array(16_384))
      for (const conn of [-1, -2]) sockets.send(conn, blocks)
      inputs.length = 0
      // A block in two minutes, for an hour.
      for (let i = 0; i < 30; i++) {
        slow.handlers().onWritten!(blocks[i]!)
        yield* TestClock.adjust(Sockets.STUCK_MS)
      }
      expect(inputs).toMatchObject([{
        _tag: "ConnClosed",
        conn: -1,
        reason: expect.stringContaining("reads nothing"),
      }])
      expect([stuck.isClosed(), slow.isClosed()]).toEqual([true, false])
      yield* TestClock.adjust(Sockets.STUCK_MS)
      expect(slow.isClosed()).toBe(true)
    }))

  it.effect("forgets that somebody was slow, once everything has left", () =>
    Effect.gen(function* () {
      const { sockets } = yield* setup
      const line = makeLine()
      sockets.accept(line.connection, line.setHandlers)
      sockets.send(-1, [new Uint8Array(2 * DRAIN_BYTES)])
      line.drain()
      yield* TestClock.adjust(3 * Sockets.STUCK_MS)
      expect(line.isClosed()).toBe(false)
    }))
})
