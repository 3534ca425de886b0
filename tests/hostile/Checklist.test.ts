import { readdirSync, readFileSync } from "node:fs"
import { expect, test } from "vitest"
import { ROWS } from "./Row.ts"

/** `row(12, …`, or a line of a table of rows: `[12, "what arrives"`. */
const TESTED = /(?:\brow\(\s*|\[\s*(?=\d+,\s*"))(\d+),/g

test("every bad input of the list has a test", () => {
  const folder = new URL(".", import.meta.url)
  const covered = new Set(
    readdirSync(folder)
      .filter((name) => name.endsWith(".test.ts"))
      .flatMap((name) => [...readFileSync(new URL(name, folder), "utf8").matchAll(TESTED)])
      .map(([, number]) => Number(number)),
  )
  const missing = Array.from({ length: ROWS }, (_, index) => index + 1).filter((number) =>
    !covered.has(number)
  )
  expect(missing).toEqual([])
})
