// The checks against real files of other projects, as a table: node tests/corpora/run.mjs
// Exit status 1 if anything is not as expected, or not there. SHOAL_CORPORA names the folder.
import { register } from "node:module"
import process from "node:process"

register("../bench/typescript.mjs", import.meta.url)
const { sections } = await import(new URL("./All.ts", import.meta.url).href)
const Report = await import(new URL("./Report.ts", import.meta.url).href)

process.exitCode = Report.print(sections, (line) => process.stdout.write(`${line}\n`)) ? 0 : 1
