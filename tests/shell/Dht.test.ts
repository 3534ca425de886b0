import { describe, expect, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Address from "../../core/base/Address.ts"
import * as Bytes from "../../core/base/Bytes.ts"
import type { Event } from "../../core/dht/Event.ts"
import * as Items from "../../core/dht/Items.ts"
import * as Saved from "../../core/dht/Saved.ts"
import { Datagram, layerMemory } from "../../shell/Datagram.ts"
import * as Dht from "../../shell/Dht.ts"
import * as MemoryDatagrams from "../../shell/MemoryDatagrams.ts"
import * as NodeSignatures from "../../shell/node/NodeSignatures.ts"
import { Signatures } from "../../shell/Signatures.ts"
import * as TempDir from "../support/TempDir.ts"

const HASH = Bytes.fromHex("ed4f1085e885f98f9a69b70ee89eb988b8fd9115")!

/** Nodes of one network in memory, of which each but the first begins at the first. */
const network = (options: MemoryDatagrams.Options = {}) => {
  const memory = MemoryDatagrams.make(options)
  const open = (more: Partial<Dht.DhtOptions> = {}) =>
    Effect.gen(function* () {
      const { open } = yield* Dht.Dht
      const node = yield* open({ host: "127.0.0.1", port: 0 })
      return node ?? expect.unreachable("there is a DHT")
    }).pipe(
      Effect.provide(Dht.layer({ bootstrap: [], stateFile: undefined, isReadOnly: false, ...more })),
      Effect.provide(Layer.mergeAll(layerMemory(memory), NodeSignatures.layer, NodeFileSystem.layer)),
    )
  const swarm = (count: number) =>
    Effect.gen(function* () {
      const first = yield* open()
      const others = yield* Effect.replicateEffect(open({ bootstrap: [first.address] }), count - 1)
      return [first, ...others] as const
    })
  return { open, swarm }
}

/** Asks, and gives the end and what came before it. */
const ask = (node: Dht.DhtNode, question: Dht.Question) =>
  Effect.gen(function* () {
    const events: Array<Event> = []
    const end = yield* node.ask(question, (event) => events.push(event))
    return { end, events }
  })

describe("nodes", () => {
  it.scopedLive("tell each other who takes part in a torrent", () =>
    Effect.gen(function* () {
      const nodes = yield* network().swarm(6)
      const announce = { port: 4_000, impliedPort: false, isSeed: true }
      const { end } = yield* ask(nodes[2]!, { _tag: "GetPeers", infoHash: HASH, announce })
      expect(end).toMatchObject({ _tag: "LookupDone", announcedTo: expect.any(Number) })
      expect(end._tag === "LookupDone" && end.announcedTo).toBeGreaterThan(2)
      const found = yield* ask(nodes[4]!, { _tag: "GetPeers", infoHash: HASH })
      const peers = found.events.flatMap((event) => event._tag === "PeersFound" ? event.peers : [])
      expect(peers.map(Address.format)).toContain("127.0.0.1:4000")
    }))

  it.scopedLive("that are only two find what was announced to themselves", () =>
    Effect.gen(function* () {
      const [a, b] = yield* network().swarm(2)
      const announce = { port: 4_000, impliedPort: false, isSeed: false }
      expect((yield* ask(b!, { _tag: "GetPeers", infoHash: HASH, announce })).end).toMatchObject({
        announcedTo: 1,
      })
      const { events } = yield* ask(a, { _tag: "GetPeers", infoHash: HASH })
      const peers = events.flatMap((event) => event._tag === "PeersFound" ? event.peers : [])
      expect(peers.map(Address.format)).toEqual(["127.0.0.1:4000"])
    }))

  it.scopedLive("keep items, signed ones by the runtime's own cryptography", () =>
    Effect.gen(function* () {
      const [, a, b] = yield* network().swarm(5)
      const signatures = yield* Signatures
      const seed = yield* signatures.generate
      const publicKey = yield* signatures.publicKey(seed)
      const value = Bytes.latin1("5:hello")
      const signature = yield* signatures.sign(seed, Items.signingInput(7n, Bytes.empty, value))
      const put = yield* ask(a!, { _tag: "PutItem", value, mutable: { publicKey, signature, seq: 7n } })
      expect(put.events).toMatchObject([{ _tag: "PutDone", storedAt: expect.any(Number) }])
      const target = Items.targetOfMutable(publicKey, Bytes.empty)
      const got = yield* ask(b!, { _tag: "GetItem", target, publicKey })
      expect(got.events).toMatchObject([{ _tag: "ItemFound", value, mutable: { seq: 7n } }])
      const forged = { publicKey, signature: signature.map((byte) => byte ^ 1), seq: 8n }
      const refused = yield* ask(a!, { _tag: "PutItem", value, mutable: forged })
      expect(refused.events).toMatchObject([{ _tag: "PutDone", storedAt: 0 }])
    }).pipe(Effect.provide(NodeSignatures.layer)))

  it.scopedLive("answer a ping, or don't", () =>
    Effect.gen(function* () {
      const [a, b] = yield* network().swarm(2)
      expect((yield* ask(a, { _tag: "Ping", address: b!.address })).end._tag).toBe("Pong")
    }))

  it.scopedLive("are entered by name, and by whoever is told of later", () =>
    Effect.gen(function* () {
      const { open } = network({ names: { "router.example": ["127.0.0.1"] } })
      const router = yield* open()
      const named = yield* open({ bootstrap: [{ host: "router.example", port: router.address.port }] })
      expect((yield* ask(named, { _tag: "FindNode", target: HASH })).end).toMatchObject({ responses: 1 })
      const told = yield* open()
      told.addNode(router.address)
      expect((yield* ask(told, { _tag: "FindNode", target: HASH })).end).toMatchObject({
        _tag: "LookupDone",
        responses: expect.any(Number),
      })
    }))
})

describe("the table", () => {
  it.scopedLive("is saved at the end, and the next run begins with it", () =>
    Effect.gen(function* () {
      using folder = TempDir.make("dht")
      const stateFile = `${folder.path}/state/dht.dat`
      const { open } = network()
      const other = yield* open()
      const scope = yield* Scope.make()
      const node = yield* Scope.extend(open({ bootstrap: [other.address], stateFile }), scope)
      yield* ask(node, { _tag: "FindNode", target: HASH })
      yield* Scope.close(scope, Exit.void)
      const fs = yield* Effect.promise(() => import("node:fs/promises"))
      const saved = Saved.decode(yield* Effect.promise(() => fs.readFile(stateFile)))
      expect(saved?.nodes.map(({ address }) => Address.format(address))).toEqual([
        Address.format(other.address),
      ])
      const again = yield* open({ stateFile })
      expect((yield* ask(again, { _tag: "FindNode", target: HASH })).end).toMatchObject({ responses: 1 })
    }))

  it.scopedLive("that is none is begun anew", () =>
    Effect.gen(function* () {
      using folder = TempDir.make("dht")
      const stateFile = `${folder.path}/dht.dat`
      const fs = yield* Effect.promise(() => import("node:fs/promises"))
      yield* Effect.promise(() => fs.writeFile(stateFile, "rubbish"))
      const { open } = network()
      const other = yield* open()
      const node = yield* open({ bootstrap: [other.address], stateFile })
      expect((yield* ask(node, { _tag: "FindNode", target: HASH })).end).toMatchObject({ responses: 1 })
    }))
})

it.scoped("there need not be one", () =>
  Effect.gen(function* () {
    const { open } = yield* Dht.Dht
    expect(yield* open({ host: undefined, port: 0 })).toBeUndefined()
  }).pipe(Effect.provide(Dht.layerNone)))

it.scoped("what is heard before the node is there harms nobody", () =>
  Effect.gen(function* () {
    const { open } = yield* Dht.Dht
    const node = yield* open({ host: "127.0.0.1", port: 0 })
    expect(node?.stats().nodes).toEqual({ ipv4: 0, ipv6: 0 })
  }).pipe(
    Effect.provide(Dht.layer({ bootstrap: [], stateFile: undefined, isReadOnly: false })),
    Effect.provide(Layer.merge(NodeSignatures.layer, NodeFileSystem.layer)),
    Effect.provideService(Datagram, {
      resolve: () => Effect.succeed(["127.0.0.1"]),
      bind: (_options, { onMessage }) =>
        Effect.sync(() => {
          onMessage(Uint8Array.of(1), { host: "127.0.0.1", port: 1 })
          return { address: { host: "127.0.0.1", port: 2 }, send: () => {} }
        }),
    }),
  ))
