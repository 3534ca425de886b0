import { describe, expect, it } from "@effect/vitest"
import * as ExtendedIds from "../../../core/wire/ExtendedIds.ts"

describe("the numbers of extension messages (BEP 10)", () => {
  it("are ours for what comes in, each its own", () => {
    const numbers = Object.values(ExtendedIds.OURS)
    expect(new Set(numbers).size).toBe(numbers.length)
    for (const number of numbers) expect(number).toBeGreaterThan(0)
    expect(Object.keys(ExtendedIds.NONE).sort()).toEqual(Object.keys(ExtendedIds.OURS).sort())
    expect(ExtendedIds.offer(["ut_pex", "lt_donthave"])).toEqual(
      new Map([["ut_pex", ExtendedIds.OURS.ut_pex], ["lt_donthave", ExtendedIds.OURS.lt_donthave]]),
    )
  })

  it("are the peer's for what goes out, as far as it has said them", () => {
    const ids = ExtendedIds.learn(ExtendedIds.NONE, new Map([["ut_pex", 9], ["xyz", 4]]))
    expect(ids).toEqual({ ...ExtendedIds.NONE, ut_pex: 9 })
  })

  it("change with another handshake, which says only what is new; 0 ends a message", () => {
    const first = ExtendedIds.learn(ExtendedIds.NONE, new Map([["ut_pex", 9], ["upload_only", 3]]))
    expect(ExtendedIds.learn(first, new Map())).toBe(first)
    expect(ExtendedIds.learn(first, new Map([["ut_pex", 0], ["lt_donthave", 200]])))
      .toEqual({ ...ExtendedIds.NONE, ut_pex: 0, upload_only: 3, lt_donthave: 200 })
    expect(first.ut_pex).toBe(9)
  })
})
