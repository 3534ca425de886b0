import { describe, expect, it } from "@effect/vitest"
import * as fc from "effect/FastCheck"
import * as Progress from "../../cli/Progress.ts"
import * as Text from "../../cli/Text.ts"
import { snapshot } from "./support.ts"

const half = snapshot({
  haveBytes: 50 * 1024,
  wantedBytes: 100 * 1024,
  downloadRateBytesPerSec: 10 * 1024,
  peersConnected: 3,
  peersKnown: 20,
})

// deno-lint-ignore no-control-regex -- colours are escape sequences
const withoutColours = (text: string) => text.replace(/\x1b\[\d+m/g, "")

describe("figures", () => {
  it("100% is said only when everything is there", () => {
    expect([0, 0.5, 0.999_99, 1].map(Progress.percent)).toEqual(["0.0%", "50.0%", "99.9%", "100.0%"])
  })
  it("nothing to do is all done", () => {
    expect(Progress.share(0, 0)).toBe(1)
    expect(Progress.etaMs(0, 0)).toBe(0)
    expect(Progress.etaMs(1, 0)).toBe(Infinity)
    expect(Progress.etaMs(1_000, 500)).toBe(2_000)
  })
  it("a bar is as long as it should be", () => {
    expect(Progress.bar(0.5, 4)).toBe("██░░")
    expect(Progress.bar(1, 4)).toBe("████")
    expect(Progress.bar(0, 4)).toBe("░░░░")
  })
})

describe("plain lines", () => {
  it("say what matters in one line", () => {
    expect(Progress.plain({ name: "a\nb", snapshot: half })).toBe(
      "50.0% a\ufffdb: 50.0 KiB of 100.0 KiB, down 10.0 KiB/s, up 0 B/s, 3 peers of 20, ETA 5.0 s",
    )
  })
  it("say that existing data is being checked", () => {
    expect(Progress.plain({ name: "a", snapshot: undefined })).toBe("0.0% a: looking at what is there")
    const checked = { doneBytes: 25 * 1024, totalBytes: 100 * 1024 }
    expect(Progress.plain({ name: "a", snapshot: snapshot({ state: "checking", checked }) })).toBe(
      "25.0% a: checking 100.0 KiB that are there",
    )
  })
  it("leave out what is complete", () => {
    const rows = [{ name: "a", snapshot: snapshot({ state: "complete" }) }, { name: "b", snapshot: half }]
    expect(Progress.draw(rows).lines()).toHaveLength(1)
  })
})

describe("a torrent that only uploads", () => {
  const seeding = snapshot({
    state: "complete",
    haveBytes: 100 * 1024,
    wantedBytes: 100 * 1024,
    uploadedBytes: 150 * 1024,
    uploadRateBytesPerSec: 5 * 1024,
    ratio: 1.999,
    peersConnected: 1,
  })

  it("has no time left, but a ratio and how long it has done so", () => {
    const line = "100.0% a: seeding, up 5.0 KiB/s, 150.0 KiB sent, ratio 1.99"
    expect(Progress.plain({ name: "a", snapshot: seeding, seedingMs: 65_000 })).toBe(`${line}, 1 peer, 1m05s`)
    expect(Progress.plain({ name: "a", snapshot: seeding, seedingMs: 65_000, goalRatio: 2 })).toBe(
      `${line} of 2.00, 1 peer, 1m05s`,
    )
  })

  it("is not done yet", () => {
    const rows = [{ name: "a", snapshot: seeding, seedingMs: 0 }, { name: "b", snapshot: seeding }]
    expect(Progress.draw(rows).lines()).toHaveLength(1)
    expect(Progress.block(rows, 79, false).slice(0, 2)).toEqual([
      "a",
      "  seeding, up 5.0 KiB/s, 150.0 KiB sent, ratio 1.99, 1 peer, 0 ms",
    ])
  })
})

describe("the live block", () => {
  it("has a bar, the percentage, rates, peers and the time left", () => {
    const lines = Progress.block([{ name: "a", snapshot: half }], 120, false)
    expect(lines).toEqual([
      "a",
      "████████████░░░░░░░░░░░░  50.0%  50.0 KiB of 100.0 KiB, down 10.0 KiB/s, up 0 B/s, 3 peers of 20, ETA 5.0 s",
    ])
  })
  it("has colours only where they are wanted, and they change nothing else", () => {
    const rows = [{ name: "a", snapshot: half }, { name: "b", snapshot: undefined }]
    const coloured = Progress.block(rows, 100, true)
    expect(coloured.join()).toContain("\x1b[")
    expect(coloured.map(withoutColours)).toEqual(Progress.block(rows, 100, false))
  })
  it("stays small however many torrents there are, unfinished ones first", () => {
    const done = Array.from({ length: 20 }, (_, index) => ({
      name: `done ${index}`,
      snapshot: snapshot({ state: "complete" }),
    }))
    const lines = Progress.block([...done, { name: "busy", snapshot: half }], 80, false)
    expect(lines[0]).toBe("busy")
    expect(lines.at(-1)).toBe("and 13 more")
    expect(lines).toHaveLength(17)
  })
  it.prop("keeps to the terminal's width", [
    fc.string({ unit: "binary" }),
    fc.integer({ min: 10, max: 200 }),
    fc.nat({ max: 2 ** 50 }),
    fc.nat({ max: 2 ** 50 }),
    fc.boolean(),
  ], ([name, columns, have, wanted, isColoured]) => {
    const row = { name, snapshot: snapshot({ haveBytes: Math.min(have, wanted), wantedBytes: wanted }) }
    for (const line of Progress.block([row], columns, isColoured)) {
      expect(Text.width(withoutColours(line))).toBeLessThanOrEqual(columns)
    }
    for (const line of Progress.drawCheck(name, have, wanted).block(columns, false)) {
      expect(Text.width(line)).toBeLessThanOrEqual(columns)
    }
  })
})
