/** How a run ends: the exit codes, and the failures that a person is told in one line. */
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Option from "effect/Option"
import * as Permission from "./Permission.ts"
import * as Secrets from "./Secrets.ts"
import * as Text from "./Text.ts"

export const OK = 0
/** The operation failed; one line on stderr says what and what to do. */
export const FAILED = 1
/** Wrong usage; one line on stderr and a hint. */
export const USAGE = 2
/** SIGINT or SIGTERM; state was saved. */
export const INTERRUPTED = 130

/** The command line, the environment or the config file asks for something that is not there. Exit code 2. */
export class UsageError extends Data.TaggedError("UsageError")<{
  readonly message: string
  /** The command whose `--help` helps; undefined where none was recognised. */
  readonly command: string | undefined
}> {}

/** The operation failed. Exit code 1. */
export class Failure extends Data.TaggedError("Failure")<{
  /** A stable word for scripts, such as `not-found`. */
  readonly reason: string
  /** One sentence: what failed, with which input, and what to do. */
  readonly message: string
  /** The JSON result says it already, so that no `error` event follows. */
  readonly isTold?: boolean
  readonly cause?: unknown
}> {}

/** How the process ends, and what it says. */
export interface Verdict {
  readonly code: number
  /** Lines for stderr, printable. */
  readonly lines: ReadonlyArray<string>
  /** For `--json`: the fields of the `error` event. */
  readonly error: { readonly reason: string; readonly message: string } | undefined
}

/** One printable line without secrets, whatever came from outside. */
const line = (text: string): string =>
  Text.printable(Secrets.hide(text).replace(/\s*[\r\n]+\s*/g, " ").trim())

/** What to tell about a run that did not succeed, and the code it ends with. */
export const verdict = (cause: Cause.Cause<unknown>): Verdict => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  if (failure instanceof UsageError) {
    const help = failure.command === undefined ? "shoal --help" : `shoal ${failure.command} --help`
    return { code: USAGE, lines: [`shoal: ${line(failure.message)}`, `try '${help}'`], error: undefined }
  }
  // Whatever it was for, and however that is told: one thing is to be done about it.
  const denied = Permission.explain(Cause.squash(cause))
  if (denied !== undefined) {
    return {
      code: FAILED,
      lines: [`shoal: ${line(denied)}`],
      error: { reason: "permission", message: line(denied) },
    }
  }
  if (failure !== undefined) {
    const { reason, message } = describe(failure)
    const isTold = failure instanceof Failure && failure.isTold === true
    return {
      code: FAILED,
      lines: [`shoal: ${line(message)}`],
      error: isTold ? undefined : { reason, message: line(message) },
    }
  }
  if (Cause.isInterruptedOnly(cause)) return { code: INTERRUPTED, lines: [], error: undefined }
  const message = `a bug in shoal, please report it (--log-level debug shows more): ${
    line(String(Cause.squash(cause)))
  }`
  return { code: FAILED, lines: [`shoal: ${message}`], error: { reason: "bug", message } }
}

/** Reads the two fields that every error of the shell has. */
const describe = (failure: unknown): { readonly reason: string; readonly message: string } => {
  const { reason, message, _tag } = failure as { reason?: unknown; message?: unknown; _tag?: unknown }
  return {
    reason: typeof reason === "string" ? reason : typeof _tag === "string" ? _tag : "failed",
    message: typeof message === "string" && message !== "" ? message : String(failure),
  }
}
