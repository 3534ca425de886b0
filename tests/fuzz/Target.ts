/** What is fuzzed: a way to take bytes in, and what must hold whatever they are. */
import type { Bytes } from "../../core/base/Bytes.ts"
import type { Rng } from "../../core/base/Rng.ts"

/** Changes an input knowing what such inputs look like. */
export type Mutator = (rng: Rng, input: Bytes, other: Bytes) => Bytes

export interface Target {
  readonly name: string
  /** What must hold besides that nothing is thrown, in words. */
  readonly oracle: string
  /** Files whose coverage guides, by the beginnings of their paths from the root. */
  readonly covers: ReadonlyArray<string>
  readonly seeds: () => ReadonlyArray<Bytes>
  /** Besides the mutators of bytes, which every target has. */
  readonly mutators: ReadonlyArray<Mutator>
  /** Takes one input; throws whatever is wrong. Leaves nothing behind: any two runs of one input are the same. */
  readonly run: (input: Bytes) => void
  /** Longer ones are cut; 4,096 unless said. */
  readonly maxBytes?: number
  /** Blocks that one input may execute, and elements it may allocate: so much, and so much more for each byte. */
  readonly work?: Bound
  readonly allocation?: Bound
  /** Executions in the smoke run of `npm test`; 1,000 unless said. */
  readonly smokeRuns?: number
}

/** `base + perByte * bytes`. */
export interface Bound {
  readonly base: number
  readonly perByte: number
}

export const MAX_BYTES = 4_096
export const SMOKE_RUNS = 1_000

/** Linear, with room: what is quadratic leaves it within a few kilobytes. */
export const WORK: Bound = { base: 100_000, perByte: 1_000 }
/** 4 MiB is more than any machine's tables begin with; what a claimed length would take is soon more. */
export const ALLOCATION: Bound = { base: 4 * 1024 * 1024, perByte: 256 }

export const within = ({ base, perByte }: Bound, bytes: number): number => base + perByte * bytes

/** Something that a target promises does not hold. */
export class Broken extends Error {
  override readonly name = "Broken"
}

/** Throws {@link Broken} unless `condition` holds. */
export function claim(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Broken(message)
}
