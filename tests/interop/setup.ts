/** Builds the program once for the whole run, from the sources as they are, so that no test meets an old `dist/`. */
import { chmodSync } from "node:fs"
import { dirname, join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Process from "../support/Process.ts"
import * as TempDir from "../support/TempDir.ts"

/** Sets `SHOAL_BUNDLE`, which `support/Shoal.ts` runs, unless it names a build already; returns the clean-up. */
export default async (): Promise<() => void> => {
  if (process.env["SHOAL_BUNDLE"] !== undefined) return () => {}
  const temp = TempDir.make("bundle")
  // one test runs it as another user
  chmodSync(temp.path, 0o755)
  const build = join(dirname(fileURLToPath(import.meta.url)), "../../cli/build.mjs")
  const script = `import(${JSON.stringify(build)}).then(({ bundle }) => bundle(${JSON.stringify(temp.path)}))`
  await Process.run("node", ["--input-type=module", "--eval", script], { name: "cli/build.mjs" })
  process.env["SHOAL_BUNDLE"] = join(temp.path, "shoal.mjs")
  return temp.remove
}
