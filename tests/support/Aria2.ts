/** aria2c (Debian: aria2) as a seeder, and as a leecher that finds its peers by the torrent's trackers or the DHT. */
import { join } from "node:path"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import type { Leecher } from "./Swarm.ts"
import * as TempDir from "./TempDir.ts"
import type { TestTorrent } from "./Torrents.ts"

export const missing = (): string | undefined => Clients.missing("aria2c")

const COMMON = [
  "--no-conf=true",
  "--enable-dht=false",
  "--bt-enable-lpd=false",
  "--disable-ipv6=true",
  "--summary-interval=0",
  "--show-console-readout=false",
  "--file-allocation=none",
]

/** Seeds `torrent` from its data folder until stopped. */
export const seed = async (torrent: TestTorrent): Promise<Clients.Seeder> => {
  const port = await Process.freePort()
  const child = Process.start("aria2c", [
    ...COMMON,
    "--seed-ratio=0.0",
    "--bt-seed-unverified=true",
    "--check-integrity=true",
    `--listen-port=${port}`,
    `--dir=${torrent.dataDir}`,
    torrent.file,
  ], { name: "aria2 seeder" })
  await Clients.whenReady(child, Process.listening(child, port))
  return Clients.seeder("aria2", `127.0.0.1:${port}`, child)
}

/** How one finds peers without trackers, and where it runs. */
export interface Discovery extends Clients.Place {
  /** `host:port` of a node by which it enters the DHT. */
  readonly dht?: string
  /** Whether it looks for peers on the local network. */
  readonly lsd?: boolean
}

/** Starts it with `torrent` (or a magnet link as its file) in `dir`; ready once it listens. */
const launch = async (
  torrent: TestTorrent,
  dir: string,
  role: "seeder" | "leecher",
  { dht, enter = [], host = "127.0.0.1", lsd }: Discovery,
): Promise<Clients.Seeder & { readonly child: Process.Child }> => {
  const temp = TempDir.make("aria2")
  const port = await Process.freePort()
  const [program, ...args] = [
    ...[...enter, "aria2c", "--no-conf=true", "--disable-ipv6=true", "--summary-interval=0"],
    ...["--show-console-readout=false", "--file-allocation=none", "--console-log-level=info"],
    ...[`--interface=${host}`, `--listen-port=${port}`, `--dir=${dir}`, `--bt-enable-lpd=${lsd === true}`],
    ...(lsd === true ? [`--bt-lpd-interface=${host}`] : []),
    // else it keeps its nodes for the next run, and for the user's own
    ...[`--enable-dht=${dht !== undefined}`, `--dht-file-path=${join(temp.path, "dht.dat")}`],
    ...(dht === undefined ? [] : [`--dht-listen-port=${port}`, `--dht-entry-point=${dht}`]),
    ...(role === "leecher"
      ? ["--seed-time=0"]
      : ["--seed-ratio=0.0", "--bt-seed-unverified=true", "--check-integrity=true"]),
    torrent.file,
  ]
  const child = Process.start(program!, args, { name: `aria2 ${role}` })
  await Clients.whenReady(child, child.line(/listening on TCP port/), temp.remove)
  return { ...Clients.seeder("aria2", `${host}:${port}`, child, temp.remove, enter), child }
}

/** Seeds `torrent` to whoever finds it without trackers. */
export const seedUntracked = (torrent: TestTorrent, options: Discovery): Promise<Clients.Seeder> =>
  launch(torrent, torrent.dataDir, "seeder", options)

/** Downloads `torrent` to `dir` from whom it finds without trackers, and ends. */
export const leechUntracked = async (
  torrent: TestTorrent,
  dir: string,
  options: Discovery,
): Promise<Leecher> => {
  const { child, ...seeder } = await launch(torrent, dir, "leecher", options)
  const completed = async (timeoutMs = 20_000): Promise<void> => {
    const late = (): string => `aria2 did not end in ${timeoutMs} ms\n${Process.report(child)}`
    const { code } = await Process.within(child.exited, timeoutMs, late)
    if (code !== 0) throw new Error(`aria2 ended with ${code}\n${Process.report(child)}`)
  }
  return { ...seeder, completed }
}

/** The command line that downloads `torrent` to `dir` and ends. */
export const leechCommand = (torrent: TestTorrent, dir: string, port: number): ReadonlyArray<string> => [
  "aria2c",
  ...COMMON,
  "--seed-time=0",
  `--listen-port=${port}`,
  `--dir=${dir}`,
  torrent.file,
]

/** The command line that hashes the data of `torrent` and ends; with 0 if all is right. */
export const checkCommand = (torrent: TestTorrent): ReadonlyArray<string> => [
  "aria2c",
  ...COMMON,
  "--check-integrity=true",
  "--hash-check-only=true",
  `--dir=${torrent.dataDir}`,
  torrent.file,
]

export interface StayingLeecher extends Leecher {
  /** Payload that it uploaded so far, in bytes. */
  readonly uploaded: () => Promise<number>
}

/** What aria2's JSON-RPC tells of the one download; numbers come as text. */
interface Status {
  readonly completedLength: string
  readonly totalLength: string
  readonly uploadLength: string
  /** `"true"` once all is there and verified. */
  readonly seeder: string
}

/** Downloads `torrent` to `dir` from those that its trackers name and who connects; then goes on uploading. */
export const leech = async (torrent: TestTorrent, dir: string): Promise<StayingLeecher> => {
  const port = await Process.freePort()
  const rpcPort = await Process.freePort()
  const child = Process.start("aria2c", [
    ...COMMON,
    "--seed-ratio=0.0",
    // nothing is in its memory only
    "--disk-cache=0",
    "--enable-rpc=true",
    `--rpc-listen-port=${rpcPort}`,
    `--listen-port=${port}`,
    `--dir=${dir}`,
    torrent.file,
  ], { name: "aria2 leecher" })
  await Clients.whenReady(child, Process.listening(child, port).then(() => Process.listening(child, rpcPort)))
  const status = async (): Promise<Status | undefined> => {
    const response = await fetch(`http://127.0.0.1:${rpcPort}/jsonrpc`, {
      method: "POST",
      body: JSON.stringify({ jsonrpc: "2.0", id: "1", method: "aria2.tellActive" }),
    })
    return ((await response.json()) as { readonly result: ReadonlyArray<Status> }).result[0]
  }
  return {
    ...Clients.seeder("aria2", `127.0.0.1:${port}`, child),
    completed: async (timeoutMs) => {
      await Process.until("aria2 has everything", async () => {
        if (child.hasExited()) throw new Error(`aria2 ended\n${Process.report(child)}`)
        const now = await status()
        return now?.seeder === "true" && now.completedLength === now.totalLength
      }, timeoutMs)
    },
    uploaded: async () => Number((await status())?.uploadLength ?? 0),
  }
}
