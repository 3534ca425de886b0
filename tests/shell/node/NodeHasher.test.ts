/** What only a pool of threads does. The rest is in tests/contract/Hasher.ts. */
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { build } from "esbuild"
import { spawnSync } from "node:child_process"
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs"
import process from "node:process"
import { fileURLToPath, pathToFileURL } from "node:url"
import { toHex } from "../../../core/base/Bytes.ts"
import { sha1 } from "../../../core/base/Sha1.ts"
import type { TorrentStore } from "../../../shell/BlockStore.ts"
import { Hasher } from "../../../shell/Hasher.ts"
import * as Layout from "../../../shell/Layout.ts"
import * as NodeHasher from "../../../shell/node/NodeHasher.ts"
import { layoutOf, random } from "../../contract/BlockStore.ts"
import * as TempDir from "../../support/TempDir.ts"

const WORKER = new URL("../../../shell/node/hashWorker.mjs", import.meta.url)

const tempDir = Effect.map(
  Effect.acquireRelease(Effect.sync(() => TempDir.make("hasher")), (dir) => Effect.sync(dir.remove)),
  (dir) => dir.path,
)

/** A file of 100,000 bytes and a store that can only locate it, which is all that the pool asks of one. */
const setup = Effect.gen(function* () {
  const directory = yield* tempDir
  const data = random(100_000)
  writeFileSync(`${directory}/file`, data)
  const layout = layoutOf(directory, [["file", data.length]])
  const locate: TorrentStore["locate"] = (offset, bytes) => Layout.locate(layout, offset, bytes)
  const store = { locate } as Partial<TorrentStore> as TorrentStore
  return { directory, data, store }
})

/** A worker in which `code`, with the directory as `DIR`, takes each message before the real one does. */
const workerWith = (directory: string, code: string): URL => {
  writeFileSync(
    `${directory}/hook.mjs`,
    `import * as fs from "node:fs"
import process from "node:process"
import { parentPort } from "node:worker_threads"
const DIR = ${JSON.stringify(directory)}
${code}
`,
  )
  writeFileSync(`${directory}/worker.mjs`, `import "./hook.mjs"\nimport ${JSON.stringify(WORKER.href)}\n`)
  return pathToFileURL(`${directory}/worker.mjs`)
}

