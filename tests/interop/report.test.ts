/** The report of a simulated run in a real browser: as the bundled program writes it, and of a larger swarm. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest"
import * as Report from "../../shell/report/Report.ts"
import { outcome } from "../shell/report/scene.ts"
import * as Chromium from "../support/Chromium.ts"
import * as Clients from "../support/Clients.ts"
import * as Shoal from "../support/Shoal.ts"
import * as SyntheticRun from "../support/SyntheticRun.ts"
import * as TempDir from "../support/TempDir.ts"

const missing = Clients.missing("chromium")
const temp = TempDir.make("report")
const folder = process.env["SHOAL_TEST_REPORTS"]
let browser: Chromium.Chromium | undefined

beforeAll(() => {
  if (missing === undefined) browser = Chromium.start()
})
afterAll(async () => {
  await browser?.[Symbol.asyncDispose]()
  temp.remove()
})

let written: Promise<string> | undefined

/** Where the page of a run of 120 leechers is, some of which crash. */
const url = (): Promise<string> =>
  written ??= (async () => {
    const calm = SyntheticRun.scenario(120)
    const scenario = { ...calm, faults: { ...calm.faults, crashesPerMinute: 0.1 } }
    const recorder = Report.recorder(scenario)
    SyntheticRun.play(scenario, recorder.observer)
    const violation = { checker: "Liveness", node: 3, now: 5, message: "made up, to be seen" }
    const report = Report.write(
      join(temp.path, "large"),
      recorder.recording(),
      { ...outcome, violations: 1, peers: 120, completed: 119 },
      [violation],
    )
    const live = Layer.merge(NodeFileSystem.layer, NodePath.layer)
    return pathToFileURL(await Effect.runPromise(Effect.provide(report, live))).href
  })()

/** Keeps a picture for people, where there is a place for it. */
const keep = async (page: Chromium.Page, name: string): Promise<void> => {
  const picture = await page.screenshot()
  expect(picture.length).toBeGreaterThan(10_000)
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `report-${name}.png`), picture)
}

const text = (id: string): string => `document.getElementById(${JSON.stringify(id)}).textContent`
const PICTURE = `document.getElementById("swarm").toDataURL()`
const set = (id: string, value: string, event: string): string =>
  `{ const at = document.getElementById("${id}"); at.value = ${value}; at.dispatchEvent(new Event("${event}")) }`
const frames = (count: number): string =>
  `(async () => { for (let i = 0; i < ${count}; i++) await new Promise(requestAnimationFrame) })()`

/** Opens the page, or skips the test, saying why. */
const open = (context: TestContext, look: Partial<Chromium.Look> = {}): Promise<Chromium.Page> => {
  Clients.skipIf(context, missing)
  return url().then((address) => browser!.open(address, { width: 1_280, height: 900, ...look }))
}

const LOOKS = {
  light: { theme: "light" },
  dark: { theme: "dark" },
  narrow: { width: 400 },
} as const satisfies Record<string, Partial<Chromium.Look>>

