/** The table of bounds in shell/README.md has every one of the sources, with its value. */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import * as Limits from "./support/Limits.ts"

const root = fileURLToPath(new URL("..", import.meta.url))
const page = join(root, "shell/README.md")
const HEAD = "| bound | value | what, and why |\n| --- | --- | --- |\n"
const [BEGIN, END] = ["<!-- limits -->\n", "<!-- end of limits -->\n"] as const

/** Widths of columns are the formatter's affair. */
const plain = (row: string): string => row.replace(/\s*\|\s*/g, "|").replace(/\s+/g, " ").trim()

test("every bound of the sources stands in the table of shell/README.md", () => {
  const text = readFileSync(page, "utf8")
  const [before, rest] = text.split(BEGIN) as [string, string]
  const [table, after] = rest.split(END) as [string, string]
  const rows = Limits.rows(Limits.collect(root))
  // Or the reader of the sources is broken.
  expect(rows.length).toBeGreaterThan(100)
  if (process.env["SHOAL_WRITE_LIMITS"] === "1") {
    writeFileSync(page, `${before}${BEGIN}\n${HEAD}${rows.join("\n")}\n\n${END}${after}`)
    return
  }
  const documented = table.split("\n").filter((line) => line.startsWith("| `")).map(plain)
  const wanted = rows.map(plain)
  const missing = rows.filter((row) => !documented.includes(plain(row)))
  const stale = documented.filter((row) => !wanted.includes(row))
  expect(
    { missing, stale },
    `Add the missing rows to shell/README.md, and take the stale ones out:\n${missing.join("\n")}\n` +
      "or write the table anew: SHOAL_WRITE_LIMITS=1 npx vitest run --config tests/vitest.config.ts tests/limits.test.ts" +
      " && npx deno fmt shell/README.md",
  ).toEqual({ missing: [], stale: [] })
  expect(rows.filter((row) => /\|\s*\|$/.test(row)), "a bound has its reason above it").toEqual([])
})
