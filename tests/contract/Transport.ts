/** What every layer of `Transport` does. `TestNetwork` knows addresses that nobody answers on. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import type * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import type { Address } from "../../core/base/Address.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import { type Connection, DRAIN_BYTES, Transport } from "../../shell/Transport.ts"
import { expectBytes, random } from "./BlockStore.ts"
import { type Inside, outside } from "./Inside.ts"
import { connect, HOST, letThingsHappen, listening, pair, TIMEOUT_MS, watch } from "./Ends.ts"

export class TestNetwork extends Context.Tag("test/Network")<TestNetwork, {
  /** A machine that answers nothing; `undefined` where none can be had. */
  readonly silent: Address | undefined
}>() {}

export const contract = (
  name: string,
  layer: Layer.Layer<Transport | TestNetwork>,
  options: { readonly hasSilent: boolean; readonly hasIpv6: boolean; readonly inside?: Inside },
): void => {
  type Body = () => Effect.Effect<void, unknown, Transport | TestNetwork | Scope.Scope>
  const { inside = outside } = options
  const live = (body: Body) => () => inside(Effect.scoped(body().pipe(Effect.provide(layer))))
  const test = (title: string, body: Body): void => it.scopedLive(title, live(body))

  describe(name, () => {
    test("carries bytes both ways, in order", () =>
      Effect.gen(function* () {
        const { near, far } = yield* pair
        const up = random(1_500_000, 1)
        const down = random(1_000_000, 2)
        for (let at = 0; at < up.length; at += 13_337) near.connection.write(up.subarray(at, at + 13_337))
        for (let at = 0; at < down.length; at += 70_001) far.connection.write(down.subarray(at, at + 70_001))
        yield* far.seen.until((seen) => seen.receivedBytes() === up.length)
        yield* near.seen.until((seen) => seen.receivedBytes() === down.length)
        // Compared only now: what was read first has not been read over since.
        expectBytes(Bytes.concat(far.seen.reads), up)
        expectBytes(Bytes.concat(near.seen.reads), down)
        expect(near.connection.bufferedBytes()).toBe(0)
      }))

    test("carries single bytes back and forth", () =>
      Effect.gen(function* () {
        const { near, far } = yield* pair
        for (let i = 1; i <= 50; i++) {
          near.connection.write(Uint8Array.of(i))
          yield* far.seen.until((seen) => seen.receivedBytes() === i)
          far.connection.write(Uint8Array.of(i + 100))
          yield* near.seen.until((seen) => seen.receivedBytes() === i)
        }
        expectBytes(Bytes.concat(far.seen.reads), Uint8Array.from({ length: 50 }, (_, i) => i + 1))
        expectBytes(Bytes.concat(near.seen.reads), Uint8Array.from({ length: 50 }, (_, i) => i + 101))
      }))

    test("keeps nothing alive but what was read: a small read has a small share of its buffer's siblings", () =>
      Effect.gen(function* () {
        const { near, far } = yield* pair
        for (let i = 1; i <= 20; i++) {
          near.connection.write(random(5))
          yield* far.seen.until((seen) => seen.receivedBytes() === i * 5)
          far.connection.write(random(5))
          yield* near.seen.until((seen) => seen.receivedBytes() === i * 5)
        }
        for (const { seen } of [near, far]) {
          const pinned = new Set(seen.reads.map((read) => read.buffer))
          let bytes = 0
          for (const buffer of pinned) bytes += buffer.byteLength
          expect(bytes).toBeLessThanOrEqual(64 * 1024)
        }
      }))

    test("cuts off whom `admits` refuses, and asks it once for each connection", () =>
      Effect.gen(function* () {
        const transport = yield* Transport
        const asked: Array<Address> = []
        let taken = 0
        const { address } = yield* transport.listen({
          host: HOST,
          port: 0,
          admits: (remote) => asked.push(remote) > 1,
        }, (_, setHandlers) => {
          taken++
          setHandlers({ onRead: () => {}, onDrain: () => {}, onClose: () => {} })
        })
        const refused = watch()
        const outcome = yield* Effect.either(
          transport.connect(address, { timeoutMs: TIMEOUT_MS }, refused.handlers),
        )
        // It may be cut off before the dial was seen to succeed.
        if (outcome._tag === "Right") yield* refused.until(({ closes }) => closes.length > 0)
        const connection = yield* transport.connect(address, { timeoutMs: TIMEOUT_MS }, watch().handlers)
        for (let i = 0; taken === 0 && i < 1_000; i++) yield* letThingsHappen
        connection.close()
        expect([asked.length, taken]).toEqual([2, 1])
        expect(asked[0]!.host).toBe(HOST)
      }))

    test("knows who is at the other end", () =>
      Effect.gen(function* () {
        const { address, near, far } = yield* pair
        expect(near.connection.remote).toEqual(address)
        expect(far.connection.remote).toEqual({ host: HOST, port: expect.any(Number) })
      }))

    it.scopedLive.skipIf(!options.hasIpv6)(
      "takes connections of both families where no address is named, each peer in its own form",
      live(() =>
        Effect.gen(function* () {
          const transport = yield* Transport
          const remotes = yield* Queue.unbounded<string>()
          const { address } = yield* transport.listen({ port: 0 }, (connection, setHandlers) => {
            setHandlers(watch().handlers)
            remotes.unsafeOffer(connection.remote.host)
          })
          for (const host of [HOST, "::1"]) {
            const { connection } = yield* connect({ host, port: address.port })
            expect(yield* Queue.take(remotes)).toBe(host)
            connection.close()
          }
        })
      ),
    )

    test("tells what it has written: the very bytes, once each and in order, and none of what was lost", () =>
      Effect.gen(function* () {
        const { near, far } = yield* pair
        const parts = [random(10), random(700_000, 2), random(1), random(90_000, 3)]
        for (const part of parts) far.connection.write(part)
        yield* near.seen.until((seen) => seen.receivedBytes() === 790_011)
        yield* far.seen.until((seen) => seen.written.length === parts.length)
        parts.forEach((part, index) => expect(far.seen.written[index]).toBe(part))

        near.connection.pauseReads()
        const lost = random(64 * 1024 * 1024)
        for (let at = 0; at < lost.length; at += 1 << 20) {
          far.connection.write(lost.subarray(at, at + (1 << 20)))
        }
        far.connection.close()
        near.connection.resumeReads()
        yield* near.seen.until((seen) => seen.closes.length > 0)
        expect(far.seen.written.length).toBeLessThan(parts.length + 64)
      }))

    test("has the bytes that it says are written, whatever becomes of them afterwards", () =>
      Effect.gen(function* () {
        const { near, far } = yield* pair
        near.connection.pauseReads()
        const parts = [random(20_000, 1), random(13, 2), random(30_000, 3)]
        const sent = Bytes.concat(parts)
        for (const part of parts) far.connection.write(part)
        yield* far.seen.until((seen) => seen.written.length === parts.length)
        for (const part of parts) part.fill(0)
        near.connection.resumeReads()
        yield* near.seen.until((seen) => seen.receivedBytes() === sent.length)
        expectBytes(Bytes.concat(near.seen.reads), sent)
      }))

    test("resolves names", () =>
      Effect.gen(function* () {
        const { address } = yield* listening
        const { connection } = yield* connect({ host: "localhost", port: address.port })
        expect(connection.remote).toEqual(address)
      }))

    test("connects from the address that it is given", () =>
      Effect.gen(function* () {
        const { address, accepted } = yield* listening
        const transport = yield* Transport
        const from = { timeoutMs: TIMEOUT_MS, localAddress: HOST }
        const connection = yield* transport.connect(address, from, watch().handlers)
        const far = yield* Queue.take(accepted)
        expect(far.connection.remote.host).toBe(HOST)
        connection.close()
        yield* far.seen.until((seen) => seen.closes.length > 0)
      }))

    test("delivers what the peer sends at once, and never before there is a connection", () =>
      Effect.gen(function* () {
        const transport = yield* Transport
        const { address } = yield* transport.listen({ host: HOST, port: 0 }, (connection, setHandlers) => {
          setHandlers(watch().handlers)
          connection.write(random(100))
          connection.write(random(200_000, 2))
        })
        const { connection, seen } = yield* connect(address)
        expect(seen.reads).toEqual([])
        yield* seen.until((seen) => seen.receivedBytes() === 200_100)
        connection.close()
      }))

    test("stops reading when paused, which stops the sender, and drains when resumed", () =>
      Effect.gen(function* () {
        const { near, far } = yield* pair
        far.connection.pauseReads()
        const data = random(64 * 1024)
        let written = 0
        // More than the windows of any system hold, a little at a time so that they fill.
        while (written < 64 * 1024 * 1024) {
          near.connection.write(data)
          written += data.length
        }
        yield* letThingsHappen
        const early = far.seen.receivedBytes()
        expect(early).toBeLessThanOrEqual(256 * 1024)
        expect(near.connection.bufferedBytes()).toBeGreaterThan(DRAIN_BYTES)
        expect(near.seen.drains).toBe(0)
        far.connection.resumeReads()
        yield* near.seen.until((seen) => seen.drains > 0)
        expect(near.connection.bufferedBytes()).toBeLessThanOrEqual(DRAIN_BYTES)
        yield* far.seen.until((seen) => seen.receivedBytes() === written)
        expect(near.seen.drains).toBe(1)
        expectBytes(Bytes.concat(far.seen.reads).subarray(written - data.length), data)
      }))

    test("pauses the dialling side, too", () =>
      Effect.gen(function* () {
        const { near, far } = yield* pair
        near.connection.pauseReads()
        for (let i = 0; i < 256; i++) far.connection.write(random(64 * 1024))
        yield* letThingsHappen
        expect(near.seen.receivedBytes()).toBeLessThanOrEqual(256 * 1024)
        near.connection.resumeReads()
        yield* near.seen.until((seen) => seen.receivedBytes() === 256 * 64 * 1024)
      }))

    test("may be paused and resumed within a read", () =>
      Effect.gen(function* () {
        const { address, accepted } = yield* listening
        const scheduler = yield* FiberRef.get(FiberRef.currentScheduler)
        const seen = watch()
        const held: { connection?: Connection } = {}
        const near = yield* connect(address, {
          ...seen,
          handlers: {
            ...seen.handlers,
            onRead: (bytes) => {
              held.connection?.pauseReads()
              seen.handlers.onRead(bytes)
              if (seen.reads.length % 2 === 0) held.connection?.resumeReads()
              else scheduler.scheduleTask(() => held.connection?.resumeReads(), 0)
            },
          },
        })
        held.connection = near.connection
        const far = yield* Queue.take(accepted)
        for (let i = 0; i < 64; i++) far.connection.write(random(64 * 1024))
        yield* seen.until((seen) => seen.receivedBytes() === 64 * 64 * 1024)
      }))

    test("tells the peer's close once, after all that was sent before", () =>
      Effect.gen(function* () {
        const { near, far } = yield* pair
        near.connection.write(random(50_000))
        yield* far.seen.until((seen) => seen.receivedBytes() === 50_000)
        near.connection.close()
        near.connection.close()
        near.connection.write(random(10))
        yield* far.seen.until((seen) => seen.closes.length > 0)
        expect(far.seen.closes).toEqual([undefined])
        expect(near.seen.closes).toEqual([])
        // Of no effect on a connection that is gone.
        far.connection.write(random(10))
        far.connection.pauseReads()
        far.connection.resumeReads()
        far.connection.close()
        expect(far.connection.bufferedBytes()).toBe(0)
        expect(far.seen.closes).toEqual([undefined])
      }))

    test("closes from within a read, after which nothing more is delivered", () =>
      Effect.gen(function* () {
        const { address, accepted } = yield* listening
        const seen = watch()
        const held: { connection?: Connection } = {}
        const near = yield* connect(address, {
          ...seen,
          handlers: {
            ...seen.handlers,
            onRead: (bytes) => {
              held.connection!.close()
              seen.handlers.onRead(bytes)
            },
          },
        })
        held.connection = near.connection
        const far = yield* Queue.take(accepted)
        for (let i = 0; i < 64; i++) far.connection.write(random(64 * 1024))
        yield* far.seen.until(({ closes }) => closes.length > 0)
        expect(seen.reads.length).toBe(1)
        expect(seen.closes).toEqual([])
      }))

    test("still sends what is queued when it closes, whatever comes from the peer", () =>
      Effect.gen(function* () {
        const { near, far } = yield* pair
        far.connection.pauseReads()
        const data = random(64 * 1024)
        for (let i = 0; i < 256; i++) near.connection.write(data)
        far.connection.write(data)
        near.connection.close()
        far.connection.resumeReads()
        yield* far.seen.until((seen) => seen.closes.length > 0)
        expect(far.seen.closes).toEqual([undefined])
        expect(far.seen.receivedBytes()).toBe(256 * data.length)
        expect(near.seen.closes).toEqual([])
      }))

    test("closes a connection that nobody takes", () =>
      Effect.gen(function* () {
        const transport = yield* Transport
        const { address } = yield* transport.listen({ host: HOST, port: 0 }, () => {})
        const { seen } = yield* connect(address)
        yield* seen.until((seen) => seen.closes.length > 0)
        expect(seen.closes.length).toBe(1)
      }))

    test("takes no more connections after its scope, and keeps those that it took", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { address, accepted } = yield* Scope.extend(listening, scope)
        const near = yield* connect(address)
        const far = yield* Queue.take(accepted)
        yield* Scope.close(scope, Exit.void)
        const refused = yield* Effect.flip(connect(address))
        expect(refused).toMatchObject({ _tag: "ConnectError", reason: "Refused", address })
        near.connection.write(random(10))
        yield* far.seen.until((seen) => seen.receivedBytes() === 10)
        far.connection.close()
        yield* near.seen.until((seen) => seen.closes.length > 0)
      }))

    test("says Refused, with the address", () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const { address } = yield* Scope.extend(listening, scope)
        yield* Scope.close(scope, Exit.void)
        const error = yield* Effect.flip(connect(address))
        expect(error).toMatchObject({ reason: "Refused", address })
        expect(error.message).toContain(`cannot connect to ${HOST}:${address.port}: connection refused`)
      }))

    test("says Dns for a name without an address", () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(connect({ host: "no..such..name", port: 6881 }))
        expect(error).toMatchObject({ reason: "Dns" })
        expect(error.message).toContain("no..such..name:6881")
      }))

    test("says AddressInUse for a port that is taken", () =>
      Effect.gen(function* () {
        const { address } = yield* listening
        const transport = yield* Transport
        const error = yield* Effect.flip(Effect.scoped(transport.listen(address, () => {})))
        expect(error).toMatchObject({ _tag: "ListenError", reason: "AddressInUse", address })
        expect(error.message).toContain(`${HOST}:${address.port}`)
      }))

    it.scopedLive.skipIf(!options.hasSilent)(
      "says Timeout where nobody answers",
      live(() =>
        Effect.gen(function* () {
          const { silent } = yield* TestNetwork
          const transport = yield* Transport
          const error = yield* Effect.flip(transport.connect(silent!, { timeoutMs: 50 }, watch().handlers))
          expect(error).toMatchObject({ reason: "Timeout", address: silent })
          expect(error.message).toContain("50 ms")
        })
      ),
    )

    it.scopedLive.skipIf(!options.hasSilent)(
      "can be interrupted while it dials, even where interruption is put off",
      live(() =>
        Effect.gen(function* () {
          const { silent } = yield* TestNetwork
          const transport = yield* Transport
          const seen = watch()
          const started = yield* Deferred.make<void>()
          const dial = transport.connect(silent!, { timeoutMs: 60_000 }, seen.handlers)
          const fiber = yield* Effect.fork(
            Effect.uninterruptible(Effect.zipRight(Deferred.succeed(started, undefined), dial)),
          )
          yield* Deferred.await(started)
          const exit = yield* Fiber.interrupt(fiber)
          expect(Exit.isInterrupted(exit)).toBe(true)
          expect(seen.closes).toEqual([])
        })
      ),
    )

    test("closes a connection whose dialling was interrupted", () =>
      Effect.gen(function* () {
        const { address, accepted } = yield* listening
        const transport = yield* Transport
        // At whichever moment the interruption comes, either the fiber has the connection or nobody has it.
        for (let steps = 0; steps < 20; steps++) {
          const seen = watch()
          const fiber = yield* Effect.fork(Effect.scoped(Effect.zipRight(
            Effect.acquireRelease(
              transport.connect(address, { timeoutMs: TIMEOUT_MS }, seen.handlers),
              (connection) => Effect.sync(connection.close),
            ),
            Effect.never,
          )))
          for (let i = 0; i < steps; i++) yield* Effect.yieldNow()
          yield* Fiber.interrupt(fiber)
        }
        // One more, after which all that came before has arrived.
        const last = yield* connect(address)
        last.connection.write(random(1))
        for (;;) {
          const { seen } = yield* Queue.take(accepted)
          yield* seen.until(({ closes, reads }) => closes.length > 0 || reads.length > 0)
          if (seen.reads.length > 0) break
        }
      }))
  })
}
