/** Bad input 84, as far as it is about pages: the report of a simulation, and what a tracker answers a browser. */
import * as Effect from "effect/Effect"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, vi } from "vitest"
import * as Recorder from "../../core/sim/record/Recorder.ts"
import * as Page from "../../shell/report/Page.ts"
import * as PageData from "../../shell/report/PageData.ts"
import * as Tables from "../../shell/report/Tables.ts"
import { outcome } from "../shell/report/scene.ts"
import * as TrackerScene from "../shell/TrackerScene.ts"
import * as SyntheticRun from "../support/SyntheticRun.ts"
import { HOSTILE } from "../support/Terminal.ts"
import { row } from "./Row.ts"

vi.setConfig({ testTimeout: 60_000 })

const NASTY =
  `</script><script>alert(1)</script><!--<img src=x onerror=alert(1)>"'\u2028\u2029]]>&lt;${HOSTILE}`

row(84, "<script> in names of a simulated swarm -> data in the report, never markup", () => {
  const scenario = SyntheticRun.scenario(5)
  const classes = scenario.classes.map((one) => ({ ...one, name: `${one.name} ${NASTY}` }))
  const recorder = Recorder.make({ ...scenario, classes })
  SyntheticRun.play({ ...scenario, classes }, recorder.observer)
  const violation = { checker: NASTY, node: 3, now: 1_234, message: NASTY }
  const recording = recorder.recording()
  const html = Page.html(
    PageData.make("1.2.3", recording, { ...outcome, replay: NASTY } as never, [
      violation,
    ]),
  )
  const data = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)![1]!
  expect(data).not.toContain("<")
  expect(JSON.parse(data)).toMatchObject({ violations: [{ checker: NASTY, message: NASTY }] })
  // All of it is in there, and nowhere else.
  expect(html.replace(data, "")).not.toContain("alert(1)")
  expect(html.match(/<script/g)).toHaveLength(2)
  // The program puts texts into elements as texts.
  const root = fileURLToPath(new URL("../../shell/report", import.meta.url))
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue
    expect(readFileSync(join(root, name), "utf8"), name).not.toMatch(
      /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setTimeout\("|srcdoc/,
    )
  }
  const csv = Tables.peersCsv(recording)
  expect(csv.split("\r\n")[0]).toMatch(/^index,class,/)
})

row(84, "a class called =cmd|'/c calc'!A1 -> text in the table, no formula", () => {
  const scenario = SyntheticRun.scenario(5)
  for (const name of ["=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1", 'a"b,c\r\nd']) {
    const classes = scenario.classes.map((one) => ({ ...one, name }))
    const recorder = Recorder.make({ ...scenario, classes })
    SyntheticRun.play({ ...scenario, classes }, recorder.observer)
    const cells = Tables.peersCsv(recorder.recording()).split("\r\n").slice(1)
    expect(cells.every((cell) => !/^\d+,"?[=+\-@\t]/.test(cell)), name).toBe(true)
  }
})

const ask = (targets: ReadonlyArray<string>) =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const { http } = yield* TrackerScene.start()
    const answers: Array<readonly [target: string, answer: string]> = []
    for (const target of targets) {
      const bytes = yield* TrackerScene.raw(
        http,
        `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
      )
      answers.push([target, bytes.toString("latin1")])
    }
    return answers
  })))

row(84, "<script> in what a tracker is asked -> no page repeats it", async () => {
  const script = encodeURIComponent("<script>alert(1)</script>")
  const info = TrackerScene.announce(1)
  const answers = await ask([
    `${info}&event=${script}&key=${script}&trackerid=${script}`,
    `/announce?info_hash=${script}`,
    `/<script>alert(1)</script>`,
    `/stats?<script>alert(1)</script>`,
    `/${script}/announce`,
    "/stats",
    "/stats.json",
    "/metrics",
  ])
  for (const [target, answer] of answers) {
    expect(answer, target).toMatch(/^HTTP\/1\.1 \d{3} /)
    expect(answer, target).not.toMatch(/alert\(1\)|<script/i)
    if (/content-type: text\/html/i.test(answer)) {
      expect(answer, target).toMatch(/content-security-policy: default-src 'none'/i)
      expect(answer, target).toMatch(/x-content-type-options: nosniff/i)
    }
  }
})

row(
  84,
  "../ in the path that a tracker is asked for -> 404: there is nothing below it but its own pages",
  async () => {
    const answers = await ask([
      "/../../../../etc/passwd",
      "/..%2f..%2f..%2fetc/passwd",
      "/stats/../../package.json",
      "/./package.json",
      "/%2e%2e/package.json",
      "/stats%00.html",
      "//etc/passwd",
      "/\\..\\package.json",
    ])
    for (const [target, answer] of answers) {
      expect(answer, target).toMatch(/^HTTP\/1\.1 4\d\d /)
      expect(answer, target).not.toMatch(/root:|"name": "shoal"/)
    }
  },
)
