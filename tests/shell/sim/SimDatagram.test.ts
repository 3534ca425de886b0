import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Network from "../../../shell/sim/Network.ts"
import * as Process from "../../../shell/sim/Process.ts"
import * as SimDatagram from "../../../shell/sim/SimDatagram.ts"
import * as World from "../../../shell/sim/World.ts"
import { contract, listening } from "../../contract/Datagram.ts"
import { inWorld, machine } from "./Inside.ts"

contract(
  "SimDatagram.layer",
  Layer.unwrapEffect(Effect.map(machine, ({ host, process }) => SimDatagram.layer(host, process))),
  { hasIpv6: true, inside: inWorld(1) },
)

const SLOW = { ...Network.LOOPBACK_LINE, latencyMs: 20 }

/** What of a hundred datagrams one machine hears of another, in the order in which they arrive. */
const heard = (
  seed: number,
  weather: Partial<Network.Weather>,
  isBehindNat = false,
): ReadonlyArray<number> => {
  const world = World.make({ seed })
  const network = Network.make(world, { ...Network.CALM, ...weather })
  const near = Network.addHost(network, { line: SLOW })
  const far = Network.addHost(network, { line: SLOW, isBehindNat })
  const process = Process.make(world, "test", seed)
  const bound = Process.make(world, "far", seed)
  const numbers: Array<number> = []
  Process.start(
    bound,
    Effect.flatMap(listening({ host: far.ip, port: 7 }), (socket) =>
      Effect.zipRight(
        Effect.sleep("1 minute"),
        Effect.sync(() => numbers.push(...socket.heard.map(({ bytes }) => bytes[0]!))),
      )).pipe(Effect.provide(SimDatagram.layer(far, bound)), Effect.scoped, Effect.orDie),
  )
  Process.start(
    process,
    Effect.gen(function* () {
      const socket = yield* listening({ port: 0 })
      for (let i = 0; i < 100; i++) {
        socket.send(Uint8Array.of(i), { host: far.ip, port: 7 })
        yield* Effect.sleep("1 millis")
      }
      yield* Effect.sleep("1 minute")
    }).pipe(Effect.provide(SimDatagram.layer(near, process)), Effect.scoped, Effect.orDie),
  )
  expect(World.run(world, () => false)).toBe("Standstill")
  return numbers
}

const ALL = Array.from({ length: 100 }, (_, i) => i)

it("in calm weather all datagrams arrive once, in order", () => {
  expect(heard(1, {})).toEqual(ALL)
})

it("loses, doubles and reorders as the weather says, the same ones for the same seed", () => {
  const lost = heard(1, { lossPart: 0.3 })
  expect(lost.length).toBeGreaterThan(50)
  expect(lost.length).toBeLessThan(90)
  expect(heard(1, { lossPart: 0.3 })).toEqual(lost)
  expect(heard(2, { lossPart: 0.3 })).not.toEqual(lost)

  const doubled = heard(1, { duplicatePart: 0.3 })
  expect(new Set(doubled)).toEqual(new Set(ALL))
  expect(doubled.length).toBeGreaterThan(110)

  const late = heard(1, { jitterMs: 30 })
  expect(late).not.toEqual(ALL)
  expect([...late].sort((a, b) => a - b)).toEqual(ALL)
})

it("behind a router that translates addresses only answers are heard", () => {
  expect(heard(1, {}, true)).toEqual([])
})
