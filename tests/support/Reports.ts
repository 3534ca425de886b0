/** What a test run leaves for those who count: a JSON report in the folder that `SHOAL_TEST_REPORTS` names. */
import process from "node:process"

type Reporters = Array<string | [string, { readonly outputFile: string }]>

/** The reporters of the run called `name`; another runtime's run of the same tests gets a report of its own. */
export const reporters = (name: string): Reporters => {
  const folder = process.env["SHOAL_TEST_REPORTS"]
  if (folder === undefined) return ["default"]
  const runtime = "Deno" in globalThis ? "deno" : "node"
  return ["default", ["json", { outputFile: `${folder}/${name}-${runtime}.json` }]]
}
