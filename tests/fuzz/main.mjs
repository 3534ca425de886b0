// Runs Main.ts on Node 20, which reads no TypeScript, without a build: esbuild strips the types of each module on loading.
import { register } from "node:module"

register("../bench/typescript.mjs", import.meta.url)
await import("./Main.ts")
