/** What making a torrent needs, put together live; the same on Node and on Deno. */
import * as Layer from "effect/Layer"
import type { BlockStore } from "./BlockStore.ts"
import type { FileTree } from "./FileTree.ts"
import type { Hasher } from "./Hasher.ts"
import * as NodeBlockStore from "./node/NodeBlockStore.ts"
import * as NodeFileTree from "./node/NodeFileTree.ts"
import * as NodeHasher from "./node/NodeHasher.ts"

export const layer: Layer.Layer<BlockStore | Hasher | FileTree> = Layer.mergeAll(
  NodeBlockStore.layer,
  NodeHasher.layer,
  NodeFileTree.layer,
)
