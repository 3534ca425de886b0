/**
 * A thread that fuzzes one target until its time is over. It can be ended at any moment: the input that it is at stands in
 * memory that it shares with whoever watches, and what it found was told as it was found.
 */
import { parentPort } from "node:worker_threads"
import type { Bytes } from "../../core/base/Bytes.ts"
import type * as Counters from "./Counters.ts"
import * as Engine from "./Engine.ts"
import * as Minimise from "./Minimise.ts"
import type { Target } from "./Target.ts"

/** What a worker is told. */
export interface Job {
  readonly isFuzzJob: true
  readonly target: string
  readonly seed: number
  readonly words: ReadonlyArray<string>
  /** Seeds, and what earlier runs kept, or of the worker before this one. */
  readonly corpus: ReadonlyArray<Bytes>
  /** Findings that are known. */
  readonly signatures: ReadonlyArray<string>
  /** By `Date.now()`. */
  readonly endsAt: number
  /** Head and input, see {@link HEAD_WORDS}. */
  readonly shared: SharedArrayBuffer
}

/** What a worker tells. */
export type News =
  | { readonly _tag: "Finding"; readonly finding: Engine.Finding }
  | { readonly _tag: "Kept"; readonly input: Bytes }
  | { readonly _tag: "Figures"; readonly figures: Figures }

export interface Figures {
  readonly executions: number
  readonly covered: number
  readonly corpus: number
  /** Numbers of the blocks that no input has executed; only at the end. */
  readonly missed?: ReadonlyArray<number>
}

/** Words of 32 bits in front of the input: executions so far, and the input's length. */
export const HEAD_WORDS = 2

/** An input that takes longer, on a processor of its own, is a finding. Bounds of blocks say so much sooner. */
const SLOW_MS = 1_000

/** Between two looks at the clock, and two reports. */
const BATCH = 32
const REPORT_MS = 1_000

/** Runs the job to its end. */
export const main = (targets: ReadonlyArray<Target>, counters: Counters.Counters, job: Job): void => {
  const target = targets.find(({ name }) => name === job.target)
  if (target === undefined || parentPort === null) throw new Error(`no target ${job.target} in this worker`)
  const port = parentPort
  const tell = (news: News): void => port.postMessage(news)
  const head = new Int32Array(job.shared, 0, HEAD_WORDS)
  const place = new Uint8Array(job.shared, HEAD_WORDS * 4)
  const signatures = new Set(job.signatures)

  const onFinding = (finding: Engine.Finding): void => {
    if (signatures.has(finding.signature)) return
    signatures.add(finding.signature)
    const fails = (input: Bytes): boolean => {
      show(input)
      return Engine.attempt(target, counters, input)?.signature === finding.signature
    }
    const input = Minimise.minimise(finding.input, fails)
    tell({ _tag: "Finding", finding: { ...finding, input } })
  }
  const show = (input: Bytes): void => {
    place.set(input.subarray(0, place.length))
    head[1] = input.length
    Atomics.add(head, 0, 1)
  }
  const engine = Engine.make({
    target,
    seed: job.seed,
    words: job.words,
    counters,
    corpus: job.corpus,
    onRun: show,
    onKept: (input) => tell({ _tag: "Kept", input }),
  }, onFinding)

  const figures = (): Figures => ({
    executions: engine.executions,
    covered: Engine.covered(engine),
    corpus: engine.corpus.length,
  })
  let reportedAt = 0
  for (let now = Date.now(); now < job.endsAt; now = Date.now()) {
    if (now - reportedAt >= REPORT_MS) {
      tell({ _tag: "Figures", figures: figures() })
      reportedAt = now
    }
    for (let i = 0; i < BATCH; i++) {
      const startedAt = performance.now()
      const finding = Engine.fuzz(engine)
      if (finding !== undefined) onFinding(finding)
      else if (performance.now() - startedAt > SLOW_MS) slow(engine, place.slice(0, head[1]), onFinding)
    }
  }
  const missed = [...engine.best.keys()].filter((block) => engine.best[block]! < 0)
  tell({ _tag: "Figures", figures: { ...figures(), missed } })
}

/** Once more, and again: others may have had the processor. */
const slow = (engine: Engine.Engine, input: Bytes, onFinding: (finding: Engine.Finding) => void): void => {
  for (let i = 0; i < 2; i++) {
    const startedAt = performance.now()
    Engine.execute(engine, input)
    if (performance.now() - startedAt <= SLOW_MS) return
  }
  onFinding({ signature: "slow", report: `it took more than ${SLOW_MS} ms, three times`, input })
}
