/** Runs the checks against the corpora and counts: the table that `npm run corpora` prints. */
import { existsSync } from "node:fs"
import { run, type Section } from "./Check.ts"
import * as Folder from "./Folder.ts"

export interface Count {
  readonly tried: number
  readonly accepted: number
  readonly rejected: number
  readonly asExpected: number
  /** Why some expectations are shoal's own, and how many of each. */
  readonly policies: ReadonlyMap<string, number>
  readonly problems: ReadonlyArray<string>
}

/** The files and folders that a section needs and that aren't there. */
export const missing = (section: Section): ReadonlyArray<string> =>
  section.needs.map((parts) => Folder.path(...parts)).filter((path) => !existsSync(path))

export const count = (section: Section): Count => {
  const policies = new Map<string, number>()
  const problems: Array<string> = []
  let tried = 0
  let accepted = 0
  let asExpected = 0
  for (const each of section.cases()) {
    const outcome = run(each)
    tried++
    if (outcome.verdict === "accepted") accepted++
    if (outcome.problems.length === 0) asExpected++
    for (const problem of outcome.problems) problems.push(`${each.name}: ${problem}`)
    if (outcome.policy !== undefined) policies.set(outcome.policy, (policies.get(outcome.policy) ?? 0) + 1)
  }
  if (tried < section.minimum) problems.push(`only ${tried} cases of ${section.minimum}`)
  return { tried, accepted, rejected: tried - accepted, asExpected, policies, problems }
}

const SHOWN = 20

/** Prints a line a section with what is below it, and tells whether all is as expected and there. */
export const print = (sections: ReadonlyArray<Section>, write: (line: string) => void): boolean => {
  let isGood = true
  const width = Math.max(...sections.map(({ title }) => title.length))
  const cell = (text: string | number) => String(text).padStart(11)
  const heads = ["tried", "accepted", "rejected", "as expected", "by policy"]
  write(`${"".padEnd(width)}${heads.map(cell).join(" ")}`)
  for (const section of sections) {
    const gone = missing(section)
    if (gone.length > 0) {
      isGood = false
      write(`${section.title.padEnd(width)}  not tried, ${gone[0]} is missing`)
      continue
    }
    const { tried, accepted, rejected, asExpected, policies, problems } = count(section)
    const byPolicy = [...policies.values()].reduce((sum, number) => sum + number, 0)
    write(
      `${section.title.padEnd(width)}${
        [tried, accepted, rejected, asExpected, byPolicy].map(cell).join(" ")
      }`,
    )
    if (section.note !== undefined) write(`    ${section.note}`)
    for (const [policy, number] of policies) write(`    policy, ${number}: ${policy}`)
    for (const problem of problems.slice(0, SHOWN)) write(`    WRONG  ${problem}`)
    if (problems.length > SHOWN) write(`    WRONG  and ${problems.length - SHOWN} more`)
    if (problems.length > 0) isGood = false
  }
  return isGood
}
