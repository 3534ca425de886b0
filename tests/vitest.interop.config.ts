import { defineConfig } from "vitest/config"
import * as Reports from "./support/Reports.ts"

// Real clients, real sockets, hundreds of megabytes: apart from the unit tests, one file at a time, with time to spare.
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["tests/interop/**/*.test.ts"],
    reporters: Reports.reporters("interop"),
    globalSetup: "tests/interop/setup.ts",
    testTimeout: 90_000,
    hookTimeout: 60_000,
    pool: "forks",
    fileParallelism: false,
    // Other clients keep their own time and lose their own packets. What is broken fails twice; the tally names what failed once.
    retry: 1,
  },
})
