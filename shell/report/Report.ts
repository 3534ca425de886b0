/**
 * The report of a simulated run: a folder with a page for people and the numbers behind it for programs.
 *
 *      index.html     everything at a glance, in one file that needs no network
 *      summary.json   how the run ended, and the figures of its distributions
 *      peers.csv      one row a peer
 *      events.jsonl   one line an event
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { VERSION } from "../../core/base/Version.ts"
import type { Violation } from "../../core/sim/check/Checker.ts"
import * as Recorder from "../../core/sim/record/Recorder.ts"
import type { Recording } from "../../core/sim/record/Recording.ts"
import type { Scenario } from "../../core/sim/Scenario.ts"
import * as Figures from "./Figures.ts"
import type { Outcome } from "./Outcome.ts"
import * as Page from "./Page.ts"
import * as PageData from "./PageData.ts"
import * as Tables from "./Tables.ts"

export type { Outcome } from "./Outcome.ts"

/** The report could not be written; `message` says what, where, and what to do about it. */
export class ReportError extends Data.TaggedError("ReportError")<{
  readonly path: string
  readonly message: string
}> {}

/** What watches a run for its report: hand `observer` to the world, ask for `recording` when it has ended. */
export const recorder = (scenario: Scenario): Recorder.Recorder => Recorder.make(scenario)

/**
 * Writes the four files of a run that ended with `outcome`, whose other fields are kept in `summary.json`, into `directory`, which is made where it is missing; older reports in it are overwritten. Gives
 * back the path of the page.
 */
export const write = (
  directory: string,
  recording: Recording,
  outcome: Outcome & { readonly [field: string]: unknown },
  violations: ReadonlyArray<Violation>,
): Effect.Effect<string, ReportError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const attempt = <A>(what: string, effect: Effect.Effect<A, { readonly message: string }>) =>
      Effect.mapError(effect, ({ message }) =>
        new ReportError({
          path: what,
          message: `cannot write the report to ${what}: ${message}; choose another directory`,
        }))
    const put = (name: string, text: string) => {
      const file = path.join(directory, name)
      return attempt(file, fs.writeFileString(file, text))
    }
    yield* attempt(directory, fs.makeDirectory(directory, { recursive: true }))
    yield* put("summary.json", summaryJson(recording, outcome, violations))
    yield* put("peers.csv", Tables.peersCsv(recording))
    const events = path.join(directory, "events.jsonl")
    yield* attempt(
      events,
      Stream.fromIterable(Tables.eventsJsonl(recording)).pipe(
        Stream.grouped(4_096),
        Stream.map((lines) => [...lines].join("")),
        Stream.encodeText,
        Stream.run(fs.sink(events)),
      ),
    )
    yield* put("index.html", Page.html(PageData.make(VERSION, recording, outcome, violations)))
    return path.join(directory, "index.html")
  })

const summaryJson = (
  recording: Recording,
  outcome: Outcome,
  violations: ReadonlyArray<Violation>,
): string => {
  const { fairness: { gini, jain }, ...figures } = Figures.make(recording)
  const summary = {
    ...outcome,
    violationDetails: violations,
    distributions: { ...figures, fairness: { jain, gini } },
    eventsLeftOut: recording.eventsLeftOut,
    scenario: recording.scenario,
  }
  return `${JSON.stringify(summary, undefined, 2)}\n`
}
