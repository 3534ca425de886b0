/** The disks that stores are tested on, as tests/contract/BlockStore.ts wants them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import * as BlockStore from "../../shell/BlockStore.ts"
import * as MemoryDisk from "../../shell/MemoryDisk.ts"
import { TestDisk } from "../contract/BlockStore.ts"
import * as TempDir from "../support/TempDir.ts"
import * as Mount from "./node/Mount.ts"

/** A memory store and its disk, which has room for two million bytes. */
export const memory = Layer.unwrapEffect(Effect.sync(() => {
  const disk = MemoryDisk.make(2_000_000)
  return Layer.merge(
    BlockStore.layerMemory(disk),
    Layer.succeed(TestDisk, {
      directory: "/downloads",
      smallDirectory: "/small",
      put: (path, bytes) => MemoryDisk.put(disk, path, bytes),
      putDirectory: (path) => disk.nodes.set(path, { _tag: "Directory" }),
      putLink: (path, target) => disk.nodes.set(path, { _tag: "Link", target }),
      get: (path) => MemoryDisk.get(disk, path)?.slice(),
    }),
  )
}))

/** A folder that goes away with the test. */
export const nodeDisk = Layer.scoped(
  TestDisk,
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => TempDir.make("store")),
      (dir) => Effect.sync(dir.remove),
    )
    const small = Mount.isPossible ? yield* Mount.tmpfs("size=1m") : undefined
    return {
      directory: directory.path,
      smallDirectory: small ?? "",
      put: (path: string, bytes: Uint8Array) => {
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, bytes)
      },
      putDirectory: (path: string) => mkdirSync(path, { recursive: true }),
      putLink: (path: string, target: string) => {
        mkdirSync(dirname(path), { recursive: true })
        symlinkSync(target, path)
      },
      get: (path: string) => {
        try {
          return Uint8Array.from(readFileSync(path))
        } catch {
          return undefined
        }
      },
    }
  }),
)
