/** Fuzzes one target in worker threads, one after the other: one that hangs or runs out of memory is ended, and another goes on. */
import { Worker } from "node:worker_threads"
import type { Bytes } from "../../core/base/Bytes.ts"
import type { Built } from "./Build.ts"
import type { Finding } from "./Engine.ts"
import { MAX_BYTES, type Target } from "./Target.ts"
import { type Figures, HEAD_WORDS, type Job, type News } from "./Worker.ts"

export interface Options {
  readonly target: Target
  readonly built: Built
  readonly seed: number
  readonly minutes: number
  /** Inputs of earlier runs. */
  readonly corpus: ReadonlyArray<Bytes>
  /** {@link HANG_MS} unless said. */
  readonly hangMs?: number
  /** {@link HEAP_MB} unless said. */
  readonly heapMb?: number
  /** So many are enough: {@link MAX_FINDINGS} unless said. */
  readonly maxFindings?: number
  readonly onFinding: (finding: Finding) => void
  readonly onKept: (input: Bytes) => void
}

export interface Summary extends Figures {
  readonly target: string
  readonly seconds: number
  readonly blocks: number
  /** Findings, each of its own kind. */
  readonly findings: number
}

/** One input may take so long on a machine with other things to do; what is slower counts as hanging. */
const HANG_MS = 30_000
/** A worker's heap. No target needs a tenth of it. */
const HEAP_MB = 512
/** A target with so many findings, or one that kills so many workers, has nothing more to tell. */
const MAX_FINDINGS = 20

/** Runs until the time is over. */
export const watch = async (options: Options): Promise<Summary> => {
  const { built, minutes, onFinding, onKept, seed, target } = options
  const corpus = [...options.corpus]
  const signatures = new Set<string>()
  const startedAt = Date.now()
  const endsAt = startedAt + minutes * 60_000
  const blocks = built.blocks.length
  let total = 0
  let figures: Figures = { executions: 0, covered: 0, corpus: 0 }
  const take = (news: News): void => {
    switch (news._tag) {
      case "Figures":
        figures = news.figures
        break
      case "Kept":
        corpus.push(news.input)
        onKept(news.input)
        break
      case "Finding":
        if (signatures.has(news.finding.signature)) break
        signatures.add(news.finding.signature)
        onFinding(news.finding)
    }
  }
  const maxFindings = options.maxFindings ?? MAX_FINDINGS
  for (let deaths = 0; signatures.size < maxFindings; deaths++) {
    const job = {
      isFuzzJob: true,
      target: target.name,
      seed: seed + deaths,
      words: built.words,
      corpus,
      signatures: [...signatures],
      endsAt,
    } as const
    const death = await one(new URL(built.url), job, options, take, () => signatures.size >= maxFindings)
    total += figures.executions
    if (death === undefined) break
    take({ _tag: "Finding", finding: death })
    if (Date.now() >= endsAt) break
  }
  return {
    ...figures,
    target: target.name,
    executions: total,
    seconds: (Date.now() - startedAt) / 1_000,
    blocks,
    findings: signatures.size,
  }
}

/** One worker, until it ends; the input that it ended at, if that was no good end. */
const one = (
  url: URL,
  job: Omit<Job, "shared">,
  { hangMs = HANG_MS, heapMb = HEAP_MB, target }: Options,
  take: (news: News) => void,
  isEnough: () => boolean,
): Promise<Finding | undefined> => {
  const shared = new SharedArrayBuffer(HEAD_WORDS * 4 + (target.maxBytes ?? MAX_BYTES))
  const head = new Int32Array(shared, 0, HEAD_WORDS)
  const input = (): Bytes => new Uint8Array(shared, HEAD_WORDS * 4).slice(0, head[1])
  return new Promise((resolve) => {
    const worker = new Worker(url, {
      workerData: { ...job, shared },
      execArgv: ["--enable-source-maps"],
      resourceLimits: { maxOldGenerationSizeMb: heapMb },
    })
    let last = -1
    let since = Date.now()
    const watchdog = setInterval(() => {
      const executions = Atomics.load(head, 0)
      if (executions !== last) {
        last = executions
        since = Date.now()
      } else if (Date.now() - since > hangMs) {
        end({ signature: `hang ${executions}`, report: `no end after ${hangMs} ms`, input: input() })
      }
    }, 1_000)
    let isOver = false
    const end = (finding: Finding | undefined): void => {
      // Ending a worker makes it exit, which is no end of its own.
      if (isOver) return
      isOver = true
      clearInterval(watchdog)
      void worker.terminate().then(() => resolve(finding))
    }
    worker.on("message", (news: News) => {
      take(news)
      if (isEnough()) end(undefined)
    })
    worker.on("error", (error: Error) => {
      const report = error.stack ?? error.message
      end({ signature: `worker: ${error.message.slice(0, 80)}`, report, input: input() })
    })
    worker.on("exit", () => end(undefined))
  })
}
