// Adds up vitest's JSON reports; the last line is "N passed, N failed[, N skipped]". Fails where a run left no report, ran
// no test, or had a failure, also one outside of any test. Names the tests that passed at their second attempt only, and
// fails where that is more than now and then.
import { readFileSync } from "node:fs"
import { basename } from "node:path"
import process from "node:process"

const MAX_REPEATED = 5

let passed = 0
let failed = 0
let skipped = 0
let isBroken = false
const repeated = []
for (const file of process.argv.slice(2)) {
  let report
  try {
    report = JSON.parse(readFileSync(file, "utf8"))
  } catch {
    console.log(`${basename(file, ".json")}: no report`)
    isBroken = true
    continue
  }
  for (const { assertionResults } of report.testResults) {
    for (const { failureMessages, fullName, status } of assertionResults) {
      if (status === "passed" && failureMessages.length > 0) repeated.push([fullName, failureMessages[0]])
    }
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
for (const [name, message] of repeated) {
  console.log(`passed at the second attempt: ${name}\n    ${message.split("\n", 1)[0]}`)
}
if (repeated.length > MAX_REPEATED) {
  console.log(`too many second attempts: ${repeated.length}`)
  isBroken = true
}
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
process.exitCode = isBroken || failed > 0 || passed === 0 ? 1 : 0
