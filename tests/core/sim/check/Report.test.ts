import { describe, expect, it } from "vitest"
import { all } from "../../../../core/sim/check/All.ts"
import * as Report from "../../../../core/sim/check/Report.ts"
import * as Encoder from "../../../../core/wire/Encoder.ts"
import { BLOCK, nodeOf, say, scenario, Story } from "./Story.ts"

describe("Report", () => {
  it("tells what happened, what led to it, and how to see it again", () => {
    const watch = Report.watch(scenario)
    const told = new Story(watch, nodeOf(0)).add()
    told.after(1_500).meet(1, say.bitfield(1)).says(1, Encoder.interested).hears(1, [Encoder.unchoke])
    told.after(250).says(1, say.request(1, 0), say.request(2, BLOCK))
    const [violation, ...others] = watch.violations()
    expect(others).toEqual([])
    const text = Report.report(scenario, violation!, watch.trace, "shoal simulate --seed 1")
    expect(text.split("\n").filter((line) => !line.includes("scenario:"))).toEqual([
      "requests: on connection 1 it asks for 2:16384+16384, which the peer hasn't said it has",
      "  node 0, at 1.750 s, seed 1",
      "  its last steps:",
      "    0.000 s  Add",
      "    1.500 s  Tick -> Dial 1",
      "    1.500 s  ConnOpened 1 -> to 1: handshake",
      '    1.500 s  ConnRead 1 "handshake, bitfield" -> to 1: havenone',
      "    1.500 s  Tick -> to 1: interested",
      '    1.500 s  ConnRead 1 "unchoke"',
      "    1.750 s  Tick -> to 1: request 1:0+16384; to 1: request 2:16384+16384",
      "  replay: shoal simulate --seed 1",
    ])
    expect(JSON.parse(/scenario: (.*)/.exec(text)![1]!)).toEqual(scenario)
  })

  it("has a name for each checker", () => {
    const names = all(scenario).checkers.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThanOrEqual(12)
  })
})