describe("the report's page", () => {
  for (const [name, look] of Object.entries(LOOKS)) {
    test(`opens without a complaint or a request: ${name}`, async (context) => {
      const page = await open(context, look)
      await keep(page, name)
      expect(page.complaints).toEqual([])
      expect(page.requests).toEqual([])
      const width = await page.evaluate<number>("document.documentElement.scrollWidth")
      expect(width).toBeLessThanOrEqual(name === "narrow" ? 400 : 1_280)
      expect(await page.evaluate(text("verdict"))).toMatch(/119 of 120 leechers completed.*1 violation/)
      expect(await page.evaluate(text("violations"))).toContain("Liveness at 5")
      expect(await page.evaluate(text("swarm-note"))).toContain("A sample of 60 of the 121 peers")
      for (const id of ["completions", "ratios", "rates", "population", "lorenz"]) {
        const shapes = `document.querySelectorAll("#${id} svg path, #${id} svg circle").length`
        expect(await page.evaluate(shapes), id).toBeGreaterThan(0)
      }
      const background = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor")
      expect(Number(/\d+/.exec(background)![0]) < 128).toBe(name === "dark")
    })
  }

  test("shows another moment when the slider moves, in the picture, the text and the charts", async (context) => {
    const page = await open(context)
    const seen = async () => ({
      picture: await page.evaluate<string>(PICTURE),
      clock: await page.evaluate<string>(text("clock")),
      now: await page.evaluate<string>(text("now")),
      cursor: await page.evaluate<string>(`document.querySelector("#rates .cursor").getAttribute("x1")`),
      said: await page.evaluate<string>(`document.getElementById("time").getAttribute("aria-valuetext")`),
    })
    await page.evaluate(set("time", "20000", "input"))
    const early = await seen()
    await page.evaluate(set("time", "60000", "input"))
    const late = await seen()
    for (const key of ["picture", "clock", "now", "cursor", "said"] as const) {
      expect(late[key], key).not.toBe(early[key])
    }
    expect([early.said, late.said]).toEqual(["20\u00a0s", "1m\u00a000s"])
    await page.evaluate(set("time", "20000", "input"))
    expect(await seen()).toEqual(early)
  })

  test("plays, and pauses", async (context) => {
    const page = await open(context)
    await page.evaluate(set("time", "10000", "input"))
    await page.evaluate(`document.getElementById("play").click()`)
    expect(await page.evaluate(text("play-text"))).toBe("Pause")
    await page.evaluate(frames(12))
    await page.evaluate(`document.getElementById("play").click()`)
    const stopped = await page.evaluate<string>(`document.getElementById("time").value`)
    expect(Number(stopped)).toBeGreaterThan(10_000)
    await page.evaluate(frames(4))
    expect(await page.evaluate(`document.getElementById("time").value`)).toBe(stopped)
    expect(page.complaints).toEqual([])
  })

  test("shows one peer's exchanges when it is chosen", async (context) => {
    const page = await open(context)
    const before = await page.evaluate<string>(PICTURE)
    await page.evaluate(set("peer", `document.getElementById("peer").options[3].value`, "change"))
    expect(await page.evaluate(text("now"))).toMatch(/Uploads to.*Downloads from/)
    expect(await page.evaluate(PICTURE)).not.toBe(before)
  })

  test("switches between upload and download", async (context) => {
    const page = await open(context)
    const paths = `[...document.querySelectorAll("#rates path")].map((path) => path.getAttribute("d")).join()`
    const before = await page.evaluate<string>(paths)
    await page.evaluate(`document.querySelector("input[value=downloaded]").click()`)
    expect(await page.evaluate(paths)).not.toBe(before)
  })

  test("reads the map of copies out with the keyboard alone", async (context) => {
    const page = await open(context)
    await page.evaluate(`document.getElementById("copies").focus()`)
    for (const key of ["ArrowDown", "ArrowRight"]) {
      await page.send("Input.dispatchKeyEvent", { type: "keyDown", key })
      await page.send("Input.dispatchKeyEvent", { type: "keyUp", key })
    }
    expect(await page.evaluate(text("copies-said"))).toMatch(/^pieces? \d+.* at .*: 1 copy$/)
  })

  test("draws the same picture of a moment at rest where motion is not wanted", async (context) => {
    const page = await open(context, { isCalm: true })
    await page.evaluate(set("time", "30000", "input"))
    const still = await page.evaluate<string>(PICTURE)
    await page.evaluate(frames(4))
    expect(await page.evaluate(PICTURE)).toBe(still)
  })
})

test("the bundled program writes a page that works", async (context) => {
  Clients.skipIf(context, missing ?? Shoal.missing())
  const directory = join(temp.path, "bundled")
  const run = Shoal.start([
    "simulate",
    "--seed",
    "42",
    "--peers",
    "12",
    "--size",
    "4M",
    "--report",
    directory,
    "--json",
  ])
  expect(await run.end()).toMatchObject({ code: 0 })
  const page = await browser!.open(pathToFileURL(join(directory, "index.html")).href, {
    width: 1_280,
    height: 900,
  })
  await keep(page, "bundled")
  expect(page.complaints).toEqual([])
  expect(page.requests).toEqual([])
  expect(await page.evaluate(text("verdict"))).toMatch(
    /All 12 leechers completed.*No checker found a violation/,
  )
  const before = await page.evaluate<string>(PICTURE)
  await page.evaluate(set("time", "0", "input"))
  expect(await page.evaluate(PICTURE)).not.toBe(before)
})
