/** What samples tell: means and how far they can be trusted, ranks, fairness. Four operations and square roots only. */

export const mean = (values: ReadonlyArray<number>): number =>
  values.length === 0 ? NaN : values.reduce((sum, value) => sum + value, 0) / values.length

/** The sample's standard deviation, over n - 1; 0 of a single value. */
export const deviation = (values: ReadonlyArray<number>): number => {
  if (values.length < 2) return 0
  const middle = mean(values)
  return Math.sqrt(
    values.reduce((sum, value) => sum + (value - middle) * (value - middle), 0) / (values.length - 1),
  )
}

/** The value at a part of the way from the least (0) to the greatest (1), between two neighbours where it falls there. */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  if (values.length === 0) return NaN
  const sorted = [...values].sort((a, b) => a - b)
  const at = part * (sorted.length - 1)
  const low = Math.floor(at)
  const below = sorted[low]!
  return below + (at - low) * ((sorted[low + 1] ?? below) - below)
}

/**
 * Jain's index of fairness: 1 where all are equal, 1/n where one has everything (Jain, Chiu and Hawe 1984); NaN of
 * nothing.
 */
export const fairness = (values: ReadonlyArray<number>): number => {
  let sum = 0
  let squares = 0
  for (const value of values) {
    sum += value
    squares += value * value
  }
  return squares === 0 ? NaN : sum * sum / (values.length * squares)
}

/** An estimate with the half width of its 95 % confidence interval: the true value lies within `mean` ± `margin`. */
export interface Interval {
  readonly mean: number
  /** Infinity where a single sample says nothing about its own spread. */
  readonly margin: number
}

/** The mean of independent samples, by Student's t. */
export const interval = (values: ReadonlyArray<number>): Interval => ({
  mean: mean(values),
  margin: values.length < 2
    ? Infinity
    : studentT(values.length - 1) * deviation(values) / Math.sqrt(values.length),
})

/**
 * The mean of the differences `b - a` of paired samples: what both have in common, as the same seed has, cancels out.
 * Pairs of which one is not a number, a run in which nobody finished, are left out.
 */
export const pairedDifference = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): Interval =>
  interval(b.map((value, i) => value - a[i]!).filter((difference) => difference === difference))

/** True if the interval doesn't contain 0: the difference is no accident, at 95 %. */
export const isSignificant = ({ margin, mean }: Interval): boolean => mean > margin || mean < -margin

/** Quantiles of Student's t at 97.5 %, for 1 to 30 degrees of freedom. */
const T = [
  ...[12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281],
  ...[2.201, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086],
  ...[2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423],
]

/** For more: the next lower entry, which errs on the side of doubt. */
const T_BEYOND = [
  [40, 2.0211],
  [60, 2.0003],
  [120, 1.9799],
  [1_000, 1.9623],
] as const

/** The quantile of Student's t at 97.5 % for so many degrees of freedom, 1 at least. */
export const studentT = (degrees: number): number => {
  if (degrees <= T.length) return T[degrees - 1]!
  let value = T[T.length - 1]!
  for (const [from, quantile] of T_BEYOND) if (degrees >= from) value = quantile
  return value
}
