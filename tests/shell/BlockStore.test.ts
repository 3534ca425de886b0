import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as BlockStore from "../../shell/BlockStore.ts"
import * as MemoryDisk from "../../shell/MemoryDisk.ts"
import * as NodeBlockStore from "../../shell/node/NodeBlockStore.ts"
import { contract, layoutOf, random } from "../contract/BlockStore.ts"
import { memory, nodeDisk } from "./Disks.ts"
import * as Mount from "./node/Mount.ts"

contract("BlockStore.layerMemory", memory, { hasSmallDirectory: true })
contract("NodeBlockStore.layer", Layer.merge(NodeBlockStore.layer, nodeDisk), {
  hasSmallDirectory: Mount.isPossible, // mounting a small file system takes root on Linux
})
contract(
  "NodeBlockStore.layer with 3 descriptors",
  Layer.merge(NodeBlockStore.layerWith({ capacity: 3 }), nodeDisk),
  {
    hasSmallDirectory: Mount.isPossible,
  },
)

it.scoped("a memory disk fails when it is told to", () => {
  const disk = MemoryDisk.make()
  return Effect.gen(function* () {
    const store = yield* (yield* BlockStore.BlockStore).open(layoutOf("/d", [["f", 100]]))
    yield* store.write(0, [random(100)])
    disk.failures.write = "ReadOnly"
    expect(yield* Effect.flip(store.check)).toMatchObject({ reason: "ReadOnly" })
    expect(yield* Effect.flip(store.write(0, [random(1)]))).toMatchObject({
      reason: "ReadOnly",
      path: "/d/f",
    })
    disk.failures.read = "Io"
    expect(yield* Effect.flip(store.read(0, 1))).toMatchObject({ reason: "Io", path: "/d/f" })
  }).pipe(Effect.provide(BlockStore.layerMemory(disk)))
})
