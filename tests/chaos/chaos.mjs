// Runs Chaos.ts on Node 20, which reads no TypeScript: esbuild strips the types of each module on loading. The program that
// is killed is built anew, so that it is the one of these sources.
import { mkdtemp, rm } from "node:fs/promises"
import { register } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { bundle } from "../../cli/build.mjs"

register("../bench/typescript.mjs", import.meta.url)
const folder = await mkdtemp(join(tmpdir(), "shoal-bundle-"))
try {
  await bundle(folder)
  process.env.SHOAL_BUNDLE = join(folder, "shoal.mjs")
  const { main } = await import("./Chaos.ts")
  await main()
} finally {
  await rm(folder, { recursive: true, force: true })
}
