/** Ports with faults: as good as those below while nothing goes wrong, and otherwise as bad as they were told to be. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { networkInterfaces } from "node:os"
import * as BlockStore from "../../shell/BlockStore.ts"
import * as Faulty from "../../shell/Faulty.ts"
import * as FaultyTransport from "../../shell/FaultyTransport.ts"
import * as Hasher from "../../shell/Hasher.ts"
import * as MemoryNetwork from "../../shell/MemoryNetwork.ts"
import * as NodeBlockStore from "../../shell/node/NodeBlockStore.ts"
import * as NodeTransport from "../../shell/node/NodeTransport.ts"
import * as ResumeStore from "../../shell/ResumeStore.ts"
import * as Transport from "../../shell/Transport.ts"
import * as BlockStoreContract from "../contract/BlockStore.ts"
import * as ResumeStoreContract from "../contract/ResumeStore.ts"
import * as TransportContract from "../contract/Transport.ts"
import { expectBytes, layoutOf, random } from "../contract/BlockStore.ts"
import { pair } from "../contract/Ends.ts"
import { nodeDisk } from "./Disks.ts"
import * as Mount from "./node/Mount.ts"
import * as Silent from "./node/Silent.ts"

/** Nothing fails, but half of everything comes in two parts: that must make no difference. */
const SHORT: Faulty.Chances = { seed: 1, probability: 0.5, faults: [{ _tag: "Short" }] }

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1")
)

const onDisk = (plan: () => Faulty.Plan) =>
  Layer.merge(
    Layer.unwrapEffect(Effect.sync(() => Layer.provide(Faulty.blockStore(plan()), NodeBlockStore.layer))),
    nodeDisk,
  )
const store = { hasSmallDirectory: Mount.isPossible }
BlockStoreContract.contract("Faulty.blockStore with no faults", onDisk(Faulty.none), store)
BlockStoreContract.contract(
  "Faulty.blockStore with short operations",
  onDisk(() => Faulty.drawn(SHORT)),
  store,
)

ResumeStoreContract.contract(
  "Faulty.resumeStore with no faults",
  Layer.unwrapEffect(Effect.sync(() =>
    Layer.merge(
      Layer.provide(Faulty.resumeStore(Faulty.none()), ResumeStore.layerMemory()),
      Layer.succeed(ResumeStoreContract.TestDirectory, "/d"),
    )
  )),
)

TransportContract.contract(
  "FaultyTransport.layer in memory with no faults",
  Layer.unwrapEffect(Effect.sync(() => {
    const network = MemoryNetwork.make()
    network.silent.add("192.0.2.1:6881")
    return Layer.merge(
      Layer.provide(FaultyTransport.layer(Faulty.none()), Transport.layerMemory(network)),
      Layer.succeed(TransportContract.TestNetwork, { silent: { host: "192.0.2.1", port: 6881 } }),
    )
  })),
  { hasSilent: true, hasIpv6: true },
)
TransportContract.contract(
  "FaultyTransport.layer on sockets with short operations",
  Layer.merge(
    Layer.unwrapEffect(
      Effect.sync(() => Layer.provide(FaultyTransport.layer(Faulty.drawn(SHORT)), NodeTransport.layer)),
    ),
    Layer.scoped(TransportContract.TestNetwork, Effect.map(Silent.address, (silent) => ({ silent }))),
  ),
  { hasSilent: Silent.isPossible, hasIpv6 },
)

describe("a plan", () => {
  it("strikes the operation that it names, and notes it", () => {
    const plan = Faulty.scripted([["write", 2, { _tag: "Fails", code: "EIO" }]])
    expect(["write", "read", "write", "write"].map((one) => plan.next(one as Faulty.Operation)?._tag))
      .toEqual([
        undefined,
        undefined,
        "Fails",
        undefined,
      ])
    expect(plan.struck).toEqual(["write 2: Fails EIO"])
    expect([plan.count("write"), plan.count("read"), plan.count("sync")]).toEqual([3, 1, 0])
  })

  it("draws the same faults from the same seed, others from another, and no more than it may", () => {
    const struck = (seed: number) => {
      const plan = Faulty.drawn({ seed, probability: 0.3, operations: ["write"], most: 5 })
      for (let i = 0; i < 100; i++) {
        plan.next("write")
        plan.next("read")
      }
      return plan.struck
    }
    expect(struck(1)).toHaveLength(5)
    expect(struck(1)).toEqual(struck(1))
    expect(struck(2)).not.toEqual(struck(1))
    expect(struck(1).every((one) => one.startsWith("write"))).toBe(true)
  })
})

