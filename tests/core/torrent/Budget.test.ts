import { expect, it } from "@effect/vitest"
import * as Budget from "../../../core/torrent/Budget.ts"

it("counts each thing by itself, and anew each minute from the first", () => {
  const budget = Budget.make(1_000)
  const spend = (kind: Budget.Kind, now: number) => Budget.spend(budget, kind, now)
  expect([spend("pex", 1_000), spend("pex", 60_999), spend("nodes", 60_999)]).toEqual([1, 2, 1])
  expect([spend("pex", 61_000), spend("nodes", 120_999), spend("nodes", 121_000)]).toEqual([1, 1, 1])
  expect(budget).toEqual({ since: 121_000, pex: 0, holepunch: 0, nodes: 1 })
})
