import { describe, expect, it } from "@effect/vitest"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { peer } from "../contract/PeerStore.ts"
import * as PeerStore from "../../shell/PeerStore.ts"
import * as TrackerState from "../../shell/TrackerState.ts"
import * as TempDir from "../support/TempDir.ts"

const temp = Effect.acquireRelease(
  Effect.sync(() => TempDir.make("state")),
  (dir) => Effect.sync(dir.remove),
)

/** One run of a tracker with its state at `path`: `peers` come, then it stops. Gives who was there, and the warnings. */
const run = (path: string, peers: ReadonlyArray<number> = []) =>
  Effect.gen(function* () {
    const warnings: Array<string> = []
    let found = 0
    yield* Effect.scoped(Effect.gen(function* () {
      const context = yield* Layer.build(PeerStore.layerMemory())
      const store = Context.get(context, PeerStore.PeerStore)
      yield* TrackerState.keep(path, (message) => Effect.sync(() => void warnings.push(message))).pipe(
        Effect.provide(context),
        Effect.provide(NodeFileSystem.layer),
      )
      store.stats((result) => found = result.ok ? result.value.leechers : -1)
      for (const n of peers) store.announce(peer(n), false, () => {})
    }))
    return { found, warnings }
  })

describe("the state of a tracker", () => {
  it.scopedLive("is there again in the next run, and the file is replaced as a whole", () =>
    Effect.gen(function* () {
      const dir = yield* temp
      const path = join(dir.path, "swarms")
      expect(yield* run(path, [1, 2, 3])).toEqual({ found: 0, warnings: [] })
      expect(yield* run(path, [4])).toEqual({ found: 3, warnings: [] })
      expect(yield* run(path)).toEqual({ found: 4, warnings: [] })
      expect(TempDir.list(dir.path)).toEqual(["swarms"])
    }))

  it.scopedLive("that is damaged is used as far as it goes, and told if it goes nowhere", () =>
    Effect.gen(function* () {
      const dir = yield* temp
      const path = join(dir.path, "swarms")
      yield* run(path, [1, 2, 3])
      const whole = readFileSync(path)
      for (let length = 0; length <= whole.length; length += 7) {
        writeFileSync(path, whole.subarray(0, length))
        const { found, warnings } = yield* run(path)
        expect(found).toBeLessThanOrEqual(3)
        expect(warnings).toHaveLength(found === 0 && length > 0 ? 1 : 0)
      }
      writeFileSync(path, "something else entirely")
      expect((yield* run(path)).warnings).toEqual([`${path} has no peers that are still of use`])
    }))

  it.scopedLive("stays as it was if it can't be written, and that is told", () =>
    Effect.gen(function* () {
      const dir = yield* temp
      const path = join(dir.path, "swarms")
      yield* run(path, [1])
      const before = readFileSync(path)
      // where the new file would be written, something else stands
      mkdirSync(`${path}.new`)
      const { found, warnings } = yield* run(path, [2])
      expect(found).toBe(1)
      expect(warnings).toEqual([expect.stringContaining(`the state could not be written to ${path}: `)])
      expect(readFileSync(path)).toEqual(before)
    }))

  it.scopedLive("that is there and can't be read stops the tracker, before it is overwritten", () =>
    Effect.gen(function* () {
      const dir = yield* temp
      const path = join(dir.path, "swarms")
      mkdirSync(path)
      chmodSync(path, 0o700)
      const error = yield* Effect.flip(run(path))
      expect(error).toMatchObject({ reason: "state" })
      expect(error.message).toContain(`the state in ${path} can't be read: `)
    }))
})
