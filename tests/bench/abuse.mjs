// Runs abuse/Bench.ts on Node 20, which reads no TypeScript, without a build.
import { register } from "node:module"

register("./typescript.mjs", import.meta.url)
await import("./abuse/Bench.ts")
