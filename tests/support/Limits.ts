/** Every named bound of the sources, read out of them: for the table in shell/README.md, which has them all. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

export interface Limit {
  readonly name: string
  /** Its value where that can be told from the file alone, else how it is put together. */
  readonly value: string
  /** The first sentence of what stands above it. */
  readonly reason: string
}

/** Where bounds towards the outside are; a simulation and its reports are not outside. */
const FOLDERS = ["core", "shell", "cli"] as const
const APART = /^(?:core\/sim|shell\/(?:sim|report))\//

/** In `Limits.ts` every constant counts, elsewhere those that call themselves a maximum. */
const DECLARATION = /^(?:export )?const ([A-Z][A-Z0-9_]+)(?:: [A-Za-z]+)? = (.+)$/

/** What other files' constants stand for in sums. */
const KNOWN: Readonly<Record<string, number>> = {
  SECOND: 1_000,
  MINUTE: 60_000,
  KIB: 1_024,
  MIB: 1_048_576,
  GIB: 1_073_741_824,
}

const evaluate = (expression: string, own: ReadonlyMap<string, number>): number | undefined => {
  const sum = expression.replace(
    /\b[A-Z][A-Z0-9_]*\b/g,
    (name) => String(KNOWN[name] ?? own.get(name) ?? name),
  )
  // Digits and arithmetic, which is all that a bound is made of.
  if (!/^[\d_\s+*/().e-]+$/.test(sum)) return undefined
  return Function(`return ${sum}`)() as number
}

const firstSentence = (comment: string): string => {
  const text = comment.replace(/^\s*\/\*\*?|\*\/\s*$|^\s*(?:\*|\/\/) ?/gm, " ")
    .replace(/\{@link ([^}]+)\}/g, "`$1`").replace(/\s+/g, " ").trim()
  return (/^.*?[^.\d]\.(?= |$)/.exec(text)?.[0] ?? text).replace(/\.$/, "").replaceAll("|", "\\|")
}

/** The bounds of one file, in its order. */
const read = (source: string, isAll: boolean): ReadonlyArray<Limit> => {
  const limits: Array<Limit> = []
  const values = new Map<string, number>()
  let comment: Array<string> = []
  /** A comment is for all constants that follow it without a blank line. */
  let isInComment = false
  for (const line of source.split("\n")) {
    const isComment = /^(?:\/\*\*|\/\/| \*)/.test(line)
    if (isComment) {
      if (!isInComment) comment = []
      comment.push(line)
      isInComment = true
      continue
    }
    isInComment = false
    const [, name, text] = DECLARATION.exec(line) ?? []
    if (name === undefined || text === undefined) {
      comment = []
      continue
    }
    const expression = text.replace(/\s*\/\/.*$/, "")
    const value = evaluate(expression, values)
    if (value !== undefined) values.set(name, value)
    // Text and tables bound nothing.
    if (value === undefined && !/^[\w\s.()*+/-]+$/.test(expression)) continue
    if (!isAll && !name.startsWith("MAX_")) continue
    limits.push({
      name,
      value: value === undefined ? expression : value.toLocaleString("en-US", { maximumFractionDigits: 3 }),
      reason: firstSentence(comment.join("\n")),
    })
  }
  return limits
}

/** The bounds by file, both in the order of the alphabet of their paths. */
export const collect = (root: string): ReadonlyMap<string, ReadonlyArray<Limit>> =>
  new Map(
    FOLDERS.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
        .map((name) => `${folder}/${name.replaceAll("\\", "/")}`)
        .filter((path) => path.endsWith(".ts") && !APART.test(path))
        .sort()
        .map((path) =>
          [path, read(readFileSync(join(root, path), "utf8"), path.endsWith("/Limits.ts"))] as const
        )
    ).filter(([, limits]) => limits.length > 0),
  )

/** One row of Markdown for each bound. */
export const rows = (limits: ReadonlyMap<string, ReadonlyArray<Limit>>): ReadonlyArray<string> =>
  [...limits].flatMap(([path, some]) =>
    some.map(({ name, reason, value }) =>
      `| \`${path.replace(/\.ts$/, "")}.${name}\` | ${value} | ${reason} |`
    )
  )
