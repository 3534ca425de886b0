/** Child processes that always end: with their test, or with the test process, however that dies. */
import { type ChildProcess, spawn } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { createConnection, createServer } from "node:net"
import { delimiter, join } from "node:path"
import process from "node:process"

export interface Exit {
  /** `null` where a signal ended the process. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Child {
  readonly name: string
  readonly pid: number
  /** Resolves once the process has ended and its output is read to the end; never rejects. */
  readonly exited: Promise<Exit>
  readonly hasExited: () => boolean
  readonly stdout: () => string
  readonly stderr: () => string
  /** Waits for a line of either stream that matches; fails, with the output so far, on exit or after `timeoutMs`. */
  readonly line: (pattern: RegExp, timeoutMs?: number) => Promise<RegExpMatchArray>
  /** Gives it a line of standard input, where `start` was asked to keep that open. */
  readonly write: (line: string) => void
  /** Sends `signal` to the process alone, as a terminal's user would with `kill`. */
  readonly signal: (signal: NodeJS.Signals) => void
  /** Kills the process and everything it started, and waits for its end. */
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface SpawnOptions {
  readonly name?: string
  readonly cwd?: string
  /** Added to this process's environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Called with every chunk of standard output, as text. */
  readonly onStdout?: (text: string) => void
  /** Keeps standard input open, for `write`; else it is at its end at once. */
  readonly stdin?: boolean
}

/** The full path of a program on PATH (or in the sbin folders, which a user's PATH often lacks). */
export const find = (program: string): string | undefined => {
  for (const folder of [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"]) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // not in this folder
    }
  }
  return undefined
}

const running = new Set<ChildProcess>()

const killGroup = (child: ChildProcess): void => {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, "SIGKILL")
  } catch {
    child.kill("SIGKILL")
  }
}

process.on("exit", () => running.forEach(killGroup))

/** Starts `command` in a process group of its own, which ends with this process even if that is killed (Linux). */
export const start = (command: string, args: ReadonlyArray<string>, options: SpawnOptions = {}): Child => {
  const name = options.name ?? command
  const setpriv = find("setpriv")
  const argv = setpriv === undefined ? [command, ...args] : [setpriv, "--pdeathsig", "KILL", command, ...args]
  const child = spawn(argv[0]!, argv.slice(1), {
    detached: true,
    stdio: [options.stdin === true ? "pipe" : "ignore", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
  })
  running.add(child)
  let stdout = ""
  let stderr = ""
  let exit: Exit | undefined
  const listeners = new Set<() => void>()
  const notify = (): void => listeners.forEach((listener) => listener())
  // Who has ended reads no more: its end is told as such.
  child.stdin?.on("error", () => {})
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    stdout += text
    options.onStdout?.(text)
    notify()
  })
  child.stderr!.setEncoding("utf8").on("data", (text: string) => {
    stderr += text
    notify()
  })
  const exited = new Promise<Exit>((resolve) => {
    const end = (code: number | null, signal: NodeJS.Signals | null): void => {
      running.delete(child)
      exit ??= { code, signal }
      resolve(exit)
      notify()
    }
    child.on("close", end)
    child.on("error", (error) => {
      stderr += `${error.message}\n`
      end(127, null)
    })
  })
  const line = (pattern: RegExp, timeoutMs = 20_000): Promise<RegExpMatchArray> =>
    new Promise((resolve, reject) => {
      const done = (settle: () => void): void => {
        clearTimeout(timer)
        listeners.delete(check)
        settle()
      }
      const fail = (why: string): void => done(() => reject(new Error(`${why}\n${report(self)}`)))
      const check = (): void => {
        for (const text of [stdout, stderr]) {
          for (const candidate of text.slice(0, text.lastIndexOf("\n") + 1).split("\n")) {
            const match = candidate.match(pattern)
            if (match !== null) return done(() => resolve(match))
          }
        }
        if (exit !== undefined) fail(`${name} ended without a line like ${pattern}`)
      }
      const timer = setTimeout(() => fail(`${name} printed no line like ${pattern}`), timeoutMs)
      listeners.add(check)
      check()
    })
  const stop = async (): Promise<void> => {
    if (exit === undefined) killGroup(child)
    await exited
  }
  const self: Child = {
    name,
    pid: child.pid ?? -1,
    exited,
    hasExited: () => exit !== undefined,
    stdout: () => stdout,
    stderr: () => stderr,
    line,
    write: (line) => void child.stdin?.write(`${line}\n`),
    // Not child.kill: Deno's then tells the signal instead of the exit code.
    signal: (signal) => {
      if (exit === undefined && child.pid !== undefined) process.kill(child.pid, signal)
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
  return self
}

/** The last lines of both streams, for failure messages. */
export const report = (child: Child): string => {
  const tail = (text: string): string => text.trimEnd().split("\n").slice(-40).join("\n")
  return `--- ${child.name} (pid ${child.pid}) stdout\n${tail(child.stdout())}\n` +
    `--- ${child.name} stderr\n${tail(child.stderr())}\n---`
}

/** Runs a program to its end; fails with its output unless it exits with 0. */
export const run = async (
  command: string,
  args: ReadonlyArray<string>,
  options: SpawnOptions = {},
): Promise<string> => {
  await using child = start(command, args, options)
  const exit = await child.exited
  if (exit.code !== 0) {
    throw new Error(`${child.name} ended with ${exit.code ?? exit.signal}\n${report(child)}`)
  }
  return child.stdout()
}

/** Asks `probe` again and again until it gives a value; fails, naming `what`, after `timeoutMs`. */
export const until = async <A>(
  what: string,
  probe: () => A | undefined | false | Promise<A | undefined | false>,
  timeoutMs = 20_000,
): Promise<A> => {
  const deadline = performance.now() + timeoutMs
  while (true) {
    const value = await probe()
    if (value !== undefined && value !== false) return value
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Fails with `what` unless `promise` settles within `timeoutMs`. */
export const within = async <A>(promise: Promise<A>, timeoutMs: number, what: () => string): Promise<A> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(what())), timeoutMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A free TCP port of 127.0.0.1, below the range that the system gives to outgoing connections, so that none takes it. */
export const freePort = async (): Promise<number> => {
  while (true) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const free = await new Promise<boolean>((resolve) => {
      const server = createServer()
      server.on("error", () => resolve(false))
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
    })
    if (free) return port
  }
}

/** Waits until something accepts connections on `port` of 127.0.0.1; fails with the child's output if it ends first. */
export const listening = (child: Child, port: number, timeoutMs = 20_000): Promise<true> =>
  until(`${child.name} listens on port ${port}`, () => {
    if (child.hasExited()) throw new Error(`${child.name} ended before it listened\n${report(child)}`)
    return new Promise<boolean>((resolve) => {
      const socket = createConnection({ host: "127.0.0.1", port })
      socket.on("connect", () => resolve(true)).on("error", () => resolve(false))
      socket.on("connect", () => socket.destroy())
    }).then((up) => up ? true as const : undefined)
  }, timeoutMs)
