/** Other BitTorrent clients as seeders: what each of them gives a test. */
import type { TestContext } from "vitest"
import * as Process from "./Process.ts"

export interface Seeder {
  /** Of the client, for test names and messages. */
  readonly client: string
  /** Of its process. */
  readonly pid: number
  /** `host:port`, as `--peer` takes it. */
  readonly address: string
  /** What to put before a command that is to reach `address`: empty but for a seeder in a network of its own. */
  readonly enter: ReadonlyArray<string>
  /** What the client said so far, for failure messages. */
  readonly log: () => string
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** Where a client runs: an address of this machine's network, or of a `Network` that `enter` leads into. */
export interface Place {
  /** 127.0.0.1 unless given. */
  readonly host?: string
  readonly enter?: ReadonlyArray<string>
}

/** A seeder made of one child process that is ready. */
export const seeder = (
  client: string,
  address: string,
  child: Process.Child,
  release: () => void = () => {},
  enter: ReadonlyArray<string> = [],
): Seeder => {
  const stop = async (): Promise<void> => {
    await child.stop()
    release()
  }
  return {
    client,
    pid: child.pid,
    address,
    enter,
    log: () => Process.report(child),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Stops `child` and gives its resources back if `ready` fails, so that a failed start leaves nothing behind. */
export const whenReady = async <A>(
  child: Process.Child,
  ready: Promise<A>,
  release: () => void = () => {},
): Promise<A> => {
  try {
    return await ready
  } catch (error) {
    await child.stop()
    release()
    throw error
  }
}

/** Debian's package of each program that tests start; elsewhere the names are much the same. */
const PACKAGES = {
  aria2c: "aria2",
  chromium: "chromium",
  mktorrent: "mktorrent",
  opentracker: "opentracker",
  "redis-server": "redis-server",
  rtorrent: "rtorrent",
  "qbittorrent-nox": "qbittorrent-nox",
  "transmission-daemon": "transmission-daemon",
  "transmission-remote": "transmission-cli",
  unshare: "util-linux",
  nsenter: "util-linux",
  ip: "iproute2",
} as const

/** Why these programs can't be used here, naming the packages to install; `undefined` where all are there. */
export const missing = (...programs: ReadonlyArray<keyof typeof PACKAGES>): string | undefined => {
  const absent = programs.filter((program) => Process.find(program) === undefined)
  if (absent.length === 0) return undefined
  return `not installed: ${absent.map((program) => `${program} (package ${PACKAGES[program]})`).join(", ")}`
}

/** Skips the test, saying why, if there is a reason to. */
export const skipIf = (context: TestContext, reason: string | undefined): void => {
  if (reason !== undefined) context.skip(reason)
}
