import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import type * as Bytes from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import { contract, hash, peer } from "../contract/PeerStore.ts"
import * as PeerStore from "../../shell/PeerStore.ts"
import * as PeerStoreWire from "../../shell/PeerStoreWire.ts"

type Store = typeof PeerStore.PeerStore.Service

/** Two ends of a stream that cuts what passes at random, and delivers it in later turns. */
const connect = (
  store: PeerStoreWire.HotStore,
  counters: (theirs: ReadonlyArray<number>) => ReadonlyArray<number> = (theirs) => theirs,
  seed = 1,
) => {
  const rng = Rng.make(seed)
  const deliver = (bytes: Bytes.Bytes, to: (bytes: Bytes.Bytes) => void): void => {
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + 1 + Rng.next(rng) % 50)
      const part = bytes.slice(at, end)
      queueMicrotask(() => to(part))
      at = end
    }
  }
  const writes = { client: 0, server: 0 }
  const client = PeerStoreWire.client({
    write: (bytes) => {
      writes.client++
      deliver(bytes, (part) => serve(part))
    },
    defer: queueMicrotask,
  })
  const serve = PeerStoreWire.server(store, {
    write: (bytes) => {
      writes.server++
      deliver(bytes, client.onBytes)
    },
    defer: queueMicrotask,
  }, counters)
  return { client, writes }
}

// All that any store does, through the pipe; a snapshot is the business of the process that has the store.
contract("in another process", (limits) =>
  Effect.succeed({
    layer: Layer.map(PeerStore.layerMemory({ limits }), (context) => {
      const store = Context.get(context, PeerStore.PeerStore)
      const remote: Store = {
        ...connect(store).client.store,
        snapshot: store.snapshot,
        restore: store.restore,
      }
      return Context.make(PeerStore.PeerStore, remote)
    }),
    pass: (seconds) => TestClock.adjust(`${seconds} seconds`),
  }))

const silent: PeerStoreWire.HotStore = { announce: () => {}, scrape: () => {}, stats: () => {} }

describe("a pipe", () => {
  it.scopedLive("sends together what came together", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(PeerStore.layerMemory())
      const { client, writes } = connect(Context.get(context, PeerStore.PeerStore))
      const leechers = yield* Effect.all(
        Array.from({ length: 500 }, (_, n) =>
          Effect.async<number>((resume) =>
            client.store.announce(peer(n + 1), n % 2 === 0, (result) =>
              resume(Effect.succeed(result.ok ? result.value.leechers : -1)))
          )),
        { concurrency: "unbounded" },
      )
      expect(leechers).toEqual(Array.from({ length: 500 }, (_, n) =>
        n + 1))
      expect(writes.client).toBe(1)
    }))

  it("brings one process's counters and gives the sums of all", async () => {
    const { client } = connect(silent, (theirs) => theirs.map((value) => value * 2))
    const sums = await new Promise((resolve) => client.counters([1, 2.5, 2 ** 40], resolve))
    expect(sums).toEqual({ ok: true, value: [2, 5, 2 ** 41] })
  })

  it("refuses what comes while too much is waiting", () => {
    const { client } = connect(silent)
    const answers: Array<unknown> = []
    for (let n = 0; n <= PeerStoreWire.MAX_PENDING; n++) client.store.stats((result) => answers.push(result))
    expect(answers).toEqual([{ ok: false, error: expect.objectContaining({ reason: "Overloaded" }) }])
  })

  it("that breaks answers everyone who waits, and who comes later", () => {
    const { client } = connect(silent)
    const reasons: Array<string> = []
    const ask = (): void =>
      client.store.scrape([hash(1)], (result) => reasons.push(result.ok ? "ok" : result.error.reason))
    ask()
    ask()
    expect(reasons).toEqual([])
    client.close()
    ask()
    expect(reasons).toEqual(["Unreachable", "Unreachable", "Unreachable"])
  })
})
