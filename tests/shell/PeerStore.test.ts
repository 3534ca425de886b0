import * as Effect from "effect/Effect"
import * as TestClock from "effect/TestClock"
import { afterAll, beforeAll } from "vitest"
import * as NodeRedisPeerStore from "../../shell/node/NodeRedisPeerStore.ts"
import * as PeerStore from "../../shell/PeerStore.ts"
import { contract } from "../contract/PeerStore.ts"
import * as Redis from "../support/Redis.ts"

contract("in memory", (limits) =>
  Effect.succeed({
    layer: PeerStore.layerMemory({ limits }),
    pass: (seconds) => TestClock.adjust(`${seconds} seconds`),
  }))

const missing = Redis.missing()
let redis: Redis.Redis
let stores = 0
if (missing === undefined) {
  beforeAll(async () => {
    redis = await Redis.start()
  })
  afterAll(() => redis.stop())
}

contract("in Redis", (limits) =>
  Effect.sync(() => {
    // One server for all tests, each with its own part of the keys.
    const prefix = `test:${++stores}:`
    const sweepEveryMs = 10_000
    return {
      layer: NodeRedisPeerStore.layer({ url: redis.url, limits, prefix, sweepEveryMs }),
      pass: (seconds) =>
        // Redis' own clock can't be set: so what it keeps grows older. The next question comes after the sweep.
        Effect.promise(() => redis.ask(Redis.age(prefix, seconds))).pipe(
          Effect.zipRight(TestClock.adjust(sweepEveryMs)),
        ),
    }
  }), missing)
