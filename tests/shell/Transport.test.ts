import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { networkInterfaces } from "node:os"
import * as MemoryNetwork from "../../shell/MemoryNetwork.ts"
import * as NodeTransport from "../../shell/node/NodeTransport.ts"
import * as Transport from "../../shell/Transport.ts"
import { contract, TestNetwork } from "../contract/Transport.ts"
import * as Silent from "./node/Silent.ts"

const memory = Layer.unwrapEffect(Effect.sync(() => {
  const network = MemoryNetwork.make()
  const silent = { host: "192.0.2.1", port: 6881 }
  network.silent.add("192.0.2.1:6881")
  return Layer.merge(Transport.layerMemory(network), Layer.succeed(TestNetwork, { silent }))
}))

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1")
)

contract("Transport.layerMemory", memory, { hasSilent: true, hasIpv6: true })
contract(
  "NodeTransport.layer",
  Layer.merge(
    NodeTransport.layer,
    Layer.scoped(TestNetwork, Effect.map(Silent.address, (silent) => ({ silent }))),
  ),
  { hasSilent: Silent.isPossible, hasIpv6 },
)

it.effect("a memory network does the same things in the same order each time", () => {
  const run = Effect.scoped(Effect.gen(function* () {
    const log: Array<string> = []
    const done = yield* Deferred.make<void>()
    const transport = yield* Transport.Transport
    const note = (name: string, answer: (bytes: number) => void): Transport.ConnectionHandlers => ({
      onRead: (bytes) => {
        log.push(`${name} ${bytes.length}`)
        answer(bytes.length)
      },
      onDrain: () => log.push(`${name} drain`),
      onClose: () => {
        log.push(`${name} close`)
        if (log.filter((line) => line.endsWith("close")).length === 3) Deferred.unsafeDone(done, Effect.void)
      },
    })
    const { address } = yield* transport.listen({ port: 6881 }, (connection, setHandlers) => {
      const name = `from ${connection.remote.port}`
      setHandlers(note(name, (bytes) => connection.write(new Uint8Array(bytes % 1_000))))
    })
    const connections = yield* Effect.forEach(
      [1, 2, 3],
      (i) =>
        transport.connect(
          { host: "10.0.0.1", port: address.port },
          { timeoutMs: 1_000 },
          note(`to ${i}`, () => {}),
        ),
      {
        concurrency: "unbounded",
      },
    )
    connections.forEach((connection, i) => {
      for (let k = 0; k < 20; k++) connection.write(new Uint8Array(20_000 * (i + 1) + k))
    })
    yield* Effect.forEach(
      connections,
      (connection) => Effect.repeat(Effect.yieldNow(), { until: () => connection.bufferedBytes() === 0 }),
    )
    connections.forEach((connection) => connection.close())
    yield* Deferred.await(done)
    return log
  })).pipe(Effect.provide(Transport.layerMemory()))
  return Effect.gen(function* () {
    const first = yield* run
    expect(first.length).toBeGreaterThan(20)
    expect(first).toContain("to 3 drain")
    expect(yield* run).toEqual(first)
  })
})
