/** Small or read-only file systems, for tests that need a disk which fails as real ones do. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFileSync } from "node:child_process"
import process from "node:process"
import * as TempDir from "../../support/TempDir.ts"

const live = new Set<TempDir.TempDir>()
// A test that timed out has not come to its own end.
process.on("exit", () => live.forEach(unmount))

const mount = (options: string): TempDir.TempDir => {
  const directory = TempDir.make("mount")
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", directory.path], { stdio: "ignore" })
    live.add(directory)
    return directory
  } catch (error) {
    directory.remove()
    throw error
  }
}

const unmount = (directory: TempDir.TempDir): void => {
  live.delete(directory)
  execFileSync("umount", ["--lazy", directory.path], { stdio: "ignore" })
  directory.remove()
}

/** True where this process may mount: root on Linux, outside most containers. */
export const isPossible: boolean = (() => {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false
  try {
    unmount(mount("size=64k"))
    return true
  } catch {
    return false
  }
})()

/** An empty file system in memory, with the options of `mount -o`: its path. */
export const tmpfs = (options: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => mount(options)), (directory) =>
      Effect.sync(() => unmount(directory))),
    (directory) =>
      directory.path,
  )
