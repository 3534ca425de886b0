import { describe, expect, it } from "@effect/vitest"
import process from "node:process"
import * as Descriptors from "../../../shell/node/Descriptors.ts"

describe("connections that a limit of open files leaves room for", () => {
  for (
    const [openFiles, connections] of [[0, 8], [64, 16], [256, 112], [1_024, 496], [20_000, 9_984]] as const
  ) {
    it(`are ${connections} of ${openFiles}`, () =>
      expect(Descriptors.connectionsOf(openFiles)).toBe(connections))
  }

  it("are known on Linux, where files of /proc may be read", () => {
    const capacity = Descriptors.capacity()
    if (process.platform === "linux") expect(capacity).toBeGreaterThanOrEqual(8)
    else expect(capacity).toBeUndefined()
  })
})
