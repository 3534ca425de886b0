/**
 * The one place where the command line touches the process it runs in. The global object is the same on Node and on
 * Deno's Node layer, and everything above takes what it needs as a value, so that it can be tested in process.
 */
const { process } = globalThis

/** The arguments after the program's own path. */
export const args: ReadonlyArray<string> =
  // `npm start` alone shows what this is.
  process.argv.length === 2 && process.env["npm_lifecycle_event"] === "start"
    ? ["demo"]
    : process.argv.slice(2)

export const env: Readonly<Record<string, string | undefined>> = process.env

/** The absolute path of the working directory; relative paths on the command line start here. */
export const cwd = (): string => process.cwd()

/** Which file names the system takes: Windows has reserved ones and characters. */
export const names: "portable" | "posix" = process.platform === "win32" ? "portable" : "posix"

/** Where the system wants programs to keep what they need from one run to the next; `undefined` if it doesn't say. */
export const stateFolder = (): string | undefined => {
  // One after the other, since Deno permits each by its name. By the XDG specification a relative path counts as none.
  const state = env["XDG_STATE_HOME"]
  if (state?.startsWith("/")) return `${state}/shoal`
  const local = process.platform === "win32" ? env["LOCALAPPDATA"] : undefined
  if (local) return `${local}\\shoal`
  const home = env["HOME"]
  return home ? `${home}/.local/state/shoal` : undefined
}

export const pid: number = process.pid

/** Seconds since 1970 may jump; this clock, in milliseconds, does not. */
export const monotonicMs = (): number => performance.now()

/** A standard stream as the command line uses it. */
export interface Sink {
  readonly isTerminal: boolean
  /** Columns of the terminal, 80 where there is none; asked anew each time, since windows change. */
  readonly columns: () => number
  readonly write: (text: string) => void
}

const sink = (stream: NodeJS.WriteStream): Sink => ({
  isTerminal: stream.isTTY === true,
  columns: () => stream.columns || 80,
  write: (text) => void stream.write(text),
})

export const stdout: Sink = sink(process.stdout)
export const stderr: Sink = sink(process.stderr)

/** Calls `onClosed` once the reader of stdout went away (`shoal … | head`), and keeps that from being a crash. */
export const onStdoutClosed = (onClosed: () => void): void => {
  let isClosed = false
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (isClosed) return
    isClosed = true
    if (error.code === "EPIPE" || error.code === "EOF") onClosed()
    else exitNow(1)
  })
  // Nobody is left to tell if stderr is gone.
  process.stderr.on("error", () => undefined)
}

/** Calls `onInterrupt` for every SIGINT and SIGTERM, counted from 1. */
export const onInterrupt = (onInterrupt: (count: number) => void): void => {
  let count = 0
  const listener = () => onInterrupt(++count)
  process.on("SIGINT", listener)
  process.on("SIGTERM", listener)
}

/** Calls `onError` with what was thrown, or rejected, where nothing caught it; once, since the process is to end then. */
export const onUncaught = (onError: (error: unknown) => void): void => {
  let isEnding = false
  const listener = (error: unknown) => {
    if (isEnding) return
    isEnding = true
    onError(error)
  }
  process.on("uncaughtException", listener)
  process.on("unhandledRejection", listener)
}

/** Calls `onElapsed` once, unless the process ends before; it does not keep the process alive. */
export const afterMs = (ms: number, onElapsed: () => void): void => void setTimeout(onElapsed, ms).unref()

/** Keeps the process alive while nothing but fibers wait, until {@link exit}. */
export const stayAlive = (): void => void setInterval(() => undefined, 2 ** 31 - 1)

/** Ends the process at once; what was written to a pipe and not yet taken may be lost. */
export const exitNow = (code: number): never => process.exit(code)

/** Ends the process when both streams have taken what was written to them. */
export const exit = (code: number): void => {
  process.exitCode = code
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)))
}

/** The most memory that the process has ever held (resident), in bytes. */
export const peakMemoryBytes = (): number => process.resourceUsage().maxRSS * 1024
