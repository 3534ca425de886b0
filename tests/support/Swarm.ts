/** What tests of uploads are made of: shoal as a seeder and as a tracker, and other clients as leechers. */
import type { Seeder } from "./Clients.ts"
import type * as Process from "./Process.ts"
import * as Shoal from "./Shoal.ts"
import * as Torrents from "./Torrents.ts"

/** Another client that downloads a torrent, and goes on uploading it until stopped. */
export interface Leecher extends Seeder {
  /** Resolves when it says that it has everything; fails, with what it said, if it ends before or after `timeoutMs`. */
  readonly completed: (timeoutMs?: number) => Promise<void>
}

/** A leecher must have everything, byte by byte, within `timeoutMs`; failures tell what both sides said. */
export const completes = async (
  leecher: Leecher,
  torrent: Torrents.TestTorrent,
  dir: string,
  run: Shoal.Run,
  timeoutMs = 60_000,
): Promise<void> => {
  const log = (): string => `${run.log()}\n${leecher.log()}`
  await leecher.completed(timeoutMs).catch((error: Error) => {
    throw new Error(`${error.message}\n${log()}`)
  })
  const differing = Torrents.differing(torrent, dir)
  if (differing.length > 0) throw new Error(`not as they should be: ${differing.join(", ")}\n${log()}`)
}

export interface ShoalSeed extends Shoal.Run {
  /** `host:port` where it can be reached. */
  readonly address: string
}

export interface SeedOptions extends Shoal.RunOptions {
  /** Where the data is, unless in the torrent's own folder. */
  readonly data?: string
  readonly peers?: ReadonlyArray<string>
  /** The local address, 127.0.0.1 unless given. */
  readonly host?: string
  readonly args?: ReadonlyArray<string>
}

/** The arguments of `shoal seed` on any free port of `host`. */
export const seedArgs = (torrent: Torrents.TestTorrent, options: SeedOptions = {}): ReadonlyArray<string> => [
  ...["seed", torrent.file, "--data", options.data ?? torrent.dataDir],
  ...["--bind", options.host ?? "127.0.0.1", "--port", "0"],
  ...(options.peers ?? []).flatMap((peer) => ["--peer", peer]),
  ...options.args ?? [],
]

/** Starts `shoal seed --json`, and waits until it listens. */
export const seed = async (torrent: Torrents.TestTorrent, options: SeedOptions = {}): Promise<ShoalSeed> => {
  const run = Shoal.start([...seedArgs(torrent, options), "--json"], options)
  try {
    const { host, port } = await run.event("listening")
    return { ...run, address: `${host}:${port}` }
  } catch (error) {
    await run.stop()
    throw error
  }
}

export interface ShoalTracker {
  readonly http: string
  readonly udp: string
  readonly stop: () => Promise<void>
  readonly [Symbol.asyncDispose]: () => Promise<void>
}

/** Starts `shoal tracker` on free ports of 127.0.0.1. */
export const tracker = async (options: Shoal.RunOptions = {}): Promise<ShoalTracker> => {
  const run = Shoal.start(
    ["tracker", "--json", "--host", "127.0.0.1", "--http-port", "0", "--udp-port", "0"],
    options,
  )
  try {
    const { http, udp } = await run.event("listening")
    return { http: String(http), udp: String(udp), stop: run.stop, [Symbol.asyncDispose]: run.stop }
  } catch (error) {
    await run.stop()
    throw error
  }
}

/** Ctrl-C, and how it ended. */
export const interrupt = (run: Shoal.Run): Promise<Process.Exit> => {
  run.child.signal("SIGINT")
  return run.end(15_000)
}
