/** The command line of shoal as a child process: Node's bundle, or the sources under Deno. */
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import process from "node:process"
import { fileURLToPath } from "node:url"
import * as Process from "./Process.ts"

export type Runtime = "node" | "deno"

/** One line of `--json`; every event has these two fields, the others depend on `event`. */
export interface Event {
  readonly event: string
  readonly time: string
  readonly [field: string]: unknown
}

export interface Run {
  readonly child: Process.Child
  readonly exited: Promise<Process.Exit>
  /** The JSON lines of standard output so far. */
  readonly events: ReadonlyArray<Event>
  /** Lines of standard output that are no JSON objects: none are expected with `--json`. */
  readonly strays: ReadonlyArray<string>
  /** Waits for an event that is so, past or future; fails, with the output, if the process ends without it. */
  readonly event: (name: string, is?: (event: Event) => boolean, timeoutMs?: number) => Promise<Event>
  /** Waits for the end and gives the exit status; kills and fails, with the output, after `timeoutMs`. */
  readonly end: (timeoutMs?: number) => Promise<Process.Exit>
  /** What it said, for failure messages: without the good pieces, and only the last progress. */
  readonly log: () => string
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

export interface RunOptions {
  readonly runtime?: Runtime
  readonly cwd?: string
  /** Where shoal may keep files of its own between runs: HOME and the XDG folders. */
  readonly home?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Put before the command, as a seeder's `enter`. */
  readonly enter?: ReadonlyArray<string>
}

const root = fileURLToPath(new URL("../..", import.meta.url))
/** Node's bundle: the one that `SHOAL_BUNDLE` names, else the package's own. */
const bundle = process.env["SHOAL_BUNDLE"] ?? join(root, "dist/shoal.mjs")
const main = join(root, "cli/Main.ts")

/** Deno's binary, out of its npm package: its `bin` script would be a second process, which signals don't pass. */
const deno = (): string | undefined => {
  try {
    const npm = createRequire(import.meta.url)
    const folder = dirname(npm.resolve("deno/package.json"))
    const binary = join(folder, process.platform === "win32" ? "deno.exe" : "deno")
    return existsSync(binary) ? binary : Process.find("deno")
  } catch {
    return Process.find("deno")
  }
}

/** What shoal needs that is not there to run this way; `undefined` where it can. */
export const missing = (runtime: Runtime = "node"): string | undefined => {
  if (runtime === "node") {
    return existsSync(bundle) ? undefined : `${bundle} is not built (npm run prepare)`
  }
  return deno() === undefined ? "Deno is not installed (npm ci)" : undefined
}

/** The command line that runs shoal with `args`; fails where that can't be: without shoal there is nothing to test. */
export const command = (args: ReadonlyArray<string>, runtime: Runtime = "node"): ReadonlyArray<string> => {
  const reason = missing(runtime)
  if (reason !== undefined) throw new Error(reason)
  return runtime === "node" ? ["node", bundle, ...args] : [deno()!, "run", "-A", "--quiet", main, ...args]
}

/** The environment in which a program keeps its own files below `home`. */
export const homeEnv = (home: string): Readonly<Record<string, string>> => ({
  HOME: home,
  XDG_STATE_HOME: join(home, ".local/state"),
  XDG_CONFIG_HOME: join(home, ".config"),
  XDG_CACHE_HOME: join(home, ".cache"),
  XDG_DATA_HOME: join(home, ".local/share"),
  // Deno keeps what it compiled below HOME; without it every run would start anew
  DENO_DIR: process.env["DENO_DIR"] ?? join(homedir(), ".cache/deno"),
})

/** Starts shoal with these arguments. */
export const start = (args: ReadonlyArray<string>, options: RunOptions = {}): Run => {
  const events: Array<Event> = []
  const strays: Array<string> = []
  const listeners = new Set<() => void>()
  let rest = ""
  const [program, ...argv] = [...options.enter ?? [], ...command(args, options.runtime)]
  const child = Process.start(program!, argv, {
    name: `shoal (${options.runtime ?? "node"}) ${args.join(" ")}`,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: {
      NO_COLOR: "1",
      // Tests run beside each other: what finds peers by itself is for those that want it.
      SHOAL_NO_DHT: "true",
      SHOAL_NO_LSD: "true",
      ...(options.home === undefined ? {} : homeEnv(options.home)),
      ...options.env,
    },
    onStdout: (text) => {
      const lines = (rest + text).split("\n")
      rest = lines.pop()!
      for (const line of lines) {
        try {
          const event = JSON.parse(line) as Event
          if (typeof event === "object" && event !== null) events.push(event)
          else strays.push(line)
        } catch {
          strays.push(line)
        }
      }
      listeners.forEach((listener) => listener())
    },
  })
  const log = (): string => {
    const last = events.findLast((one) => one.event === "progress")
    const lines = [
      ...events.filter((one) => one.event !== "progress" && one["ok"] !== true),
      ...(last ? [last] : []),
    ]
      .map((one) => JSON.stringify(one))
    const shown = lines.length > 50 ? [...lines.slice(0, 20), "…", ...lines.slice(-30)] : lines
    return `--- ${child.name} (pid ${child.pid})\n${[...shown, ...strays].join("\n")}\n${child.stderr()}---`
  }
  const event: Run["event"] = async (name, is = () => true, timeoutMs = 30_000) => {
    let listener = (): void => {}
    const found = new Promise<Event>((resolve, reject) => {
      const find = (): Event | undefined =>
        events.find((candidate) => candidate.event === name && is(candidate))
      listener = () => {
        const match = find()
        if (match !== undefined) resolve(match)
      }
      listeners.add(listener)
      listener()
      void child.exited.then(() => {
        if (find() === undefined) {
          reject(new Error(`shoal ended without a "${name}" event\n${log()}`))
        }
      })
    })
    const late = (): string => `shoal gave no "${name}" event in ${timeoutMs} ms\n${log()}`
    return await Process.within(found, timeoutMs, late).finally(() => listeners.delete(listener))
  }
  const end: Run["end"] = async (timeoutMs = 60_000) => {
    try {
      const late = (): string => `shoal did not end in ${timeoutMs} ms\n${log()}`
      return await Process.within(child.exited, timeoutMs, late)
    } finally {
      await child.stop()
    }
  }
  return {
    child,
    exited: child.exited,
    events,
    strays,
    event,
    end,
    log,
    stop: child.stop,
    [Symbol.asyncDispose]: child.stop,
  }
}

/** The environment of a run that may take part in the DHT, or find peers on the local network. */
export const WITH_DHT = { SHOAL_NO_DHT: undefined } as const
export const WITH_LSD = { SHOAL_NO_LSD: undefined } as const

/** Options that keep a download on this machine: no DHT, no local discovery. */
export const OFFLINE = ["--no-dht", "--no-lsd"] as const

export interface DownloadOptions extends RunOptions {
  readonly out: string
  readonly peers?: ReadonlyArray<string>
  readonly args?: ReadonlyArray<string>
}

/** Starts `shoal download SOURCE --json` into `out`, with peers given by hand. */
export const download = (source: string, options: DownloadOptions): Run =>
  start([
    ...["download", source, "--json", "--out", options.out, ...OFFLINE],
    ...(options.peers ?? []).flatMap((peer) => ["--peer", peer]),
    ...options.args ?? [],
  ], options)
