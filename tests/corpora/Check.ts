/** The shape of the checks against the corpora, which the tests and `npm run corpora` share. */

/** What became of one case. */
export interface Outcome {
  readonly verdict: "accepted" | "rejected"
  /** What is not as expected, in words; none if all is. */
  readonly problems: ReadonlyArray<string>
  /** Why the expectation is another than the folder's: shoal's policy where clients differ. */
  readonly policy?: string | undefined
}

export interface Case {
  readonly name: string
  readonly run: () => Outcome
}

export interface Section {
  readonly title: string
  /** Files or folders of the corpora that it reads; it is skipped where one is missing. */
  readonly needs: ReadonlyArray<ReadonlyArray<string>>
  /** How many cases there are at least, so that none gets lost unseen. */
  readonly minimum: number
  readonly cases: () => ReadonlyArray<Case>
  /** What shoal doesn't do with such data, in one sentence. */
  readonly note?: string
}

/** Nothing if the two are equal as JSON, else one problem. */
export const same = (what: string, actual: unknown, expected: unknown): ReadonlyArray<string> => {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  return a === b ? [] : [`${what}: ${a ?? "nothing"} instead of ${b ?? "nothing"}`]
}

/** `accepted` with what `problems` finds, or with what it threw. */
export const accepted = (problems: () => ReadonlyArray<string>, policy?: string): Outcome => ({
  verdict: "accepted",
  problems: problems(),
  policy,
})

/** One run of a case: an exception is a problem, too. */
export const run = ({ run }: Case): Outcome => {
  try {
    return run()
  } catch (error) {
    return { verdict: "rejected", problems: [`it threw ${String(error)}`] }
  }
}
