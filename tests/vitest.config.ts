import { configDefaults, defineConfig } from "vitest/config"
import * as Reports from "./support/Reports.ts"

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["tests/**/*.test.ts"],
    // Real clients and sockets have a run of their own, one file at a time.
    exclude: [...configDefaults.exclude, "tests/interop/**"],
    reporters: Reports.reporters("unit"),
    // On a machine that has other work to do a test may take ten times what it should.
    testTimeout: 60_000,
    // Tests run beside each other, some with the same torrent: what finds peers by itself is for those that ask for it.
    env: { SHOAL_NO_DHT: "true", SHOAL_NO_LSD: "true" },
    pool: "forks",
    // All processors: one that stays idle would be most of the time.
    maxWorkers: "100%",
    minWorkers: 1,
  },
})
