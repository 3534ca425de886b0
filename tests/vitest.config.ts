import { configDefaults, defineConfig } from "vitest/config"
import * as Reports from "./support/Reports.ts"

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["tests/**/*.test.ts"],
    // Real clients and sockets have a run of their own, one file at a time.
    exclude: [...configDefaults.exclude, "tests/interop/**"],
    reporters: Reports.reporters("unit"),
    testTimeout: 20_000,
    pool: "forks",
    // All processors: one that stays idle would be most of the time.
    maxWorkers: "100%",
    minWorkers: 1,
  },
})
