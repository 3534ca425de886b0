import { describe, expect, it } from "@effect/vitest"
import * as TrackerMetrics from "../../shell/TrackerMetrics.ts"
import * as TrackerPage from "../../shell/TrackerPage.ts"

const counters = { ...TrackerMetrics.make(), httpAnnounces: 1_234_567, udpAnnounces: 2, udpDropped: 3 }

const snapshot: TrackerMetrics.Snapshot = {
  counters,
  store: { swarms: 5, seeders: 7, leechers: 11 },
  startedAtMs: 1_700_000_000_000,
  nowMs: 1_700_000_000_000 + 90_061_000,
  intervalSeconds: 1_800,
}

describe("counters", () => {
  it("come through an array, and add up", () => {
    expect(TrackerMetrics.fromArray(TrackerMetrics.toArray(counters))).toEqual(counters)
    expect(TrackerMetrics.sum([counters, counters])).toMatchObject({
      httpAnnounces: 2_469_134,
      udpDropped: 6,
    })
    expect(TrackerMetrics.sum([])).toEqual(TrackerMetrics.make())
    expect(TrackerMetrics.fromArray([1, "x"])).toEqual({ ...TrackerMetrics.make(), httpAnnounces: 1 })
  })
})

describe("the text for Prometheus", () => {
  it("has HELP and TYPE before the samples of each metric, which come once and in one place", () => {
    const text = TrackerMetrics.prometheus(snapshot)
    expect(text.endsWith("\n")).toBe(true)
    const seen = new Set<string>()
    let current = ""
    let type = ""
    let samples = new Set<string>()
    for (const line of text.slice(0, -1).split("\n")) {
      const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line)
      if (comment?.[1] === "HELP") {
        current = comment[2]!
        expect(seen.has(current)).toBe(false)
        seen.add(current)
        samples = new Set()
      } else if (comment?.[1] === "TYPE") {
        expect(comment[2]).toBe(current)
        type = comment[3]!
        expect(["counter", "gauge"]).toContain(type)
        expect(current.endsWith("_total")).toBe(type === "counter")
      } else {
        const sample = /^([a-z_]+)(\{[a-z_]+="[^"\\\n]*"\})? (-?\d+(?:\.\d+)?)$/.exec(line)
        expect(sample?.[1], line).toBe(current)
        expect(samples.has(sample![2] ?? "")).toBe(false)
        samples.add(sample![2] ?? "")
      }
    }
    expect(text).toContain(`shoal_tracker_announces_total{protocol="http"} 1234567\n`)
    expect(text).toContain(`shoal_tracker_peers{state="leecher"} 11\n`)
    expect(text).toContain("shoal_tracker_start_time_seconds 1700000000\n")
  })
})

describe("the page", () => {
  it("is one document without scripts, outside resources or markup that is left open", () => {
    const html = TrackerPage.html(snapshot)
    expect(html).not.toMatch(/<script|https?:|@import|url\(/)
    const open: Array<string> = []
    for (const [, slash, name] of html.matchAll(/<(\/?)([a-z0-9]+)[^>]*>/g)) {
      if (["meta"].includes(name!)) continue
      if (slash === "") open.push(name!)
      else expect(open.pop()).toBe(name)
    }
    expect(open).toEqual([])
    expect(html).toContain("1,234,567")
    expect(html).toContain("Requests in 1 d 1 h")
  })

  it("tells how long in its two largest units", () => {
    const shown = [0, 59_999, 60_000, 3_600_000, 86_399_000, 86_400_000, 1e10].map(TrackerPage.uptime)
    expect(shown).toEqual(["0 s", "59 s", "1 min 0 s", "1 h 0 min", "23 h 59 min", "1 d 0 h", "115 d 17 h"])
  })

  it("as JSON has null for what the store doesn't tell", () => {
    expect(TrackerMetrics.json({ ...snapshot, store: undefined })).toMatchObject({
      uptimeSeconds: 90_061,
      swarms: null,
      seeders: null,
      http: { announces: 1_234_567 },
      udp: { dropped: 3 },
    })
  })
})
