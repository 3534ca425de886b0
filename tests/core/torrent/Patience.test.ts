import { it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import { describe, expect } from "vitest"
import * as Patience from "../../../core/torrent/Patience.ts"

describe("Patience", () => {
  it("ends with one message of no use too many", () => {
    const patience = Patience.make(0)
    for (let i = 0; i < Patience.MAX_USELESS; i++) expect(Patience.strain(patience, 0)).toBeUndefined()
    expect(Patience.strain(patience, 0)).toContain("of no use")
  })

  it("comes back with time and with what is of use, and never beyond what it was", () => {
    const patience = Patience.make(0)
    Patience.strain(patience, 0, 1_000)
    Patience.strain(patience, 10_000, 0)
    expect(patience.useless).toBe(1_000 - 10 * Patience.PER_SECOND)
    Patience.soothe(patience, 100)
    expect(patience.useless).toBe(400)
    Patience.soothe(patience, 5_000)
    expect(patience.useless).toBe(0)
    Patience.strain(patience, 1_000_000, 1)
    expect(patience.useless).toBe(1)
  })

  it.prop(
    "lasts for ever with whoever says no more than it gives back",
    [fc.array(fc.integer({ min: 1, max: Patience.MAX_USELESS }), { maxLength: 50 })],
    ([bursts]) => {
      const patience = Patience.make(0)
      let now = 0
      for (const burst of bursts) {
        let fault: string | undefined
        for (let i = 0; i < burst; i++) fault ??= Patience.strain(patience, now)
        expect(fault).toBeUndefined()
        now += Math.ceil(burst / Patience.PER_SECOND * 1_000)
      }
    },
  )
})
