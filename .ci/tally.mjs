// Adds up vitest's JSON reports; the last line is "N passed, N failed[, N skipped]". Fails where a run left no report, ran
// no test, or had a failure, also one outside of any test.
import { readFileSync } from "node:fs"
import { basename } from "node:path"
import process from "node:process"

let passed = 0
let failed = 0
let skipped = 0
let isBroken = false
for (const file of process.argv.slice(2)) {
  let report
  try {
    report = JSON.parse(readFileSync(file, "utf8"))
  } catch {
    console.log(`${basename(file, ".json")}: no report`)
    isBroken = true
    continue
  }
  const counts = [
    report.numPassedTests,
    report.numFailedTests,
    report.numPendingTests + (report.numTodoTests ?? 0),
  ]
  passed += counts[0]
  failed += counts[1]
  skipped += counts[2]
  console.log(`${basename(file, ".json")}: ${counts[0]} passed, ${counts[1]} failed, ${counts[2]} skipped`)
  if (!report.success || counts[0] === 0) isBroken = true
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
process.exitCode = isBroken || failed > 0 || passed === 0 ? 1 : 0