describe("a store with faults", () => {
  const scene = <A>(
    plan: Faulty.Plan,
    body: (store: BlockStore.TorrentStore) => Effect.Effect<A, unknown>,
  ) =>
    Effect.gen(function* () {
      const store = yield* (yield* BlockStore.BlockStore).open(layoutOf("/d", [["a", 100], ["b", 100]]))
      return yield* body(store)
    }).pipe(
      Effect.scoped,
      Effect.provide(Layer.provide(Faulty.blockStore(plan), BlockStore.layerMemory())),
    )

  it.effect("fails as the system would, with nothing done or the first half", () => {
    const plan = Faulty.scripted([
      ["write", 1, { _tag: "Fails", code: "EMFILE" }],
      ["write", 2, { _tag: "Torn", code: "ENOSPC" }],
      ["read", 3, { _tag: "Fails", code: "EIO" }],
      ["sync", 1, { _tag: "Fails", code: "EIO" }],
    ])
    return scene(plan, (store) =>
      Effect.gen(function* () {
        const data = random(200)
        const refused = yield* Effect.flip(store.write(0, [data]))
        expect(refused).toMatchObject({ _tag: "StorageError", reason: "TooManyOpenFiles", path: "/d/a" })
        expect(yield* Effect.flip(store.read(0, 1))).toMatchObject({ reason: "Missing" })
        const torn = yield* Effect.flip(store.write(50, [data.subarray(50, 60), data.subarray(60, 150)]))
        expect(torn).toMatchObject({ reason: "NoSpace", path: "/d/a" })
        expectBytes(yield* store.read(50, 50), data.slice(50, 100))
        expect(yield* Effect.flip(store.read(50, 50))).toMatchObject({ reason: "Io" })
        expect(yield* Effect.flip(store.sync)).toMatchObject({ reason: "Io" })
        yield* store.write(50, [data.subarray(50, 150)])
        expectBytes(yield* store.read(50, 100), data.slice(50, 150))
        expect(plan.struck).toHaveLength(4)
      }))
  })

  it.effect("lets a hasher fail that reads without it", () => {
    const plan = Faulty.scripted([["hash", 1, { _tag: "Fails", code: "EIO" }]])
    return scene(Faulty.none(), (store) =>
      Effect.gen(function* () {
        yield* store.write(0, [random(200)])
        const hasher = yield* Hasher.Hasher
        expect(yield* Effect.flip(hasher.sha1(store, 0, 200))).toMatchObject({ reason: "Io", path: "/d/a" })
        expect((yield* hasher.sha1(store, 0, 200)).length).toBe(20)
      }).pipe(Effect.provide(Layer.provide(Faulty.hasher(plan), Hasher.layerMemory))))
  })
})

describe("a transport with faults", () => {
  const over = (plan: Faulty.Plan) => Layer.provide(FaultyTransport.layer(plan), Transport.layerMemory())

  it.scopedLive("refuses to connect with the reason", () =>
    Effect.gen(function* () {
      const transport = yield* Transport.Transport
      const handlers = { onRead: () => {}, onDrain: () => {}, onClose: () => {} }
      const dial = transport.connect({ host: "10.0.0.1", port: 1 }, { timeoutMs: 1_000 }, handlers)
      expect((yield* Effect.flip(dial)).reason).toBe("TooManyOpenFiles")
      expect((yield* Effect.flip(dial)).reason).toBe("Reset")
      expect((yield* Effect.flip(dial)).reason).toBe("Refused") // by nobody but the network
    }).pipe(Effect.provide(over(Faulty.scripted([
      ["connect", 1, { _tag: "Fails", code: "EMFILE" }],
      ["connect", 2, { _tag: "Torn", code: "ECONNRESET" }],
    ])))))

  it.scopedLive("cuts a connection in the middle of what is sent, and both ends hear of it", () =>
    Effect.gen(function* () {
      const { near, far } = yield* pair
      near.connection.write(random(1_000))
      yield* near.seen.until((seen) => seen.closes.length > 0)
      yield* far.seen.until((seen) => seen.closes.length > 0)
      expect(near.seen.closes).toEqual(["ECONNRESET"])
      expectBytes(far.seen.reads[0], random(1_000).slice(0, 500))
      near.connection.write(random(10)) // nothing happens any more
    }).pipe(Effect.provide(over(Faulty.scripted([["send", 1, { _tag: "Torn", code: "ECONNRESET" }]])))))
})
