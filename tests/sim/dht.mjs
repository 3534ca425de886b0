// Runs Dht.ts on Node 20, which reads no TypeScript, without a build; with a collector that can be called, to weigh the nodes.
import { register } from "node:module"
import { setFlagsFromString } from "node:v8"

setFlagsFromString("--expose-gc")
register("../bench/typescript.mjs", import.meta.url)
await import("./Dht.ts")
