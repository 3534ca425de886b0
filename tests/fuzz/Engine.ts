/**
 * The loop: takes an input from the corpus, changes it, runs the target, and keeps what reached something new. "New" is a
 * block that no input before has executed, or has executed so often (once, twice, … hundreds of times). Everything comes
 * from the seed: two engines of one seed do the same.
 */
import type { Bytes } from "../../core/base/Bytes.ts"
import * as Rng from "../../core/base/Rng.ts"
import * as Counters from "./Counters.ts"
import * as Mutate from "./Mutate.ts"
import * as Target from "./Target.ts"

/** What went wrong with an input. */
export interface Finding {
  /** The same for inputs that fail in the same way, as far as one can tell. */
  readonly signature: string
  /** The error as JavaScript shows it. */
  readonly report: string
  readonly input: Bytes
}

export interface Options {
  readonly target: Target.Target
  readonly seed: number
  /** Texts that the target's code compares with. */
  readonly words: ReadonlyArray<string>
  /** `undefined`: blind, nothing is known of what an input reached. */
  readonly counters: Counters.Counters | undefined
  /** What to begin with. */
  readonly corpus: ReadonlyArray<Bytes>
  /** Called with each input before it runs: who watches knows what hangs. */
  readonly onRun?: (input: Bytes) => void
  /** An input that reached something new. */
  readonly onKept?: (input: Bytes) => void
}

/** Mutable, one owner. */
export interface Engine {
  readonly options: Options
  readonly rng: Rng.Rng
  readonly mutators: ReadonlyArray<Target.Mutator>
  readonly corpus: Array<Bytes>
  /** The frequencies that each block was seen with, a bit each. */
  readonly seen: Uint8Array
  /** The shortest input that executed each block, as its place in the corpus; -1: none. */
  readonly best: Int32Array
  /** The blocks of {@link best} that some input has executed. */
  readonly reached: Array<number>
  executions: number
}

/** An engine that has run what it begins with. Those inputs that fail are given to `onFinding`. */
export const make = (options: Options, onFinding: (finding: Finding) => void): Engine => {
  const { counters, seed, target, words } = options
  const blocks = counters?.blocks.length ?? 0
  const own = target.mutators
  const basic = Mutate.mutators(words)
  const engine: Engine = {
    options,
    rng: Rng.make(seed),
    // Half of the changes know what they change, where there are such.
    mutators: own.length === 0 ? basic : [
      ...basic,
      ...Array.from({ length: Math.ceil(basic.length / own.length) }, () => own).flat(),
    ],
    corpus: [],
    seen: new Uint8Array(blocks),
    best: new Int32Array(blocks).fill(-1),
    reached: [],
    executions: 0,
  }
  for (const input of [...options.corpus, new Uint8Array(0)]) add(engine, input, onFinding)
  return engine
}

/** Runs an input of elsewhere, and keeps it whatever it reaches. */
export const add = (engine: Engine, input: Bytes, onFinding: (finding: Finding) => void): void => {
  const cut = input.slice(0, maxBytes(engine))
  const finding = execute(engine, cut)
  if (finding !== undefined) return onFinding(finding)
  notice(engine, cut, true)
}

/** One execution of something new. */
export const fuzz = (engine: Engine): Finding | undefined => {
  const input = mutate(engine)
  const finding = execute(engine, input)
  if (finding === undefined) notice(engine, input, false)
  return finding
}

/** Blocks that were executed by any input. */
export const covered = ({ reached }: Engine): number => reached.length

const maxBytes = ({ options: { target } }: Engine): number => target.maxBytes ?? Target.MAX_BYTES

const mutate = (engine: Engine): Bytes => {
  const { mutators, rng } = engine
  let input = choose(engine)
  const limit = maxBytes(engine)
  const times = Mutate.magnitude(rng, 3)
  for (let i = 0; i < times; i++) {
    input = Mutate.pick(rng, mutators)(rng, input, choose(engine))
    if (input.length > limit) input = input.slice(0, limit)
  }
  return input
}

