import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Bytes from "../../../core/base/Bytes.ts"
import { type Millis, MINUTE } from "../../../core/base/Time.ts"
import { type Connection, DRAIN_BYTES, Transport } from "../../../shell/Transport.ts"
import * as Network from "../../../shell/sim/Network.ts"
import * as Process from "../../../shell/sim/Process.ts"
import * as SimTransport from "../../../shell/sim/SimTransport.ts"
import { WINDOW_BYTES } from "../../../shell/sim/Stream.ts"
import * as World from "../../../shell/sim/World.ts"
import { random } from "../../contract/BlockStore.ts"
import { type Seen, watch } from "../../contract/Ends.ts"

/** 100 kB/s up, 1 MB/s down, 20 ms to the middle of the network. */
const LINE = { uploadRateBytesPerSec: 100_000, downloadRateBytesPerSec: 1_000_000, latencyMs: 20 }

interface Side {
  readonly host: Network.Host
  readonly process: Process.Process
  readonly seen: Seen
  connection: Connection | undefined
}

/** Two machines, of which the near one dials the far one; what came of it, and when. */
const scene = (options: { readonly isBehindNat?: boolean; readonly isCutting?: boolean } = {}) => {
  const world = World.make({ seed: 1 })
  const network = Network.make(world, { ...Network.CALM, isCutting: options.isCutting ?? false })
  const side = (name: string, isBehindNat: boolean): Side => ({
    host: Network.addHost(network, { line: LINE, isBehindNat }),
    process: Process.make(world, name, 1),
    seen: watch(),
    connection: undefined,
  })
  const near = side("near", false)
  const far = side("far", options.isBehindNat ?? false)
  let outcome: string | undefined
  let at: Millis = 0
  const listen = (): void => {
    Process.start(
      far.process,
      Effect.gen(function* () {
        yield* (yield* Transport).listen({ port: 7 }, (connection, setHandlers) => {
          far.connection = connection
          setHandlers(far.seen.handlers)
        })
        yield* Effect.async<never>(() => {})
      }).pipe(Effect.provide(SimTransport.layer(far.host, far.process)), Effect.scoped, Effect.orDie),
    )
  }
  const dial = (): void => {
    outcome = undefined
    Process.start(
      near.process,
      Effect.gen(function* () {
        const transport = yield* Transport
        near.connection = yield* transport.connect(
          { host: far.host.ip, port: 7 },
          { timeoutMs: 10_000 },
          near.seen.handlers,
        )
      }).pipe(
        Effect.match({ onFailure: ({ reason }) => reason, onSuccess: () => "open" }),
        Effect.map((result) => {
          outcome = result
          at = World.now(world)
        }),
        Effect.provide(SimTransport.layer(near.host, near.process)),
      ),
    )
  }
  const run = (ms: Millis): void => void World.run(world, () => false, World.now(world) + ms)
  const open = (): void => {
    listen()
    dial()
    run(100)
    expect(outcome).toBe("open")
  }
  return { world, near, far, listen, dial, open, run, outcome: () => outcome, at: () => at }
}

describe("dialling", () => {
  it("takes a round trip, and so does a refusal", () => {
    const one = scene()
    one.listen()
    one.dial()
    one.run(MINUTE)
    expect([one.outcome(), one.at()]).toEqual(["open", 80])
    const other = scene()
    other.dial()
    other.run(MINUTE)
    expect([other.outcome(), other.at()]).toEqual(["Refused", 80])
  })

  it("gets no answer from a machine that is off, cut off, or behind a router", () => {
    const off = scene()
    off.far.host.isUp = false
    const cut = scene()
    cut.far.host.cutUntil = MINUTE
    for (const one of [off, cut, scene({ isBehindNat: true })]) {
      one.listen()
      one.dial()
      one.run(MINUTE)
      expect([one.outcome(), one.at()]).toEqual(["Timeout", 10_000])
    }
  })
})

