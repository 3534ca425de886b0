import { describe, expect, it } from "vitest"
import * as EventLog from "../../../core/sim/record/EventLog.ts"
import * as Recorder from "../../../core/sim/record/Recorder.ts"
import * as Defaults from "../../../core/sim/scenario/Defaults.ts"
import * as Tables from "../../../shell/report/Tables.ts"
import * as SyntheticRun from "../../support/SyntheticRun.ts"

const record = (names: readonly [string, string]) => {
  const scenario = Defaults.scenario({
    sizeBytes: 1024 * 1024,
    classes: [{ ...Defaults.seeder, name: names[0] }, { ...Defaults.leecher, name: names[1], count: 2 }],
    maxVirtualMs: 60_000,
  })
  const recorder = Recorder.make(scenario)
  SyntheticRun.play(scenario, recorder.observer)
  return recorder.recording()
}

describe("peers.csv", () => {
  it("has a heading, and a row a peer with as many cells", () => {
    const recording = record(["seeder", "leecher"])
    const rows = Tables.peersCsv(recording).split("\r\n")
    expect(rows).toHaveLength(5)
    expect(rows.at(-1)).toBe("")
    const cells = rows.slice(0, 4).map((row) => row.split(","))
    const at = (name: string) => cells[0]!.indexOf(name)
    expect(cells.every(({ length }) => length === cells[0]!.length)).toBe(true)
    const [, seeder, leecher] = cells
    expect([seeder![at("class")], seeder![at("completion_s")], seeder![at("ratio")]]).toEqual([
      "seeder",
      "",
      "",
    ])
    expect(Number(leecher![at("completion_s")])).toBeGreaterThan(0)
    expect(Number(leecher![at("downloaded_bytes")])).toBe(recording.peers[1]!.downloadedBytes)
  })

  it("quotes what would break a row, or be taken for a formula", () => {
    const csv = Tables.peersCsv(record(['a "b", c', "=HYPERLINK(1)"]))
    expect(csv).toContain(',"a ""b"", c",seeder,')
    expect(csv).toContain(",'=HYPERLINK(1),leecher,")
  })
})

describe("events.jsonl", () => {
  it("has an object a line, in order, and ends with what was left out", () => {
    const recording = record(["seeder", "leecher"])
    const lines = [...Tables.eventsJsonl(recording)]
    expect(lines.every((line) => line.endsWith("}\n"))).toBe(true)
    const events = lines.map((line) => JSON.parse(line))
    expect(events[0]).toEqual({ t: 0, event: "join", peer: 0 })
    expect(events.filter(({ event }) => event === "complete")).toHaveLength(2)
    expect(events.find(({ event }) => event === "unchoke")).toMatchObject({ peer: 0, to: expect.any(Number) })
    expect(events.at(-1)).toEqual({ t: recording.endedAtMs / 1_000, event: "end", leftOut: 0 })
  })

  it("says that it was cut", () => {
    const log = EventLog.make()
    for (let i = 0; i < EventLog.MAX_ENTRIES + 5; i++) EventLog.add(log, i, "unchoke", 0, 1)
    const recording = {
      ...record(["seeder", "leecher"]),
      events: () => EventLog.entries(log),
      eventsLeftOut: log.leftOut,
    }
    const lines = [...Tables.eventsJsonl(recording)]
    expect(lines).toHaveLength(EventLog.MAX_ENTRIES + 1)
    expect(JSON.parse(lines.at(-1)!)).toMatchObject({ event: "end", leftOut: 5, note: expect.any(String) })
  })
})
