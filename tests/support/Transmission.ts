/**
 * transmission-daemon (Debian: transmission-daemon, transmission-cli) as a seeder and as a leecher. It refuses peers on 127.0.0.0/8, so it gets
 * a network namespace in which the loopback device has one more address; whoever is to reach it must enter that namespace.
 * The namespace has no link to anything else and goes away with the process.
 */
import process from "node:process"
import * as Clients from "./Clients.ts"
import * as Process from "./Process.ts"
import type { Leecher } from "./Swarm.ts"
import * as TempDir from "./TempDir.ts"
import type { TestTorrent } from "./Torrents.ts"

const HOST = "10.77.0.1"
const PORT = 51_413
const RPC_PORT = 9_091

export const missing = (): string | undefined =>
  process.getuid?.() !== 0
    ? "transmission needs a network namespace, and only root can make one"
    : Clients.missing("transmission-daemon", "transmission-remote", "unshare", "nsenter", "ip")

interface Transmission {
  readonly child: Process.Child
  readonly enter: ReadonlyArray<string>
  readonly release: () => void
  /** Waits until it tells of its only torrent that it has all of it. */
  readonly seeds: (timeoutMs?: number) => Promise<void>
}

/** Starts it in a network of its own, with `torrent` in `dir`. */
const start = async (
  torrent: TestTorrent,
  dir: string,
  role: "seeder" | "leecher",
): Promise<Transmission> => {
  const temp = TempDir.make("transmission")
  const daemon = [
    ...["transmission-daemon", "--foreground", "--config-dir", temp.path, "--download-dir", dir],
    ...["--peerport", String(PORT), "--port", String(RPC_PORT), "--rpc-bind-address", "127.0.0.1"],
    ...["--no-dht", "--no-lpd", "--no-utp", "--no-portmap", "--no-auth", "--no-incomplete-dir", "--log-info"],
  ]
  const setUp = `ip link set lo up && ip address add ${HOST}/32 dev lo && exec "$@"`
  const child = Process.start("unshare", ["--net", "sh", "-c", setUp, "sh", ...daemon], {
    name: `transmission ${role}`,
  })
  const enter = ["nsenter", `--net=/proc/${child.pid}/ns/net`]
  const remote = async (...args: ReadonlyArray<string>): Promise<string | undefined> => {
    await using call = Process.start(enter[0]!, [
      ...enter.slice(1),
      "transmission-remote",
      String(RPC_PORT),
      ...args,
    ])
    return (await call.exited).code === 0 ? call.stdout() : undefined
  }
  // refused until the daemon listens, and in the host's own network until the namespace is made
  const added = Process.until("transmission takes the torrent", async () => {
    if (child.hasExited()) throw new Error(`transmission ended\n${Process.report(child)}`)
    if (!/Listenport/.test(await remote("--session-info") ?? "")) return false
    return await remote("--add", torrent.file, "--download-dir", dir) !== undefined
  })
  await Clients.whenReady(child, added, temp.remove)
  const seeds = async (timeoutMs?: number): Promise<void> => {
    await Process.until("transmission has all of the data", async () => {
      if (child.hasExited()) throw new Error(`transmission ended\n${Process.report(child)}`)
      const info = await remote("--torrent", "all", "--info") ?? ""
      return /Percent Done: 100%/.test(info) && /State: (Idle|Seeding)/.test(info)
    }, timeoutMs)
  }
  return { child, enter, release: temp.remove, seeds }
}

/** Seeds `torrent` from its data folder until stopped. */
export const seed = async (torrent: TestTorrent): Promise<Clients.Seeder> => {
  const { child, enter, release, seeds } = await start(torrent, torrent.dataDir, "seeder")
  await Clients.whenReady(child, seeds(), release)
  return Clients.seeder("transmission", `${HOST}:${PORT}`, child, release, enter)
}

/** Downloads `torrent` to `dir` from who connects and can enter its network; then goes on uploading. */
export const leech = async (torrent: TestTorrent, dir: string): Promise<Leecher> => {
  const { child, enter, release, seeds } = await start(torrent, dir, "leecher")
  return { ...Clients.seeder("transmission", `${HOST}:${PORT}`, child, release, enter), completed: seeds }
}
