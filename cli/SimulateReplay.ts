/** The command line that does a run again, wherever its options came from: flags, the environment or a config file. */
import * as Simulate from "./Simulate.ts"

const { flags } = Simulate.spec

/** The options that are not at their defaults, with the seed; of a comparison, the run of one seed. */
export const command = (
  options: Simulate.SimulateOptions,
  seed: number,
  path: string | undefined,
): string => {
  const given = { ...options, seed }
  const words = ["shoal", "simulate"]
  if (path !== undefined) words.push(quote(path.startsWith("-") ? `./${path}` : path))
  for (const [key, { name, kind }] of Object.entries(flags)) {
    // One run of a comparison is a run without it; and a report changes nothing.
    if (["compare", "runs", "printScenario", "report"].includes(key)) continue
    const value = given[key as keyof typeof given]
    if (value === undefined || value === false) continue
    words.push(kind === "switch" ? `--${name}` : `--${name} ${quote(shown(name, value))}`)
  }
  return words.join(" ")
}

/** Virtual time is held in milliseconds, and given in seconds. */
const shown = (name: string, value: unknown): string =>
  name === "max-time" ? `${Number(value) / 1_000}s` : String(value)

/** As a POSIX shell takes it for one word. */
const quote = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
