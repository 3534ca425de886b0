/** aria2c (Debian: aria2) as a seeder, and as a leecher that finds its peers by the torrent's trackers. */
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
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
