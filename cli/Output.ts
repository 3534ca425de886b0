/**
 * Where a command's words go: the result to stdout, progress and remarks to stderr. With `--json` stdout carries JSON
 * lines instead and stderr only failures. All that is printed passes through here, and a line stays one line in which
 * nothing moves the cursor, whoever wrote what is in it: a name, a tracker's message, a peer.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Sink } from "./Process.ts"
import * as Text from "./Text.ts"

/** Fields of a JSON object, printed in this order; `undefined` ones are left out. */
export type Fields = Readonly<Record<string, unknown>>

/** How a caller draws its progress: `block` on a terminal, `line` where output is piped. */
export interface Progress {
  /** Lines of at most `columns`, with colours only if `isColoured`. */
  readonly block: (columns: number, isColoured: boolean) => ReadonlyArray<string>
  readonly lines: () => ReadonlyArray<string>
}

export class Output extends Context.Tag("shoal/cli/Output")<Output, {
  readonly isJson: boolean
  /** How often {@link progress} is worth calling, in milliseconds; `Infinity` where nobody looks. */
  readonly progressIntervalMs: number
  /** Prints a line of the result, or several; nothing with `--json`. */
  readonly result: (lines: string | ReadonlyArray<string>) => Effect.Effect<void>
  /** Prints one JSON line with `event` and `time` before the fields; nothing without `--json`. */
  readonly event: (event: string, fields: Fields) => Effect.Effect<void>
  /** Prints one JSON object as it is; nothing without `--json`. */
  readonly object: (fields: Fields) => Effect.Effect<void>
  /** A remark for people on stderr; nothing with `--json`, where an event says it. */
  readonly note: (line: string) => Effect.Effect<void>
  /** A line on stderr in any mode, or several: failures, the log, and the word after Ctrl-C. */
  readonly alert: (lines: string | ReadonlyArray<string>) => Effect.Effect<void>
  /** Draws the progress anew, on stderr; nothing with `--quiet` or `--json`. */
  readonly progress: (progress: Progress) => Effect.Effect<void>
  /** Takes the live block away. */
  readonly clear: Effect.Effect<void>
}>() {}

export interface Options {
  readonly stdout: Sink
  readonly stderr: Sink
  readonly isJson: boolean
  readonly isQuiet: boolean
  /** `NO_COLOR` is set to anything but nothing. */
  readonly isColourless: boolean
}

const LIVE_MS = 250
const PLAIN_MS = 5_000
const JSON_MS = 1_000

/** Escape sequences that a live block needs: go up `n` lines and erase from there. */
const eraseUp = (lines: number): string => `\x1b[${lines}F\x1b[J`

/** JSON in which nothing can move a terminal's cursor either: what JSON leaves as it is, is escaped. */
const toLine = (fields: Fields): string => Text.escapeUnprintable(JSON.stringify(fields))

const printableLines = (lines: string | ReadonlyArray<string>): string =>
  typeof lines === "string" ? Text.printable(lines) : lines.map(Text.printable).join("\n")

/** The output over two streams. */
export const make = (options: Options): Context.Tag.Service<Output> => {
  const { stdout, stderr, isJson, isQuiet } = options
  const isLive = stderr.isTerminal && !isQuiet && !isJson
  const isColoured = stderr.isTerminal && !options.isColourless
  let drawn = 0

  const erase = () => {
    if (drawn > 0) stderr.write(eraseUp(drawn))
    drawn = 0
  }
  const print = (sink: Sink, text: string) =>
    Effect.sync(() => {
      erase()
      sink.write(`${text}\n`)
    })
  const clear = Effect.sync(erase)

  return {
    isJson,
    progressIntervalMs: isJson ? JSON_MS : isQuiet ? Infinity : isLive ? LIVE_MS : PLAIN_MS,
    result: (lines) => isJson ? Effect.void : print(stdout, printableLines(lines)),
    event: (event, fields) =>
      isJson
        ? Effect.flatMap(
          Clock.currentTimeMillis,
          (now) => print(stdout, toLine({ event, time: new Date(now).toISOString(), ...fields })),
        )
        : Effect.void,
    object: (fields) => isJson ? print(stdout, toLine(fields)) : Effect.void,
    note: (line) => isJson ? Effect.void : print(stderr, printableLines(line)),
    alert: (lines) => print(stderr, printableLines(lines)),
    progress: ({ block, lines }) =>
      isJson || isQuiet ? Effect.void : Effect.sync(() => {
        if (!isLive) return lines().forEach((line) => stderr.write(`${Text.printable(line)}\n`))
        // One column stays free: a terminal that wraps at the last one would count lines otherwise.
        const drawing = block(stderr.columns() - 1, isColoured).map(Text.printablePainted)
        // Erasing and drawing in one write does not flicker.
        stderr.write((drawn > 0 ? eraseUp(drawn) : "") + drawing.map((line) => `${line}\n`).join(""))
        drawn = drawing.length
      }),
    clear,
  }
}

export const layer = (options: Options): Layer.Layer<Output> => Layer.sync(Output, () => make(options))
