/** When a run is killed: at any time, and above all where it hurts. */
import { existsSync, mkdirSync, watch } from "node:fs"
import { join } from "node:path"
import * as Rng from "../../core/base/Rng.ts"
import type { Run } from "../support/Shoal.ts"

export interface Moment {
  readonly name: string
  /** Kills the run when it is time, unless it has ended before. */
  readonly strike: (run: Run) => Promise<void>
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Waits for what may never come: whichever is first, that or the end of the run. */
const orEnd = (run: Run, what: Promise<unknown>): Promise<unknown> =>
  Promise.race([what.catch(() => undefined), run.exited])

const isGood = (event: { readonly [field: string]: unknown }): boolean => event["ok"] === true

/** Until the run has verified so many pieces. */
const verified = (run: Run, count: number): Promise<unknown> =>
  orEnd(
    run,
    run.event("piece", () =>
      run.events.filter((event) => event.event === "piece" && isGood(event)).length >= count, 120_000),
  )

/** The first change in the folder of the resume data. */
const saving = (run: Run, out: string): Promise<unknown> => {
  const folder = join(out, ".shoal")
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true })
  let close = (): void => {}
  const changed = new Promise<void>((resolve) => {
    const watcher = watch(folder, () => resolve())
    close = () => watcher.close()
  })
  return orEnd(run, changed).finally(close)
}

/** Draws one for a run that has `missing` pieces to fetch. */
export const draw = (rng: Rng.Rng, missing: number, out: string): Moment => {
  const kill = (run: Run): void => run.child.signal("SIGKILL")
  const some = 1 + Rng.below(rng, Math.max(1, missing))
  const [a, b] = [Rng.below(rng, 100) / 100, Rng.below(rng, 100) / 100]
  const moments: ReadonlyArray<Moment> = [
    {
      name: "start-up",
      strike: async (run) => {
        await pause(400 * a)
        kill(run)
      },
    },
    {
      name: "check",
      strike: async (run) => {
        await orEnd(run, run.event("started", undefined, 120_000))
        await pause(20 * a)
        kill(run)
      },
    },
    {
      name: "transfer",
      strike: async (run) => {
        await verified(run, some)
        await pause(5 * a)
        kill(run)
      },
    },
    {
      name: "leaving",
      strike: async (run) => {
        await verified(run, some)
        run.child.signal("SIGINT")
        await pause(100 * a)
        kill(run)
      },
    },
    {
      name: "save",
      strike: async (run) => {
        await verified(run, some)
        const saved = saving(run, out)
        run.child.signal("SIGINT")
        await saved
        await pause(4 * a)
        kill(run)
      },
    },
    {
      name: "end",
      strike: async (run) => {
        await verified(run, missing)
        await pause(50 * a)
        kill(run)
      },
    },
    {
      name: "pause",
      strike: async (run) => {
        await verified(run, Math.ceil(some / 2))
        run.child.signal("SIGSTOP")
        await pause(50 + 250 * a)
        run.child.signal("SIGCONT")
        await pause(100 * b)
        kill(run)
      },
    },
    {
      name: "left in peace",
      strike: async (run) => {
        await verified(run, some)
        run.child.signal("SIGINT")
        await run.exited
      },
    },
  ]
  return moments[Rng.below(rng, moments.length)]!
}
