/** What only sockets do. The rest is in tests/contract/Transport.ts. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { createServer, type Server, Socket } from "node:net"
import * as NodeTransport from "../../../shell/node/NodeTransport.ts"
import * as ReadBuffer from "../../../shell/node/ReadBuffer.ts"
import * as Slabs from "../../../shell/Slabs.ts"
import { type ConnectionHandlers, Transport } from "../../../shell/Transport.ts"
import { expectBytes, random } from "../../contract/BlockStore.ts"

const quiet: ConnectionHandlers = { onRead: () => {}, onDrain: () => {}, onClose: () => {} }

/** A plain server, its port, and a socket of its first client. */
const server = Effect.gen(function* () {
  const accepted = yield* Deferred.make<Socket>()
  const server = yield* Effect.acquireRelease(
    Effect.async<Server>((resume) => {
      const server = createServer((socket) => {
        socket.on("error", () => {})
        Deferred.unsafeDone(accepted, Effect.succeed(socket))
      })
      server.listen({ host: "127.0.0.1", port: 0 }, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close()),
  )
  const { port } = server.address() as { readonly port: number }
  return { address: { host: "127.0.0.1", port }, accepted }
})

describe("NodeTransport", () => {
  it.scopedLive("tells a reset from a close", () =>
    Effect.gen(function* () {
      const { address, accepted } = yield* server
      const transport = yield* Transport
      const closed = yield* Deferred.make<string | undefined>()
      yield* transport.connect(address, { timeoutMs: 5_000 }, {
        ...quiet,
        onClose: (reason) => Deferred.unsafeDone(closed, Effect.succeed(reason)),
      })
      const socket = yield* Deferred.await(accepted)
      socket.resetAndDestroy()
      expect(yield* Deferred.await(closed)).toBe("connection reset by the peer")
    }).pipe(Effect.provide(NodeTransport.layer)))

  it.scopedLive("gives IPv4 peers their own addresses on a socket for both families", () =>
    Effect.gen(function* () {
      const transport = yield* Transport
      const remote = yield* Deferred.make<string>()
      const { address } = yield* transport.listen({ port: 0 }, (connection, setHandlers) => {
        setHandlers(quiet)
        Deferred.unsafeDone(remote, Effect.succeed(connection.remote.host))
      })
      const to = { host: "127.0.0.1", port: address.port }
      const connection = yield* transport.connect(to, { timeoutMs: 5_000 }, quiet)
      expect(yield* Deferred.await(remote)).toBe("127.0.0.1")
      connection.close()
    }).pipe(Effect.provide(NodeTransport.layer)))

  it.scopedLive("sends what is written in one turn without a pause, and nothing late", () =>
    Effect.gen(function* () {
      const { address, accepted } = yield* server
      const transport = yield* Transport
      const connection = yield* transport.connect(address, { timeoutMs: 5_000 }, quiet)
      const socket = yield* Deferred.await(accepted)
      const reads: Array<number> = []
      const all = yield* Deferred.make<void>()
      socket.on("data", (bytes) => {
        reads.push(bytes.length)
        if (reads.reduce((sum, length) => sum + length, 0) === 1_300) Deferred.unsafeDone(all, Effect.void)
      })
      for (let i = 0; i < 100; i++) connection.write(random(13))
      yield* Deferred.await(all)
      // A hundred messages in one system call arrive in one read; with a call each they would be many.
      expect(reads).toEqual([1_300])
      connection.close()
    }).pipe(Effect.provide(NodeTransport.layer)))

  it.scopedLive("reads to the memory that was given back, also on connections that it took", () =>
    Effect.gen(function* () {
      const transport = yield* Transport
      const total = 48 * 1024 * 1024
      const far = yield* Deferred.make<void>()
      const buffers = new Set<ArrayBufferLike>()
      let received = 0
      const { address } = yield* transport.listen({ host: "127.0.0.1", port: 0 }, (_, setHandlers) => {
        setHandlers({
          ...quiet,
          onRead: (bytes) => {
            buffers.add(bytes.buffer)
            received += bytes.length
            transport.recycle(bytes.buffer, bytes.length)
            if (received === total) Deferred.unsafeDone(far, Effect.void)
          },
        })
      })
      const connection = yield* transport.connect(address, { timeoutMs: 5_000 }, quiet)
      const part = random(1 << 20)
      for (let at = 0; at < total; at += part.length) connection.write(part)
      yield* Deferred.await(far)
      // The first, small ones while it grows, then the same few again; without that it would be one for each megabyte.
      expect(buffers.size).toBeLessThan(24)
      connection.close()
    }).pipe(Effect.provide(NodeTransport.layer)))

  it.effect("says BadLocalAddress for an address that this machine does not have, or that is none", () =>
    Effect.gen(function* () {
      const transport = yield* Transport
      const address = { host: "127.0.0.1", port: 9 }
      for (const localAddress of ["192.0.2.77", "not-an-address"]) {
        const error = yield* Effect.flip(
          transport.connect(address, { timeoutMs: 5_000, localAddress }, quiet),
        )
        expect(error).toMatchObject({ reason: "BadLocalAddress", address })
      }
    }).pipe(Effect.provide(NodeTransport.layer)))

  it.scoped("says AddressNotAvailable for one to listen on", () =>
    Effect.gen(function* () {
      const transport = yield* Transport
      const error = yield* Effect.flip(transport.listen({ host: "192.0.2.77", port: 0 }, () => {}))
      expect(error).toMatchObject({ reason: "AddressNotAvailable" })
      expect(error.message).toContain("192.0.2.77:0")
    }).pipe(Effect.provide(NodeTransport.layer)))
})

describe("ReadBuffer", () => {
  it("never reads over what it gave away", () => {
    const buffer = ReadBuffer.make(Slabs.make())
    const source = random(3_000_000)
    const reads: Array<readonly [Uint8Array, number]> = []
    let at = 0
    for (let i = 0; at < source.length; i++) {
      const room = buffer.offer()
      expect(room.length).toBeGreaterThan(0)
      const bytes = Math.min(room.length, source.length - at, 1 + (i * 7_919) % 200_000)
      room.set(source.subarray(at, at + bytes))
      reads.push([buffer.take(bytes), at])
      at += bytes
    }
    for (const [read, from] of reads) expectBytes(read, source.subarray(from, from + read.length))
  })

  it("costs an idle connection little, grows with full reads, and shrinks with small ones", () => {
    const buffer = ReadBuffer.make(Slabs.make())
    expect(buffer.offer().buffer.byteLength).toBeLessThanOrEqual(4_096)
    for (let i = 0; i < 50; i++) buffer.take(buffer.offer().length)
    const large = buffer.offer()
    expect(large.buffer.byteLength).toBe(1_048_576)
    let most = 0
    for (let i = 0; i < 50; i++) {
      most = Math.max(most, buffer.offer().length)
      buffer.take(17)
    }
    expect(most).toBeLessThanOrEqual(131_072)
    expect(buffer.offer().length).toBeLessThanOrEqual(4_096)
  })

  it("offers the same room until it is taken", () => {
    const buffer = ReadBuffer.make(Slabs.make())
    const room = buffer.offer()
    expect(buffer.offer().byteOffset).toBe(room.byteOffset)
    expect(buffer.offer().buffer).toBe(room.buffer)
  })
})

describe("Slabs", () => {
  it("uses a slab again once all of it was given back, and not before", () => {
    const slabs = Slabs.make()
    const buffer = ReadBuffer.make(slabs)
    const held = new Map<ArrayBufferLike, number>()
    const given = new Set<ArrayBufferLike>()
    let reused = 0
    for (let i = 0; i < 400; i++) {
      const room = buffer.offer()
      if (given.delete(room.buffer)) reused++
      const read = buffer.take(room.length)
      held.set(read.buffer, (held.get(read.buffer) ?? 0) + read.length)
      if (i % 16 !== 15) continue
      for (const [whole, bytes] of held) {
        if (whole === read.buffer) continue
        slabs.giveBack(whole, bytes)
        held.delete(whole)
        given.add(whole)
      }
    }
    expect(reused).toBeGreaterThan(10)
    expect(slabs.freeCount()).toBeLessThan(10)
  })

  it("leaves alone what was given back in part, or is still being read to", () => {
    const slabs = Slabs.make()
    const slab = slabs.open(Slabs.SLAB_BYTES)
    slabs.taken(slab, 1_000)
    slabs.giveBack(slab.buffer, 1_000)
    expect(slabs.freeCount()).toBe(0)
    slabs.taken(slab, 500)
    slabs.close(slab)
    slabs.giveBack(slab.buffer, 499)
    expect(slabs.freeCount()).toBe(0)
    slabs.giveBack(slab.buffer, 1)
    expect(slabs.freeCount()).toBe(1)
    expect(slabs.open(Slabs.SLAB_BYTES)).toBe(slab)
  })

  it("takes no notice of memory that is not its own", () => {
    const slabs = Slabs.make()
    slabs.giveBack(new ArrayBuffer(8), 8)
    expect(slabs.freeCount()).toBe(0)
  })

  it("says so when more is given back than was taken", () => {
    const slabs = Slabs.make()
    const slab = slabs.open(Slabs.SLAB_BYTES)
    slabs.taken(slab, 10)
    expect(() => slabs.giveBack(slab.buffer, 11)).toThrow("no more is given back")
  })
})
