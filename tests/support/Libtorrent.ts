/** libtorrent (Debian: python3-libtorrent) by its Python binding: the seeder, a leecher, and the yardstick of the benches. */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import type { Leecher } from "./Swarm.ts"
import type { TestTorrent } from "./Torrents.ts"

// Debian's package serves Debian's Python, which need not be the first one on PATH
const PYTHONS = ["/usr/bin/python3", "python3"]

let interpreter: string | null | undefined

/** A Python that can import libtorrent. */
export const python = (): string | undefined => {
  interpreter ??= PYTHONS.find((path) => spawnSync(path, ["-c", "import libtorrent"]).status === 0) ?? null
  return interpreter ?? undefined
}

export const missing = (): string | undefined =>
  python() === undefined ? "not installed: libtorrent for Python (package python3-libtorrent)" : undefined

const script = fileURLToPath(new URL("seeder.py", import.meta.url))

/** Seeds `torrent` from its data folder until stopped; `check` hashes the data first. */
export const seed = async (
  torrent: TestTorrent,
  options: { readonly check?: boolean; readonly verbose?: boolean } = {},
): Promise<Clients.Seeder> => {
  const child = Process.start(python()!, [
    ...[script, "seed", "--torrent", torrent.file, "--dir", torrent.dataDir],
    ...(options.check === true ? ["--check"] : []),
    ...(options.verbose === true ? ["--verbose"] : []),
  ], { name: "libtorrent seeder" })
  const listening = child.line(/"event": "listening", "port": (\d+)/)
  const port = Number((await Clients.whenReady(child, listening))[1])
  if (options.check === true) await Clients.whenReady(child, child.line(/"checked"/, 60_000))
  return Clients.seeder("libtorrent", `127.0.0.1:${port}`, child)
}

/** The command line that downloads `torrent` to `dir` from `peers` (and the torrent's trackers) and ends. */
export const leechCommand = (
  torrent: TestTorrent,
  dir: string,
  peers: ReadonlyArray<string>,
  host = "127.0.0.1",
): ReadonlyArray<string> => [
  ...[python()!, script, "leech", "--torrent", torrent.file, "--dir", dir, "--host", host],
  ...peers.flatMap((peer) => ["--peer", peer]),
]

/** One that tells more of itself than others do. */
export interface StayingLeecher extends Leecher {
  /** Waits until it has everything; gives the seconds that took, without starting Python. */
  readonly seconds: (timeoutMs: number) => Promise<number>
  /** Its first word of pieces: after how many seconds it had how many. */
  readonly first: () => Promise<{ readonly seconds: number; readonly pieces: number }>
  /** Waits until it has so many pieces; gives their number and the first 99 pieces that are missing. */
  readonly has: (pieces: number) => Promise<readonly [pieces: number, missing: ReadonlyArray<number>]>
  /** Waits until it has banned somebody; gives the `host:port`. */
  readonly banned: () => Promise<string>
  /** Ends it in its own time, and gives the payload that it uploaded, in bytes. */
  readonly leave: () => Promise<number>
}

/** Downloads `torrent` to `dir` from `peers`, those that its trackers name and who connects; then goes on uploading. */
export const leech = async (
  torrent: TestTorrent,
  dir: string,
  peers: ReadonlyArray<string> = [],
): Promise<StayingLeecher> => {
  const [program, ...args] = leechCommand(torrent, dir, peers)
  const child = Process.start(program!, [...args, "--stay"], { name: "libtorrent leecher" })
  const [, port] = await Clients.whenReady(child, child.line(/"event": "listening", "port": (\d+)/))
  const leave = async (): Promise<number> => {
    child.signal("SIGTERM")
    return Number((await child.line(/"event": "left", "uploaded": (\d+)/))[1])
  }
  return {
    ...Clients.seeder("libtorrent", `127.0.0.1:${port}`, child),
    completed: async (timeoutMs) => {
      await child.line(/"event": "complete"/, timeoutMs)
    },
    seconds: async (timeoutMs) =>
      Number((await child.line(/"event": "complete", "seconds": ([\d.]+)/, timeoutMs))[1]),
    first: async () => JSON.parse((await child.line(/^.*"event": "have".*/))[0]),
    has: async (pieces) => {
      const [line] = await child.line(new RegExp(`^.*"event": "have",.* "pieces": ${pieces},.*`))
      return [pieces, (JSON.parse(line) as { readonly missing: ReadonlyArray<number> }).missing]
    },
    banned: async () => (await child.line(/"event": "banned", "peer": "([^"]+)"/))[1]!,
    leave,
  }
}