/** By turns: an input that is the shortest way to some block, all blocks alike; a recent one; any. */
const choose = ({ best, corpus, reached, rng }: Engine): Bytes => {
  const way = Rng.below(rng, 4)
  if (way < 2 && reached.length > 0) return corpus[best[Mutate.pick(rng, reached)]!]!
  if (way === 2) return corpus[corpus.length - 1 - Rng.below(rng, Math.ceil(corpus.length / 8))]!
  return Mutate.pick(rng, corpus)
}

/** Runs the target; what it throws, and whether it did too much, is the finding. */
export const execute = (engine: Engine, input: Bytes): Finding | undefined => {
  engine.executions++
  engine.options.onRun?.(input)
  return attempt(engine.options.target, engine.options.counters, input)
}

/** One run of one input. */
export const attempt = (
  target: Target.Target,
  counters: Counters.Counters | undefined,
  input: Bytes,
): Finding | undefined => {
  if (counters !== undefined) Counters.reset(counters)
  // A copy: a target may not change its input, and this one may be mutated again.
  const own = input.slice()
  try {
    target.run(own)
    for (let i = 0; i < own.length; i++) {
      if (own[i] !== input[i]) throw new Target.Broken("the input was changed")
    }
    if (counters !== undefined) bounds(target, counters, input.length)
    return undefined
  } catch (error) {
    return { ...describe(error), input: input.slice() }
  }
}

const bounds = (target: Target.Target, counters: Counters.Counters, bytes: number): void => {
  const allocated = counters.allocated[0]!
  const room = Target.within(target.allocation ?? Target.ALLOCATION, bytes)
  Target.claim(allocated <= room, `${allocated} elements were allocated, over ${room}`)
  let work = 0
  const { blocks } = counters
  for (let i = 0; i < blocks.length; i++) work += blocks[i]!
  const most = Target.within(target.work ?? Target.WORK, bytes)
  Target.claim(work <= most, `${work} blocks were executed, over ${most}`)
}

/** An error's name, message without numbers and quotations, and innermost function of the project. */
export const describe = (error: unknown): { readonly signature: string; readonly report: string } => {
  if (!(error instanceof Error)) return { signature: `thrown: ${String(error)}`, report: String(error) }
  const { message, name, stack = "" } = error
  const frame = stack.split("\n").find((line) =>
    /^\s+at /.test(line) && !/Target\.ts|Assert\.ts|claim/.test(line)
  )
  const place = /at (\S+)/.exec(frame ?? "")?.[1] ?? "?"
  return {
    signature: `${name}: ${
      message.replace(/"(?:[^"\\]|\\.)*"?/g, "…").replace(/\d+/g, "#").slice(0, 120)
    } in ${place}`,
    report: stack,
  }
}

/** Keeps an input that reached something new. */
const notice = (engine: Engine, input: Bytes, isSeed: boolean): void => {
  const { best, corpus, options, reached, seen } = engine
  if (options.counters === undefined) {
    if (isSeed) corpus.push(input)
    return
  }
  const { blocks } = options.counters
  let isNew = isSeed
  for (let i = 0; i < blocks.length; i++) {
    const count = blocks[i]!
    if (count === 0) continue
    const bit = frequency(count)
    if ((seen[i]! & bit) === 0) {
      seen[i]! |= bit
      isNew = true
    }
  }
  if (!isNew) return
  const place = corpus.push(input) - 1
  for (let i = 0; i < blocks.length; i++) {
    if (blocks[i] === 0) continue
    const known = best[i]!
    if (known < 0) reached.push(i)
    if (known < 0 || corpus[known]!.length > input.length) best[i] = place
  }
  if (!isSeed) options.onKept?.(input)
}

/** Once, twice, three times, up to 7, 15, 31, 127, and more: a bit each. */
const frequency = (count: number): number =>
  count < 4 ? 1 << (count - 1) : count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128
