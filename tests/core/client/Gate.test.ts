import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Gate from "../../../core/client/Gate.ts"

const SECONDS = 1_000

/** How many of `count` visits in a row are let in. */
const visits = (gate: Gate.Gate, host: string, count: number, now: number): number => {
  let admitted = 0
  for (let i = 0; i < count; i++) if (Gate.admits(gate, host, now)) admitted++
  return admitted
}

describe("the gate", () => {
  for (
    const [name, host, allowance] of [
      ["an address of the internet", "80.1.1.1", Gate.GLOBAL],
      ["an IPv6 address", "2a01:4f8::1", Gate.GLOBAL],
      ["this machine", "127.0.0.1", Gate.LOCAL],
      ["the local network", "192.168.1.7", Gate.LOCAL],
    ] as const
  ) {
    it(`lets ${name} come so often at once, and then as time goes by`, () => {
      const gate = Gate.make()
      expect(visits(gate, host, 10_000, 0)).toBe(allowance.burst)
      expect(gate.refused).toBe(10_000 - allowance.burst)
      expect(visits(gate, host, 100, 3 * SECONDS)).toBe(3 * allowance.perSec)
      // Not more than at first, however long it stays away.
      expect(visits(gate, host, 10_000, 100_000 * SECONDS)).toBe(allowance.burst)
    })
  }

  it("bounds what one host has open, and lets it in again when one is gone", () => {
    const gate = Gate.make()
    let now = 0
    for (let i = 0; i < Gate.GLOBAL.open; i++) {
      expect(Gate.admits(gate, "80.1.1.1", now += 2 * SECONDS)).toBe(true)
      Gate.entered(gate, "80.1.1.1")
    }
    expect(Gate.admits(gate, "80.1.1.1", now += 2 * SECONDS)).toBe(false)
    expect(Gate.admits(gate, "80.1.1.2", now)).toBe(true)
    Gate.left(gate, "80.1.1.1")
    expect(Gate.admits(gate, "80.1.1.1", now)).toBe(true)
  })

  it("does not make others pay for one", () => {
    const gate = Gate.make()
    visits(gate, "80.1.1.1", 10_000, 0)
    expect(Gate.admits(gate, "80.1.1.2", 0)).toBe(true)
  })

  it("remembers a bounded number of hosts, those with a connection among them", () => {
    const gate = Gate.make()
    const first = "2a01:4f8::ffff"
    for (let i = 0; i < Gate.GLOBAL.open; i++) {
      Gate.admits(gate, first, i * SECONDS)
      Gate.entered(gate, first)
    }
    for (let i = 0; i < 2 * Gate.MAX_VISITORS; i++) {
      Gate.admits(gate, `2a01:4f8::${i.toString(16)}`, 100 * SECONDS)
    }
    expect(gate.visitors.size).toBe(Gate.MAX_VISITORS)
    expect(Gate.admits(gate, first, 200 * SECONDS)).toBe(false)
  })

  it.prop(
    "never lets in more than the rate allows, whatever the order",
    [fc.array(fc.record({ host: fc.integer({ min: 1, max: 3 }), waitMs: fc.integer({ min: 0, max: 900 }) }))],
    ([script]) => {
      const gate = Gate.make()
      const admitted = new Map<number, number>()
      let now = 0
      for (const { host, waitMs } of script) {
        now += waitMs
        if (Gate.admits(gate, `80.1.1.${host}`, now)) admitted.set(host, (admitted.get(host) ?? 0) + 1)
      }
      const most = Gate.GLOBAL.burst + now / SECONDS * Gate.GLOBAL.perSec
      for (const count of admitted.values()) expect(count).toBeLessThanOrEqual(most)
    },
  )
})
