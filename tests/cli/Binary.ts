/** The program as each runtime runs it: Node the bundle, built for the tests of one file, Deno the sources. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import { find } from "../support/Process.ts"
import { ROOT } from "./support.ts"

export const RUNTIMES = ["node", "deno"] as const
export type Runtime = typeof RUNTIMES[number]

/** By its full path: a test under Deno that starts "node" gets Deno. */
export const NODE = find("node") ?? "node"

/** Builds the bundle before the tests of the calling file, and removes it after them. */
export const build = () => {
  let folder = ""
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "shoal-bundle-"))
    const { bundle } = await import(new URL("../../cli/build.mjs", import.meta.url).href) as {
      bundle: (folder: string) => Promise<void>
    }
    await bundle(folder)
  }, 60_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))
  return {
    /** Where the bundle is. */
    folder: () => folder,
    command: (runtime: Runtime): ReadonlyArray<string> =>
      runtime === "node"
        ? [NODE, join(folder, "shoal.mjs")]
        // The binary itself: the package's script would be a second process, which passes no signals on.
        : [join(ROOT, "node_modules/deno/deno"), "run", "-A", "--quiet", join(ROOT, "cli/Main.ts")],
  }
}