describe("NodeHasher", () => {
  it.scoped("hands the jobs of a thread that died to another one, once", () =>
    Effect.gen(function* () {
      const { directory, data, store } = yield* setup
      const workerUrl = workerWith(
        directory,
        `parentPort.on("message", () => {
          if (fs.existsSync(DIR + "/died")) return
          fs.writeFileSync(DIR + "/died", "")
          process.exit(1)
        })`,
      )
      yield* Effect.gen(function* () {
        const hasher = yield* Hasher
        const hashes = yield* Effect.forEach([0, 10, 20], (offset) => hasher.sha1(store, offset, 1_000), {
          concurrency: "unbounded",
        })
        expect(hashes.map(toHex)).toEqual([0, 10, 20].map((at) => toHex(sha1(data.subarray(at, at + 1_000)))))
        expect(existsSync(`${directory}/died`)).toBe(true)
      }).pipe(Effect.provide(NodeHasher.layerWith({ workerCount: 1, workerUrl })))
    }))

  it.scoped("gives up on a job that killed two threads: a defect, not a failure of the disk", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* setup
      const workerUrl = workerWith(
        directory,
        `parentPort.on("message", () => process.exit(1))`,
      )
      const exit = yield* Effect.exit(
        Effect.flatMap(Hasher, (hasher) => hasher.sha1(store, 0, 10)).pipe(
          Effect.provide(NodeHasher.layerWith({ workerCount: 2, workerUrl })),
        ),
      )
      expect(Exit.isFailure(exit) && Cause.isDie(exit.cause)).toBe(true)
    }))

  it.scoped("says so when the worker's file is missing, instead of waiting for ever", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* setup
      const workerUrl = pathToFileURL(`${directory}/absent.mjs`)
      const exit = yield* Effect.exit(
        Effect.flatMap(Hasher, (hasher) => hasher.sha1(store, 0, 10)).pipe(
          Effect.provide(NodeHasher.layerWith({ workerCount: 1, workerUrl })),
        ),
      )
      expect(Exit.isFailure(exit) && Cause.isDie(exit.cause)).toBe(true)
    }))

  it.scoped("never begins what was interrupted while it waited", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* setup
      // Blocks until the gate is there, and notes what it was asked.
      const workerUrl = workerWith(
        directory,
        `parentPort.on("message", ({ extents }) => {
          while (!fs.existsSync(DIR + "/gate"));
          fs.appendFileSync(DIR + "/asked", extents[0].offset + "\\n")
        })`,
      )
      yield* Effect.gen(function* () {
        const hasher = yield* Hasher
        const fibers = yield* Effect.forEach([0, 1, 2, 3, 4], (offset) =>
          Effect.fork(hasher.sha1(store, offset, 10)))
        yield* Effect.yieldNow()
        for (const fiber of fibers.slice(2, 4)) {
          yield* Fiber.interrupt(fiber)
        }
        writeFileSync(`${directory}/gate`, "")
        yield* Fiber.join(fibers[0]!)
        yield* Fiber.join(fibers[1]!)
        yield* Fiber.join(fibers[4]!)
        expect(readFileSync(`${directory}/asked`, "utf8").trim().split("\n")).toEqual(["0", "1", "4"])
      }).pipe(Effect.provide(NodeHasher.layerWith({ workerCount: 1, workerUrl })))
    }))

  it.scoped("interrupts what is still waiting when its scope ends", () =>
    Effect.gen(function* () {
      const { directory, store } = yield* setup
      const workerUrl = workerWith(directory, `parentPort.on("message", () => { for (;;); })`)
      const scope = yield* Scope.make()
      const layer = NodeHasher.layerWith({ workerCount: 1, workerUrl })
      const context = yield* Layer.buildWithScope(layer, scope)
      const hash = Effect.provide(Effect.flatMap(Hasher, (hasher) => hasher.sha1(store, 0, 10)), context)
      const fibers = yield* Effect.all([1, 2, 3, 4].map(() => Effect.fork(hash)))
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      for (const fiber of fibers) expect(Exit.isInterrupted(yield* Fiber.await(fiber))).toBe(true)
    }))

  it.scoped.each([true, false])(
    "hashes on the calling thread if it is told to: %s",
    (isRolling) =>
      Effect.gen(function* () {
        const { data, directory } = yield* setup
        const workerUrl = pathToFileURL(`${directory}/absent.mjs`)
        const layer = NodeHasher.layerWith({ isRolling, workerCount: 1, workerUrl })
        const hash = (yield* Effect.provide(Hasher, layer)).rolling?.()
        for (const part of [data.subarray(0, 1), data.subarray(1)]) hash?.update(part)
        expect(hash && toHex(hash.digest())).toBe(isRolling ? toHex(sha1(data)) : undefined)
      }),
  )

  it.scoped("works beside a bundle, and an idle pool does not keep the process up", () =>
    Effect.gen(function* () {
      const { directory, data } = yield* setup
      writeFileSync(
        `${directory}/entry.ts`,
        `import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Hasher } from ${JSON.stringify(fileURLToPath(new URL("../../../shell/Hasher.ts", import.meta.url)))}
import * as NodeHasher from ${
          JSON.stringify(fileURLToPath(new URL("../../../shell/node/NodeHasher.ts", import.meta.url)))
        }
const extents = [{ path: ${
          JSON.stringify(`${directory}/file`)
        }, offset: 0, bytes: ${data.length}, fileIndex: 0 }]
// Never disposed of, so the threads are there when the program has nothing left to do.
const runtime = ManagedRuntime.make(NodeHasher.layer)
const hash = Effect.flatMap(Hasher, (hasher) => hasher.sha1({ locate: () => extents }, 0, ${data.length}))
const digest = await runtime.runPromise(hash)
console.log(Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join(""))
`,
      )
      yield* Effect.promise(() =>
        build({
          entryPoints: [`${directory}/entry.ts`],
          outfile: `${directory}/bundle.mjs`,
          bundle: true,
          format: "esm",
          platform: "node",
          nodePaths: [fileURLToPath(new URL("../../../node_modules", import.meta.url))],
          logLevel: "silent",
        })
      )
      copyFileSync(WORKER, `${directory}/hashWorker.mjs`)
      const flags = "Deno" in globalThis ? ["run", "-A"] : []
      const run = spawnSync(process.execPath, [...flags, `${directory}/bundle.mjs`], {
        encoding: "utf8",
        timeout: 15_000,
      })
      expect({ signal: run.signal, status: run.status, stderr: run.stderr }).toEqual({
        signal: null,
        status: 0,
        stderr: "",
      })
      expect(run.stdout.trim()).toBe(toHex(sha1(data)))
    }))
})
