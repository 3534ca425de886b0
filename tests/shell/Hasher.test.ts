import * as Layer from "effect/Layer"
import * as Hasher from "../../shell/Hasher.ts"
import * as NodeBlockStore from "../../shell/node/NodeBlockStore.ts"
import * as NodeHasher from "../../shell/node/NodeHasher.ts"
import { contract } from "../contract/Hasher.ts"
import { memory, nodeDisk } from "./Disks.ts"

contract("Hasher.layerMemory", Layer.merge(Hasher.layerMemory, memory))
contract("Hasher.layerMemory over files", Layer.mergeAll(Hasher.layerMemory, NodeBlockStore.layer, nodeDisk))
contract("NodeHasher.layer", Layer.mergeAll(NodeHasher.layer, NodeBlockStore.layer, nodeDisk))
