/** Logging as the options ask for it: to stderr, or to a file a run. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import type { PlatformError } from "@effect/platform/Error"
import * as PlatformLogger from "@effect/platform/PlatformLogger"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { Failure } from "./Exit.ts"
import type { Common } from "./Options.ts"
import * as Secrets from "./Secrets.ts"
import * as Text from "./Text.ts"

const LEVELS: Record<string, LogLevel.LogLevel> = {
  all: LogLevel.All,
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warn: LogLevel.Warning,
  warning: LogLevel.Warning,
  error: LogLevel.Error,
  fatal: LogLevel.Fatal,
  none: LogLevel.None,
}

/** What is logged: nothing unless asked for, since commands speak for themselves; `info` if there is a file for it. */
export const levelOf = (options: Pick<Common, "logLevel" | "logDir">): LogLevel.LogLevel =>
  LEVELS[options.logLevel ?? (options.logDir === undefined ? "none" : "info")]!

/** True where `--log-level` lets causes of failures through. */
export const showsCauses = (options: Pick<Common, "logLevel" | "logDir">): boolean =>
  LogLevel.lessThanEqual(levelOf(options), LogLevel.Debug)

/** `12:00:00.000 INFO  message key=value`, one printable line; a cause follows after a colon. */
export const pretty: Logger.Logger<unknown, string> = Logger.make(
  ({ date, logLevel, message, annotations, cause }) => {
    const words = (Array.isArray(message) ? message : [message]).map((part) =>
      typeof part === "string" ? part : Inspectable.toStringUnknown(part, 0)
    )
    const notes = [...HashMap.toEntries(annotations)].map(([key, value]) =>
      `${key}=${Inspectable.toStringUnknown(value, 0)}`
    )
    const reason = Cause.isEmpty(cause) ? [] : [Cause.pretty(cause, { renderErrorCause: true })]
    const text = [...words, ...notes, ...reason].join(" ").replace(/\s*\n\s*/g, " | ")
    return `${date.toISOString().slice(11, 23)} ${logLevel.label.padEnd(5)} ${Text.printable(text)}`
  },
)

const formatOf = (options: Pick<Common, "logFormat">): Logger.Logger<unknown, string> =>
  // Escapes instead of replacements, for what programs read: neither format escapes more than JSON has to.
  options.logFormat === "json"
    ? Logger.map(Logger.jsonLogger, Text.escapeUnprintable)
    : options.logFormat === "logfmt"
    ? Logger.map(Logger.logfmtLogger, Text.escapeUnprintable)
    : pretty

/** `shoal-20250102T030405678Z-PID.log`: sorts by time, and two runs never share one. */
export const fileName = (now: Date, pid: number): string =>
  `shoal-${now.toISOString().replace(/[-:.]/g, "")}-${pid}.log`

/** The only logger of a run. `write` gets whole lines, for stderr. */
export const layer = (
  options: Pick<Common, "logLevel" | "logFormat" | "logDir">,
  pid: number,
  write: (line: string) => void,
): Layer.Layer<never, Failure, FileSystem.FileSystem | Path.Path> => {
  const level = Logger.minimumLogLevel(levelOf(options))
  const format = Logger.map(formatOf(options), Secrets.hide)
  const { logDir } = options
  if (logDir === undefined) {
    return Layer.merge(level, Logger.replace(Logger.defaultLogger, Logger.map(format, write)))
  }
  const toFile = Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    yield* fs.makeDirectory(logDir, { recursive: true })
    return yield* PlatformLogger.toFile(format, path.join(logDir, fileName(new Date(), pid)), {
      flag: "ax",
      // Who downloads what is nobody else's affair.
      mode: 0o600,
    })
  }).pipe(
    Effect.mapError((error: PlatformError) =>
      new Failure({
        reason: "log",
        message: `no log can be written to ${Text.printable(logDir)}: ${error.message}`,
        cause: error,
      })
    ),
  )
  return Layer.merge(level, Logger.replaceScoped(Logger.defaultLogger, toFile))
}
