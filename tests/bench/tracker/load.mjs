// Runs Load.ts, the process that asks.
import { register } from "node:module"

register("../typescript.mjs", import.meta.url)
await import("./Load.ts")
