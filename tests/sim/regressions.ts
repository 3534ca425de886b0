/** Seeds that once broke a rule, in the client or in the world, and what it was. They are run first. */
export const regressions: ReadonlyArray<{ readonly seed: number; readonly was: string }> = [
  { seed: 24, was: "a connection that was reset while its dial was under way ended without having begun" },
  { seed: 41, was: "the same, long after the start" },
]
