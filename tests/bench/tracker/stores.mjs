// Runs Stores.ts, a process that announces to a store without any network in between.
import { register } from "node:module"

register("../typescript.mjs", import.meta.url)
await import("./Stores.ts")
