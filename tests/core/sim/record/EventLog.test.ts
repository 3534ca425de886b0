import { describe, expect, it } from "@effect/vitest"
import * as EventLog from "../../../../core/sim/record/EventLog.ts"

describe("EventLog", () => {
  it("gives back what was added, in order", () => {
    const log = EventLog.make()
    EventLog.add(log, 5, "join", 3)
    EventLog.add(log, 7.5, "unchoke", 3, 0)
    EventLog.add(log, 9, "healed")
    expect([...EventLog.entries(log)]).toEqual([
      { atMs: 5, event: "join", peer: 3, other: undefined },
      { atMs: 7.5, event: "unchoke", peer: 3, other: 0 },
      { atMs: 9, event: "healed", peer: undefined, other: undefined },
    ])
  })

  it("keeps everything across its growth", () => {
    const log = EventLog.make()
    for (let i = 0; i < 5_000; i++) EventLog.add(log, i, `event-${i % 3}`, i)
    const kept = [...EventLog.entries(log)]
    expect(kept).toHaveLength(5_000)
    expect(kept[4_321]).toEqual({ atMs: 4_321, event: "event-1", peer: 4_321, other: undefined })
  })

  it("stops growing, and says what it left out; unchokes leave room for the rest", () => {
    const log = EventLog.make()
    for (let i = 0; i < EventLog.MAX_ENTRIES + 10; i++) EventLog.add(log, i, "unchoke", 1, 2)
    EventLog.add(log, 1e9, "complete", 1)
    expect(log.leftOut).toBe(10)
    expect(log.count).toBe(EventLog.MAX_ENTRIES + 1)
    for (let i = 0; i < EventLog.MAX_ENTRIES; i++) EventLog.add(log, 2e9, "join", 1)
    expect(log.leftOut).toBe(11)
    expect(log.count).toBe(2 * EventLog.MAX_ENTRIES)
  })
})
