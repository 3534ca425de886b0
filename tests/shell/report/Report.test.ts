import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import * as Report from "../../../shell/report/Report.ts"
import * as SyntheticRun from "../../support/SyntheticRun.ts"
import * as TempDir from "../../support/TempDir.ts"
import { outcome } from "./scene.ts"

const temp = TempDir.make("report")
afterAll(temp.remove)

const scenario = SyntheticRun.scenario(10)
const recorder = Report.recorder(scenario)
SyntheticRun.play(scenario, recorder.observer)

const write = (directory: string) =>
  Report.write(directory, recorder.recording(), { ...outcome, violations: 1, extra: "kept" }, [
    { checker: "Liveness", node: undefined, now: 5, message: "stuck" },
  ]).pipe(Effect.either, Effect.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer)), Effect.runPromise)

describe("a report", () => {
  it("is four files in a new folder, and says where the page is", async () => {
    const directory = join(temp.path, "new/folder")
    expect(await write(directory)).toEqual(Either.right(join(directory, "index.html")))
    expect(TempDir.list(directory)).toEqual(["events.jsonl", "index.html", "peers.csv", "summary.json"])
    const summary = JSON.parse(readFileSync(join(directory, "summary.json"), "utf8"))
    expect(summary).toMatchObject({
      seed: 42,
      digest: outcome.digest,
      violations: 1,
      violationDetails: [{ checker: "Liveness", message: "stuck" }],
      extra: "kept",
      eventsLeftOut: 0,
      scenario: { sizeBytes: scenario.sizeBytes },
    })
    expect(summary.distributions.completionSeconds.median).toBeGreaterThan(0)
    expect(summary.distributions.classes).toHaveLength(5)
    const events = readFileSync(join(directory, "events.jsonl"), "utf8").trimEnd().split("\n")
    expect(JSON.parse(events.at(-1)!).event).toBe("end")
    expect(readFileSync(join(directory, "peers.csv"), "utf8").split("\r\n")).toHaveLength(
      scenario.classes
        .reduce((sum, { count }) => sum + count, 0) + 2,
    )
    expect(readFileSync(join(directory, "index.html"), "utf8")).toMatch(/^<!doctype html>.*<\/html>\n$/s)
  })

  it("replaces an older one", async () => {
    const directory = temp.sub("old")
    writeFileSync(join(directory, "events.jsonl"), "x".repeat(10_000_000))
    expect(Either.isRight(await write(directory))).toBe(true)
    expect(readFileSync(join(directory, "events.jsonl"), "utf8")).not.toContain("x".repeat(10))
  })

  it("fails with the path and a way out where it can't be written", async () => {
    const file = join(temp.path, "file")
    writeFileSync(file, "")
    const result = await write(join(file, "report"))
    expect(Either.isLeft(result) && result.left).toMatchObject({
      _tag: "ReportError",
      path: join(file, "report"),
      message: expect.stringMatching(/cannot write the report to .*choose another directory/),
    })
  })
})
