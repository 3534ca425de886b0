/** What came of all lives, in numbers. */

export interface Kill {
  readonly moment: string
  /** What the peer had sent in that run and the disk does not have. */
  readonly refetchedBytes: number
}

export interface Figures {
  runs: number
  readonly kills: Array<Kill>
  /** Of `seed` and `create`. */
  otherKills: number
  completed: number
  /** Runs that said no to what they found, as they should. */
  refusals: number
  /** Power failures and disks that failed under a run. */
  powerFailures: number
  diskFailures: number
  /** Outputs that were called complete and were wrong. */
  corrupt: number
  torn: number
  wronglyBelieved: number
  readonly damages: Map<string, number>
  readonly failures: Array<string>
}

export const make = (): Figures => ({
  runs: 0,
  kills: [],
  otherKills: 0,
  completed: 0,
  refusals: 0,
  powerFailures: 0,
  diskFailures: 0,
  corrupt: 0,
  torn: 0,
  wronglyBelieved: 0,
  damages: new Map(),
  failures: [],
})

export const killCount = ({ kills, otherKills }: Figures): number => kills.length + otherKills

const kib = (bytes: number): string => `${Math.round(bytes / 1024)} KiB`

/** A line a number. */
export const report = (figures: Figures, seconds: number): string => {
  const { damages, kills } = figures
  const sorted = kills.map(({ refetchedBytes }) => refetchedBytes).sort((a, b) => a - b)
  const sum = sorted.reduce((total, bytes) => total + bytes, 0)
  const moments = new Map<string, number>()
  for (const { moment } of kills) moments.set(moment, (moments.get(moment) ?? 0) + 1)
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts].sort().map(([name, count]) => `${name} ${count}`).join(", ") || "none"
  const rows: ReadonlyArray<readonly [string, string | number]> = [
    [
      "kills",
      `${killCount(figures)} (${kills.length} of downloads, ${figures.otherKills} of seed and create)`,
    ],
    ["by moment", list(moments)],
    ["runs", figures.runs],
    ["completed", figures.completed],
    ["damage between runs", list(damages)],
    ["refusals, as they should be", figures.refusals],
    ["disks that failed, power failures", `${figures.diskFailures}, ${figures.powerFailures}`],
    ["corrupt outputs", figures.corrupt],
    ["torn resume files", figures.torn],
    ["pieces believed and wrong", figures.wronglyBelieved],
    [
      "refetched a kill",
      `median ${kib(sorted[sorted.length >> 1] ?? 0)}, mean ${kib(sum / Math.max(1, sorted.length))}, most ${
        kib(sorted.at(-1) ?? 0)
      }`,
    ],
    ["seconds", `${seconds.toFixed(1)} (${(seconds / Math.max(1, killCount(figures))).toFixed(2)} a kill)`],
    ["failures", figures.failures.length],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n")
}
