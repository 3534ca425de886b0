import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MemoryDisk from "../../../shell/MemoryDisk.ts"
import * as Process from "../../../shell/sim/Process.ts"
import * as SimBlockStore from "../../../shell/sim/SimBlockStore.ts"
import * as SimDisk from "../../../shell/sim/SimDisk.ts"
import * as SimHasher from "../../../shell/sim/SimHasher.ts"
import * as SimResumeStore from "../../../shell/sim/SimResumeStore.ts"
import * as BlockStoreContract from "../../contract/BlockStore.ts"
import * as HasherContract from "../../contract/Hasher.ts"
import * as ResumeStoreContract from "../../contract/ResumeStore.ts"
import { inWorld } from "./Inside.ts"

const SLOW = { latencyMs: 5, rateBytesPerSec: 50_000_000 }

/** A store on a slow disk with room for two million bytes. */
const store = Layer.unwrapEffect(Effect.map(Process.current, (process) => {
  const disk = SimDisk.make(process.world, 0, { ...SLOW, freeBytes: 2_000_000 })
  const { files } = disk
  return Layer.merge(
    SimBlockStore.layer(disk, process),
    Layer.succeed(BlockStoreContract.TestDisk, {
      directory: "/downloads",
      smallDirectory: "/small",
      put: (path, bytes) => MemoryDisk.put(files, path, bytes),
      putDirectory: (path) => files.nodes.set(path, { _tag: "Directory" }),
      putLink: (path, target) => files.nodes.set(path, { _tag: "Link", target }),
      get: (path) => MemoryDisk.get(files, path)?.slice(),
    }),
  )
}))

const resume = Layer.unwrapEffect(Effect.map(Process.current, (process) =>
  Layer.merge(
    SimResumeStore.layer(SimDisk.make(process.world, 0, SLOW), process),
    Layer.succeed(ResumeStoreContract.TestDirectory, "/d"),
  )))

BlockStoreContract.contract("SimBlockStore.layer", store, { hasSmallDirectory: true, inside: inWorld(1) })
HasherContract.contract("SimHasher.layer", Layer.merge(SimHasher.layer, store), inWorld(1))
ResumeStoreContract.contract("SimResumeStore.layer", resume, inWorld(1))
