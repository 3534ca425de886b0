/** What a case of the bench is, and how its contestants take turns. */
import * as Figures from "./Figures.ts"

/** One that takes part: a client with its settings. */
export interface Contestant {
  /** Ours begin with `shoal`. */
  readonly name: string
  /** Why it can't take part here. */
  readonly missing?: string | undefined
  /** One run; fails where the client did not do what it was asked to. */
  readonly run: () => Promise<Figures.Sample>
}

/** A case that is ready to run. Disposing of it stops and removes what it needed. */
export interface Ready extends AsyncDisposable {
  /** What is about to be measured, in a line. */
  readonly title: string
  readonly contestants: ReadonlyArray<Contestant>
  /** What else should be known of the result, once it is there. */
  readonly note?: () => string | Promise<string>
}

export interface Options {
  /** Where the data goes. */
  readonly dir: string
  /** Bytes of a large torrent, and of its pieces. */
  readonly size: number
  readonly pieceLength: number
}

export interface Case {
  readonly name: string
  readonly summary: string
  readonly metrics: ReadonlyArray<Figures.Metric>
  readonly prepare: (options: Options) => Promise<Ready>
}

export interface Outcome {
  readonly case: string
  readonly title: string
  readonly results: ReadonlyArray<Figures.Result>
  readonly note?: string
}

/** Lets the contestants take turns, A B C, A B C, …; the first round warms up and does not count. */
export const play = async (
  { metrics, name, prepare }: Case,
  options: Options & { readonly runs: number; readonly only?: ReadonlyArray<string> | undefined },
  tell: (line: string) => void,
): Promise<Outcome> => {
  await using ready = await prepare(options)
  tell(`\n${name}: ${ready.title}`)
  const wanted = ready.contestants.filter((one) =>
    options.only === undefined || options.only.includes(one.name)
  )
  for (const one of wanted) if (one.missing !== undefined) tell(`${one.name} is left out: ${one.missing}`)
  const contestants = wanted.filter(({ missing }) => missing === undefined)
  const samples = contestants.map((): Array<Figures.Sample> => [])
  for (let round = 0; round <= options.runs; round++) {
    for (const [index, contestant] of contestants.entries()) {
      const one = await contestant.run()
      tell(Figures.line(round, contestant.name, metrics, one))
      if (round > 0) samples[index]!.push(one)
    }
  }
  const note = await ready.note?.()
  return {
    case: name,
    title: ready.title,
    results: contestants.map((one, index) => Figures.result(one.name, metrics, samples[index]!)),
    ...(note !== undefined && { note }),
  }
}
