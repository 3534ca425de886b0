import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as NodeResumeStore from "../../shell/node/NodeResumeStore.ts"
import * as ResumeStore from "../../shell/ResumeStore.ts"
import { contract, TestDirectory } from "../contract/ResumeStore.ts"
import * as TempDir from "../support/TempDir.ts"

const directory = Layer.scoped(
  TestDirectory,
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => TempDir.make("resume")), (dir) => Effect.sync(dir.remove)),
    (dir) => dir.path,
  ),
)

contract(
  "ResumeStore.layerMemory",
  Layer.unwrapEffect(
    Effect.sync(() => Layer.merge(ResumeStore.layerMemory(), Layer.succeed(TestDirectory, "/d"))),
  ),
)
contract("NodeResumeStore.layer", Layer.merge(NodeResumeStore.layer, directory))
