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

const kill = (run: Run): void => run.child.signal("SIGKILL")

/** Waits for something, then for a little more, and kills. */
const after = (name: string, ms: number, wait: (run: Run) => Promise<unknown>): Moment => ({
  name,
  strike: async (run) => {
    await wait(run)
    await pause(ms)
    kill(run)
  },
})

/** Draws one for a run that has `missing` pieces to fetch. */
export const draw = (rng: Rng.Rng, missing: number, out: string): Moment => {
  const some = 1 + Rng.below(rng, Math.max(1, missing))
  const [a, b] = [Rng.below(rng, 100) / 100, Rng.below(rng, 100) / 100]
  const moments: ReadonlyArray<Moment> = [
    after("start-up", 400 * a, () => Promise.resolve()),
    after("check", 20 * a, (run) => orEnd(run, run.event("started", undefined, 120_000))),
    after("transfer", 5 * a, (run) => verified(run, some)),
    after("leaving", 100 * a, async (run) => {
      await verified(run, some)
      run.child.signal("SIGINT")
    }),
    after("save", 4 * a, async (run) => {
      await verified(run, some)
      const saved = saving(run, out)
      run.child.signal("SIGINT")
      await saved
    }),
    after("end", 50 * a, (run) => verified(run, missing)),
    after("pause", 100 * b, async (run) => {
      await verified(run, Math.ceil(some / 2))
      run.child.signal("SIGSTOP")
      await pause(50 + 250 * a)
      run.child.signal("SIGCONT")
    }),
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
