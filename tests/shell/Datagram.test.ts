import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { networkInterfaces } from "node:os"
import * as Datagram from "../../shell/Datagram.ts"
import * as MemoryDatagrams from "../../shell/MemoryDatagrams.ts"
import * as NodeDatagram from "../../shell/node/NodeDatagram.ts"
import { contract, listening } from "../contract/Datagram.ts"

const hasIpv6 = Object.values(networkInterfaces()).flat().some((one) => one?.address === "::1")

contract("Datagram.layerMemory", Datagram.layerMemory(), { hasIpv6: true })
contract("NodeDatagram.layer", NodeDatagram.layer, { hasIpv6 })

it.scopedLive("a socket of the system says that an address is not this machine's", () =>
  Effect.gen(function* () {
    // An address of documentation (RFC 5737), which no machine has.
    const error = yield* Effect.flip(listening({ host: "203.0.113.9", port: 0 }))
    expect(error).toMatchObject({ reason: "AddressNotAvailable", address: { host: "203.0.113.9" } })
  }).pipe(Effect.provide(NodeDatagram.layer)))

it.scopedLive("a socket of the system takes what is no port for a packet that cannot leave", () =>
  Effect.gen(function* () {
    const own = yield* listening({ host: "127.0.0.1", port: 0 })
    own.send(Uint8Array.of(1), { host: "127.0.0.1", port: 0 })
    expect(own.unsent).toEqual([])
    yield* own.until(() => own.unsent.length === 1)
    expect(own.unsent).toEqual([{ to: { host: "127.0.0.1", port: 0 }, reason: "not a port" }])
  }).pipe(Effect.provide(NodeDatagram.layer)))

/** Sends a hundred datagrams over a network and gives those that arrived. */
const survivors = (network: MemoryDatagrams.MemoryDatagrams) =>
  Effect.scoped(Effect.gen(function* () {
    const near = yield* listening({ port: 0 })
    const far = yield* listening({ host: "127.0.0.1", port: 0 })
    for (let i = 0; i < 100; i++) near.send(Uint8Array.of(i), far.address)
    // The last one is not lost, so that all that came before it have arrived, too.
    near.send(Uint8Array.of(255), far.address)
    yield* far.until(() => far.heard.some(({ bytes }) => bytes[0] === 255))
    return far.heard.map(({ bytes }) => bytes[0]!).slice(0, -1)
  })).pipe(Effect.provide(Datagram.layerMemory(network)))

it.effect("a memory network loses the same share of datagrams each time", () =>
  Effect.gen(function* () {
    const run = (seed: number) => {
      const isLost = MemoryDatagrams.lossy(seed, 0.3)
      return survivors(MemoryDatagrams.make({ drops: ({ bytes }) => bytes[0] !== 255 && isLost() }))
    }
    const first = yield* run(1)
    expect(first.length).toBeGreaterThan(50)
    expect(first.length).toBeLessThan(90)
    expect(first).toEqual([...first].sort((a, b) => a - b))
    expect(yield* run(1)).toEqual(first)
    expect(yield* run(2)).not.toEqual(first)
  }))

it.effect("a memory network loses what it is told to, by who sends what to whom", () =>
  Effect.gen(function* () {
    const seen: Array<MemoryDatagrams.Flying> = []
    const network = MemoryDatagrams.make({
      drops: (datagram) => {
        seen.push(datagram)
        return datagram.bytes[0]! % 2 === 0
      },
    })
    expect(yield* survivors(network)).toEqual(Array.from({ length: 50 }, (_, i) => 2 * i + 1))
    expect(seen[1]).toMatchObject({ from: { host: "127.0.0.1" }, to: { host: "127.0.0.1" } })
  }))

it.effect("a memory network has the names that it is given", () =>
  Effect.gen(function* () {
    const { resolve } = yield* Datagram.Datagram
    expect(yield* resolve("tracker.example")).toEqual(["192.0.2.1", "2001:db8::1"])
    expect(yield* resolve("localhost")).toEqual(["127.0.0.1", "::1"])
  }).pipe(Effect.provide(Datagram.layerMemory(
    MemoryDatagrams.make({ names: { "tracker.example": ["192.0.2.1", "2001:db8::1"] } }),
  ))))
