import ts from "typescript"
import { describe, expect, it } from "vitest"
import * as Recorder from "../../../core/sim/record/Recorder.ts"
import * as Page from "../../../shell/report/Page.ts"
import * as PageData from "../../../shell/report/PageData.ts"
import * as SyntheticRun from "../../support/SyntheticRun.ts"
import { outcome } from "./scene.ts"

const NASTY = "</script><script>alert(1)</script><!-- \u2028 &amp;"

const html = (() => {
  const scenario = SyntheticRun.scenario(5)
  const classes = scenario.classes.map((one) => ({ ...one, name: `${one.name} ${NASTY}` }))
  const recorder = Recorder.make({ ...scenario, classes })
  SyntheticRun.play({ ...scenario, classes }, recorder.observer)
  const violation = { checker: "Integrity", node: 3, now: 1_234, message: NASTY }
  return Page.html(PageData.make("1.2.3", recorder.recording(), outcome, [violation]))
})()

/** Every name that this program uses and neither it nor a browser has. */
const unknownNames = (program: string): ReadonlyArray<string> => {
  const name = "page.js"
  const options: ts.CompilerOptions = {
    allowJs: true,
    checkJs: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
    types: [],
  }
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getSourceFile = (file, ...rest) =>
    file === name
      ? ts.createSourceFile(name, program, ts.ScriptTarget.ES2022, true)
      : getSourceFile(file, ...rest)
  const created = ts.createProgram([name], options, host)
  const CANNOT_FIND = [2304, 2552, 2580, 2584]
  return [
    ...created.getSyntacticDiagnostics(),
    ...created.getSemanticDiagnostics(created.getSourceFile(name)),
  ]
    .filter(({ category, code }) =>
      CANNOT_FIND.includes(code) || (category === ts.DiagnosticCategory.Error && code < 2000)
    )
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " "))
}

describe("the page", () => {
  it("keeps data that looks like markup inside its data", () => {
    expect(html.match(/<\/script>/g)).toHaveLength(2)
    expect(html.match(/<script/g)).toHaveLength(2)
    expect(html).not.toContain("<!--")
    const data = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)![1]!
    expect(JSON.parse(data).violations[0].message).toBe(NASTY)
  })

  it("asks nothing of a network, and may not", () => {
    expect(html).toContain(`content="default-src 'none';`)
    const addresses = html.match(/\b(?:https?:)?\/\/[a-z][^\s"'<]*/gi) ?? []
    expect(addresses.filter((address) => address !== "http://www.w3.org/2000/svg")).toEqual([])
    expect(html).not.toMatch(/@import|url\(|<link rel="stylesheet"|\bsrc=/)
  })

  it("gives every control a name, and every id once", () => {
    const ids = [...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!)
    expect(new Set(ids).size).toBe(ids.length)
    for (const [, id] of html.matchAll(/aria-labelledby="([^"]+)"/g)) expect(ids).toContain(id)
    for (const [, id] of html.matchAll(/ for="([^"]+)"/g)) expect(ids).toContain(id)
    expect(html).toMatch(/<html lang="en">/)
    expect(html).toMatch(/prefers-color-scheme: dark/)
  })

  it("finds every element that it looks for", () => {
    const ids = new Set([...html.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]!))
    const wanted = [...html.matchAll(/byId\("([^"]+)"\)/g)].map((match) => match[1]!)
    expect(wanted.length).toBeGreaterThan(20)
    expect(wanted.filter((id) => !ids.has(id))).toEqual([])
  })
})

describe("the page's program", () => {
  it.each(Object.entries(Page.parts))("has in %s no name from outside but a browser's own", (_, part) => {
    expect(unknownNames(`(${part})`)).toEqual([])
  }, 60_000)

  it("would be caught with one", () => {
    expect(unknownNames("(() => document.title + DIGITS)")).toEqual([expect.stringContaining("DIGITS")])
  }, 60_000)
})
