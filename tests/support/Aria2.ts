/** aria2c (Debian: aria2) as a seeder, and as a leecher that finds its peers by the torrent's trackers. */
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import type { Leecher } from "./Swarm.ts"
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

/** The command line that downloads `torrent` to `dir` and ends. */
export const leechCommand = (torrent: TestTorrent, dir: string, port: number): ReadonlyArray<string> => [
  "aria2c",
  ...COMMON,
  "--seed-time=0",
  `--listen-port=${port}`,
  `--dir=${dir}`,
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
