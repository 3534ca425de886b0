/** Real files of other projects: the same checks as `npm run corpora`, a test a folder. */
import { describe, expect, it } from "vitest"
import { sections } from "./All.ts"
import * as Folder from "./Folder.ts"
import * as Report from "./Report.ts"

const title = Folder.isThere ? "corpora" : `corpora (skipped: none in ${Folder.ROOT}, set SHOAL_CORPORA)`

describe.skipIf(!Folder.isThere)(title, () => {
  it.each(sections.map((section) => [section.title, section] as const))("%s", (_, section) => {
    expect(Report.missing(section)).toEqual([])
    expect(Report.count(section).problems).toEqual([])
  }, 120_000)
})

describe("the report", () => {
  const section = {
    title: "a folder",
    needs: [],
    minimum: 1,
    cases: () => [{
      name: "a file",
      run: () => ({ verdict: "rejected" as const, problems: ["its size: 1 instead of 2"] }),
    }],
  }
  const printed = (...sections: Parameters<typeof Report.print>[0]) => {
    const lines: Array<string> = []
    return { isGood: Report.print(sections, (line) => lines.push(line)), text: lines.join("\n") }
  }

  it("fails, and says why, where something is wrong, throws, is missing or was lost", () => {
    expect(printed(section)).toMatchObject({
      isGood: false,
      text: expect.stringContaining("a file: its size: 1"),
    })
    const thrown = {
      ...section,
      cases: () => [{
        name: "x",
        run: () => {
          throw new Error("oh")
        },
      }],
    }
    expect(printed(thrown)).toMatchObject({
      isGood: false,
      text: expect.stringContaining("x: it threw Error: oh"),
    })
    expect(printed({ ...section, needs: [["no such folder"]] })).toMatchObject({
      isGood: false,
      text: expect.stringMatching(/not tried, .*no such folder is missing/),
    })
    expect(printed({ ...section, cases: () => [] }).text).toContain("only 0 cases of 1")
  })

  it("succeeds where all is as expected", () => {
    const good = {
      ...section,
      cases: () => [{ name: "x", run: () => ({ verdict: "accepted" as const, problems: [] }) }],
    }
    expect(printed(good).isGood).toBe(true)
  })
})
