/**
 * transmission-daemon (Debian: transmission-daemon, transmission-cli) as a seeder and as a leecher. It refuses peers on 127.0.0.0/8, so it gets
 * a network namespace in which the loopback device has one more address; whoever is to reach it must enter that namespace.
 * The namespace has no link to anything else and goes away with the process.
 */
import { Buffer } from "node:buffer"
import { randomBytes } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import process from "node:process"
import * as Bencode from "./Bencode.ts"
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
  readonly address: string
  readonly child: Process.Child
  readonly enter: ReadonlyArray<string>
  readonly release: () => void
  /** Waits until it tells of its only torrent that it has all of it. */
  readonly seeds: (timeoutMs?: number) => Promise<void>
}

/** In which network it runs, if not in one of its own, and how it finds peers there besides trackers. */
export interface Discovery {
  readonly host: string
  readonly enter: ReadonlyArray<string>
  /** `host:port` of nodes by which it enters the DHT. Its own UDP port is that of its address. */
  readonly dht?: ReadonlyArray<string>
}

/** Its file of saved nodes, from which it enters faster than from one of names. */
const savedNodes = (nodes: ReadonlyArray<string>): Uint8Array =>
  Bencode.encode({
    id: randomBytes(20),
    nodes: Buffer.concat(nodes.map((node) => {
      const [host, port] = node.split(":") as [string, string]
      return Buffer.from([...host.split(".").map(Number), Number(port) >> 8, Number(port) & 255])
    })),
  })

/** Starts it with `torrent` in `dir`, in a network of its own unless told where. */
const start = async (
  torrent: TestTorrent,
  dir: string,
  role: "seeder" | "leecher",
  place?: Discovery,
): Promise<Transmission> => {
  const temp = TempDir.make("transmission")
  const { dht, host = HOST } = place ?? {}
  if (dht !== undefined) writeFileSync(join(temp.path, "dht.dat"), savedNodes(dht))
  const daemon = [
    ...["transmission-daemon", "--foreground", "--config-dir", temp.path, "--download-dir", dir],
    ...["--peerport", String(PORT), "--port", String(RPC_PORT), "--rpc-bind-address", host],
    ...["--bind-address-ipv4", host, dht === undefined ? "--no-dht" : "--dht", "--no-lpd"],
    ...["--no-utp", "--no-portmap", "--no-auth", "--no-incomplete-dir", "--log-info", "--allowed", "*.*.*.*"],
  ]
  const setUp = `ip link set lo up && ip address add ${HOST}/32 dev lo && exec "$@"`
  const isolated = ["unshare", "--net", "sh", "-c", setUp, "sh"]
  const [program, ...args] = [...place === undefined ? isolated : place.enter, ...daemon]
  const child = Process.start(program!, args, { name: `transmission ${role}` })
  const enter = place?.enter ?? ["nsenter", `--net=/proc/${child.pid}/ns/net`]
  const remote = async (...args: ReadonlyArray<string>): Promise<string | undefined> => {
    await using call = Process.start(enter[0]!, [
      ...enter.slice(1),
      "transmission-remote",
      `${host}:${RPC_PORT}`,
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
  return { address: `${host}:${PORT}`, child, enter, release: temp.remove, seeds }
}

/** Seeds `torrent` from its data folder until stopped. */
export const seed = async (torrent: TestTorrent, place?: Discovery): Promise<Clients.Seeder> => {
  const { address, child, enter, release, seeds } = await start(torrent, torrent.dataDir, "seeder", place)
  await Clients.whenReady(child, seeds(), release)
  return Clients.seeder("transmission", address, child, release, enter)
}

/** Downloads `torrent` (or a magnet link as its file) to `dir` from who connects and whom it finds; then goes on uploading. */
export const leech = async (torrent: TestTorrent, dir: string, place?: Discovery): Promise<Leecher> => {
  const { address, child, enter, release, seeds } = await start(torrent, dir, "leecher", place)
  return { ...Clients.seeder("transmission", address, child, release, enter), completed: seeds }
}