describe("a stream", () => {
  it("brings bytes at the rate of the slower line, after the latency", () => {
    const { far, near, open, run, world } = scene()
    open()
    const began = World.now(world)
    near.connection!.write(random(100_000))
    run(1_039)
    expect(far.seen.receivedBytes()).toBeLessThan(100_000)
    run(70)
    expect(far.seen.receivedBytes()).toBe(100_000)
    expect(World.now(world) - began).toBeLessThan(1_200)
  })

  it("is shared fairly by connections that send at the same time", () => {
    const { dial, far, near, open, run } = scene()
    open()
    const [first, firstFar] = [near.connection!, far.connection!]
    dial()
    run(100)
    expect(far.connection).not.toBe(firstFar)
    for (const connection of [first, near.connection!]) connection.write(random(500_000))
    run(5_000)
    const [a, b] = [first.bufferedBytes(), near.connection!.bufferedBytes()]
    expect(Math.abs(a - b)).toBeLessThanOrEqual(65_536)
    expect(a + b).toBeLessThan(600_000)
  })

  it("is cut anywhere where the weather says so, without changing what is read", () => {
    const { far, near, open, run } = scene({ isCutting: true })
    open()
    const bytes = random(50_000)
    for (let at = 0; at < 50_000; at += 10_000) near.connection!.write(bytes.subarray(at, at + 10_000))
    run(MINUTE)
    expect(Bytes.equals(Bytes.concat(far.seen.reads), bytes)).toBe(true)
    expect(far.seen.reads.some(({ length }) => length % 10_000 !== 0)).toBe(true)
  })

  it("stops the sender while the receiver does not read", () => {
    const { far, near, open, run } = scene()
    open()
    far.connection!.pauseReads()
    near.connection!.write(random(1_000_000))
    run(10 * MINUTE)
    expect(near.connection!.bufferedBytes()).toBe(1_000_000 - WINDOW_BYTES)
    expect(near.seen.drains).toBe(0)
    far.connection!.resumeReads()
    run(MINUTE)
    expect([far.seen.receivedBytes(), near.seen.drains]).toEqual([1_000_000, 1])
    expect(near.connection!.bufferedBytes()).toBeLessThanOrEqual(DRAIN_BYTES)
  })

  it("waits while a machine is cut off or the stream stalls, and loses nothing", () => {
    const { far, near, open, run, world } = scene()
    open()
    far.host.cutUntil = World.now(world) + 5_000
    near.connection!.write(random(1_000, 1))
    run(4_900)
    expect(far.seen.receivedBytes()).toBe(0)
    run(200)
    expect(far.seen.receivedBytes()).toBe(1_000)
    const [end] = far.host.ends
    end!.stall(World.now(world) + 3_000)
    near.connection!.write(random(500, 2))
    near.connection!.write(random(500, 3))
    run(2_900)
    expect(far.seen.receivedBytes()).toBe(1_000)
    run(200)
    expect(
      Bytes.equals(Bytes.concat(far.seen.reads.slice(-2)), Bytes.concat([random(500, 2), random(500, 3)])),
    ).toBe(true)
  })

  it("that is reset tells the one end at once and the other when word arrives, each once", () => {
    const { far, near, open, run } = scene()
    open()
    near.connection!.write(random(500_000))
    run(1_000)
    const [end] = near.host.ends
    end!.reset()
    expect(near.seen.closes).toEqual(["connection reset"])
    expect(far.seen.closes).toEqual([])
    run(MINUTE)
    expect([near.seen.closes, far.seen.closes]).toEqual([["connection reset"], ["connection reset"]])
    expect(near.host.ends.size + far.host.ends.size).toBe(0)
  })

  it("of a process that is killed is reset; of a machine without power it is half open, until that is back", () => {
    const killed = scene()
    killed.open()
    Process.kill(killed.far.process)
    killed.run(MINUTE)
    expect([killed.near.seen.closes, killed.far.seen.closes]).toEqual([["connection reset"], []])

    const { far, near, open, run } = scene()
    open()
    far.host.isUp = false
    Process.kill(far.process)
    near.connection!.write(random(1_000_000))
    run(60 * MINUTE)
    expect(near.seen.closes).toEqual([])
    expect(near.connection!.bufferedBytes()).toBe(1_000_000 - WINDOW_BYTES)
    far.host.isUp = true
    near.connection!.close()
    run(MINUTE)
    expect(near.host.ends.size).toBe(0)
  })

  it("tells that the machine is back to whoever sends again", () => {
    const { far, near, open, run } = scene()
    open()
    far.host.isUp = false
    Process.kill(far.process)
    run(MINUTE)
    far.host.isUp = true
    near.connection!.write(random(10))
    run(100)
    expect(near.seen.closes).toEqual(["connection reset"])
  })
})
