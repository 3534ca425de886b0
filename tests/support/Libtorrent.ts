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

/** How it finds peers besides trackers, which it does not unless told to, and where it listens. */
export interface Discovery extends Clients.Place {
  /** `host:port` of nodes by which it enters the DHT; may be empty, for the first one of all. */
  readonly dht?: ReadonlyArray<string>
  /** Whether it looks for peers on the local network. */
  readonly lsd?: boolean
  /**
   * Connects without trying encryption first: to a peer that does not speak it, it would connect a second time, more than a
   * second later.
   */
  readonly plain?: boolean
}

const launch = (
  args: ReadonlyArray<string>,
  name: string,
  { dht, enter = [], host, lsd, plain }: Discovery = {},
): Process.Child => {
  const [program, ...argv] = [
    ...[...enter, python()!, script, ...args],
    ...(host === undefined ? [] : ["--host", host]),
    ...(dht === undefined ? [] : ["--dht", ...dht]),
    ...(lsd === true ? ["--lsd"] : []),
    ...(plain === true ? ["--plain"] : []),
  ]
  return Process.start(program!, argv, { name: `libtorrent ${name}` })
}

/** Waits until it listens; gives the `host:port`. */
const listening = async (
  child: Process.Child,
  { dht, host = "127.0.0.1" }: Discovery = {},
): Promise<string> => {
  const [, port] = await Clients.whenReady(child, child.line(/"event": "listening", "port": (\d+)/))
  if (dht !== undefined && dht.length > 0) await Clients.whenReady(child, child.line(/"bootstrapped"/))
  return `${host}:${port}`
}

/** A node of the DHT, without torrents; its address is that of UDP. */
export const node = async (options: Discovery): Promise<Clients.Seeder> => {
  const child = launch(["node"], "node", { dht: [], ...options })
  return Clients.seeder("libtorrent", await listening(child, options), child, undefined, options.enter)
}

/** Seeds `torrent` from its data folder until stopped; `check` hashes the data first. */
export const seed = async (
  torrent: TestTorrent,
  options: Discovery & { readonly check?: boolean; readonly verbose?: boolean } = {},
): Promise<Clients.Seeder> => {
  const child = launch(
    [
      ...["seed", "--torrent", torrent.file, "--dir", torrent.dataDir],
      ...(options.check === true ? ["--check"] : []),
      ...(options.verbose === true ? ["--verbose"] : []),
    ],
    "seeder",
    options,
  )
  const address = await listening(child, options)
  if (options.check === true) await Clients.whenReady(child, child.line(/"checked"/, 60_000))
  return Clients.seeder("libtorrent", address, child, undefined, options.enter)
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

const hashing = fileURLToPath(new URL("hashing.py", import.meta.url))

/** The command line that hashes the data of `torrent`: ends with 0 if all is right, or makes a torrent below `out`. */
export const hashingCommand = (
  mode: "check" | "create",
  torrent: TestTorrent,
  out: string,
): ReadonlyArray<string> =>
  mode === "check" ? [python()!, hashing, "check", torrent.file, torrent.dataDir] : [
    python()!,
    hashing,
    "create",
    `${torrent.dataDir}/${torrent.name}`,
    String(torrent.pieceLength),
    `${out}/made.torrent`,
  ]

const idle = fileURLToPath(new URL("idle.py", import.meta.url))

/** Arguments for its Python: seeds all these torrents to nobody, and says `ready` once they are checked. */
export const idleCommand = (torrents: ReadonlyArray<TestTorrent>): ReadonlyArray<string> => [
  idle,
  torrents[0]!.dataDir,
  ...torrents.map(({ file }) => file),
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
  /** Waits until it has dialled `address`, with success. */
  readonly connected: (address: string, timeoutMs: number) => Promise<void>
  /** Ends it in its own time, and gives the payload that it uploaded, in bytes. */
  readonly leave: () => Promise<number>
}

/** Downloads `torrent` to `dir` from `peers`, those that its trackers name and who connects; then goes on uploading. */
export const leech = async (
  torrent: TestTorrent,
  dir: string,
  peers: ReadonlyArray<string> = [],
  options: Discovery = {},
): Promise<StayingLeecher> => {
  const child = launch(
    [
      ...["leech", "--torrent", torrent.file, "--dir", dir, "--stay"],
      ...peers.flatMap((peer) => ["--peer", peer]),
    ],
    "leecher",
    options,
  )
  const address = await listening(child, options)
  const leave = async (): Promise<number> => {
    child.signal("SIGTERM")
    return Number((await child.line(/"event": "left", "uploaded": (\d+)/))[1])
  }
  return {
    ...Clients.seeder("libtorrent", address, child, undefined, options.enter),
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
    connected: async (address, timeoutMs) => {
      await child.line(
        new RegExp(`"event": "connected", "peer": "${address.replaceAll(".", "\\.")}"`),
        timeoutMs,
      )
    },
    leave,
  }
}
